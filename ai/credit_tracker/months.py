"""Budget months on the ledger: granted once, topped up, swept when they end, and what is kept for last words."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ai.clock import instant, microseconds
from ai.credit_tracker.accounts import (
    DONATIONS,
    DONORS,
    OVERRUN,
    TREASURY,
    USD,
    available,
    month_account,
    spent_account,
)
from ai.credit_tracker.periods import month_start
from ai.credit_tracker.records import Expense
from ai.ledger.errors import TransferConflict, UnknownAccount
from ai.ledger.store import Row
from ai.ledger.transaction import Leg, Transaction

CLOCKS_APART = timedelta(days=2)  # two clocks, each within a day of the provider's
# Of what a month was given, all minds together keep one dollar in twenty at most. At the default prices the words of
# a Haiku class model ($0.0165) and a post ($0.015) fit from $0.63 a month on, a small model's words and the post from
# $0.32; of $5 they are less than a hundredth.
RESERVE_SHARE = 20
RESERVE_MEMO = "kept for last words"


# what the straight way of a call says of its `period` as it writes, so that nothing need be read first
MONTH_IS_OPEN = "EXISTS (SELECT 1 FROM months WHERE months.period = :period AND months.closed_at IS NULL)"
OVERRUN_LEFT = f"(SELECT credits_posted - debits_posted - debits_pending FROM accounts WHERE accounts.id = '{OVERRUN}')"


@dataclass(frozen=True, slots=True)
class Month:
    """One row of `months`, in nano-dollars; `closed` once its last hold has ended and another month is current."""

    period: str
    granted: int
    donated: int
    rolled: int
    expired: int
    repaid: int
    closed: bool
    lived: bool  # a mind lived on the purse in it

    @property
    def given(self) -> int:
        """What the month was granted and donated, less what it passed on to another month."""
        return self.granted + self.donated - self.rolled


def find_month(tx: Transaction, period: str) -> Month | None:
    """Return the month's row, or None where it was never opened."""
    rows = tx.execute("SELECT * FROM months WHERE period = ?", (period,))
    return _month(rows[0]) if rows else None


def open_months(tx: Transaction, *, but: str) -> list[Month]:
    """Return the months that are still open, oldest first, without the one named `but`."""
    rows = tx.execute("SELECT * FROM months WHERE closed_at IS NULL AND period <> ? ORDER BY period", (but,))
    return [_month(row) for row in rows]


def spent_in(tx: Transaction, period: str) -> int:
    """Return what was spent in a month, in nano-dollars; calls above all cover are in it."""
    try:
        account = tx.account(spent_account(period))
    except UnknownAccount:
        return 0
    return account.credits_posted - account.debits_posted


def enter_month(tx: Transaction, period: str, grant: int) -> None:
    """Make `period` the current month: fund it on its first use, end the others, pour in what donations are left.

    `grant` is MONTHLY_BUDGET_USD in nano-dollars. A month that was closed because the clock ran ahead gets back
    exactly what was taken from it, so a clock set back finds its month as it left it.
    """
    tx.open_account(month_account(period), USD)
    tx.open_account(spent_account(period), USD)
    first = tx.execute(
        "INSERT INTO months (period, opened_at) VALUES (?, ?) ON CONFLICT (period) DO NOTHING RETURNING period",
        (period, tx.at),
    )
    if first:
        _move(tx, period, "granted", grant, (TREASURY, month_account(period)))
    else:
        _reopen(tx, period)
    for other in open_months(tx, but=period):
        if not _may_be_anothers(tx, other.period, period):
            sweep_month(tx, other.period)
    pour_donations(tx, period)
    repay_overrun(tx, period)


def mark_lived(tx: Transaction, period: str) -> None:
    """Note that a mind lives on the purse in a month that was entered: from now on callers leave it its share."""
    tx.execute("UPDATE months SET lived = 1 WHERE period = ? AND lived = 0", (period,))


def _may_be_anothers(tx: Transaction, other: str, period: str) -> bool:
    """Say whether a later month may be the current one of another mind, whose clock is a little ahead of this one."""
    return other > period and microseconds(month_start(other) - CLOCKS_APART) <= tx.at


