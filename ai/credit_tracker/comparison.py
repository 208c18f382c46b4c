"""What the provider says of a month against the books: how far they are apart, why it may be, and since when."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ai.asking import Purpose
from ai.credit_tracker.calls import EPOCH, call_record
from ai.credit_tracker.months import find_month
from ai.credit_tracker.periods import days_of, month_of
from ai.credit_tracker.records import CallRecord, Category
from ai.ledger.money import usd9
from ai.ledger.store import Row
from ai.ledger.transaction import Transaction

UNACCOUNTED = "unaccounted"  # in `by_model`: what the provider billed and no call of ours tells about
GAP_PURPOSE = "reconciliation"
LOCAL_SUBJECTS = "local/"  # the embedded model bills nobody
IN_STEP_NANOS = 1_000_000  # a tenth of a cent: the provider rounds its sums, each call here is rounded up
WARN_LEAST_NANOS = 10_000_000  # a cent; below it nobody should be disturbed
WARN_SHARE = 50  # or two per cent of what the month was given
MAX_ASKED = 50  # generations asked for in one go; the next run takes the next


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


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """One comparison of a month; amounts in nano-dollars.

    `drift` is the provider's figure less ours (None: the provider does not say); `pending` is held by calls that
    have not ended, `doubtful` the most that calls ended at 0 or on an estimate may have cost beyond what was
    booked; `others` is what certainly was spent by other users of the key; `lost` names calls of ours that were
    billed although booked at nothing; `settled` counts calls whose true cost was booked by this run.
    """

    at: datetime
    period: str
    provider: int | None
    booked: int
    drift: int | None
    pending: int
    doubtful: int
    others: int
    cause: str
    warn: bool
    settled: int = 0
    lost: tuple[str, ...] = ()
    gap_booked: int | None = None


def compare(tx: Transaction, now: datetime, provider: int | None, *, mind: str) -> Reconciliation:
    """Compare the month of `now` with the provider's figure (nano-dollars, None: none is given); keep the result."""
    period = month_of(now)
    booked = model_spending(tx, period)
    before = _latest_row(tx, period)
    doubts = doubts_of(tx, period)
    drift = None if provider is None else provider - booked
    others, highest = _others(tx, period, before, drift, doubts)
    month = find_month(tx, period)
    threshold = max(WARN_LEAST_NANOS, month.given // WARN_SHARE if month else 0)
    warn = drift is not None and abs(drift) > threshold and drift > doubts.above
    found = Reconciliation(
        at=EPOCH + timedelta(microseconds=tx.at),
        period=period,
        provider=provider,
        booked=booked,
        drift=drift,
        pending=doubts.pending,
        doubtful=doubts.doubtful,
        others=others,
        cause=likely_cause(drift, others, doubts),
        warn=warn or (drift is not None and drift < -max(threshold, doubts.below)),
    )
    tx.execute(
        "INSERT INTO reconciliations (at, period, mind, provider, booked, pending, doubtful, others, highest, cause, "
        "warn) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (tx.at, period, mind, provider, booked, doubts.pending, doubts.doubtful, others, highest,
         found.cause, int(found.warn)),
    )  # fmt: skip
    return found


def _others(tx: Transaction, period: str, before: Row | None, drift: int | None, doubts: Doubts) -> tuple[int, int]:
    """Return what others spent with the key, and the highest drift seen in the month, both in nano-dollars.

    What drift grew beyond its highest since the last look that told a figure, more than our own doubtful calls of
    that time could explain, was certainly somebody else. The highest drift is what counts, because the provider's sum
    may lag.
    """
    others, highest = (0, 0) if before is None else (before["others"], before["highest"])
    if drift is None:
        return others, highest
    seen = tx.execute(
        "SELECT at FROM reconciliations WHERE period = ? AND provider IS NOT NULL ORDER BY seq DESC LIMIT 1", (period,)
    )
    grown = drift - highest - doubts_of(tx, period, since=seen[0]["at"] if seen else 0).above
    others = max(others + max(0, grown), drift - doubts.above)
    return max(0, min(others, drift)), max(highest, drift)


def likely_cause(drift: int | None, others: int, doubts: Doubts) -> str:
    """Say in one line what a drift (nano-dollars, provider less books) most likely comes from."""
    if drift is None:
        return "the provider does not say what this key spent"
    if abs(drift) <= IN_STEP_NANOS:
        return "in step with the provider"
    if drift < 0:
        if -drift <= doubts.below + IN_STEP_NANOS:
            return "calls were booked in full or on an estimate, and the provider billed less"
        return "the provider's figure lags behind, or another key or provider served this month too"
    unsure = drift - others
    if others <= IN_STEP_NANOS:
        return "calls of unknown, refused or estimated outcome may have cost this"
    said = f"${usd9(others)} was spent with this key by others, or before this purse began"
    if unsure > IN_STEP_NANOS:
        said += f"; up to ${usd9(unsure)} may be calls of ours that were lost"
    return said


def latest_reconciliation(tx: Transaction, period: str) -> Reconciliation | None:
    """Return the last comparison of a month, or None."""
    row = _latest_row(tx, period)
    if row is None:
        return None
    return Reconciliation(
        at=EPOCH + timedelta(microseconds=row["at"]),
        period=row["period"],
        provider=row["provider"],
        booked=row["booked"],
        drift=None if row["provider"] is None else row["provider"] - row["booked"],
        pending=row["pending"],
        doubtful=row["doubtful"],
        others=row["others"],
        cause=row["cause"],
        warn=bool(row["warn"]),
    )


def _latest_row(tx: Transaction, period: str) -> Row | None:
    rows = tx.execute("SELECT * FROM reconciliations WHERE period = ? ORDER BY seq DESC LIMIT 1", (period,))
    return rows[0] if rows else None


def reconciliation_json(found: Reconciliation) -> dict[str, Any]:
    """Return a comparison as JSON; money as decimal strings in USD, unknown as null."""

    def money(amount: int | None) -> str | None:
        return None if amount is None else usd9(amount)

    return {
        "at": f"{found.at:%Y-%m-%dT%H:%M:%SZ}",
        "period": found.period,
        "provider": money(found.provider),
        "booked": usd9(found.booked),
        "drift": money(found.drift),
        "pending": usd9(found.pending),
        "doubtful": usd9(found.doubtful),
        "others": usd9(found.others),
        "cause": found.cause,
        "warn": found.warn,
        "settled": found.settled,
        "lost": list(found.lost),
        "gap_booked": money(found.gap_booked),
    }
