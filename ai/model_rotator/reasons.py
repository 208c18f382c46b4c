"""Why a model that was asked for by name (a wish, a pin), or any at all, is or is not had: one line each. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from ai.asking import Purpose
from ai.ledger.money import NANOS_PER_USD, usd9
from ai.model_config import Model, Tier
from ai.model_config.bound import size_bound
from ai.model_rotator.policy import DEFAULT_TOKENS, RotatorState, able, fits, rank

if TYPE_CHECKING:
    from ai.llm.health import Health

NEAR = 3  # ids that a misspelt one is compared with in the answer


def why_unknown(model_id: str, known: Iterable[str]) -> str:
    """Return what is said of an id that the catalogue does not have, with those that are near."""
    near = difflib.get_close_matches(model_id.strip(), list(known), n=NEAR, cutoff=0.5)
    return f"no model {model_id!r} is known" + (f"; near are {', '.join(near)}" if near else "")


def why_not(model: Model, state: RotatorState, health: Health | None) -> str | None:
    """Return why this model cannot be had now, or None; `state` is that of a usual thought."""
    barred = model.barred or (health.barred if health else None)
    if barred is not None:
        return f"{model.id} is never asked: {barred}"
    if model.id in state.resting:
        until = "" if health is None or health.until is None else f" until {health.until:%H:%M} UTC"
        return f"{model.id} rests{until} after a failure"
    if model.tier not in {Tier.LOCAL, Tier.FREE}:
        bound = size_bound(model, state.input_bound, state.max_tokens)
        may_cost = f"{model.id} may cost ${usd9(bound)} a call"
        if bound > state.spendable:
            return f"{may_cost}, and ${usd9(state.spendable)} can be spent now"
        dearer = state.pinned is None and _cost(model, state) > _cost_by_rule(state)
        if dearer and bound > state.wishes_left:
            return f"{may_cost}, and your wishes have ${usd9(state.wishes_left)} left this month"
    if not able(model, Purpose.IMPORTANT, state):
        return f"{model.id} cannot be asked now: no free request is left today, or its context is too short"
    return None


def why_nobody(state: RotatorState) -> str:
    """Return why no model at all can be asked for a thought now."""
    usable = [model for model in state.models if model.barred is None]
    if not usable:
        why = state.why_no_others or next((f"{m.id}: {m.barred}" for m in state.models), "no model is known")
        return f"nobody can be asked: {why}; no local model runs here (LOCAL_MODEL)"
    if not any(fits(model, state) for model in usable):
        return "nobody can be asked: the call fits into no model's context; no local model runs here (LOCAL_MODEL)"
    resting = sum(model.id in state.resting for model in usable)
    unpaid = f" ({state.why_unpaid})" if state.why_unpaid else ""
    return (
        f"nobody can be asked: {resting} of {len(usable)} models rest after failures; "
        f"${usd9(state.spendable)} can be spent now{unpaid}; "
        f"{state.free_left} of {state.free_quota} free requests are left, "
        "and thoughts take them evenly over the day; no local model runs here (LOCAL_MODEL)"
    )


def granted(model: Model, state: RotatorState) -> str:
    """Return the answer to a wish that holds."""
    cost = _cost(model, state)
    spend = "it costs nothing"
    if cost:
        left = state.wishes_left / NANOS_PER_USD
        spend = f"about ${cost / NANOS_PER_USD:.5f} a thought, ${left:.2f} left for wishes this month"
    return f"granted: {model.id} thinks from your next beat on while you can afford it ({spend})"


def _cost(model: Model, state: RotatorState) -> float:
    return model.prices.expected(*state.tokens.get(Purpose.THOUGHT, DEFAULT_TOKENS))


def _cost_by_rule(state: RotatorState) -> float:
    by_rule = rank(Purpose.THOUGHT, replace(state, wished=None))
    return by_rule[0].cost_nanos if by_rule else 0.0