def _reopen(tx: Transaction, period: str) -> None:
    month = _get(tx, period)
    if month.closed:
        _move(tx, period, "expired", -month.expired, (month_account(period), TREASURY))
        tx.execute("UPDATE months SET closed_at = NULL WHERE period = ?", (period,))


def change_grant(tx: Transaction, period: str, grant: int) -> None:
    """Move the difference between what the month was granted and `grant`; donations are never taken back.

    A smaller grant takes only what is neither spent nor held; the rest of the difference stays as it is.
    """
    month = _get(tx, period)
    account = month_account(period)
    available = tx.account(account).available
    unspent_grant = available - min(month.donated - month.rolled, available)
    _move(tx, period, "granted", max(grant - month.granted, -unspent_grant), (TREASURY, account))
    repay_overrun(tx, period)


def sweep_month(tx: Transaction, period: str) -> None:
    """End a month that is no longer current, as far as its open holds allow.

    Its reserves are released. Its grant is spent first, so what is left of its donations goes to the pot at once;
    when the last hold has ended the rest of the grant goes back to the treasury and the month is closed. Doing it again
    moves nothing twice.
    """
    month = _get(tx, period)
    release_reserves(tx, period)
    repay_overrun(tx, period)
    account = tx.account(month_account(period))
    left = min(month.donated - month.rolled, account.available)
    _move(tx, period, "rolled", left, (month_account(period), DONATIONS))
    if account.debits_pending == 0:
        _move(tx, period, "expired", account.available - left, (month_account(period), TREASURY))
        tx.execute("UPDATE months SET closed_at = ? WHERE period = ? AND closed_at IS NULL", (tx.at, period))


def pour_donations(tx: Transaction, period: str) -> None:
    """Move all that is in the pot of donations into the month."""
    _move(tx, period, "donated", tx.account(DONATIONS).available, (DONATIONS, month_account(period)))


def repay_overrun(tx: Transaction, period: str) -> None:
    """Pay back, from what the month has available, what calls cost beyond all cover.

    A refund of such a call makes a debt below zero: the month takes back of it what it has repaid.
    """
    debt = -tx.account(OVERRUN).available
    if debt:
        pay = max(min(debt, tx.account(month_account(period)).available), -_get(tx, period).repaid)
        _move(tx, period, "repaid", pay, (month_account(period), OVERRUN))


def topup(tx: Transaction, topup_id: str, amount: int, donor: str) -> bool:
    """Put a donation into the pot; return False where this very one was booked before.

    Raises TransferConflict where the id was used for another amount or donor.
    """
    fresh = tx.execute(
        "INSERT INTO topups (id, donor, amount, at) VALUES (?, ?, ?, ?) ON CONFLICT (id) DO NOTHING RETURNING id",
        (topup_id, donor, amount, tx.at),
    )
    if not fresh:
        stored = tx.execute("SELECT donor, amount FROM topups WHERE id = ?", (topup_id,))[0]
        for field, given in (("amount", amount), ("donor", donor)):
            if stored[field] != given:
                raise TransferConflict(f"topup {topup_id}", field, stored[field], given)
        return False
    tx.transfer(f"topup/{topup_id}", debit=DONORS, credit=DONATIONS, amount=amount, memo=donor)
    return True


def find_topup(tx: Transaction, topup_id: str) -> bool:
    """Say whether a donation of that id was booked."""
    return bool(tx.execute("SELECT id FROM topups WHERE id = ?", (topup_id,)))


@dataclass(frozen=True, slots=True)
class Restore:
    """A restore whose gap is not booked yet; `backup_at` is when the backup was made."""

    id: str
    backup_at: datetime


def note_restore(tx: Transaction, restore_id: str, backup_at: datetime) -> None:
    """Note, in the purse that was just restored, that nothing may be paid before its gap is booked."""
    tx.execute(
        "INSERT INTO restores (id, backup_at, restored_at) VALUES (?, ?, ?)",
        (restore_id, microseconds(backup_at), tx.at),
    )


