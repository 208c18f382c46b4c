"""What the tests' provider answers under `/responses` and `/messages`: the same answer, told in those dialects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.world.wire import dumps

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.world.openrouter_answers import Answer
    from tests.world.openrouter_faults import Fault

PATHS = ("/responses", "/messages")
DELTA_CHARS = 16


def as_chat(body: dict[str, Any], path: str) -> dict[str, Any]:
    """The request as a chat body, as far as tokens are counted by it."""
    if path == "/responses":
        said = [body.get("instructions") or "", *_texts(body.get("input"))]
        return {**body, "messages": [{"content": "".join(said)}],
                "max_tokens": body.get("max_output_tokens")}  # fmt: skip
    if path == "/messages":
        said = [*_texts(body.get("system")), *(text for m in body["messages"] for text in _texts(m.get("content")))]
        return {**body, "messages": [{"content": "".join(said)}]}
    return body


def told_whole(path: str, answer: Answer, generation: str, fault: Fault | None) -> dict[str, Any]:
    """The whole answer."""
    kind = fault.kind if fault else ""
    usage = {} if kind == "no_usage" else {"usage": _usage(answer, fault)}
    if path == "/responses":
        return {**_response(answer, generation, [_item(answer, generation)], "completed"), **usage}
    content = [{"type": "text", "text": answer.text}]
    return {**_message(answer, generation), "content": content, "stop_reason": _stop(answer), **usage}


def told_events(path: str, answer: Answer, generation: str, fault: Fault | None) -> Iterator[bytes]:
    """The answer as server-sent events, one piece a write."""
    yield b": OPENROUTER PROCESSING\n\n"
    tell = _response_events if path == "/responses" else _message_events
    for event in tell(answer, generation, fault):
        yield f"event: {event['type']}\n".encode() + b"data: " + dumps(event) + b"\n\n"


def _response_events(answer: Answer, generation: str, fault: Fault | None) -> Iterator[dict[str, Any]]:
    kind = fault.kind if fault else ""
    begun = _response(answer, generation, [], "in_progress")
    yield {"type": "response.created", "sequence_number": 0, "response": begun}
    at = {"item_id": f"msg_{generation}", "output_index": 0, "content_index": 0}
    item = {**_item(answer, generation), "content": [], "status": "in_progress"}
    yield {"type": "response.output_item.added", "sequence_number": 1, "output_index": 0, "item": item}
    part = {"type": "output_text", "text": "", "annotations": []}
    yield {"type": "response.content_part.added", "sequence_number": 2, **at, "part": part}
    for number, text in enumerate(_cut(answer.text), 3):
        yield {"type": "response.output_text.delta", "sequence_number": number, **at, "delta": text, "logprobs": []}
        if kind in ("stream_error", "choice_error"):
            error = {"code": "server_error", "message": fault.message if fault else ""}
            usage = {"usage": _usage(answer, fault)} if fault and fault.billed else {}
            failed = {**_response(answer, generation, [], "failed"), "error": error, **usage}
            yield {"type": "response.failed", "sequence_number": number + 1, "response": failed}
            return
    whole_item = _item(answer, generation)
    yield {"type": "response.output_text.done", "sequence_number": 997, **at, "text": answer.text, "logprobs": []}
    yield {"type": "response.content_part.done", "sequence_number": 998, **at, "part": whole_item["content"][0]}
    yield {"type": "response.output_item.done", "sequence_number": 999, "output_index": 0, "item": whole_item}
    usage = {} if kind == "no_usage" else {"usage": _usage(answer, fault)}
    whole = {**_response(answer, generation, [_item(answer, generation)], "completed"), **usage}
    yield {"type": "response.completed", "sequence_number": 1000, "response": whole}


def _message_events(answer: Answer, generation: str, fault: Fault | None) -> Iterator[dict[str, Any]]:
    kind = fault.kind if fault else ""
    usage = {"input_tokens": answer.prompt_tokens, "output_tokens": 1}
    begun = {**_message(answer, generation), "content": [], "stop_reason": None, "usage": usage}
    yield {"type": "message_start", "message": begun}
    yield {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    for text in _cut(answer.text):
        yield {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}
        if kind in ("stream_error", "choice_error"):
            if fault is not None and fault.billed:
                yield {"type": "message_delta", "delta": {"stop_reason": None}, "usage": _usage(answer, fault)}
            yield {"type": "error", "error": {"type": "overloaded_error", "message": fault.message if fault else ""}}
            return
    yield {"type": "content_block_stop", "index": 0}
    delta = {"stop_reason": _stop(answer), "stop_sequence": None}
    told = {"output_tokens": answer.completion_tokens} if kind == "no_usage" else _usage(answer, fault)
    yield {"type": "message_delta", "delta": delta, "usage": told}
    yield {"type": "message_stop"}


def _usage(answer: Answer, fault: Fault | None) -> dict[str, Any]:
    cost = None if fault is not None and fault.kind == "null_cost" else answer.cost
    return {"input_tokens": answer.prompt_tokens, "output_tokens": answer.completion_tokens,
            "total_tokens": answer.prompt_tokens + answer.completion_tokens, "cost": cost}  # fmt: skip


def _response(answer: Answer, generation: str, output: list[Any], status: str) -> dict[str, Any]:
    return {"id": generation, "object": "response", "created_at": 1, "model": answer.model, "status": status,
            "output": output, "error": None, "incomplete_details": None, "instructions": None, "metadata": {},
            "parallel_tool_calls": True, "tool_choice": "auto", "tools": [], "temperature": 1, "top_p": 1}  # fmt: skip


def _item(answer: Answer, generation: str) -> dict[str, Any]:
    content = [{"type": "output_text", "text": answer.text, "annotations": []}]
    return {
        "id": f"msg_{generation}",
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "content": content,
    }


def _message(answer: Answer, generation: str) -> dict[str, Any]:
    return {"id": generation, "type": "message", "role": "assistant", "model": answer.model, "stop_sequence": None}


def _stop(answer: Answer) -> str:
    return "max_tokens" if answer.finish_reason == "length" else "end_turn"


def _cut(text: str) -> list[str]:
    return [text[start : start + DELTA_CHARS] for start in range(0, len(text), DELTA_CHARS)]


def _texts(content: Any) -> list[str]:
    if isinstance(content, str):
        return [content]
    found = []
    for part in content or []:
        text = part.get("text") or part.get("output") or part.get("content")
        found += [text] if isinstance(text, str) else _texts(text)
    return found
