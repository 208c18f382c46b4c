"""Reads one answer as its bytes come, streamed or whole, within bounds, and keeps what it said of money."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ai.llm.calls import Shape
from ai.llm.figures import as_mapping, one_line, parse_json, read_cost, read_usage, whole_letters
from ai.unreached import A_PAGE, is_page

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from ai.credit_tracker import Usage

MAX_DOCUMENT_BYTES = 4 * 1024 * 1024  # of what is no chat answer: 64 embeddings take two, a key's document none
# A delta of one token takes some 350 bytes on the wire; a kilobyte each, and a half megabyte for all that is said
# around it, no honest answer needs.
TOKEN_BYTES = 1024
ENVELOPE_BYTES = 512 * 1024
# Words have four bytes a token or so, long runs of one letter more; an answer whose words and thoughts have far more
# than its counted tokens can hold was not counted whole.
MOST_BYTES_A_TOKEN, SPARE_BYTES = 32, 512
MAX_NAME_CHARS = 200  # of a model or a finish reason; those seen have 60
MAX_UNREAD = 16  # lines of one event that are no JSON; then the others are none either
DONE = b"[DONE]"
BOM = b"\xef\xbb\xbf"
LINE_END = re.compile(rb"\r\n|\n|\r")  # the three of the HTML standard
MANY_ENDS = re.compile(rb"[\r\n]{3,}")  # hold one empty line at least, and more of them say nothing more
FIELDS = (b":", b"event:", b"id:", b"retry:")
FAILED = "error"  # the finish reason of an answer that its provider gave up


class ReplyTooLarge(Exception):
    """The answer went beyond its bound, which is the argument, in bytes."""

    def __init__(self, bound: int) -> None:
        super().__init__(f"the answer is larger than {bound:,} bytes")


def reply_bound(max_tokens: int) -> int:
    """Return the most bytes to read of an answer of so many tokens."""
    return ENVELOPE_BYTES + TOKEN_BYTES * max_tokens


def believable(usage: Usage | None, came: int) -> bool:
    """Say whether so many bytes of words and thoughts can be as few tokens as are counted."""
    return usage is None or came <= SPARE_BYTES + MOST_BYTES_A_TOKEN * (
        usage.completion_tokens + usage.reasoning_tokens
    )


def differs(
    told: tuple[Usage | None, Decimal | None], again: tuple[Usage | None, Decimal | None], *, cumulative: bool = False
) -> bool:
    """Say whether one of two bills of the same answer cannot be true: by their costs, else by what is billed of counts.

    The later may say more: how much of the input was cached, which costs no less here, and how much of the output was
    thought. Counts that are `cumulative` may grow, and the later is the bill.
    """
    (usage, cost), (later, later_cost) = told, again
    if cost is not None or later_cost is not None:
        return None not in (cost, later_cost) and cost != later_cost
    if usage is None or later is None:
        return False
    if cumulative:
        return later.prompt_tokens < usage.prompt_tokens or later.completion_tokens < usage.completion_tokens
    counts = (usage.prompt_tokens, usage.completion_tokens) == (later.prompt_tokens, later.completion_tokens)
    return not counts or usage.reasoning_tokens not in (0, later.reasoning_tokens)


@dataclass(slots=True)
class Reply:
    """What has been read so far; grows as the answer comes, so that a cut leaves what was known.

    `usage` and `cost` are the bill only where they came with the end of the answer or after it (`billed`): what a
    stream says before may be a first count, at no cost yet. What is complete and billed stays so, whatever follows; but
    two such bills that differ (`doubted`) are none: the provider is asked.
    """

    parts: list[str] = field(default_factory=list)
    thinking_bytes: int = 0  # what it said in thought, of which only the size counts
    finish_reason: str = ""
    usage: Usage | None = None
    cost: Decimal | None = None
    billed: bool = False
    doubted: bool = False
    id: str | None = None
    model: str | None = None
    tool_calls: bool = False
    error: tuple[Shape, Any] | None = None
    ended: bool = False  # the answer came to its own end: [DONE], or a whole document
    broken: str | None = None  # why it could not be read

    @property
    def text(self) -> str:
        """The words of the reply so far."""
        return whole_letters("".join(self.parts))

    @property
    def began(self) -> bool:
        """Whether anything of the answer itself came: words, thoughts, calls of tools."""
        return bool(self.thinking_bytes or self.tool_calls or any(self.parts))

    @property
    def complete(self) -> bool:
        """Whether all of the answer is there, so that no later fault of the transport matters."""
        finished = self.finish_reason not in ("", FAILED)
        return (self.ended or finished) and self.error is None and self.broken is None

    @property
    def bill(self) -> tuple[Usage | None, Decimal | None]:
        """The tokens and the cost that may be booked; counts without a cost only where what came can be that little."""
        if not self.billed or self.doubted:
            return None, None
        if self.cost is None and not believable(self.usage, len(self.text.encode()) + self.thinking_bytes):
            return None, None
        return self.usage, self.cost

    def take(self, document: Any, *, streamed: bool) -> None:
        """Take in one chunk of a stream, or the whole document."""
        if not isinstance(document, dict):
            self.spoilt("the answer is JSON but no object")
            return
        if isinstance(document.get("id"), str):
            self.id = self.id or document["id"]
        if isinstance(document.get("model"), str):
            self.model = _name(document["model"])
        choices = document.get("choices")
        choice = as_mapping(choices[0]) if isinstance(choices, list) and choices else {}
        self._take_choice(choice, streamed=streamed)
        self._take_error(document, choice, streamed=streamed)
        self._take_figures(as_mapping(document.get("usage")), streamed=streamed)

    def spoilt(self, problem: str) -> None:
        """Note that a part of the answer cannot be read; after its end nothing of it is missing."""
        if not self.finish_reason:
            self.broken = problem

    def _take_choice(self, choice: Mapping[str, Any], *, streamed: bool) -> None:
        said = as_mapping(choice.get("delta") if streamed and "delta" in choice else choice.get("message"))
        content = said.get("content")
        if isinstance(content, str):
            self.parts.append(content)
        elif isinstance(content, list):
            self.parts += [part["text"] for part in map(as_mapping, content) if isinstance(part.get("text"), str)]
        thought = said.get("reasoning") or said.get("reasoning_content")
        self.thinking_bytes += len(thought) if isinstance(thought, str) else 0
        self.tool_calls = self.tool_calls or bool(said.get("tool_calls") or said.get("function_call"))
        if isinstance(choice.get("finish_reason"), str):
            self.finish_reason = _name(choice["finish_reason"])

    def _take_error(self, document: Mapping[str, Any], choice: Mapping[str, Any], *, streamed: bool) -> None:
        shape, said = Shape.STREAM if streamed else Shape.BODY, document.get("error")
        if not said:
            shape, said = Shape.CHOICE, choice.get("error")
        if not said and self.finish_reason == FAILED and self.error is None:
            said = "the provider gave the answer up"
        if said and not (self.billed and self.complete):
            self.error = (shape, said)
            self.usage, self.cost, self.billed = None, None, False  # what was counted before is not the bill

    def _take_figures(self, usage: Mapping[str, Any], *, streamed: bool) -> None:
        if not usage:
            return
        at_the_end = not streamed or bool(self.finish_reason) or self.error is not None
        found, cost = read_usage(usage), read_cost(usage)
        if self.billed:
            self.doubted = self.doubted or differs((self.usage, self.cost), (found, cost))
            cost = self.cost if cost is None else cost
        self.usage, self.cost, self.billed = found or self.usage, cost, at_the_end


class ReplyReader:
    """Puts an answer into a `Reply` as its bytes come: server-sent events where `data:` lines come, else one document.

    A line that is no JSON marks the reply as broken and reading goes on, because the usage may still come. Every byte
    is looked at a few times at most, however they are cut.
    """

    def __init__(self, reply: Reply, max_bytes: int) -> None:
        self._reply = reply
        self._max_bytes = max_bytes
        self._read = 0
        self._held: list[bytes] = []  # of a line whose end has not come
        self._after_cr = False
        self._first = True
        self._data: list[bytes] = []  # of an event whose end has not come
        self._plain: list[bytes] = []
        self._streamed = False

    def feed(self, piece: bytes) -> None:
        """Take in what came. Raises ReplyTooLarge beyond the bound."""
        self._read += len(piece)
        if self._read > self._max_bytes:
            raise ReplyTooLarge(self._max_bytes)
        if self._after_cr and piece.startswith(b"\n"):
            piece = piece[1:]  # the second half of a line's end that was cut in two
            self._after_cr = False
        if not piece:
            return
        self._after_cr = piece.endswith(b"\r")
        first, *rest = LINE_END.split(MANY_ENDS.sub(b"\n\n", piece))
        self._held.append(first)
        for part in rest:
            self._line(b"".join(self._held))
            self._held = [part]

    def close(self) -> None:
        """Take in what came last, with or without its end."""
        self._line(b"".join(self._held))
        self._held = []
        self._dispatch()
        if not self._streamed and not self._reply.ended:
            data = b"\n".join(self._plain).strip()
            if not data:
                self._reply.spoilt("the answer is empty")
            elif self._take(data):
                self._reply.ended = self._reply.broken is None

    def _line(self, line: bytes) -> None:
        if self._reply.ended:
            return
        if self._first:
            line = line.removeprefix(BOM)
            self._first = False
        if not line:
            self._dispatch()
        elif line.startswith(b"data:"):
            self._streamed = True
            data = line[len(b"data:") :].strip()
            if data == DONE:
                self._dispatch()
                self._reply.ended = True
            elif data:
                if len(self._data) == 1 and self._take(self._data[0], alone=False):
                    self._data = []  # events without an empty line between them
                self._data.append(data)
        elif not self._streamed and not line.startswith(FIELDS):
            self._plain.append(line)

    def _dispatch(self) -> None:
        """Take in one event: its lines together are one document; where they are not, each by itself is."""
        lines, self._data = self._data, []
        if not lines:
            return
        if len(lines) > 1 and self._take(b"\n".join(lines), alone=False):
            return
        unread = 0
        for line in lines:
            unread += not self._take(line)
            if unread > MAX_UNREAD:
                return

    def _take(self, data: bytes, *, alone: bool = True) -> bool:
        try:
            document = parse_json(data.decode("utf-8", "replace"))
        except ValueError:
            if alone:
                self._reply.spoilt(f"the answer is {A_PAGE}" if is_page(data) else "the answer is no JSON")
            return False
        self._reply.take(document, streamed=self._streamed)
        return True


def _name(said: str) -> str:
    return one_line(said[:MAX_NAME_CHARS])