def pending_restore(tx: Transaction) -> Restore | None:
    """Return the restore whose gap is not booked yet, or None."""
    rows = tx.execute("SELECT id, backup_at FROM restores WHERE booked_at IS NULL ORDER BY restored_at DESC LIMIT 1")
    return Restore(rows[0]["id"], instant(rows[0]["backup_at"])) if rows else None


def _get(tx: Transaction, period: str) -> Month:
    month = find_month(tx, period)
    if month is None:
        raise KeyError(f"month {period} was never opened")
    return month


def _move(tx: Transaction, period: str, column: str, amount: int, way: tuple[str, str]) -> None:
    """Transfer `amount` from way[0] to way[1] (negative: back) and keep the month's own figure of it in `column`."""
    if amount == 0:
        return
    rows = tx.execute(
        f"UPDATE months SET {column} = {column} + ?, moves = moves + 1 WHERE period = ? RETURNING moves",
        (amount, period),
    )
    number = rows[0]["moves"]
    debit, credit = way if amount > 0 else way[::-1]
    tx.transfer(f"{column}/{period}/{number}", debit=debit, credit=credit, amount=abs(amount), memo=column)


def _month(row: Row) -> Month:
    return Month(
        row["period"],
        row["granted"],
        row["donated"],
        row["rolled"],
        row["expired"],
        row["repaid"],
        row["closed_at"] is not None,
        bool(row["lived"]),
    )


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


@dataclass(frozen=True, slots=True)
class LastNeeds:
    """What a death may have to hold, in nano-dollars.

    `least` and `words` are the bound of a call for last words, on the cheapest model and on the best of the cheap ones;
    `post` is the price of a post, 0 where posts do not leave.
    """

    least: int
    words: int
    post: int


def keep_reserve(tx: Transaction, mind: str, period: str, needs: LastNeeds | None, smallest_hold: int) -> None:
    """Hold of the month what a death needs and the month can spare; release what is kept and not needed.

    `needs` None: this mind cannot die of bankruptcy. Never takes what a paid thought (`smallest_hold`) needs, so it
    makes nobody bankrupt. What a death took is not held anew before the month is given more. The same again changes
    nothing.
    """
    month = find_month(tx, period)
    if month is None or month.closed:
        return
    reserve = find_reserve(tx, mind, period)
    share = max(0, month.given // RESERVE_SHARE - (reserved_in(tx, period) - reserve.held))
    if needs is None:
        kept = replace(reserve, words=0, post=0)
    elif reserve.spent_at is not None and month.given <= reserve.spent_at:
        words = min(reserve.words, share)
        kept = replace(reserve, words=words, post=min(reserve.post, share - words))
    else:
        spare = 0 if pending_restore(tx) else max(0, available(tx, month_account(period)) - smallest_hold)
        words, post = _parts(needs, min(share, reserve.held + spare))
        kept = replace(reserve, words=words, post=post, spent_at=None)
    change_reserve(tx, reserve, kept, _way(period))


def draw_on_reserve(tx: Transaction, mind: str, period: str, expense: Expense) -> None:
    """Release of the reserve what the month lacks for an expense at a life's end, words or post each of its own part.

    The caller holds for the expense in the same transaction, so nobody else can take it in between. Where the part is
    not enough, nothing is released.
    """
    reserve = find_reserve(tx, mind, period)
    short = expense.amount_nanos - available(tx, month_account(period))
    part = "post" if expense.posts else "words"
    left = getattr(reserve, part) - short
    month = find_month(tx, period)
    if short > 0 and left >= 0 and month is not None:
        change_reserve(tx, reserve, replace(reserve, **{part: left}, spent_at=month.given), _way(period))


def _parts(needs: LastNeeds, limit: int) -> tuple[int, int]:
    """Return what of `limit` is kept for words and for the post: words first, because no post comes without them."""
    if limit < needs.least:
        return 0, 0
    post = needs.post if limit >= needs.least + needs.post else 0
    return min(needs.words, limit - post), post


def _way(period: str) -> tuple[str, str]:
    return month_account(period), spent_account(period)


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
            tx.hold(after.hold_id, [Leg(*way, after.held)], memo=RESERVE_MEMO)
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
