"""What the tests' provider answers: documents and streams in OpenRouter's and OpenAI's shape, with their price."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tests.world.wire import Cut, dumps

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.world.openrouter_faults import Fault

BYTES_PER_TOKEN = 4
DELTA_CHARS = 16
WORDLESS = ("empty", "tool_calls")
FAILING = ("choice_error", "stream_error")
TOOL_CALL = {"index": 0, "id": "call-1", "type": "function", "function": {"name": "look", "arguments": "{}"}}


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer; figures that are None are made from the texts and the price list."""

    text: str
    prompt_tokens: int = -1
    completion_tokens: int = -1
    cost: Decimal | None = None
    model: str = ""
    finish_reason: str = "stop"
    times: int = 1  # answers asked for with `n`

    def told(self, body: dict[str, Any], model: str, fault: Fault | None) -> Answer:
        """This answer to that request: tokens counted, text cut at max_tokens."""
        said = "".join(str(message.get("content") or "") for message in body.get("messages", []))
        prompt = self.prompt_tokens if self.prompt_tokens >= 0 else count_tokens(said) + 4
        text = "" if fault is not None and fault.kind in WORDLESS else self.text
        completion = self.completion_tokens if self.completion_tokens >= 0 else count_tokens(text)
        most = body.get("max_tokens") or body.get("max_completion_tokens")
        finish = self.finish_reason
        if most is not None and completion > most:
            completion, finish = most, "length"
            text = text.encode()[: most * BYTES_PER_TOKEN].decode(errors="ignore")
        times = body.get("n") or 1
        completion *= times
        named = fault.model if fault is not None and fault.model else model
        return replace(
            self, text=text, prompt_tokens=prompt, completion_tokens=completion, model=named, finish_reason=finish,
            times=times,
        )  # fmt: skip

    def priced(self, pricing: dict[str, str], fault: Fault | None) -> Answer:
        """This answer with what it costs in USD."""
        cost = self.cost
        if cost is None:
            cost = (
                self.prompt_tokens * Decimal(pricing["prompt"])
                + self.completion_tokens * Decimal(pricing["completion"])
                + Decimal(pricing.get("request", "0"))
            )
        if fault is not None and fault.kind == "above_bound":
            cost = fault.figure
        if fault is not None and fault.kind == "byok":
            cost += fault.figure
        return replace(self, cost=cost)


def count_tokens(text: str) -> int:
    """About four bytes a token."""
    return -(-len(text.encode("utf-8", "surrogatepass")) // BYTES_PER_TOKEN)


def error_document(
    code: int,
    message: str,
    error_type: str | None = None,
    metadata: dict[str, Any] | None = None,
    availability: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """OpenRouter's error body."""
    details = {**(metadata or {}), **({"error_type": error_type} if error_type else {})}
    said: dict[str, Any] = {"code": code, "message": message, **({"metadata": details} if details else {})}
    return {"error": {**said, **({"availability": availability} if availability else {})}}


def usage_document(answer: Answer, fault: Fault | None, *, openai: bool) -> dict[str, Any]:
    """The `usage` object; OpenAI's has no cost."""
    usage: dict[str, Any] = {
        "prompt_tokens": answer.prompt_tokens,
        "completion_tokens": answer.completion_tokens,
        "total_tokens": answer.prompt_tokens + answer.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0},
    }
    if openai:
        return usage
    cost: Decimal | None = answer.cost
    upstream: Decimal | None = None
    if fault is not None and fault.kind == "byok":
        assert cost is not None
        cost, upstream = cost - fault.figure, fault.figure
    if fault is not None and fault.kind == "null_cost":
        cost = None
    if fault is not None and fault.kind == "empty" and not fault.billed:
        cost = Decimal(0)
    is_byok = fault is not None and fault.kind == "byok"
    return {**usage, "cost": cost, "is_byok": is_byok, "cost_details": {"upstream_inference_cost": upstream}}


def completion_document(answer: Answer, generation: str, fault: Fault | None, *, openai: bool) -> dict[str, Any]:
    """The whole answer as one document."""
    kind = fault.kind if fault else ""
    choice: dict[str, Any] = {
        "index": 0,
        "message": {"role": "assistant", "content": answer.text},
        "finish_reason": answer.finish_reason,
    }
    if fault is not None and kind == "choice_error":
        choice |= {"finish_reason": "error", "error": {"code": fault.code, "message": fault.message}}
        choice["message"]["content"] = ""
    if kind == "tool_calls":
        choice |= {"finish_reason": "tool_calls", "message": {"content": None, "tool_calls": [TOOL_CALL]}}
    choices = [{**choice, "index": number} for number in range(answer.times)]
    document: dict[str, Any] = {"id": generation, "model": answer.model, "choices": choices}
    if kind != "no_usage" and (kind != "choice_error" or (fault is not None and fault.billed)):
        document["usage"] = usage_document(answer, fault, openai=openai)
    return document


def stream_pieces(
    answer: Answer, generation: str, fault: Fault | None, *, openai: bool, with_usage: bool
) -> Iterator[bytes]:
    """The answer as server-sent events, one piece a write."""
    kind = fault.kind if fault else ""

    def event(**fields: Any) -> bytes:
        return b"data: " + dumps({"id": generation, "model": answer.model, **fields}) + b"\n\n"

    if not openai:
        yield b": OPENROUTER PROCESSING\n\n"
    if fault is not None and kind == "sse_prefix":
        yield fault.body
    if not openai:  # a first count, at no cost yet
        first = {**usage_document(answer, fault, openai=False), "completion_tokens": 0, "cost": 0}
        yield event(choices=[{"index": 0, "delta": {"role": "assistant", "content": ""}}], usage=first)
    yield from (event(choices=[choice]) for choice in _said(answer, kind))
    if fault is not None and kind in FAILING:
        error = {"code": fault.code, "message": fault.message}
        choice = {"index": 0, "delta": {"content": ""}, "finish_reason": "error"}
        whole = {"choices": [{**choice, "error": error}]}
        yield event(**(whole if kind == "choice_error" else {"choices": [choice], "error": error}))
    else:
        finish = "stop\udc00" if kind == "half_letters" else answer.finish_reason
        yield event(choices=[{"index": 0, "delta": {"content": ""}, "finish_reason": finish}])
    if kind == "cut_after_finish":
        raise Cut
    if with_usage and kind != "no_usage" and (fault is None or fault.billed):
        yield event(choices=[], usage=usage_document(answer, fault, openai=openai))
    if kind == "cut_after_usage":
        raise Cut
    if fault is not None and kind == "late_error":
        yield event(error={"code": fault.code, "message": fault.message}, choices=[])
    yield b"" if kind == "no_done" else b"data: [DONE]\n\n"


def _said(answer: Answer, kind: str) -> Iterator[dict[str, Any]]:
    """The words, or the call of a tool, as the choices of a stream's chunks."""
    text = answer.text[:DELTA_CHARS] if kind in FAILING else answer.text
    for start in range(0, len(text), DELTA_CHARS):
        words = {"role": "assistant", "content": text[start : start + DELTA_CHARS]}
        yield {"index": 0, "delta": words, "finish_reason": None}
    if kind == "tool_calls":
        call = {"role": "assistant", "content": None, "tool_calls": [TOOL_CALL]}
        yield {"index": 0, "delta": call, "finish_reason": None}
