"""The month in figures, counted from the journal: balance by the hour, spending by day, how models answered."""

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from ai.clock import Clock, rfc3339
from ai.journal import Event
from ai.mind import Mind
from ai.observer.events import page_of
from ai.observer.reader import Reader

SPENDING = frozenset({"call.completed", "post.posted"})  # events that carry what was paid
WINDOW = 50_000  # numbers of events a question, so that it ends within the reader's time-out
PATIENCE_SECONDS = 0.03  # a page waits this long for the newest event to be counted
FIRST_COUNT_SECONDS = 2.0  # a page waits this long for the count at a start; the rest goes on beside it

_SPENT = """
SELECT substr(at, 1, 13) AS hour, data ->> '$.model' AS model, data ->> '$.tier' AS tier, count(*) AS calls,
       sum(coalesce(data ->> '$.cost_nanos', data ->> '$.price_nanos', 0)) AS cost,
       sum(coalesce(data ->> '$.prompt_tokens', 0)) AS prompt,
       sum(coalesce(data ->> '$.completion_tokens', 0)) AS completion,
       sum(coalesce(data ->> '$.latency_ms', 0)) AS latency, max(seq) AS seq, data ->> '$.balance_nanos' AS balance
FROM events WHERE kind = ? AND seq > ? AND seq <= ? AND at >= ? GROUP BY 1, 2, 3
"""
_FAILED = """
SELECT data ->> '$.failed' AS model, count(*) AS failures
FROM events WHERE kind = 'call.fallback' AND seq > ? AND seq <= ? AND at >= ? GROUP BY 1
"""


@dataclass(slots=True)
class Spent:
    """Calls, nano-dollars, tokens and milliseconds, added up."""

    calls: int = 0
    cost: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    latency_ms: int = 0

    def add(self, row: Any) -> None:
        """Add one row of `_SPENT`."""
        self.calls += row["calls"]
        self.cost += row["cost"]
        self.prompt_tokens += row["prompt"]
        self.completion_tokens += row["completion"]
        self.latency_ms += row["latency"]


@dataclass(slots=True)
class Figures:
    """What one calendar month (UTC) came to so far, up to event number `seen`."""

    period: str
    seen: int
    days: dict[str, Spent] = field(default_factory=dict)
    tiers: dict[str, Spent] = field(default_factory=dict)
    models: dict[str, Spent] = field(default_factory=dict)
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


def first_seq_of(mind: Mind, since: str) -> int:
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

    spent: list[tuple[str, Any]]
    failed: list[Any]
    last_call: Event | None


def _rows(mind: Mind, since: int, upto: int, period: str) -> _Rows:
    ask = mind.connection.execute
    spent = [(kind, row) for kind in sorted(SPENDING) for row in ask(_SPENT, (kind, since, upto, period))]
    failed = ask(_FAILED, (since, upto, period)).fetchall()
    calls = page_of(mind, ("call.completed",), limit=1, before=upto + 1)
    return _Rows(spent, failed, calls[0] if calls else None)


def _fold(figures: Figures, rows: _Rows) -> None:
    for kind, row in rows.spent:
        _add(figures, kind, row)
    for row in rows.failed:
        model = row["model"] or "unknown"
        figures.failures[model] = figures.failures.get(model, 0) + row["failures"]
    figures.last_call = rows.last_call


def _add(figures: Figures, kind: str, row: Any) -> None:
    figures.days.setdefault(row["hour"][:10], Spent()).add(row)
    is_call = kind == "call.completed"
    figures.tiers.setdefault(row["tier"] or ("post" if not is_call else "unknown"), Spent()).add(row)
    if is_call:
        figures.models.setdefault(row["model"] or "unknown", Spent()).add(row)
    if row["balance"] is not None and row["seq"] > figures.balances.get(row["hour"], (0, 0))[0]:
        figures.balances[row["hour"]] = (row["seq"], row["balance"])
