"""Counts how often in a row the same was done with the same result; the count survives a restart."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from ai.clock import Clock
from ai.mind.database import MindDatabase
from ai.mind.journal import read_before

SAME_AT_MOST = 3  # the rule: three times the same action, parameters and result, and it is refused until another came
STRETCH_SECONDS = 6 * 3_600.0  # what was done longer ago is no part of a loop: three looks at breakfast, one at supper
# What others do changes the world: after it, looking once more is no loop. A mind's own deeds are not among them.
OUTSIDE = frozenset({
    "caretaker.command", "caretaker.message", "letter.arrived", "local.takes_over", "post.approved", "post.posted",
    "post.refused",
})  # fmt: skip


class LoopBreaker:
    """The counter in mind.db, one row a life."""

    def __init__(self, mind: MindDatabase, clock: Clock) -> None:
        self._mind = mind
        self._clock = clock

    def times(self, life: int, action: str, params: Mapping[str, Any]) -> int:
        """Return how often in a row this very request has been made with one result, lately and in the same world."""
        row = self._row(life)
        return int(row["times"]) if row is not None and self._follows(row, _digest([action, params])) else 0

    def done(self, life: int, action: str, params: Mapping[str, Any], result: str) -> None:
        """Note that this was done, with this result."""
        request, outcome = _digest([action, params]), _digest(result)
        with self._mind.transaction() as connection:
            row = self._row(life)
            same = row is not None and row["result"] == outcome and self._follows(row, request)
            connection.execute(
                "INSERT INTO loop_breaker (life, request, result, times, at, world) VALUES (?, ?, ?, ?, ?, ?) "
                "ON CONFLICT (life) DO UPDATE SET request = excluded.request, result = excluded.result, "
                "times = excluded.times, at = excluded.at, world = excluded.world",
                (life, request, outcome, int(row["times"]) + 1 if same else 1, self._now(), self._world()),
            )

    def _follows(self, row: Any, request: str) -> bool:
        """Say whether `request` now would go on with what `row` counts; a clock set back counts like one gone on."""
        lately = abs(self._now() - float(row["at"])) <= STRETCH_SECONDS
        return lately and row["request"] == request and int(row["world"]) == self._world()

    def _now(self) -> float:
        return self._clock.now().timestamp()

    def _world(self) -> int:
        """Return the number of the last event that came from outside."""
        newest = read_before(self._mind, None, 1, OUTSIDE)
        return newest[0].seq if newest else 0

    def _row(self, life: int) -> Any:
        found = self._mind.connection.execute(
            "SELECT request, result, times, at, world FROM loop_breaker WHERE life = ?", (life,)
        )
        return found.fetchone()


def _digest(value: object) -> str:
    written = json.dumps(value, sort_keys=True, ensure_ascii=True, default=str)
    return hashlib.sha256(written.encode()).hexdigest()
