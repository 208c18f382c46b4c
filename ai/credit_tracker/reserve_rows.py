"""What is kept of a month for last words and a last post: a row for each mind and month, and the hold behind it."""

from dataclasses import dataclass, replace

from ai.ledger.store import Row
from ai.ledger.transaction import Leg, Transaction

MEMO = "kept for last words"


@dataclass(frozen=True, slots=True)
class Reserve:
    """Nano-dollars held for a mind's last `words` and last `post`; `placed` is how many holds were placed for it.

    `spent_at` is what the month had been given when a death last took of it; None where none did since it was filled.
    """

    mind: str
    period: str
    words: int = 0
    post: int = 0
    placed: int = 0
    spent_at: int | None = None

    @property
    def held(self) -> int:
        """All that is held for it."""
        return self.words + self.post

    @property
    def hold_id(self) -> str:
        """The id of the hold behind it; each amount is a hold of its own."""
        return f"reserve/{self.period}/{self.mind}/{self.placed}"


def find_reserve(tx: Transaction, mind: str, period: str) -> Reserve:
    """Return what is kept for a mind in a month: nothing where nothing ever was."""
    rows = tx.execute("SELECT * FROM reserves WHERE mind = ? AND period = ?", (mind, period))
    return _reserve(rows[0]) if rows else Reserve(mind, period)


def reserved_in(tx: Transaction, period: str) -> int:
    """Return what all minds together keep of a month."""
    rows = tx.execute("SELECT COALESCE(SUM(words + post), 0) AS kept FROM reserves WHERE period = ?", (period,))
    return int(rows[0]["kept"])


def change_reserve(tx: Transaction, before: Reserve, after: Reserve, way: tuple[str, str]) -> None:
    """Release the hold of `before` and hold for `after` from account way[0] towards way[1]; the same again is nothing.

    Raises InsufficientFunds where the account has not so much beside what `before` held.
    """
    if after == before:
        return
    if after.held != before.held:
        after = replace(after, placed=before.placed + 1)
        if before.held:
            tx.void(before.hold_id)
        if after.held:
            tx.hold(after.hold_id, [Leg(*way, after.held)], memo=MEMO)
    tx.execute(
        "INSERT INTO reserves (mind, period, words, post, placed, spent_at) VALUES (?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (mind, period) DO UPDATE SET words = excluded.words, post = excluded.post, "
        "placed = excluded.placed, spent_at = excluded.spent_at",
        (after.mind, after.period, after.words, after.post, after.placed, after.spent_at),
    )


def release_reserves(tx: Transaction, period: str) -> None:
    """Give back what every mind kept of a month, because the month ends."""
    for row in tx.execute("SELECT * FROM reserves WHERE period = ? AND words + post > 0", (period,)):
        tx.void(_reserve(row).hold_id)
    tx.execute("UPDATE reserves SET words = 0, post = 0 WHERE period = ?", (period,))


def _reserve(row: Row) -> Reserve:
    return Reserve(row["mind"], row["period"], row["words"], row["post"], row["placed"], row["spent_at"])
