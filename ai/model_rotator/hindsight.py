"""A bound on what any choice could have made of a span of moments, knowing all of it beforehand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from ai.asking import Purpose
from ai.ledger.money import NANOS_PER_USD
from ai.model_config import Model, Tier
from ai.model_rotator.policy import NO_REPEAT, WEIGHTS

if TYPE_CHECKING:  # NumPy takes 20 MB, which only those who ask for the bound pay
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Counts = npt.NDArray[np.intp]

DAY_SECONDS = 86_400.0
ROUNDS = 400  # of lowering the bound; after 300 it falls by less than 0.1 %


class Moment(Protocol):
    """One moment: when (seconds from the start), what for, its tokens, and how much a post of it would be liked."""

    @property
    def at(self) -> float:
        """Seconds from the start of the span."""
        ...

    @property
    def purpose(self) -> Purpose:
        """What was thought about."""
        ...

    @property
    def prompt(self) -> int:
        """Tokens read."""
        ...

    @property
    def completion(self) -> int:
        """Tokens written."""
        ...

    @property
    def appeal(self) -> float:
        """How much a post of it would be liked; 1 is usual."""
        ...


@dataclass(frozen=True, slots=True)
class Means:
    """What there was to live on: nano-dollars, days, free requests and posts a day, a post's price, who thinks last."""

    budget: int
    days: int
    free_per_day: int
    posts_per_day: int
    post_nanos: int
    local_quality: float


@dataclass(slots=True)
class Duals:
    """Prices of what is scarce: money (per nano-dollar), a day's free requests and posts, and each model's turns."""

    money: float
    free: Floats
    posts: Floats
    turns: Floats


class HindsightBound:
    """An upper bound by weak duality, lowered step by step.

    For any prices of what is scarce, what there is of it at these prices, plus the best that each moment could net,
    is more than anybody can reach; the prices are moved towards the least such bound.
    Scarce are money, free requests and posts of a day, and turns: "no model again within ten" allows each model one
    moment in eleven. Failures are left out: who knows the month asks nobody who will fail.
    """

    def __init__(self, month: Sequence[Moment], models: Sequence[Model], means: Means) -> None:
        import numpy as np  # noqa: PLC0415 - see above

        self._np, self._means = np, means
        budget, days = means.budget, means.days
        remote = [m for m in models if m.tier is not Tier.LOCAL and (m.free or budget)]
        self._budget, self._days = budget, days
        self._turns = float(-(-len(month) // (NO_REPEAT + 1)))
        self._quality = np.array([m.quality for m in remote])
        self._free = np.flatnonzero([m.free for m in remote])
        self._is_free = np.array([m.free for m in remote], dtype=np.float64)
        prompt = np.array([float(m.prices.prompt) for m in remote]) * NANOS_PER_USD
        completion = np.array([float(m.prices.completion) for m in remote]) * NANOS_PER_USD
        self._cost: Floats = np.outer([m.prompt for m in month], prompt)
        self._cost += np.outer([m.completion for m in month], completion)
        self._day = np.array([int(m.at // DAY_SECONDS) for m in month])
        self._social = np.flatnonzero([m.purpose is Purpose.SOCIAL for m in month])
        self._weight = np.array([1.0 if m.purpose is Purpose.SOCIAL else WEIGHTS[m.purpose] for m in month])
        self._gain = np.array([(WEIGHTS[Purpose.SOCIAL] - 1.0) * m.appeal for m in month])
        self._value: Floats = np.outer(self._weight, self._quality)
        self._net = np.empty_like(self._value)
        start = 0.6 * float(self._weight.sum() + self._gain[self._social].sum()) / budget if budget else 0.0
        self._duals = Duals(start, np.full(days, 1.0), np.full(days, 0.1), np.zeros(len(remote)))

    def lower(self, rounds: int) -> float:
        """Return the least bound found within so many rounds."""
        return min(self._round(1.0 / (1.0 + n / 20.0)) for n in range(rounds))

    def _round(self, step: float) -> float:
        """Return the bound at the present prices, then move each towards where what it prices is just used up."""
        duals, rows = self._duals, self._np.arange(len(self._weight))
        self._np.multiply(self._cost, -duals.money, out=self._net)
        self._net += self._value
        self._net[:, self._free] -= duals.free[self._day][:, None]
        self._net -= duals.turns
        chosen = self._net.argmax(axis=1)
        best = self._net[rows, chosen]
        posts = self._np.zeros(len(rows))
        if self._budget >= self._means.post_nanos:
            chosen, best, posts = self._with_posts(chosen, best)
        local = self._weight * self._means.local_quality
        taken = best > local
        bound = float(self._np.maximum(best, local).sum()) + self._worth_of_all()
        self._move(chosen, taken.astype(self._np.float64), posts * taken, step)
        return bound

    def _with_posts(self, chosen: Counts, best: Floats) -> tuple[Counts, Floats, Floats]:
        """A draft may go out: its quality then counts more, and a post of the day and its price are used."""
        social, duals, posts = self._social, self._duals, self._np.zeros(len(best))
        posting = self._net[social] + self._gain[social][:, None] * self._quality
        posting -= (self._means.post_nanos * duals.money + duals.posts[self._day[social]])[:, None]
        which = posting.argmax(axis=1)
        value = posting[self._np.arange(len(social)), which]
        local = (self._weight + self._gain)[social] * self._means.local_quality - self._means.post_nanos * duals.money
        better = self._np.maximum(value, local) > best[social]
        chosen, best = chosen.copy(), best.copy()
        chosen[social] = self._np.where(better, which, chosen[social])
        best[social] = self._np.where(better, self._np.maximum(value, local), best[social])
        posts[social] = better
        return chosen, best, posts

    def _worth_of_all(self) -> float:
        duals = self._duals
        by_day = (
            float(duals.free.sum()) * self._means.free_per_day + float(duals.posts.sum()) * self._means.posts_per_day
        )
        return duals.money * self._budget + by_day + float(duals.turns.sum()) * self._turns

    def _move(self, chosen: Counts, taken: Floats, posts: Floats, step: float) -> None:
        duals, days = self._duals, self._days
        if self._budget:
            calls = (self._cost[self._np.arange(len(chosen)), chosen] * taken).sum()
            spent = float(calls + self._means.post_nanos * posts.sum())
            duals.money *= float(self._np.exp(0.3 * step * self._np.clip(spent / self._budget - 1.0, -1.0, 1.0)))
        free = self._np.bincount(self._day, weights=self._is_free[chosen] * taken, minlength=days)
        duals.free = _towards(duals.free, free / max(1, self._means.free_per_day), 0.5 * step)
        sent = self._np.bincount(self._day, weights=posts, minlength=days)
        duals.posts = _towards(duals.posts, sent / max(1, self._means.posts_per_day), 0.5 * step)
        turns = self._np.bincount(chosen, weights=taken, minlength=len(duals.turns))
        duals.turns = _towards(duals.turns, turns / self._turns, 0.1 * step)


def _towards(price: Floats, used: Floats, step: float) -> Floats:
    """Raise the price of what is used beyond its whole (1.0), lower that of what is left over."""
    moved: Floats = (price + step * (used - 1.0).clip(-1.0, 1.0)).clip(0.0)
    return moved


def hindsight_bound(month: Sequence[Moment], models: Sequence[Model], means: Means, rounds: int = ROUNDS) -> float:
    """Return a utility that no choice of models and posts for these moments can exceed."""
    return HindsightBound(month, models, means).lower(rounds)
