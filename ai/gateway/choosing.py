"""Who answers `auto` and `free`: by what a dollar of this key's or run's own budget is worth, best first."""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ai.asking import Purpose
from ai.gateway.names import may_use
from ai.model_config import Model, Tier
from ai.model_rotator.policy import NO_REPEAT, RotatorState, rank

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from ai.gateway.dialects.asked import Asked

USES_KEPT = 50  # ten different models are found in far fewer
CALLERS_KEPT = 1_000  # keys and runs remembered; the one that called longest ago goes first
# Nobody knows how many calls a budget is to last for: as many as it served already, and so many at its start.
FIRST_CALLS = 50
TOKENS_SHARE = 4  # of an output limit an answer has about a quarter; likewise bytes a token of input


@dataclass(slots=True)
class Habit:
    """What one key or run used: model ids, oldest first, and how many calls it made."""

    used: deque[str] = field(default_factory=lambda: deque(maxlen=USES_KEPT))
    calls: int = 0


class Habits:
    """Who answered whom lately; forgotten at a restart, which costs a repeated model and nothing else."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, str], Habit] = OrderedDict()

    def of(self, key: str, run: str) -> Habit:
        """Return the habit of a key and run."""
        habit = self._known.setdefault((key, run), Habit())
        self._known.move_to_end((key, run))
        while len(self._known) > CALLERS_KEPT:
            self._known.popitem(last=False)
        return habit

    def note(self, key: str, run: str, model_id: str) -> None:
        """Note who answered."""
        habit = self.of(key, run)
        habit.calls += 1
        if not habit.used or habit.used[-1] != model_id:
            habit.used.append(model_id)


@dataclass(frozen=True, slots=True)
class Choosing:
    """All that a choice depends on beside the models; `available` in nano-dollars is the narrowest cap's."""

    asked: Asked
    max_output: int
    available: int
    resting: Collection[str]
    allowed: Collection[str]
    free_left: int
    weight: float
    keep: bool


def able(models: Sequence[Model], asked: Asked, allowed: Collection[str]) -> list[Model]:
    """Return the models that can do what a body asks for; the embedded one answers in text whatever is asked."""
    return [
        model
        for model in models
        if may_use(model, allowed)
        and (model.tier is Tier.LOCAL or (_supports(model, asked) and not asked.whole_context))
    ]


def by_worth(models: Sequence[Model], habit: Habit, choosing: Choosing) -> list[Model]:
    """Return who may answer `auto`, best first: by the price-of-money rule, free and embedded models last."""
    asked, output = choosing.asked, choosing.max_output
    state = RotatorState(
        models=able(models, asked, choosing.allowed),
        balance=choosing.available,
        spendable=choosing.available // max(1, asked.times),
        weight_to_come=(FIRST_CALLS + habit.calls) / choosing.weight,
        tokens={Purpose.THOUGHT: (asked.input_tokens / TOKENS_SHARE, output / TOKENS_SHARE)},
        input_bound=asked.input_tokens,
        max_tokens=output + asked.extra_output,
        free_left=choosing.free_left,
        free_quota=choosing.free_left,
        resting=choosing.resting,
        history=tuple(habit.used),
        current=habit.used[-1] if choosing.keep and habit.used else None,
    )
    return [choice.model for choice in rank(Purpose.THOUGHT, state)]


def for_nothing(models: Sequence[Model], habit: Habit, choosing: Choosing) -> list[Model]:
    """Return who may answer `free`: free models that were not used lately first, then the embedded one."""
    fit = able(models, choosing.asked, choosing.allowed)
    free = [m for m in fit if m.free and m.barred is None and m.id not in choosing.resting]
    lately = set(list(dict.fromkeys(reversed(habit.used)))[:NO_REPEAT])
    kept = habit.used[-1] if choosing.keep and habit.used else None
    free.sort(key=lambda m: (m.id != kept, m.id in lately, -m.quality, m.id))
    return [*(free if choosing.free_left > 0 else [])[:5], *(m for m in fit if m.tier is Tier.LOCAL)]


def _supports(model: Model, asked: Asked) -> bool:
    """Return whether the listing says that a model takes what a body needs; a schema may be asked for either way."""
    needs = set(asked.needs)
    if "structured_outputs" in needs and "response_format" in model.parameters:
        needs.discard("structured_outputs")
    return needs <= model.parameters
