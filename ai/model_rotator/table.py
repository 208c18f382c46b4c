"""The catalogue as people see it: one row a model, with what it costs and whether it could be asked now. Pure."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from ai.clock import rfc3339
from ai.ledger.money import price9, short_price, usd9
from ai.model_config import Model, Tier
from ai.model_config.bound import size_bound
from ai.model_config.prices import PER_MILLION
from ai.model_config.row import ModelRow
from ai.model_rotator.policy import RotatorState, quality_in

if TYPE_CHECKING:
    from ai.llm.health import Health


def model_row(model: Model, state: RotatorState, health: Health | None, preferred: int | None) -> ModelRow:
    """Return one model's row; `preferred` is its place among those that would think the next thought."""
    known = model.prices.known
    bound = size_bound(model, state.input_bound, state.max_tokens) if known else None
    payable = model.tier in {Tier.LOCAL, Tier.FREE} or (bound is not None and bound <= state.spendable)
    quota = not model.free or state.free_left >= 1
    barred = model.barred or (health.barred if health else None)
    quality = quality_in(state, model)
    return ModelRow(
        id=model.id,
        name=model.name,
        tier=model.tier.value,
        intelligence=replace(model, quality=quality).intelligence,
        quality=round(quality, 2),
        price_prompt=price9(model.prices.prompt * PER_MILLION) if known else None,
        price_completion=price9(model.prices.completion * PER_MILLION) if known else None,
        bound=None if bound is None else usd9(bound),
        affordable=barred is None and payable and quota,
        available=barred is None and model.id not in state.resting,
        cooldown_until=rfc3339(health.until) if health and health.until else None,
        cooldown_reason=health.reason if health else None,
        preferred=preferred,
        context_length=model.context_length,
        barred=barred,
    )


def per_million(price: Decimal) -> str:
    """Return USD per token as USD per million tokens, without digits that say nothing: "0.15"."""
    return short_price(price * PER_MILLION)
