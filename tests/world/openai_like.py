"""Servers that speak OpenAI's protocol without being OpenRouter: OpenAI itself, or one at home of a given make.

with OpenAILike.at_home("ollama", ["llama3.2:latest"]) as server:    # no key, no Date, no cost
with OpenAILike.openai([...], date=clock.now) as server:             # /v1/models with shutdown_date, strict bodies
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from tests.world.openrouter import FakeOpenRouter
from tests.world.openrouter_books import model_entry
from tests.world.wire import Request, Wire

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

LITELLM_CREATED = 1_677_610_602  # its proxy says so of every model, and that OpenAI owns it
NEWER = ("gpt-5", "gpt-6", "o1", "o3", "o4")  # refuse max_tokens and temperatures
MAKES: dict[str, dict[str, Any]] = {
    "ollama": {"owned_by": "library", "created": 1_790_000_000},
    "lmstudio": {"owned_by": "organization_owner"},
    "llamacpp": {"owned_by": "llamacpp", "created": 1_790_000_000, "meta": {"n_ctx": 8192, "n_ctx_train": 131_072}},
    "vllm": {"owned_by": "vllm", "created": 1_790_000_000, "max_model_len": 16_384, "root": "x", "permission": []},
    "litellm": {"owned_by": "openai", "created": LITELLM_CREATED},
}


@dataclass(slots=True)
class OpenAILike(FakeOpenRouter):
    """`listing` is what `/models` shows; `dated` whether a Date is sent; `strict` refuses what OpenAI refuses.

    `formless` refuses `response_format`, with this status, as servers do that know no such thing.
    """

    key: str = ""
    shape: str = "openai"
    listing: list[dict[str, Any]] = field(default_factory=list)
    listing_status: int = 200
    dated: bool = False
    strict: bool = False
    formless: int | None = None

    @classmethod
    def at_home(cls, make: str, ids: Sequence[str], **fields: Any) -> Self:
        """A server at home with these models."""
        listing = [{"id": id_, "object": "model", **MAKES[make]} for id_ in ids]
        return cls(listing=listing, models={"data": [model_entry(id_) for id_ in ids]}, **fields)

    @classmethod
    def openai(cls, rows: Sequence[dict[str, Any]], date: Callable[[], datetime], **fields: Any) -> Self:
        """OpenAI as it lists itself: `rows` have `id`, perhaps `shutdown_date`, and `prices` a token that it bills."""
        listing = [
            {"object": "model", "created": 1_790_000_000, "owned_by": "openai"}
            | {name: value for name, value in row.items() if name != "prices"}
            for row in rows
        ]
        billed = [model_entry(row["id"], *row.get("prices", ("0.000001", "0.000002"))) for row in rows]
        given = {"key": "sk-test", "dated": True, "strict": True} | fields
        return cls(listing=listing, models={"data": billed}, date=date, **given)

    async def _handle(self, request: Request, wire: Wire) -> None:
        if (request.method, request.path.removeprefix("/api/v1")) == ("GET", "/models"):
            self.requests.append(request)
            await self._json(wire, self.listing_status, {"object": "list", "data": self.listing})
            return
        problem = _refused(request.json) if self.strict and request.method == "POST" and request.json else None
        if problem is not None:
            self.requests.append(request)
            kind = {"type": "invalid_request_error", "param": problem[0], "code": "unsupported_parameter"}
            await self._json(wire, 400, {"error": {"message": problem[1], **kind}})
            return
        if self.formless is not None and "response_format" in (request.json or {}):
            self.requests.append(request)
            await self._json(wire, self.formless, {"error": "'response_format.type' must be 'text'"})
            return
        await FakeOpenRouter._handle(self, request, wire)

    def _common(self) -> dict[str, str]:
        return FakeOpenRouter._common(self) if self.dated else {}


def _refused(body: dict[str, Any]) -> tuple[str, str] | None:
    """Return the parameter that a newer model refuses, and OpenAI's words for it."""
    if not str(body.get("model", "")).startswith(NEWER):
        return None
    if "max_tokens" in body:
        said = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens'"
        return "max_tokens", said
    if body.get("temperature", 1) != 1:
        return "temperature", "Unsupported value: 'temperature' does not support this value. Only 1 is supported."
    if "gpt-6" in body["model"] and body.get("reasoning_effort") != "none":
        return "reasoning_effort", "the test's budget of output tokens is used up by reasoning"
    return None
