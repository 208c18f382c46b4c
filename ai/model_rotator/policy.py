"""Who thinks next: spend where a dollar is worth most this month (docs/OPENROUTER_MODELS.md). Pure policy."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ai.asking import Purpose
from ai.model_config.bound import rough_size_bound
from ai.model_config.model import Model, Tier, dearer_names

# What a moment is worth beside a daily thought; a birth and a death are as existential as a crisis.
WEIGHTS: Mapping[Purpose, float] = {
    Purpose.THOUGHT: 1.0,
    Purpose.SOCIAL: 3.0,
    Purpose.REFLECTION: 5.0,
    Purpose.IMPORTANT: 8.0,
    Purpose.CRISIS: 20.0,
    Purpose.BIRTH: 20.0,
    Purpose.DEATH: 20.0,
}
TIERS = tuple(Tier)  # the cheapest first
# Moments a day until a day was observed; thoughts follow from the interval.
DEFAULT_RATES: Mapping[Purpose, float] = {
    Purpose.THOUGHT: 144.0,
    Purpose.SOCIAL: 8.0,
    Purpose.IMPORTANT: 2.0,
    Purpose.REFLECTION: 1.0,
    Purpose.CRISIS: 1 / 7,
    Purpose.BIRTH: 1 / 30,
    Purpose.DEATH: 1 / 30,
}
# Prompt and completion tokens of a call until the first was counted: a system prompt, a scene and one thought.
DEFAULT_TOKENS = (1_800.0, 250.0)
START_B = 0.6  # the measured best start; `learned` moves it between the next two
LEAST_B, MOST_B = 0.02, 5.0
SPEED_SMOOTHING, MOST_SPEED, LEARNING_RATE = 0.1, 4.0, 0.03
NO_REPEAT = 10  # different models used before one comes again
FREE_STAND_INS, CHEAP_STAND_INS = 2, 1  # with choice, runner-up and local model they make the six attempts of a step
LEAST_BYTES_PER_TOKEN = 3  # fewer than any language's average: an estimate that errs towards a fuller context
UNKNOWN_CONTEXT = 8_192  # tokens, where the listing does not say
MARGIN = 1.0 + 1e-9  # bounds are compared as floats here; the hold itself is exact


@dataclass(frozen=True, slots=True)
class RotatorState:
    """All that the choice depends on; amounts in nano-dollars.

    `balance` is what the month has left, `spendable` what a hold may take at most now (0 where no paid hold is
    granted), `wishes_left` what the AI's own wishes may still take; `input_bound` the most input tokens the call can
    have; `day_left` the share of the UTC day still to come; `history` the models used, oldest first, `resting` ids
    that cool down; `quality` what was observed, by id; `current` the model that this beat began with.
    """

    models: Sequence[Model]
    balance: int = 0
    spendable: int = 0
    wishes_left: int = 0
    b: float = START_B
    weight_to_come: float = 1.0
    tokens: Mapping[Purpose, tuple[float, float]] = field(default_factory=dict)
    input_bound: int = 8_000
    max_tokens: int = 700
    free_left: int = 0
    free_quota: int = 0
    day_left: float = 1.0
    resting: Collection[str] = frozenset()
    history: Sequence[str] = ()
    quality: Mapping[str, float] = field(default_factory=dict)
    pinned: str | None = None
    pinned_by: str = "OPENROUTER_MODEL"
    wished: str | None = None
    current: str | None = None
    idle: bool = False
    weight: float | None = None
    why_no_others: str = ""
    why_unpaid: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """One candidate: its score in weighted points of quality, net of what it costs, and why it stands where it does.

    `wish`: the call is to be held on the AI's wishes too. `cost_nanos` is what the call will probably cost.
    """

    model: Model
    score: float
    reason: str
    cost_nanos: float = 0.0
    wish: bool = False


def rank(purpose: Purpose, state: RotatorState) -> list[Choice]:
    """Return the candidates of a call: the choice, the runner-up, then who stands in: free, ultra-cheap, local.

    Each can be asked now: not barred, not resting, affordable, its context wide enough; the local model is always
    among them where there is one. What comes first is the beat's model, the pinned one, the AI's wish, or the one
    with the highest `weight · quality − λ · cost` of those not used for ten models; of several names of one model
    only the cheapest. An idle beat is thought by the best
    of a cheaper tier than the one that this rule takes, and nobody who costs more than the rule's choice stands in.
    """
    scored = sorted((_score(m, purpose, state) for m in state.models if able(m, purpose, state)), key=_best_first)
    local = [c for c in scored if c.model.tier is Tier.LOCAL]
    floor = local[0].score if local else -math.inf
    dearer = dearer_names(state.models)  # had by name alone: a pin, a wish
    worth = [c for c in scored if c.model.tier is not Tier.LOCAL and c.score > floor and c.model.id not in dearer]
    by_rule = usual = _by_rule(worth, floor, state.history) or (local[0] if local else None)
    if state.idle and usual is not None:
        worth = [c for c in worth if c.cost_nanos <= usual.cost_nanos]
        by_rule = _idling(usual, worth, local, floor, state.history)
    first = _preferred(scored, by_rule, usual, state)
    taken = {first.model.id} if first else set()
    runner_up = None if state.pinned else _by_rule([c for c in worth if c.model.id not in taken], floor, state.history)
    if runner_up is not None:
        taken.add(runner_up.model.id)
    stand_ins = _stand_ins([c for c in (*worth, *local) if c.model.id not in taken], state)
    second = [] if runner_up is None else [replace(runner_up, reason="next best, standing in")]
    return [*([first] if first else []), *second, *stand_ins]


def able(model: Model, purpose: Purpose, state: RotatorState) -> bool:
    """Return whether this model may be asked for this purpose now."""
    if model.barred is not None or model.id in state.resting:
        return False
    if model.tier is Tier.LOCAL:
        return True
    if not fits(model, state):
        return False
    if model.free:
        held_to = model.id in {state.current, state.pinned} and state.free_left >= 1
        return held_to or free_request_due(purpose, state)
    return rough_size_bound(model, state.input_bound, state.max_tokens) * MARGIN <= state.spendable


def fits(model: Model, state: RotatorState) -> bool:
    """Return whether the call fits into this model's context, as far as bytes say."""
    needed = state.input_bound // LEAST_BYTES_PER_TOKEN + state.max_tokens
    return needed <= (model.context_length or UNKNOWN_CONTEXT)


