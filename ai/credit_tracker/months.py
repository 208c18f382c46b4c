"""Budget months on the ledger: granted once, topped up, swept when they end; overrun is repaid from them."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from ai.clock import microseconds
from ai.credit_tracker.calls import EPOCH
from ai.credit_tracker.periods import month_start
from ai.credit_tracker.reserve_rows import release_reserves
from ai.ledger.errors import TransferConflict
from ai.ledger.store import Row
from ai.ledger.transaction import Transaction

USD = "usd"  # the unit: accounts of dollars count nano-dollars
TREASURY = "treasury"  # where grants come from and expired ones go back to; may go negative
DONORS = "donors"  # the world outside that tops up; may go negative
DONATIONS = "donations"  # the pot a donation passes through on its way into a month
CLOCKS_APART = timedelta(days=2)  # two clocks, each within a day of the provider's
OVERRUN = "overrun"  # what calls cost above all that was there; the only debt there is


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


def month_account(period: str) -> str:
    """Return the account a month is spent from."""
    return f"month:{period}"


def spent_account(period: str) -> str:
    """Return the account a month's expenses end on."""
    return f"spent:{period}"


def open_books(tx: Transaction) -> None:
    """Open the accounts that every purse has."""
    tx.open_account(TREASURY, USD, may_go_negative=True)
    tx.open_account(DONORS, USD, may_go_negative=True)
    tx.open_account(OVERRUN, USD, may_go_negative=True)
    tx.open_account(DONATIONS, USD)


def find_month(tx: Transaction, period: str) -> Month | None:
    """Return the month's row, or None where it was never opened."""
    rows = list(tx.execute("SELECT * FROM months WHERE period = ?", (period,)))
    return _month(rows[0]) if rows else None


def open_months(tx: Transaction, *, but: str) -> list[Month]:
    """Return the months that are still open, oldest first, without the one named `but`."""
    rows = tx.execute("SELECT * FROM months WHERE closed_at IS NULL AND period <> ? ORDER BY period", (but,))
    return [_month(row) for row in rows]


def enter_month(tx: Transaction, period: str, grant: int) -> None:
    """Make `period` the current month: fund it on its first use, end the others, pour in what donations are left.

    `grant` is MONTHLY_BUDGET_USD in nano-dollars. A month that was closed because the clock ran ahead gets back
    exactly what was taken from it, so a clock set back finds its month as it left it.
    """
    tx.open_account(month_account(period), USD)
    tx.open_account(spent_account(period), USD)
    first = list(
        tx.execute(
            "INSERT INTO months (period, opened_at) VALUES (?, ?) ON CONFLICT (period) DO NOTHING RETURNING period",
            (period, tx.at),
        )
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
    fresh = list(
        tx.execute(
            "INSERT INTO topups (id, donor, amount, at) VALUES (?, ?, ?, ?) ON CONFLICT (id) DO NOTHING RETURNING id",
            (topup_id, donor, amount, tx.at),
        )
    )
    if not fresh:
        stored = next(iter(tx.execute("SELECT donor, amount FROM topups WHERE id = ?", (topup_id,))))
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
    return Restore(rows[0]["id"], EPOCH + timedelta(microseconds=rows[0]["backup_at"])) if rows else None


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
    number = next(iter(rows))["moves"]
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
