"""The outbox's tables in mind.db: posts, and the requests to X that money is held for."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from ai.clock import Clock, parse_rfc3339, rfc3339
from ai.mind.database import MindDatabase
from ai.social.post import Post, PostState
from ai.social.text import letters

LONGEST_WAIT = timedelta(hours=25)  # a day, which X's rate limit and an unknown outcome may take, and an hour
MAX_LISTED = 1_000  # rows of one answer; the page and the command show fewer


class RequestEnd(StrEnum):
    """How a request to X ended, as far as money goes; a capture needs its cost."""

    CAPTURED = "captured"
    REFUSED = "refused"
    VOID = "void"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class XCall:
    """One request to X; `id` is its hold's in the purse, amounts are nano-dollars."""

    id: str
    tweet: int
    kind: str
    held_nanos: int
    cost_nanos: int | None
    fate: RequestEnd | None
    at: datetime


class OutboxRows:
    """Reads and writes the tables; each method is one durable write unless inside `transaction`."""

    def __init__(self, mind: MindDatabase, clock: Clock) -> None:
        self._mind = mind
        self._clock = clock
        self.transaction = mind.transaction

    # --- posts -----------------------------------------------------------------------------------------
    def add(  # noqa: PLR0913 - a row's columns, each by its name
        self, text: str, *, source: str, life: int | None, beat: int | None, state: PostState, price_nanos: int
    ) -> Post:
        """Write a new post."""
        now = rfc3339(self._clock.now())
        row = self._mind.connection.execute(
            "INSERT INTO tweets (text, letters, source, life, beat, state, price_nanos, created_at, due_at) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING *",
            (text, letters(text), source, life, beat, state.value, price_nanos, now, now),
        ).fetchone()
        return _post(row)

    def get(self, post_id: int) -> Post | None:
        """Return a post, or None."""
        row = self._mind.connection.execute("SELECT * FROM tweets WHERE id = ?", (post_id,)).fetchone()
        return None if row is None else _post(row)

    def change(self, post_id: int, **columns: object) -> Post:
        """Write columns of a post (times as datetimes); return it as it is then."""
        values = [rfc3339(value) if isinstance(value, datetime) else value for value in columns.values()]
        names = ", ".join(f"{name} = ?" for name in columns)
        row = self._mind.connection.execute(
            f"UPDATE tweets SET {names} WHERE id = ? RETURNING *", (*values, post_id)
        ).fetchone()
        return _post(row)

    def newest(self, limit: int) -> list[Post]:
        """Return the last posts, newest first."""
        return self._select("1 ORDER BY id DESC LIMIT ?", min(max(limit, 0), MAX_LISTED))

    def last_of(self, life: int) -> Post | None:
        """Return the last post of a life, or None."""
        found = self._select("life = ? ORDER BY id DESC LIMIT 1", life)
        return found[0] if found else None

    def waiting(self) -> list[Post]:
        """Return the posts that will still go on: not those whose outcome was given up on; oldest first."""
        return self._select(
            "state IN ('queued', 'awaiting_approval', 'sending') OR (state = 'unknown' AND due_at IS NOT NULL) "
            "ORDER BY id LIMIT ?",
            MAX_LISTED,
        )

    def due(self, state: PostState) -> list[Post]:
        """Return the posts of this state whose time has come, oldest first.

        Nothing is ever put off for longer than LONGEST_WAIT: what is due later was written before the clock was set
        back, and is due now.
        """
        now = self._clock.now()
        between = (rfc3339(now), rfc3339(now + LONGEST_WAIT))
        return self._select(
            "state = ? AND (due_at <= ? OR due_at > ?) ORDER BY id LIMIT ?", state, *between, MAX_LISTED
        )

    def same_letters(self, text: str) -> Post | None:
        """Return the last post of the same letters that was not refused, or None."""
        found = self._select("letters = ? AND state <> 'refused' ORDER BY id DESC LIMIT 1", letters(text))
        return found[0] if found else None

    def texts(self, limit: int) -> list[str]:
        """Return the texts of the last posts that were not refused, newest first."""
        return [post.text for post in self._select("state <> 'refused' ORDER BY id DESC LIMIT ?", limit)]

    def last_out(self) -> datetime | None:
        """Return when the last post left, or may have, or stood on the local timeline."""
        row = self._mind.connection.execute(
            "SELECT max(sent_at) FROM tweets WHERE state IN ('sending', 'posted', 'unknown', 'dry_run')"
        ).fetchone()
        return None if row[0] is None else parse_rfc3339(row[0])

    def out_between(self, start: datetime, end: datetime) -> int:
        """Return how many posts left, or may have, or stood on the local timeline, from `start` to before `end`."""
        row = self._mind.connection.execute(
            "SELECT count(*) FROM tweets WHERE sent_at >= ? AND sent_at < ? "
            "AND state IN ('sending', 'posted', 'unknown', 'dry_run')",
            (rfc3339(start), rfc3339(end)),
        ).fetchone()
        return int(row[0])

    def bring_back(self, now: datetime) -> None:
        """Put posts that left "later than now", by a clock that was ahead, where they stand nobody in the way.

        The last of them, and what is still asked about, counts as of `now`, the others as of the day before: when they
        really left, nobody knows.
        """
        self._mind.connection.execute(
            "UPDATE tweets SET sent_at = iif(state IN ('sending', 'unknown') OR "
            "id = (SELECT id FROM tweets ORDER BY sent_at DESC, id DESC LIMIT 1), ?, ?) WHERE sent_at > ?",
            (rfc3339(now), rfc3339(now - timedelta(days=1)), rfc3339(now)),
        )

    def last_remote_id(self) -> str | None:
        """Return X's id of the newest post known to be there; its ids grow with time."""
        row = self._mind.connection.execute(
            "SELECT remote_id FROM tweets WHERE remote_id IS NOT NULL AND remote_id NOT GLOB '*[^0-9]*' "
            "ORDER BY length(remote_id) DESC, remote_id DESC LIMIT 1"
        ).fetchone()
        return None if row is None else str(row[0])

    def _select(self, where: str, *params: object) -> list[Post]:
        return [
            _post(row)
            for row in self._mind.connection.execute(f"SELECT * FROM tweets WHERE {where}", params).fetchall()
        ]

    # --- requests --------------------------------------------------------------------------------------
    def begin_call(self, call_id: str, post_id: int, kind: str, held_nanos: int) -> None:
        """Write down a request before money is held for it, so that a crash finds the hold."""
        self._mind.connection.execute(
            "INSERT INTO x_calls (id, tweet, kind, held_nanos, at) VALUES (?, ?, ?, ?, ?)",
            (call_id, post_id, kind, held_nanos, rfc3339(self._clock.now())),
        )

    def end_call(self, call_id: str, fate: RequestEnd, cost_nanos: int | None = None) -> None:
        """Write down how a request ended."""
        self._mind.connection.execute(
            "UPDATE x_calls SET fate = ?, cost_nanos = ? WHERE id = ?", (fate.value, cost_nanos, call_id)
        )

    def call(self, call_id: str) -> XCall | None:
        """Return a request, or None."""
        found = self._calls("id = ?", call_id)
        return found[0] if found else None

    def calls_under_way(self) -> list[XCall]:
        """Return the requests that have not ended; beside the one just made, they are those a crash cut short."""
        return self._calls("fate IS NULL ORDER BY at")

    def unknown_calls(self, post_id: int) -> list[XCall]:
        """Return a post's sendings whose outcome is unknown."""
        return self._calls("tweet = ? AND kind = 'post' AND fate = 'unknown' ORDER BY at", post_id)

    def _calls(self, where: str, *params: object) -> list[XCall]:
        rows = self._mind.connection.execute(f"SELECT * FROM x_calls WHERE {where}", params).fetchall()
        return [
            XCall(
                id=row["id"],
                tweet=row["tweet"],
                kind=row["kind"],
                held_nanos=row["held_nanos"],
                cost_nanos=row["cost_nanos"],
                fate=None if row["fate"] is None else RequestEnd(row["fate"]),
                at=parse_rfc3339(row["at"]),
            )
            for row in rows
        ]

    def first_reads(self, resources: Iterable[str]) -> int:
        """Note what was read today (UTC) and return how much of it was read for the first time, which X charges."""
        day = f"{self._clock.now():%Y-%m-%d}"
        with self._mind.transaction() as connection:
            connection.execute("DELETE FROM x_reads WHERE day < ?", (day,))
            return sum(
                connection.execute("INSERT OR IGNORE INTO x_reads VALUES (?, ?)", (day, resource)).rowcount
                for resource in resources
            )


def _post(row: Any) -> Post:
    return Post(
        id=row["id"],
        text=row["text"],
        source=row["source"],
        life=row["life"],
        beat=row["beat"],
        state=PostState(row["state"]),
        price_nanos=row["price_nanos"],
        approved=bool(row["approved"]),
        attempts=row["attempts"],
        asked=row["asked"],
        doubted=bool(row["doubted"]),
        after_id=row["after_id"],
        remote_id=row["remote_id"],
        problem=row["problem"],
        created_at=parse_rfc3339(row["created_at"]),
        due_at=_when(row["due_at"]),
        sent_at=_when(row["sent_at"]),
        posted_at=_when(row["posted_at"]),
    )


def _when(text: str | None) -> datetime | None:
    return None if text is None else parse_rfc3339(text)
