"""The journal: what happened, append-only, in order; logs, page and metrics only listen to it."""

import json
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ai.clock import Clock, parse_rfc3339, rfc3339
from ai.mind.database import MindDatabase
from ai.mind.events import EVENTS

PRUNE_BATCH = 5_000  # rows a call of `prune` may delete, so that a beat never waits for a long delete


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened; `seq` orders all of them and is never reused."""

    seq: int
    at: datetime
    kind: str
    life: int | None
    beat: int | None
    data: Mapping[str, Any]


class Journal:
    """Writes events durably and tells listeners; reads them back by number."""

    def __init__(self, mind: MindDatabase, clock: Clock) -> None:
        self._mind = mind
        self._clock = clock
        self._life: int | None = None
        self._beat: int | None = None
        self._listeners: list[Callable[[Event], None]] = []

    def bind(self, *, life: int | None = None, beat: int | None = None) -> None:
        """Say which life and beat the events to come belong to."""
        self._life, self._beat = life, beat

    @property
    def bound(self) -> tuple[int | None, int | None]:
        """The life and the beat that events belong to now."""
        return self._life, self._beat

    def append(self, kind: str, /, **data: Any) -> Event:
        """Write one event (data: JSON values; money as int nano-dollars in `…_nanos`), then tell the listeners.

        A secret of this installation in it is replaced: journal, log, page and stream show the same.

        Raises KeyError for a kind that `ai.mind.events.EVENTS` does not list: an event nobody can read is a defect.
        """
        if kind not in EVENTS:
            raise KeyError(f"event kind {kind!r} is not in ai/mind/events.py; register it with a line for people")
        data = self._mind.redact.all_of(data)
        now = self._clock.now()
        cursor = self._mind.connection.execute(
            "INSERT INTO events (at, kind, life, beat, data) VALUES (?, ?, ?, ?, ?)",
            (rfc3339(now), kind, self._life, self._beat, json.dumps(data, ensure_ascii=False)),
        )
        assert cursor.lastrowid is not None  # noqa: S101 - an INSERT always has one; this is for the type checker
        event = Event(cursor.lastrowid, now, kind, self._life, self._beat, data)
        self._mind.when_durable(lambda: self._tell(event))
        return event

    def _tell(self, event: Event) -> None:
        for listener in self._listeners:
            listener(event)

    def together(self) -> AbstractContextManager[object]:
        """Make what is written to mind.db inside durable as one: one commit for all of a step's traces."""
        return self._mind.transaction()

    def listen(self, callback: Callable[[Event], None]) -> None:
        """Call `callback` with every event from now on, after it is durable."""
        self._listeners.append(callback)

    def after(self, seq: int, limit: int = 100, kinds: Collection[str] = ()) -> list[Event]:
        """Return up to `limit` events with a number above `seq`, oldest first."""
        return read_after(self._mind, seq, limit, kinds)

    def before(self, seq: int | None, limit: int = 100, kinds: Collection[str] = ()) -> list[Event]:
        """Return up to `limit` events with a number below `seq` (None: from the end), newest first."""
        return read_before(self._mind, seq, limit, kinds)

    def prune(self, keep_days: int) -> int:
        """Delete up to PRUNE_BATCH events older than `keep_days`; return how many. Money's own records stay."""
        oldest = rfc3339(self._clock.now() - timedelta(days=keep_days))
        return self._mind.connection.execute(
            "DELETE FROM events WHERE seq IN (SELECT seq FROM events WHERE at < ? ORDER BY seq LIMIT ?)",
            (oldest, PRUNE_BATCH),
        ).rowcount


def read_after(mind: MindDatabase, seq: int, limit: int = 100, kinds: Collection[str] = ()) -> list[Event]:
    """Return up to `limit` events with a number above `seq`, oldest first; works on a read-only mind."""
    return _select(mind, "seq > ? {kinds} ORDER BY seq", seq, limit, kinds)


def read_before(mind: MindDatabase, seq: int | None, limit: int = 100, kinds: Collection[str] = ()) -> list[Event]:
    """Return up to `limit` events with a number below `seq` (None: from the end), newest first."""
    return _select(mind, "seq < ? {kinds} ORDER BY seq DESC", 2**63 - 1 if seq is None else seq, limit, kinds)


def _select(mind: MindDatabase, clause: str, seq: int, limit: int, kinds: Collection[str]) -> list[Event]:
    chosen = f"AND kind IN ({','.join('?' * len(kinds))})" if kinds else ""
    rows = mind.connection.execute(
        f"SELECT seq, at, kind, life, beat, data FROM events WHERE {clause.format(kinds=chosen)} LIMIT ?",
        (seq, *kinds, limit),
    )
    return [Event(row[0], parse_rfc3339(row[1]), row[2], row[3], row[4], json.loads(row[5])) for row in rows.fetchall()]
