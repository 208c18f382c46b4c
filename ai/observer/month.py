"""What the journal tells of the month: the balance by the hour, how often and how fast each model answered."""

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from ai.clock import Clock, rfc3339
from ai.mind.database import MindDatabase
from ai.mind.journal import Event
from ai.observer.events import page_of
from ai.observer.reader import Reader

WINDOW = 50_000  # numbers of events a question, so that it ends within the reader's time-out
PATIENCE_SECONDS = 0.03  # a page waits this long for the newest event to be counted
FIRST_COUNT_SECONDS = 2.0  # a page waits this long for the count at a start; the rest goes on beside it

_ANSWERED = """
SELECT substr(at, 1, 13) AS hour, data ->> '$.model' AS model, count(*) AS calls,
       sum(coalesce(data ->> '$.latency_ms', 0)) AS latency, max(seq) AS seq, data ->> '$.balance_nanos' AS balance
FROM events WHERE kind = 'call.completed' AND seq > ? AND seq <= ? AND at >= ? GROUP BY 1, 2
"""
_FAILED = """
SELECT data ->> '$.failed' AS model, count(*) AS failures
FROM events WHERE kind = 'call.fallback' AND seq > ? AND seq <= ? AND at >= ? GROUP BY 1
"""


@dataclass(slots=True)
class Answers:
    """How often a model answered, and the milliseconds that took together."""

    calls: int = 0
    latency_ms: int = 0


@dataclass(slots=True)
class Figures:
    """What the journal tells of one calendar month (UTC), up to event number `seen`; sums of money are the books'."""

    period: str
    seen: int
    models: dict[str, Answers] = field(default_factory=dict)
    failures: dict[str, int] = field(default_factory=dict)
    balances: dict[str, tuple[int, int]] = field(default_factory=dict)  # hour: (event number, nano-dollars left)
    last_call: Event | None = None


class Month:
    """Keeps the current month's figures, a question to the journal at a time, never from the beginning again."""

    def __init__(self, reader: Reader, clock: Clock) -> None:
        self._reader = reader
        self._clock = clock
        self._told = asyncio.Event()
        self.figures = Figures(period_of(clock.now()), 0)

    async def keep_up(self, grown: AsyncIterator[int]) -> None:
        """Count up to each number that `grown` yields, until it ends."""
        async for newest in grown:
            with contextlib.suppress(TimeoutError, sqlite3.Error):  # counted with the next event, then
                await self._count(newest)
            self._told.set()
            self._told = asyncio.Event()

    async def upto(self, newest: int, seconds: float) -> None:
        """Wait until event `newest` is counted, `seconds` at most."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self.figures.seen < newest:
                    await self._told.wait()

    async def _count(self, newest: int) -> None:
        period = period_of(self._clock.now())
        if self.figures.period != period or self.figures.seen == 0:
            start = await self._reader.read(lambda mind: first_seq_of(mind, period))
            self.figures = Figures(period, max(0, start - 1))
        while self.figures.seen < newest:
            upto = min(newest, self.figures.seen + WINDOW)
            question = partial(_rows, since=self.figures.seen, upto=upto, period=period)
            _fold(self.figures, await self._reader.read(question))
            self.figures.seen = upto


def period_of(when: datetime) -> str:
    """Return the budget month of a time, like 2026-11."""
    return rfc3339(when)[:7]


def first_seq_of(mind: MindDatabase, since: str) -> int:
    """Return the number of the first event not before `since` (a month, a moment), by halving.

    Numbers and times grow together, but for a clock set back, which moves the edge by as much.
    """
    row = mind.connection.execute("SELECT coalesce(min(seq), 1), coalesce(max(seq), 0) FROM events").fetchone()
    low, high = row[0], row[1] + 1
    while low < high:
        middle = (low + high) // 2
        found = mind.connection.execute(
            "SELECT at FROM events WHERE seq >= ? ORDER BY seq LIMIT 1", (middle,)
        ).fetchone()
        if found is None or found[0] >= since:
            high = middle
        else:
            low = middle + 1
    return int(low)


@dataclass(frozen=True, slots=True)
class _Rows:
    """One window's answers, read in the reader's thread and added up on the loop, where pages look at them."""

    answered: list[Any]
    failed: list[Any]
    last_call: Event | None


def _rows(mind: MindDatabase, since: int, upto: int, period: str) -> _Rows:
    window = (since, upto, period)
    calls = page_of(mind, ("call.completed",), limit=1, before=upto + 1)
    return _Rows(
        mind.connection.execute(_ANSWERED, window).fetchall(),
        mind.connection.execute(_FAILED, window).fetchall(),
        calls[0] if calls else None,
    )


def _fold(figures: Figures, rows: _Rows) -> None:
    for row in rows.answered:
        answers = figures.models.setdefault(row["model"] or "unknown", Answers())
        answers.calls += row["calls"]
        answers.latency_ms += row["latency"]
        if row["balance"] is not None and row["seq"] > figures.balances.get(row["hour"], (0, 0))[0]:
            figures.balances[row["hour"]] = (row["seq"], row["balance"])
    for row in rows.failed:
        model = row["model"] or "unknown"
        figures.failures[model] = figures.failures.get(model, 0) + row["failures"]
    figures.last_call = rows.last_call
