"""After a restore: nothing is paid until what was spent since the backup is booked."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from ai.clock import microseconds
from ai.credit_tracker.booking import book_cost
from ai.credit_tracker.calls import EPOCH, CallLeg, insert_call
from ai.credit_tracker.months import month_account, spent_account
from ai.credit_tracker.periods import month_of
from ai.credit_tracker.records import Bill, Expense
from ai.ledger.transaction import Leg, Transaction

UNACCOUNTED = "unaccounted"  # in `by_model`: what the provider billed and no call of ours tells about
GAP_PURPOSE = "reconciliation"


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


def book_gap(tx: Transaction, restore: Restore, gap: int, now: datetime) -> None:
    """Book `gap` nano-dollars as spent in the month of `now` (from the month, then as overrun); paying may go on.

    It is booked as an estimate, so that it can be corrected like any other. The month must be open.
    """
    if gap < 0:
        raise ValueError(f"a gap of {gap} nano-dollars is negative; say what was spent since the backup, 0 or more")
    period = month_of(now)
    expense = Expense(f"gap/{restore.id}", UNACCOUNTED, GAP_PURPOSE, 0, None, None, client="restore")
    leg = CallLeg("money", month_account(period), spent_account(period), 0)
    tx.hold(expense.id, [Leg(leg.debit, leg.credit, 0)], memo=UNACCOUNTED)
    insert_call(tx, expense, "", now, [leg])
    why = f"spent since the backup of {restore.backup_at:%Y-%m-%d %H:%M} UTC"
    book_cost(tx, expense.id, Bill(gap, estimated=True, problem=why), current=period)
    tx.execute("UPDATE restores SET booked_at = ?, gap = ? WHERE booked_at IS NULL", (tx.at, gap))
