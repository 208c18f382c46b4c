"""What a key may call, as `/v1/models` lists it: OpenAI's and Anthropic's fields in one; and what a call would cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ai.clock import rfc3339
from ai.gateway.attempt import Request
from ai.gateway.bound import call_bound, expected_cost, lowered, output_limit
from ai.gateway.names import may_use, why_not_served
from ai.gateway.refusals import Refusal
from ai.ledger.money import usd9
from ai.model_config import Tier

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from ai.credit_tracker.callers import Key
    from ai.gateway.gateway import Gateway
    from ai.model_config import Model

CHOICES = {
    "auto": "chosen by what a dollar of this budget is worth",
    "free": "a free model, else the embedded one",
    "local": "the embedded model",
}


def listing(models: Mapping[str, Model], allowed: Collection[str]) -> dict[str, Any]:
    """Return every model that a key may call."""
    data = [_choice(name) for name in CHOICES]
    data += [entry(m) for m in models.values() if why_not_served(m) is None and may_use(m, allowed)]
    return {
        "object": "list",
        "data": data,
        "has_more": False,
        "first_id": data[0]["id"],
        "last_id": data[-1]["id"],
    }


def entry(model: Model) -> dict[str, Any]:
    """Return one model; prices in USD per token as text, as OpenRouter lists them."""
    created = model.created
    return {
        "id": model.id,
        "object": "model",
        "type": "model",
        "created": 0 if created is None else int(created.timestamp()),
        "created_at": rfc3339(created) if created is not None else "1970-01-01T00:00:00Z",
        "owned_by": model.id.split("/", 1)[0] if "/" in model.id else model.endpoint,
        "display_name": model.name,
        "name": model.name,
        "context_length": model.context_length,
        "tier": model.tier.value,
        "pricing": {"prompt": f"{model.prices.prompt:f}", "completion": f"{model.prices.completion:f}"},
        "supported_parameters": sorted(model.parameters),
    }


def one(name: str, models: Mapping[str, Model], allowed: Collection[str]) -> dict[str, Any]:
    """Return the model of an id. Raises Refusal (404)."""
    if name in CHOICES:
        return _choice(name)
    model = models.get(name)
    if model is None or not may_use(model, allowed):
        raise Refusal(404, f"there is no model {name!r} here", code="model_not_found", param="model")
    return entry(model)


async def estimate(gateway: Gateway, request: Request, key: Key) -> dict[str, Any]:
    """Return what a call may cost at most and will probably cost, and whether its caps cover it; nothing is sent."""
    found = gateway.find(request, key)
    candidates = await gateway.candidates(request, found, key)
    if not candidates:
        return {"bound": None, "expected": usd9(0), "affordable": False}
    models: Sequence[Model] = [candidates[0].model, *candidates[0].others]
    limit = output_limit(request.asked, models)
    caps = await gateway.rooms.books.caps(request.caller.key, request.caller.run)
    most = [cap.available for cap in caps]
    most += [cost for cost in (request.options.max_cost, key.terms.max_call) if cost is not None]
    room = min(most, default=0)
    bound = call_bound(request.asked, models, limit)
    if bound > room:
        lower = lowered(request.asked, models, room, fit=request.options.fit)
        limit = limit if lower is None else lower
        bound = call_bound(request.asked, models, limit)
    free = models[0].tier is Tier.LOCAL or bound == 0
    expected = expected_cost(request.asked, models[0], limit)
    return {"bound": usd9(bound), "expected": usd9(expected), "affordable": free or bound <= room}


def _choice(name: str) -> dict[str, Any]:
    return {
        "id": name,
        "object": "model",
        "type": "model",
        "created": 0,
        "created_at": "1970-01-01T00:00:00Z",
        "owned_by": "genesis",
        "display_name": f"{name}: {CHOICES[name]}",
    }
