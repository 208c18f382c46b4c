"""What the rotation remembers in mind.db: who thought when, how models turned out, the AI's wish, the month's pace."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from ai.asking import Purpose
from ai.clock import parse_rfc3339, rfc3339
from ai.mind.database import MindDatabase
from ai.model_config.holds import THOUGHT_SIZE, thought_size
from ai.model_rotator.policy import START_B

USES_KEPT = 500  # ten different models are found in far fewer; the rest is for a person who looks
OBSERVED_KEPT = 60.0  # answers: older ones fade, so that a model that got better is seen again
TRUST = 10.0  # answers that the table's quality counts for: a first bad answer is no verdict
T = TypeVar("T")
WISH, PACE = "rotation.wish", "rotation.pace"


@dataclass(frozen=True, slots=True)
class Use:
    """One beat's model."""

    model: str
    life: int | None
    beat: int | None


@dataclass(frozen=True, slots=True)
class Wish:
    """A model that the AI asked for, in which life."""

    model: str
    life: int | None


@dataclass(frozen=True, slots=True)
class LearnedPace:
    """What was learned of the month: b and the smoothed speed, observed moments a day and tokens a call.

    `at`, `period` and `spent` (nano-dollars) are of the last hour that was looked at.
    """

    b: float = START_B
    speed: float = 1.0
    at: datetime | None = None
    period: str = ""
    spent: int = 0
    moments: Mapping[Purpose, float] = field(default_factory=dict)
    tokens: Mapping[Purpose, tuple[float, float]] = field(default_factory=dict)


class RotationMemory:
    """Reads and writes the rotation's rows; a connection that only reads serves for looking."""

    def __init__(self, mind: MindDatabase) -> None:
        self._mind = mind

    def models_used(self) -> list[str]:
        """Return the different models used, each once, the one used longest ago first."""
        rows = self._mind.connection.execute(
            "SELECT model FROM rotation_uses GROUP BY model ORDER BY MAX(seq)"
        ).fetchall()
        return [row["model"] for row in rows]

    def last(self) -> Use | None:
        """Return the last use, or None."""
        row = self._mind.connection.execute(
            "SELECT model, life, beat FROM rotation_uses ORDER BY seq DESC LIMIT 1"
        ).fetchone()
        return None if row is None else Use(row["model"], row["life"], row["beat"])

    def together(self) -> AbstractContextManager[object]:
        """Write what follows as one."""
        return self._mind.transaction()

    def add_use(self, use: Use, now: datetime) -> None:
        """Write one use and forget the oldest beyond those kept."""
        with self._mind.transaction() as connection:
            cursor = connection.execute(
                "INSERT INTO rotation_uses (at, model, life, beat) VALUES (?, ?, ?, ?)",
                (rfc3339(now), use.model, use.life, use.beat),
            )
            connection.execute("DELETE FROM rotation_uses WHERE seq <= ?", ((cursor.lastrowid or 0) - USES_KEPT,))

    def trust(self) -> dict[str, float]:
        """Return, for each model that answered, the share of its quality to count on, above 0 and at most 1."""
        rows = self._mind.connection.execute("SELECT model, answers, good FROM rotation_observed").fetchall()
        return {row["model"]: (TRUST + row["good"]) / (TRUST + row["answers"]) for row in rows}

    def add_answer(self, model: str, *, good: bool) -> None:
        """Count one answer; good is one that could be read and whose thought is not an earlier one again."""
        self._mind.connection.execute(
            "INSERT INTO rotation_observed (model, answers, good) VALUES (?, 1, ?) ON CONFLICT (model) DO UPDATE SET "
            "answers = answers * (1 - 1 / ?) + 1, good = good * (1 - 1 / ?) + excluded.good",
            (model, float(good), OBSERVED_KEPT, OBSERVED_KEPT),
        )

    def wish(self) -> Wish | None:
        """Return the AI's standing wish."""
        kept = self._mind.recall(WISH)
        return Wish(str(kept["model"]), kept.get("life")) if isinstance(kept, dict) and "model" in kept else None

    def keep_wish(self, wish: Wish | None) -> None:
        """Keep or, with None, forget the AI's wish."""
        self._mind.remember(WISH, None if wish is None else {"model": wish.model, "life": wish.life})

    def pace(self) -> LearnedPace:
        """Return what was learned, or where learning starts."""
        kept = self._mind.recall(PACE)
        return _pace(kept) if isinstance(kept, dict) else LearnedPace()

    def keep_pace(self, pace: LearnedPace) -> None:
        """Keep what was learned."""
        self._mind.remember(
            PACE,
            {
                "b": pace.b,
                "speed": pace.speed,
                "at": None if pace.at is None else rfc3339(pace.at),
                "period": pace.period,
                "spent": pace.spent,
                "moments": {purpose.value: rate for purpose, rate in pace.moments.items()},
                "tokens": {purpose.value: list(pair) for purpose, pair in pace.tokens.items()},
            },
        )

    def thought_size(self) -> int | None:
        """Return the most input tokens that the last thought could have; None before the first."""
        return thought_size(self._mind)

    def keep_thought_size(self, input_bound: int) -> None:
        """Keep the most input tokens that a thought could have."""
        if input_bound != self.thought_size():
            self._mind.remember(THOUGHT_SIZE, input_bound)


def _pace(kept: Mapping[str, Any]) -> LearnedPace:
    return LearnedPace(
        b=float(kept["b"]),
        speed=float(kept["speed"]),
        at=None if kept["at"] is None else parse_rfc3339(kept["at"]),
        period=kept["period"],
        spent=int(kept["spent"]),
        moments=by_purpose(kept["moments"]),
        tokens=by_purpose({name: (pair[0], pair[1]) for name, pair in kept["tokens"].items()}),
    )


def by_purpose(named: Mapping[str, T]) -> dict[Purpose, T]:
    """Return the entries whose name is a purpose; the books hold posts to X and other clients' too."""
    known = {purpose.value: purpose for purpose in Purpose}
    return {known[name]: value for name, value in named.items() if name in known}
