"""Counts how often in a row the same was done with the same result; the count survives a restart."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from ai.mind.database import MindDatabase

SAME_AT_MOST = 3  # the rule: three times the same action, parameters and result, and it is refused until another came


class LoopBreaker:
    """The counter in mind.db, one row a life."""

    def __init__(self, mind: MindDatabase) -> None:
        self._mind = mind

    def times(self, life: int, action: str, params: Mapping[str, Any]) -> int:
        """Return how often in a row this very request has been made with one and the same result."""
        row = self._row(life)
        return int(row["times"]) if row is not None and row["request"] == _digest([action, params]) else 0

    def done(self, life: int, action: str, params: Mapping[str, Any], result: str) -> None:
        """Note that this was done, with this result."""
        request, outcome = _digest([action, params]), _digest(result)
        with self._mind.transaction() as connection:
            row = self._row(life)
            same = row is not None and (row["request"], row["result"]) == (request, outcome)
            connection.execute(
                "INSERT INTO loop_breaker (life, request, result, times) VALUES (?, ?, ?, ?) ON CONFLICT (life) "
                "DO UPDATE SET request = excluded.request, result = excluded.result, times = excluded.times",
                (life, request, outcome, int(row["times"]) + 1 if same else 1),
            )

    def _row(self, life: int) -> Any:
        found = self._mind.connection.execute("SELECT request, result, times FROM loop_breaker WHERE life = ?", (life,))
        return found.fetchone()


def _digest(value: object) -> str:
    written = json.dumps(value, sort_keys=True, ensure_ascii=True, default=str)
    return hashlib.sha256(written.encode()).hexdigest()
