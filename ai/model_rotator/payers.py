"""Who answers for a budget that is not the mind's: the same rule, with pace and memory of each payer's own.

    payers = Payers()
    choices = payers.rank("key alice", models, Request(balance=…, spendable=…, input_bound=…, max_tokens=…), now)
    …                                        # ask choices[0].model, then the next, …
    payers.used("key alice", answered_by, now, weight=1.0)

No I/O and no clock; forgotten at a restart, which costs a repeated model and nothing else.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from ai.asking import Purpose
from ai.model_config.model import Model
from ai.model_rotator.policy import START_B, Choice, RotatorState, rank

PAYERS_KEPT = 1_000  # the one that called longest ago goes first
USES_KEPT = 50  # ten different models are found in far fewer
FIRST_WEIGHT = 50.0  # of calls expected of a payer that nobody knows yet; then as much again as it has asked for
LEAST_DAYS = 1 / 24  # observed for less than an hour, a pace says nothing
DAY_SECONDS = 86_400.0
BYTES_A_TOKEN = 4  # of text on average: the bound counts bytes
ANSWERED_SHARE = 0.25  # of an output limit that answers use on average
USUAL_WEIGHT = 1.0


@dataclass(frozen=True, slots=True)
class Request:
    """One call of a payer: amounts in nano-dollars, sizes in tokens.

    `balance` is what its narrowest cap has left, `ends_at` when that is filled anew (None: never), `spendable` the
    most that this call may hold; `input_bound` the most input tokens, `times` how many answers are asked for. `weight`
    is what it is worth beside a usual call (1): above it a free request is taken at once, else on the day's even
    plan. `keep`: the model that answered last is asked first again.
    """

    balance: int
    spendable: int
    input_bound: int
    max_tokens: int
    weight: float = USUAL_WEIGHT
    times: int = 1
    keep: bool = False
    ends_at: datetime | None = None
    free_left: int = 0
    free_quota: int = 0
    day_left: float = 1.0
    resting: Collection[str] = frozenset()
    quality: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Payer:
    """What is remembered of a key or run: the models it was answered by, oldest first, and what it has asked for."""

    used: tuple[str, ...] = ()
    weight: float = 0.0
    first_at: datetime | None = None

    def after(self, model_id: str, weight: float, now: datetime) -> Payer:
        """Return what is remembered once this model has answered."""
        used = self.used if self.used[-1:] == (model_id,) else (*self.used, model_id)[-USES_KEPT:]
        return Payer(used, self.weight + weight, self.first_at or now)

    def weight_to_come(self, now: datetime, ends_at: datetime | None) -> float:
        """Return the weight expected until its cap is filled anew.

        At the pace it has had, where it had one for an hour; else as much again as it has asked for.
        """
        days = (now - self.first_at).total_seconds() / DAY_SECONDS if self.first_at else 0.0
        if ends_at is None or days < LEAST_DAYS:
            return FIRST_WEIGHT + self.weight
        return 1.0 + self.weight / days * max(0.0, (ends_at - now).total_seconds() / DAY_SECONDS)


class Payers:
    """Every payer that called lately, by name; at most PAYERS_KEPT."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, Payer] = OrderedDict()

    def rank(self, name: str, models: Sequence[Model], request: Request, now: datetime) -> list[Choice]:
        """Return who may answer, best first, then who stands in: next best, free, ultra-cheap, embedded last."""
        return rank_for(self._known.get(name, Payer()), models, request, now)

    def used(self, name: str, model_id: str, now: datetime, *, weight: float = USUAL_WEIGHT) -> None:
        """Note who answered."""
        self._known[name] = self._known.pop(name, Payer()).after(model_id, weight, now)
        while len(self._known) > PAYERS_KEPT:
            self._known.popitem(last=False)

    def last(self, name: str) -> str | None:
        """Return the id of who answered last; None before the first answer."""
        used = self._known.get(name, Payer()).used
        return used[-1] if used else None


def rank_for(payer: Payer, models: Sequence[Model], request: Request, now: datetime) -> list[Choice]:
    """Return the candidates for one payer's call, by `weight · quality − λ · cost` of its own balance; pure.

    No model comes again before ten others have, unless it is kept. `models` are those that can do what is asked for.
    """
    purpose = Purpose.THOUGHT if request.weight <= USUAL_WEIGHT else Purpose.IMPORTANT
    times = max(1, request.times)
    tokens = (request.input_bound / BYTES_A_TOKEN * times, request.max_tokens * ANSWERED_SHARE * times)
    state = RotatorState(
        models=models,
        balance=request.balance,
        spendable=request.spendable // times,
        b=START_B,
        weight_to_come=payer.weight_to_come(now, request.ends_at),
        tokens={purpose: tokens},
        input_bound=request.input_bound,
        max_tokens=request.max_tokens,
        free_left=request.free_left,
        free_quota=request.free_quota,
        day_left=request.day_left,
        resting=request.resting,
        history=payer.used,
        quality=request.quality,
        weight=request.weight,
    )
    if request.keep and payer.used:
        state = replace(state, current=payer.used[-1])
    return rank(purpose, state)
