"""The outbox's posts and their deliveries in mind.db."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from ai.clock import Clock, parse_rfc3339, rfc3339
from ai.mind.database import MindDatabase
from ai.social.post import Delivery, Post, PostState
from ai.social.text import letters

LONGEST_WAIT = timedelta(hours=25)  # a day, which a rate limit and an unknown outcome may take, and an hour
MAX_LISTED = 1_000  # rows of one answer; the page and the command show fewer
_LEFT = "state IN ('sending', 'posted', 'unknown', 'dry_run')"
_NOT_REFUSED = "EXISTS (SELECT 1 FROM deliveries d WHERE d.post = posts.id AND d.state <> 'refused')"
_GOES_ON = (
    "EXISTS (SELECT 1 FROM deliveries d WHERE d.post = posts.id AND "
    "(d.state IN ('queued', 'awaiting_approval', 'sending') OR (d.state = 'unknown' AND d.due_at IS NOT NULL)))"
)


class OutboxRows:
    """Reads and writes the tables; each method is one durable write unless inside `transaction`."""

    def __init__(self, mind: MindDatabase, clock: Clock) -> None:
        self._mind = mind
        self._clock = clock
        self.transaction = mind.transaction

    # --- writing ---------------------------------------------------------------------------------------
    def add(self, text: str, *, source: str, life: int | None, beat: int | None) -> int:
        """Write a new post; return its number. Its deliveries follow, in the same transaction."""
        row = self._mind.connection.execute(
            "INSERT INTO posts (text, letters, source, life, beat, created_at) VALUES (?, ?, ?, ?, ?, ?) RETURNING id",
            (text, letters(text), source, life, beat, rfc3339(self._clock.now())),
        ).fetchone()
        return int(row[0])

    def address(self, post_id: int, network: str, key: str, **columns: object) -> None:
        """Write a new delivery of a post to a network: `state`, `price_nanos`, `problem`; due at once."""
        due = None if columns["state"] is PostState.REFUSED else self._clock.now()
        self._mind.connection.execute(
            "INSERT INTO deliveries (post, network, key, state, price_nanos, problem, due_at) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            (post_id, network, key, str(columns["state"]), columns["price_nanos"], columns.get("problem"),
             due and rfc3339(due)),
        )  # fmt: skip

    def change(self, delivery_id: int, **columns: object) -> Delivery:
        """Write columns of a delivery (times as datetimes); return it as it is then."""
        values = [rfc3339(value) if isinstance(value, datetime) else value for value in columns.values()]
        names = ", ".join(f"{name} = ?" for name in columns)
        row = self._mind.connection.execute(
            f"UPDATE deliveries SET {names} WHERE id = ? RETURNING *", (*values, delivery_id)
        ).fetchone()
        return _delivery(row)

    def approve(self, post_id: int) -> None:
        """Note that a person released a post."""
        self._mind.connection.execute("UPDATE posts SET approved = 1 WHERE id = ?", (post_id,))

    def bring_back(self, now: datetime) -> None:
        """Put what left "later than now", by a clock that was ahead, where it stands nobody in the way.

        The last of them, and what is still asked about, counts as of `now`, the others as of the day before: when they
        really left, nobody knows.
        """
        self._mind.connection.execute(
            "UPDATE deliveries SET sent_at = iif(state IN ('sending', 'unknown') OR post = "
            "(SELECT post FROM deliveries ORDER BY sent_at DESC, id DESC LIMIT 1), ?, ?) WHERE sent_at > ?",
            (rfc3339(now), rfc3339(now - timedelta(days=1)), rfc3339(now)),
        )

    # --- posts -----------------------------------------------------------------------------------------
    def get(self, post_id: int) -> Post | None:
        """Return a post, or None."""
        return next(iter(self._posts("id = ?", post_id)), None)

    def newest(self, limit: int) -> list[Post]:
        """Return the last posts, newest first."""
        return self._posts("1 ORDER BY id DESC LIMIT ?", min(max(limit, 0), MAX_LISTED))

    def waiting(self) -> list[Post]:
        """Return the posts that go on and have reached nobody yet, oldest first."""
        return [post for post in self._posts(f"{_GOES_ON} ORDER BY id LIMIT ?", MAX_LISTED) if post.waits]

    def last_of(self, life: int) -> Post | None:
        """Return the last post of a life, or None."""
        return next(iter(self._posts("life = ? ORDER BY id DESC LIMIT 1", life)), None)

    def said_before(self, text: str) -> Post | None:
        """Return the last post of the very same letters, however long ago, that was not refused, or None."""
        found = self._posts(f"letters = ? AND {_NOT_REFUSED} ORDER BY id DESC LIMIT 1", letters(text))
        return next(iter(found), None)

    def texts(self, limit: int) -> list[str]:
        """Return the texts of the last posts that were not refused, newest first."""
        return [post.text for post in self._posts(f"{_NOT_REFUSED} ORDER BY id DESC LIMIT ?", limit)]

    # --- deliveries ------------------------------------------------------------------------------------
    def delivery(self, delivery_id: int) -> Delivery | None:
        """Return a delivery, or None."""
        return next(iter(self._deliveries("id = ?", delivery_id)), None)

    def due(self, state: PostState, network: str) -> list[Delivery]:
        """Return a network's deliveries of this state whose time has come, oldest first.

        Nothing is ever put off for longer than LONGEST_WAIT: what is due later was written before the clock was set
        back, and is due now.
        """
        now = self._clock.now()
        return self._deliveries(
            "network = ? AND state = ? AND (due_at <= ? OR due_at > ?) ORDER BY post, id LIMIT ?",
            network, state.value, rfc3339(now), rfc3339(now + LONGEST_WAIT), MAX_LISTED,
        )  # fmt: skip

    def networks_waiting(self) -> list[str]:
        """Return the networks that something still is to leave for, or is asked of."""
        found = self._mind.connection.execute(
            "SELECT DISTINCT network FROM deliveries WHERE state IN ('queued', 'sending', 'unknown') ORDER BY network"
        )
        return [str(row[0]) for row in found.fetchall()]

    def last_out(self, network: str | None = None) -> datetime | None:
        """Return when the last post left for a network (None: for any), or may have, or stood on the timeline."""
        row = self._mind.connection.execute(
            f"SELECT max(sent_at) FROM deliveries WHERE {_LEFT} AND (? IS NULL OR network = ?)", (network, network)
        ).fetchone()
        return None if row[0] is None else parse_rfc3339(row[0])

    def out_between(self, start: datetime, end: datetime, *, but: int | None = None) -> int:
        """Return how many posts `but` that one left, or may have, or stood on the timeline, before `end`."""
        row = self._mind.connection.execute(
            f"SELECT count(DISTINCT post) FROM deliveries WHERE sent_at >= ? AND sent_at < ? AND {_LEFT} "
            "AND (? IS NULL OR post <> ?)",
            (rfc3339(start), rfc3339(end), but, but),
        ).fetchone()
        return int(row[0])

    def last_remote_id(self, network: str) -> str | None:
        """Return a network's id of the newest post known to be there, where its ids are numbers that grow."""
        row = self._mind.connection.execute(
            "SELECT remote_id FROM deliveries WHERE network = ? AND remote_id NOT GLOB '*[^0-9]*' "
            "ORDER BY length(remote_id) DESC, remote_id DESC LIMIT 1",
            (network,),
        ).fetchone()
        return None if row is None else str(row[0])

    def _posts(self, where: str, *params: object) -> list[Post]:
        rows = self._mind.connection.execute(f"SELECT * FROM posts WHERE {where}", params).fetchall()
        wanted = [row["id"] for row in rows]
        marks = ",".join("?" * len(wanted))
        sent: dict[int, list[Delivery]] = {number: [] for number in wanted}
        for delivery in self._deliveries(f"post IN ({marks}) ORDER BY id", *wanted):
            sent[delivery.post].append(delivery)
        return [_post(row, sent[row["id"]]) for row in rows]

    def _deliveries(self, where: str, *params: object) -> list[Delivery]:
        found = self._mind.connection.execute(f"SELECT * FROM deliveries WHERE {where}", params).fetchall()
        return [_delivery(row) for row in found]


def _post(row: Any, deliveries: Sequence[Delivery]) -> Post:
    return Post(
        id=row["id"],
        text=row["text"],
        source=row["source"],
        life=row["life"],
        beat=row["beat"],
        approved=bool(row["approved"]),
        created_at=parse_rfc3339(row["created_at"]),
        deliveries=tuple(deliveries),
    )


def _delivery(row: Any) -> Delivery:
    return Delivery(
        id=row["id"],
        post=row["post"],
        network=row["network"],
        key=row["key"],
        state=PostState(row["state"]),
        price_nanos=row["price_nanos"],
        attempts=row["attempts"],
        asked=row["asked"],
        doubted=bool(row["doubted"]),
        after_id=row["after_id"],
        remote_id=row["remote_id"],
        problem=row["problem"],
        due_at=_when(row["due_at"]),
        sent_at=_when(row["sent_at"]),
        posted_at=_when(row["posted_at"]),
    )


def _when(text: str | None) -> datetime | None:
    return None if text is None else parse_rfc3339(text)