def free_request_due(purpose: Purpose, state: RotatorState) -> bool:
    """Return whether a free request may be used: a thought's only on an even plan for the rest of the day."""
    if state.free_left < 1:
        return False
    return purpose is not Purpose.THOUGHT or state.free_left > state.free_quota * state.day_left - 1


def price_of_money(b: float, weight_to_come: float, balance_nanos: int) -> float:
    """Return λ, the weighted points of quality that a nano-dollar is worth for the rest of the month."""
    return b * weight_to_come / balance_nanos if balance_nanos > 0 else math.inf


def weight_to_come(rates: Mapping[Purpose, float], days_left: float) -> float:
    """Return 1 + the weight of all moments expected until the month ends; `rates` are moments a day."""
    return 1.0 + days_left * sum(WEIGHTS.get(purpose, 0.0) * rate for purpose, rate in rates.items())


def learned(b: float, speed: float, spent: float, planned: float) -> tuple[float, float]:
    """Return b and the smoothed speed after an hour that spent `spent` where an even plan had `planned`."""
    now = min(MOST_SPEED, spent / planned) if planned > 0 else 1.0
    speed += SPEED_SMOOTHING * (now - speed)
    return min(MOST_B, max(LEAST_B, b * math.exp(LEARNING_RATE * (speed - 1.0)))), speed


def worth_posting(quality: float, price_nanos: int, lambda_: float, appeal: float = 1.0) -> bool:
    """Return whether a draft is worth its price: being read makes a thought of weight 1 one of weight 3."""
    gain = (WEIGHTS[Purpose.SOCIAL] - WEIGHTS[Purpose.THOUGHT]) * quality * appeal
    return price_nanos <= 0 or gain > lambda_ * price_nanos


def quality_in(state: RotatorState, model: Model) -> float:
    """Return the model's quality, 0 to 10, as observed where it was."""
    return state.quality.get(model.id, model.quality)


def _score(model: Model, purpose: Purpose, state: RotatorState) -> Choice:
    cost = model.prices.expected(*state.tokens.get(purpose, DEFAULT_TOKENS))
    money = price_of_money(state.b, state.weight_to_come, state.balance) * cost if cost > 0 else 0.0
    weight = WEIGHTS.get(purpose, 1.0) if state.weight is None else state.weight
    return Choice(model, weight * quality_in(state, model) - money, "", cost)


def _by_rule(worth: Sequence[Choice], floor: float, history: Sequence[str]) -> Choice | None:
    """Return the best that was not among the last ten different models, else the one used longest ago.

    Where there are not even ten to go round, those that are worth less than half of the best are left out: of
    OpenAI's two models the dear one must not be every second thought.
    """
    used = _last_used(history)
    if 0 < len(worth) <= NO_REPEAT:
        base = floor if math.isfinite(floor) else min(0.0, worth[-1].score)
        worth = [c for c in worth if c.score - base >= (worth[0].score - base) / 2]
    fresh = next((c for c in worth if used.get(c.model.id, NO_REPEAT) >= NO_REPEAT), None)
    if fresh is not None:
        return replace(fresh, reason="worth most for its price")
    oldest = max(worth, key=lambda c: used[c.model.id], default=None)
    return None if oldest is None else replace(oldest, reason="used longest ago of those that are worth it")


