"""Reads one answer off the wire, streamed or whole, within bounds, and keeps what it said of money."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ai.llm.calls import Shape
from ai.llm.figures import as_mapping, parse_json, read_cost, read_usage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from decimal import Decimal

    from ai.credit_tracker import Usage

MAX_DOCUMENT_BYTES = 4 * 1024 * 1024  # of what is no chat answer: 64 embeddings take two, a key's document none
# A delta of one token takes some 350 bytes on the wire; a kilobyte each, and a half megabyte for all that is said
# around it, no honest answer needs.
TOKEN_BYTES = 1024
ENVELOPE_BYTES = 512 * 1024
DONE = "[DONE]"


class ReplyTooLarge(Exception):
    """The answer went beyond its bound, which is the argument, in bytes."""

    def __init__(self, bound: int) -> None:
        super().__init__(f"the answer is larger than {bound:,} bytes")


def reply_bound(max_tokens: int) -> int:
    """Return the most bytes to read of an answer of so many tokens."""
    return ENVELOPE_BYTES + TOKEN_BYTES * max_tokens


@dataclass(slots=True)
class Reply:
    """What has been read so far; grows as the answer comes, so that a cut leaves what was known."""

    parts: list[str] = field(default_factory=list)
    finish_reason: str = ""
    usage: Usage | None = None
    cost: Decimal | None = None
    id: str | None = None
    model: str | None = None
    tool_calls: bool = False
    error: tuple[Shape, Any] | None = None
    ended: bool = False  # the answer came to its own end: [DONE], or a whole document
    broken: str | None = None  # why it could not be read

    @property
    def text(self) -> str:
        """The words of the reply so far."""
        return "".join(self.parts)

    def take(self, document: Any, *, streamed: bool) -> None:
        """Take in one chunk of a stream, or the whole document."""
        if not isinstance(document, dict):
            self.broken = "the answer is JSON but no object"
            return
        if isinstance(document.get("id"), str):
            self.id = self.id or document["id"]
        if isinstance(document.get("model"), str):
            self.model = document["model"]
        usage = as_mapping(document.get("usage"))
        if usage:
            self.usage = read_usage(usage) or self.usage
            cost = read_cost(usage)
            self.cost = self.cost if cost is None else cost
        choices = document.get("choices")
        choice = as_mapping(choices[0]) if isinstance(choices, list) and choices else {}
        self._take_choice(choice, streamed=streamed)
        if document.get("error"):
            self.error = (Shape.STREAM if streamed else Shape.BODY, document["error"])
        elif choice.get("error"):
            self.error = (Shape.CHOICE, choice["error"])

    def _take_choice(self, choice: Mapping[str, Any], *, streamed: bool) -> None:
        said = as_mapping(choice.get("delta") if streamed and "delta" in choice else choice.get("message"))
        content = said.get("content")
        if isinstance(content, str):
            self.parts.append(content)
        elif isinstance(content, list):
            self.parts += [part["text"] for part in map(as_mapping, content) if isinstance(part.get("text"), str)]
        self.tool_calls = self.tool_calls or bool(said.get("tool_calls") or said.get("function_call"))
        if isinstance(choice.get("finish_reason"), str):
            self.finish_reason = choice["finish_reason"]


async def read_reply(pieces: AsyncIterator[bytes], reply: Reply, max_bytes: int) -> None:
    """Read an answer into `reply`: server-sent events where `data:` lines come, else one JSON document.

    Stops at `[DONE]`. A line that is no JSON marks the reply as broken and reading goes on, because the usage may
    still come. Raises ReplyTooLarge beyond `max_bytes`, and what `pieces` raises.
    """
    plain: list[bytes] = []
    streamed = False
    async for line in _lines(pieces, max_bytes):
        if line.startswith(b"data:"):
            streamed = True
            data = line[len(b"data:") :].strip().decode("utf-8", "replace")
            if data == DONE:
                reply.ended = True
                return
            if data:
                _take_text(reply, data, streamed=True)
        elif not streamed and not line.startswith((b":", b"event:", b"id:", b"retry:")):
            plain.append(line)
    if not streamed:
        _take_text(reply, b"\n".join(plain).decode("utf-8-sig", "replace").strip(), streamed=False)
        reply.ended = reply.broken is None


async def _lines(pieces: AsyncIterator[bytes], max_bytes: int) -> AsyncIterator[bytes]:
    """Yield the lines that hold anything, without their ends; the pieces of one line are joined once."""
    read = 0
    held: list[bytes] = []
    async for piece in pieces:
        read += len(piece)
        if read > max_bytes:
            raise ReplyTooLarge(max_bytes)
        first, *rest = piece.split(b"\n")
        held.append(first)
        for part in rest:
            line = b"".join(held).rstrip(b"\r")
            held = [part]
            if line:
                yield line
    yield b"".join(held).rstrip(b"\r")


def _take_text(reply: Reply, text: str, *, streamed: bool) -> None:
    try:
        document = parse_json(text)
    except ValueError:
        reply.broken = "the answer is empty" if not text else "the answer is no JSON"
        return
    reply.take(document, streamed=streamed)
