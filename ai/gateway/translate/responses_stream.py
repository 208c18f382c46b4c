"""A stream of chat told as the events of OpenAI's Responses; pure."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from ai.gateway.translate.translation import first_choice, sse, tail
from ai.llm.figures import as_mapping

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ECHOED = ("instructions", "max_output_tokens", "temperature", "top_p", "tool_choice", "tools", "metadata", "text")


def response(
    document: Mapping[str, Any], body: Mapping[str, Any], status: str, output: Sequence[Any], usage: Any
) -> dict[str, Any]:
    """Return a response object; `document` is the chat answer, or a chunk of it, that names id and model."""
    cut = {"reason": "max_output_tokens"} if status == "incomplete" else None
    return {
        "id": f"resp_{tail(document.get('id'))}",
        "object": "response",
        "created_at": document.get("created") or 0,
        "status": status,
        "error": None,
        "incomplete_details": cut,
        "model": document.get("model"),
        "output": list(output),
        "parallel_tool_calls": body.get("parallel_tool_calls") is not False,
        "previous_response_id": None,
        "tool_choice": "auto",
        "tools": [],
        **{name: body[name] for name in ECHOED if body.get(name) is not None},
        "usage": usage_of(usage),
    }


def usage_of(usage: Any) -> dict[str, Any] | None:
    """Return chat's token counts under Responses' names, with what the call cost where that is known."""
    given = as_mapping(usage)
    if not given:
        return None
    prompt, completion = given.get("prompt_tokens") or 0, given.get("completion_tokens") or 0
    told = {
        "input_tokens": prompt,
        "input_tokens_details": {
            "cached_tokens": as_mapping(given.get("prompt_tokens_details")).get("cached_tokens") or 0
        },
        "output_tokens": completion,
        "output_tokens_details": {
            "reasoning_tokens": as_mapping(given.get("completion_tokens_details")).get("reasoning_tokens") or 0
        },
        "total_tokens": prompt + completion,
    }
    return told if given.get("cost") is None else {**told, "cost": given["cost"]}


def message_item(id_: str, text: str, status: str = "completed") -> dict[str, Any]:
    """Return what was said, as an item of the output."""
    part = {"type": "output_text", "text": text, "annotations": []}
    content = [part] if text or status == "completed" else []
    return {"id": f"msg_{id_}", "type": "message", "role": "assistant", "status": status, "content": content}


def call_item(call_id: Any, name: Any, given: str, status: str = "completed") -> dict[str, Any]:
    """Return the call of a tool, as an item of the output."""
    call = {"id": f"fc_{tail(call_id)}", "type": "function_call", "call_id": call_id, "name": name}
    return {**call, "arguments": given, "status": status}


def status_of(finish: Any) -> str:
    """Return how a response ended."""
    return "incomplete" if finish == "length" else "completed"


class ResponseStream:
    """Opens an item of the output where the first of it comes, and closes all of them at the end."""

    def __init__(self, body: Mapping[str, Any]) -> None:
        self._body = body
        self._numbers = itertools.count()
        self._head: Mapping[str, Any] = {}
        self._id = "0"
        self._said: list[str] = []
        self._calls: dict[int, dict[str, Any]] = {}
        self._order: list[int | str] = []
        self._finish: Any = None
        self._usage: Any = None

    def feed(self, chunk: Mapping[str, Any]) -> bytes:
        """Return the events that a chunk is told as."""
        out = b"" if self._head else self._begin(chunk)
        self._usage = chunk.get("usage") or self._usage
        choice = first_choice(chunk)
        self._finish = choice.get("finish_reason") or self._finish
        delta = as_mapping(choice.get("delta"))
        if isinstance(delta.get("content"), str) and delta["content"]:
            out += self._words(delta["content"])
        for call in map(as_mapping, delta.get("tool_calls") or []):
            out += self._call(call)
        return out

    def end(self) -> bytes:
        """Return the end of every item, and of the response."""
        out, output = b"", []
        for place, what in enumerate(self._order):
            done = self._words_done(place) if what == "text" else self._call_done(place, int(what))
            out += done[0]
            output.append(done[1])
        status = status_of(self._finish)
        whole = response(self._head, self._body, status, output, self._usage)
        return out + self._event(f"response.{status}", response=whole)

    def _begin(self, chunk: Mapping[str, Any]) -> bytes:
        self._head = {"id": chunk.get("id") or "0", "model": chunk.get("model"), "created": chunk.get("created")}
        self._id = tail(chunk.get("id"))
        begun = response(self._head, self._body, "in_progress", [], None)
        return self._event("response.created", response=begun) + self._event("response.in_progress", response=begun)

    def _words(self, text: str) -> bytes:
        out = b""
        if "text" not in self._order:
            self._order.append("text")
            place = len(self._order) - 1
            part = {"type": "output_text", "text": "", "annotations": []}
            item = message_item(self._id, "", "in_progress")
            out += self._event("response.output_item.added", output_index=place, item=item)
            out += self._event("response.content_part.added", **self._at(place), part=part)
        self._said.append(text)
        at = self._at(self._order.index("text"))
        return out + self._event("response.output_text.delta", **at, delta=text, logprobs=[])

    def _call(self, delta: Mapping[str, Any]) -> bytes:
        number, function = int(delta.get("index") or 0), as_mapping(delta.get("function"))
        out = b""
        if number not in self._calls:
            self._calls[number] = call_item(delta.get("id"), function.get("name"), "", "in_progress")
            self._order.append(number)
            place = self._order.index(number)
            out += self._event("response.output_item.added", output_index=place, item=self._calls[number])
        given = function.get("arguments")
        if isinstance(given, str) and given:
            call = self._calls[number]
            self._calls[number] = {**call, "arguments": call["arguments"] + given}
            at = {"item_id": call["id"], "output_index": self._order.index(number)}
            out += self._event("response.function_call_arguments.delta", **at, delta=given)
        return out

    def _words_done(self, place: int) -> tuple[bytes, dict[str, Any]]:
        text = "".join(self._said)
        item = message_item(self._id, text)
        at = self._at(place)
        out = self._event("response.output_text.done", **at, text=text, logprobs=[])
        out += self._event("response.content_part.done", **at, part=item["content"][0])
        return out + self._event("response.output_item.done", output_index=place, item=item), item

    def _call_done(self, place: int, number: int) -> tuple[bytes, dict[str, Any]]:
        item = {**self._calls[number], "status": "completed"}
        at = {"item_id": item["id"], "output_index": place}
        out = self._event("response.function_call_arguments.done", **at, arguments=item["arguments"])
        return out + self._event("response.output_item.done", output_index=place, item=item), item

    def _at(self, place: int) -> dict[str, Any]:
        return {"item_id": f"msg_{self._id}", "output_index": place, "content_index": 0}

    def _event(self, kind: str, **fields: Any) -> bytes:
        return sse({"type": kind, "sequence_number": next(self._numbers), **fields}, kind)