def _idling(
    usual: Choice, worth: Sequence[Choice], local: Sequence[Choice], floor: float, history: Sequence[str]
) -> Choice:
    """Return who thinks an idle beat: the best of a cheaper tier than the rule's choice, else of what costs less."""
    cheaper = [c for c in worth if c.cost_nanos < usual.cost_nanos]
    lower = [c for c in cheaper if TIERS.index(c.model.tier) < TIERS.index(usual.model.tier)]
    found = _by_rule(lower or cheaper, floor, history) or (local[0] if local else None)
    if found is None or found.cost_nanos >= usual.cost_nanos:
        return replace(usual, reason="it idles, and nothing costs less")
    return replace(found, reason="it idles: nothing new came, so a cheaper mind thinks")


def _preferred(
    scored: Sequence[Choice], by_rule: Choice | None, usual: Choice | None, state: RotatorState
) -> Choice | None:
    """Return who comes first: this beat's model, the pinned one, the AI's wish, the rule's.

    A wish is one where it is dearer than what the rule takes as usual.
    """
    able_by_id = {c.model.id: c for c in scored}
    current = able_by_id.get(state.current or "")
    if state.pinned is not None:
        pinned = able_by_id.get(state.pinned)
        if pinned is not None:
            return replace(pinned, reason=f"pinned by {state.pinned_by}")
        stands_in = current is not None and current.model.tier in {Tier.FREE, Tier.LOCAL}
        return replace(current, reason="one model a beat") if current and stands_in else None
    wished = _as_wish(able_by_id.get(state.wished or ""), usual, state)
    if wished is not None and (current is None or current.model.id == wished.model.id):
        return wished
    if current is not None and current.model.id != state.wished:  # a wish that became too dear ends within its beat
        return replace(current, reason="one model a beat")
    if by_rule is not None and not by_rule.reason:
        return replace(by_rule, reason=_why_last_resort(scored, state))
    return by_rule


def _why_last_resort(scored: Sequence[Choice], state: RotatorState) -> str:
    """Return why the embedded model is taken where nobody named another."""
    others = [model for model in state.models if model.tier is not Tier.LOCAL]
    if not others:
        return state.why_no_others or "there is no other model"
    if any(choice.model.tier is not Tier.LOCAL for choice in scored):
        return "nothing that costs more is worth it now"
    usable = [model for model in others if model.barred is None]
    if not usable:
        return f"none of {len(others)} other models may be asked: {others[0].barred}"
    if all(model.id in state.resting for model in usable):
        return f"all {len(usable)} other models rest after failures"
    fitting = [model for model in usable if fits(model, state)]
    if not fitting:
        widest = max(model.context_length or UNKNOWN_CONTEXT for model in usable)
        return f"what it has to read does not fit into {widest:,} tokens, the widest context of {len(usable)} models"
    return state.why_unpaid or "what is left pays for no other model now, and no free request is due"


def _as_wish(wished: Choice | None, usual: Choice | None, state: RotatorState) -> Choice | None:
    """Return the wish, booked as one where it is dearer than the rule's choice; None where that is too dear."""
    if wished is None:
        return None
    dearer = wished.cost_nanos > (usual.cost_nanos if usual else 0.0)
    bound = rough_size_bound(wished.model, state.input_bound, state.max_tokens) * MARGIN
    if dearer and bound > state.wishes_left:
        return None
    return replace(wished, reason="its own wish", wish=dearer)


def _stand_ins(others: Sequence[Choice], state: RotatorState) -> list[Choice]:
    """Return free, ultra-cheap and local stand-ins; after a pinned model free and local ones alone (CONTRACT)."""
    free = [c for c in others if c.model.tier is Tier.FREE]
    cheap = [c for c in others if c.model.tier is Tier.ULTRA_CHEAP and state.pinned is None]
    found = [
        *_rested_first(free, state.history)[:FREE_STAND_INS],
        *_rested_first(cheap, state.history)[:CHEAP_STAND_INS],
        *(c for c in others if c.model.tier is Tier.LOCAL),
    ]
    return [replace(c, reason=f"{c.model.tier.value.replace('_', '-')}, standing in") for c in found]


def _rested_first(choices: Sequence[Choice], history: Sequence[str]) -> list[Choice]:
    used = _last_used(history)
    return sorted(choices, key=lambda c: used.get(c.model.id, NO_REPEAT) < NO_REPEAT)


def _last_used(history: Sequence[str]) -> dict[str, int]:
    """Return how many different models were used since each was, for the models in `history`."""
    since: dict[str, int] = {}
    for model_id in reversed(history):
        since.setdefault(model_id, len(since))
    return since


def _best_first(choice: Choice) -> tuple[float, str]:
    return -choice.score, choice.model.id
