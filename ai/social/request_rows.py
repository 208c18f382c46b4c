"""The outbox's requests to networks in mind.db: one row for each, with the hold's id, from before it to its end."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ai.clock import Clock, parse_rfc3339, rfc3339
from ai.mind.database import MindDatabase


class RequestEnd(StrEnum):
    """How a request to a network ended, as far as money goes; a capture needs its cost."""

    CAPTURED = "captured"
    REFUSED = "refused"
    VOID = "void"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class NetworkRequest:
    """One request; `id` is its hold's in the purse, amounts are nano-dollars; `fate` None: it has not ended."""

    id: str
    delivery: int
    kind: str
    held_nanos: int
    cost_nanos: int | None
    fate: RequestEnd | None
    at: datetime


class RequestRows:
    """Reads and writes the table; each method is one durable write unless inside a transaction of the outbox."""

    def __init__(self, mind: MindDatabase, clock: Clock) -> None:
        self._mind = mind
        self._clock = clock

    def begin(self, request_id: str, delivery_id: int, kind: str, held_nanos: int, *, counted: bool) -> None:
        """Write down a request before money is held for it, so that a crash finds the hold.

        `counted`: its hold takes one of the day's posts.
        """
        self._mind.connection.execute(
            "INSERT INTO network_requests (id, delivery, kind, held_nanos, counted, at) VALUES (?, ?, ?, ?, ?, ?)",
            (request_id, delivery_id, kind, held_nanos, int(counted), rfc3339(self._clock.now())),
        )

    def end(self, request_id: str, fate: RequestEnd, cost_nanos: int | None = None) -> None:
        """Write down how a request ended."""
        self._mind.connection.execute(
            "UPDATE network_requests SET fate = ?, cost_nanos = ? WHERE id = ?", (fate.value, cost_nanos, request_id)
        )

    def get(self, request_id: str) -> NetworkRequest | None:
        """Return a request, or None."""
        return next(iter(self._select("id = ?", request_id)), None)

    def under_way(self) -> list[NetworkRequest]:
        """Return the requests that have not ended; beside the one just made, they are those a crash cut short."""
        return self._select("fate IS NULL ORDER BY at")

    def unknown(self, delivery_id: int) -> list[NetworkRequest]:
        """Return a delivery's sendings whose outcome is unknown."""
        return self._select("delivery = ? AND kind = 'post' AND fate = 'unknown' ORDER BY at", delivery_id)

    def counts_today(self, post_id: int) -> bool:
        """Return whether a post has taken one of today's (UTC) posts already, for whichever network."""
        row = self._mind.connection.execute(
            "SELECT 1 FROM network_requests r JOIN deliveries d ON d.id = r.delivery WHERE d.post = ? "
            "AND r.counted = 1 AND r.at >= ? AND (r.fate IS NULL OR r.fate IN ('captured', 'unknown')) LIMIT 1",
            (post_id, f"{self._clock.now():%Y-%m-%d}"),
        ).fetchone()
        return row is not None

    def first_reads(self, read: Iterable[tuple[str, int]]) -> int:
        """Note what was read today (UTC); return the nano-dollars of what was read for the first time, as X charges."""
        day = f"{self._clock.now():%Y-%m-%d}"
        with self._mind.transaction() as connection:
            connection.execute("DELETE FROM network_reads WHERE day < ?", (day,))
            return sum(
                price * connection.execute("INSERT OR IGNORE INTO network_reads VALUES (?, ?)", (day, name)).rowcount
                for name, price in read
            )

    def _select(self, where: str, *params: object) -> list[NetworkRequest]:
        rows = self._mind.connection.execute(f"SELECT * FROM network_requests WHERE {where}", params).fetchall()
        return [
            NetworkRequest(
                id=row["id"],
                delivery=row["delivery"],
                kind=row["kind"],
                held_nanos=row["held_nanos"],
                cost_nanos=row["cost_nanos"],
                fate=None if row["fate"] is None else RequestEnd(row["fate"]),
                at=parse_rfc3339(row["at"]),
            )
            for row in rows
        ]
