"""How far the books can be off without anybody else's doing: calls that ended on less than the provider's word."""

from dataclasses import dataclass

from ai.asking import Purpose
from ai.credit_tracker.calls import call_record
from ai.credit_tracker.periods import days_of
from ai.credit_tracker.records import CallRecord, Category
from ai.ledger.transaction import Transaction

LOCAL_SUBJECTS = "local/"  # the embedded model bills nobody


@dataclass(frozen=True, slots=True)
class Doubts:
    """Bounds in nano-dollars on what a month's calls may have cost more, and less, than was booked.

    `pending`: held by calls that have not ended. `doubtful`: held by calls that were booked at nothing, and what
    an estimate left below its hold. `below`: booked on estimates, of which the provider may have billed nothing.
    """

    pending: int
    doubtful: int
    below: int

    @property
    def above(self) -> int:
        """The most the provider may have billed for our own calls beyond what was booked."""
        return self.pending + self.doubtful


def doubts_of(tx: Transaction, period: str, *, since: int = 0) -> Doubts:
    """Return the doubts of a month, of calls that ended after `since` (microseconds) or have not ended."""
    billed = (Category.MODEL.value, f"{LOCAL_SUBJECTS}%")
    pending = tx.execute(
        "SELECT COALESCE(SUM(held), 0) AS held FROM calls WHERE state IN ('held', 'sent', 'unknown') "
        "AND period = ? AND category = ? AND subject NOT LIKE ?",
        (period, *billed),
    )[0]
    ended = tx.execute(
        "SELECT COALESCE(SUM(CASE WHEN held > cost THEN held - cost ELSE 0 END), 0) AS doubtful, "
        "COALESCE(SUM(cost), 0) AS below FROM calls WHERE (state IN ('refused', 'voided') OR estimated = 1) "
        "AND period = ? AND settled_at >= ? AND category = ? AND subject NOT LIKE ?",
        (period, since, *billed),
    )[0]
    return Doubts(int(pending["held"]), int(ended["doubtful"]), int(ended["below"]))


def doubtful_calls(tx: Transaction, period: str, limit: int) -> list[CallRecord]:
    """Return calls the provider can be asked about: unknown ones, and the month's that ended in doubt; newest last."""
    rows = tx.execute(
        "SELECT * FROM calls WHERE remote_id IS NOT NULL AND category = ? AND (state = 'unknown' OR "
        "(period = ? AND (state IN ('refused', 'voided') OR estimated = 1))) ORDER BY seq DESC LIMIT ?",
        (Category.MODEL.value, period, limit),
    )
    return [call_record(row) for row in reversed(rows)]


def model_spending(tx: Transaction, period: str) -> int:
    """Return what the books say was spent on models in a month, in nano-dollars: what a provider's sum is held to."""
    rows = tx.execute(
        "SELECT COALESCE(SUM(CASE dimension WHEN 'purpose' THEN -cost ELSE cost END), 0) AS cost FROM rollups "
        "WHERE ((dimension = 'model' AND key NOT LIKE ?) OR (dimension = 'purpose' AND key = ?)) "
        "AND day BETWEEN ? AND ?",
        (f"{LOCAL_SUBJECTS}%", Purpose.POST.value, *days_of(period)),
    )
    return int(rows[0]["cost"])
