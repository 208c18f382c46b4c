"""One comparison of the books with the provider's figures: drift, its likely cause, and what others spent."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ai.credit_tracker.calls import EPOCH
from ai.credit_tracker.doubts import Doubts, doubts_of, model_spending
from ai.credit_tracker.months import find_month
from ai.credit_tracker.periods import month_of
from ai.ledger.money import usd9
from ai.ledger.store import Row
from ai.ledger.transaction import Transaction

IN_STEP_NANOS = 1_000_000  # a tenth of a cent: the provider rounds its sums, each call here is rounded up
WARN_LEAST_NANOS = 10_000_000  # a cent; below it nobody should be disturbed
WARN_SHARE = 50  # or two per cent of what the month was given


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
