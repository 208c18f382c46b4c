"""What the gateway adds to a body before it leaves: the routing that holds a provider to the bound; pure."""

from __future__ import annotations

import json
from decimal import ROUND_CEILING, Decimal
from typing import TYPE_CHECKING, Any

from ai.gateway.dialects.chat import OUTPUT_LIMITS
from ai.llm.body import OPENROUTER, PER_MILLION, PRICE_STEP, output_limit
from ai.llm.figures import as_mapping

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ai.model_config import Model

# What OpenRouter leaves out by itself where a model does not know it. With `require_parameters` it would find nobody
# instead, so it is left out here; tools and forms of an answer are not: a caller must know that they are missing.
SHAPING = frozenset(
    "top_p top_k top_a min_p frequency_penalty presence_penalty repetition_penalty seed stop logit_bias logprobs "
    "top_logprobs parallel_tool_calls verbosity temperature include_reasoning reasoning_effort".split()
)
# `dumps` makes an encoder for each call.
_PLAIN = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_ESCAPED = json.JSONEncoder(separators=(",", ":")).encode
CAREFUL = ("seed", "top_p", "stop")  # a listing that names none of these is one that was cut down


def with_routing(document: Mapping[str, Any], provider: str, models: Sequence[Model], dialect: str) -> dict[str, Any]:
    """Return the body with what its provider must be told: for OpenRouter no provider above the prices of the bound."""
    if provider != OPENROUTER:
        sent = {name: value for name, value in document.items() if name not in ("provider", "models")}
        return _for_openai(sent, models[0]) if dialect == "chat" else sent
    sent = {name: value for name, value in document.items() if not _unknown_to(name, models)}
    if len(models) > 1:
        sent["models"] = [model.id for model in models]
    given = as_mapping(sent.get("provider"))
    lower = as_mapping(given.get("max_price"))
    most = {name: _lower(lower.get(name), price) for name, price in _prices(models).items()}
    sent["provider"] = {**given, "require_parameters": True, "max_price": {**lower, **most}}
    return sent


def _for_openai(sent: dict[str, Any], model: Model) -> dict[str, Any]:
    """Return a chat body as OpenAI's newer models and servers at home take it: one limit, and a stream that counts."""
    limits = [sent.pop(name) for name in OUTPUT_LIMITS if sent.get(name) is not None]
    if limits:
        sent[output_limit(model)] = limits[0]
    if sent.get("stream"):
        sent["stream_options"] = {**as_mapping(sent.get("stream_options")), "include_usage": True}
    return sent


def bytes_of(document: Mapping[str, Any]) -> bytes:
    """Return a body as it leaves; a lone surrogate, which UTF-8 cannot carry, as the escape that it came in."""
    try:
        return _PLAIN(document).encode()
    except UnicodeEncodeError:
        return _ESCAPED(document).encode()


def _prices(models: Sequence[Model]) -> dict[str, float]:
    """Return USD per million tokens, per call and per image, that no provider may be above."""
    prices = [model.prices for model in models]
    most = {
        "prompt": max(price.dearest_prompt() for price in prices) * PER_MILLION,
        "completion": max(price.dearest_completion() for price in prices) * PER_MILLION,
    }
    request = max(price.dearest_request() for price in prices)
    image = max(price.dearest_image() for price in prices)
    return {
        **{name: float(price.quantize(PRICE_STEP, ROUND_CEILING)) for name, price in most.items()},
        **({"request": float(request)} if request > 0 else {}),
        **({"image": float(image)} if image > 0 else {}),
    }


def _lower(given: Any, price: float) -> float:
    """Return the lower of a caller's own ceiling and ours."""
    try:
        own = Decimal(str(given))
    except ArithmeticError:
        return price
    return min(float(own), price) if own.is_finite() and own >= 0 else price


def _unknown_to(name: str, models: Sequence[Model]) -> bool:
    if name not in SHAPING:
        return False
    return any(name not in model.parameters and any(word in model.parameters for word in CAREFUL) for model in models)
