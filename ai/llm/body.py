"""Makes the body of a request, as OpenRouter, OpenAI and the embedded server each want it; pure."""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ai.llm.calls import ModelRequest
    from ai.model_config import Model

OPENROUTER = "openrouter"
OPENAI = "openai"
PER_MILLION = Decimal(1_000_000)  # `provider.max_price` is in USD per million tokens
PRICE_STEP = Decimal("0.000001")  # finer than any listed price per million, coarse enough for a JSON number


def chat_body(request: ModelRequest, dialect: str) -> dict[str, Any]:
    """Return the JSON of a streamed chat completion; `dialect` is the endpoint's name."""
    model = request.model
    body: dict[str, Any] = {
        "model": model.id,
        "messages": [{"role": said["role"], "content": _sendable(said["content"])} for said in request.messages],
        output_limit(model): request.max_tokens,
        "stream": True,
    }
    if request.temperature is not None and (dialect not in {OPENROUTER, OPENAI} or "temperature" in model.parameters):
        body["temperature"] = request.temperature
    if request.seed is not None and "seed" in model.parameters:
        body["seed"] = request.seed
    form = _response_format(model, request.schema)
    if form is not None:
        body["response_format"] = form
    if dialect == OPENROUTER:
        body |= routing(model)
        if "reasoning" in model.parameters and not model.always_reasons:
            body["reasoning"] = {"enabled": False}  # so that the bound needs no allowance for it
    else:
        body["stream_options"] = {"include_usage": True}
        if dialect == OPENAI and "reasoning_effort" in model.parameters and not model.always_reasons:
            body["reasoning_effort"] = "none"
    return body


def output_limit(model: Model) -> str:
    """Return under which name this model takes the limit of its output: newer ones refuse `max_tokens`."""
    newer = "max_completion_tokens" in model.parameters and "max_tokens" not in model.parameters
    return "max_completion_tokens" if newer else "max_tokens"


def routing(model: Model) -> dict[str, Any]:
    """Return OpenRouter's routing: no provider that ignores a parameter, none above the prices of the bound."""
    prices = model.prices
    ceiling = {"prompt": prices.dearest_prompt(), "completion": prices.dearest_completion()}
    max_price = {name: _per_million(price) for name, price in ceiling.items()}
    if prices.dearest_request() > 0:
        max_price["request"] = float(prices.dearest_request())
    return {"provider": {"require_parameters": True, "max_price": max_price}}


def _per_million(price: Decimal) -> float:
    return float((price * PER_MILLION).quantize(PRICE_STEP, ROUND_CEILING))


def _response_format(model: Model, schema: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if schema is None:
        return None
    if "structured_outputs" in model.parameters:
        return {"type": "json_schema", "json_schema": {"name": "reply", "strict": False, "schema": dict(schema)}}
    return {"type": "json_object"} if "response_format" in model.parameters else None


def _sendable(text: str) -> str:
    """Replace lone surrogates, which UTF-8 cannot carry, by a question mark: shorter than they were counted."""
    return text.encode("utf-8", "replace").decode()
