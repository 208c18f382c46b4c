"""A stream of chat told as the events of Anthropic's Messages; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ai.gateway.dialects import fields
from ai.gateway.translate.translation import first_choice, sse, tail
from ai.llm.figures import as_mapping

if TYPE_CHECKING:
    from collections.abc import Mapping

STOPS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "content_filter": "refusal"}


def usage_of(usage: Any) -> dict[str, Any]:
    """Return chat's token counts under Anthropic's names, with what the call cost where that is known."""
    given = as_mapping(usage)
    told = {"input_tokens": given.get("prompt_tokens") or 0, "output_tokens": given.get("completion_tokens") or 0}
    return told if given.get("cost") is None else {**told, "cost": given["cost"]}


class MessageStream:
    """Opens a block of content where the first of its words come, and closes it where the next one begins."""

    def __init__(self) -> None:
        self._begun = False
        self._blocks = 0
        self._open: str | None = None  # the block that is open: `text`, or the index of a tool's call
        self._stop = "end_turn"
        self._usage: dict[str, Any] = usage_of(None)

    def feed(self, chunk: Mapping[str, Any]) -> bytes:
        """Return the events that a chunk is told as."""
        out = b"" if self._begun else self._begin(chunk)
        if chunk.get("usage"):
            self._usage = usage_of(chunk["usage"])
        choice = first_choice(chunk)
        delta = as_mapping(choice.get("delta"))
        if isinstance(delta.get("content"), str) and delta["content"]:
            out += self._enter("text", {"type": "text", "text": ""})
            out += self._delta({"type": "text_delta", "text": delta["content"]})
        for call in map(as_mapping, delta.get("tool_calls") or []):
            function = as_mapping(call.get("function"))
            block: dict[str, Any] = {
                "type": "tool_use",
                "id": call.get("id"),
                "name": function.get("name"),
                "input": {},
            }
            out += self._enter(f"tool {call.get('index', 0)}", block)
            if function.get("arguments"):
                out += self._delta({"type": "input_json_delta", "partial_json": function["arguments"]})
        if choice.get("finish_reason"):
            self._stop = STOPS.get(fields.word(choice["finish_reason"]), "end_turn")
        return out

    def end(self) -> bytes:
        """Return the end of the message, with its tokens."""
        delta = {"stop_reason": self._stop, "stop_sequence": None}
        return (
            self._close()
            + sse({"type": "message_delta", "delta": delta, "usage": self._usage}, "message_delta")
            + sse({"type": "message_stop"}, "message_stop")
        )

    def _begin(self, chunk: Mapping[str, Any]) -> bytes:
        self._begun = True
        message: dict[str, Any] = {
            "id": f"msg_{tail(chunk.get('id'))}", "type": "message", "role": "assistant", "model": chunk.get("model"),
            "content": [], "stop_reason": None, "stop_sequence": None, "usage": self._usage,
        }  # fmt: skip
        return sse({"type": "message_start", "message": message}, "message_start")

    def _enter(self, name: str, block: dict[str, Any]) -> bytes:
        if self._open == name:
            return b""
        out = self._close()
        self._open = name
        start = {"type": "content_block_start", "index": self._blocks, "content_block": block}
        return out + sse(start, "content_block_start")

    def _delta(self, delta: dict[str, Any]) -> bytes:
        return sse({"type": "content_block_delta", "index": self._blocks, "delta": delta}, "content_block_delta")

    def _close(self) -> bytes:
        if self._open is None:
            return b""
        self._open = None
        out = sse({"type": "content_block_stop", "index": self._blocks}, "content_block_stop")
        self._blocks += 1
        return out
