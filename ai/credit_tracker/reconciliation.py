"""The books against what the provider says: asked hourly, how far they are apart, why it may be, and since when."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

from ai.asking import Purpose
from ai.clock import Clock, instant
from ai.credit_tracker.accounts import month_account, spent_account
from ai.credit_tracker.calls import IS_OPEN, CallLeg, call_record, insert_call, shares_its_id
from ai.credit_tracker.months import Restore, find_month, pending_restore
from ai.credit_tracker.periods import days_of, month_of
from ai.credit_tracker.records import Bill, CallRecord, CallState, Category, Expense, Usage
from ai.credit_tracker.settling import book_cost
from ai.credit_tracker.tracker import CreditTracker
from ai.ledger.errors import LedgerError, StoreUnavailable
from ai.ledger.ledger import Ledger
from ai.ledger.money import usd9
from ai.ledger.store import Row
from ai.ledger.transaction import Leg, Transaction

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
        f"SELECT COALESCE(SUM(held), 0) AS held FROM calls WHERE {IS_OPEN} "
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
    warn = warn or (drift is not None and drift < -max(threshold, doubts.below))
    kept = tx.execute(
        "INSERT INTO reconciliations (at, period, mind, provider, booked, pending, doubtful, others, highest, cause, "
        "warn) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING *",
        (tx.at, period, mind, provider, booked, doubts.pending, doubts.doubtful, others, highest,
         likely_cause(drift, others, doubts), int(warn)),
    )  # fmt: skip
    return _reconciliation(kept[0])


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
    return None if row is None else _reconciliation(row)


def _reconciliation(row: Row) -> Reconciliation:
    return Reconciliation(
        at=instant(row["at"]),
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


class Generation(Protocol):
    """What the provider knows of one call: its cost in nano-dollars, and tokens where it tells them."""

    @property
    def cost_nanos(self) -> int:
        """What it billed."""
        ...

    @property
    def usage(self) -> Usage | None:
        """The tokens, where they are told."""
        ...


AskMonth = Callable[[], Awaitable[int | None]]  # GET /key: `usage_monthly` in nano-dollars, None: it does not say
AskGeneration = Callable[[str], Awaitable[Generation | None]]  # GET /generation, None: not known (yet)


class Reconciler:
    """Compares the purse with what the provider says, hourly and on demand; corrects only by generation id."""

    def __init__(
        self,
        ledger: Ledger,
        tracker: CreditTracker,
        clock: Clock,
        *,
        ask_month: AskMonth,
        ask_generation: AskGeneration,
    ) -> None:
        self._ledger = ledger
        self._tracker = tracker
        self._clock = clock
        self._ask_month = ask_month
        self._ask_generation = ask_generation

    async def reconcile(self, *, gap_nanos: int | None = None) -> Reconciliation:
        """Settle what can be settled, then compare the month; return what was found, and keep it.

        After a restore the gap to the provider's figure is booked first; where the provider gives none, a person
        says it as `gap_nanos`. Raises StoreUnavailable where the purse is away.
        """
        await self._tracker.may_pay()  # enters the month on a trusted clock, so that a gap has where to go
        settled, lost = await self._ask_for_calls()
        provider = await self._ask_month()
        now = self._clock.now()
        gap = await self._ledger.transact(lambda tx: _close_gap(tx, now, provider, gap_nanos))

        def work(tx: Transaction) -> Reconciliation:
            return compare(tx, now, provider, mind=self._tracker.mind_name)

        found = await self._ledger.transact(work)
        return replace(found, settled=settled, lost=lost, gap_booked=gap)

    async def _ask_for_calls(self) -> tuple[int, tuple[str, ...]]:
        """Ask what became of calls of unknown, estimated or no cost; book what is known of those that wait for it."""
        period = month_of(self._clock.now())

        def in_doubt(tx: Transaction) -> list[CallRecord]:
            return [call for call in doubtful_calls(tx, period, MAX_ASKED) if not shares_its_id(tx, call)]

        calls = await self._ledger.read(in_doubt)
        settled, lost = 0, []
        for call in calls:
            known = await self._ask_generation(call.remote_id or "")
            if known is None:
                continue
            if call.state in (CallState.REFUSED, CallState.VOIDED):
                lost += [call.id] if known.cost_nanos > 0 else []
            elif await self._book(call, known):
                settled += 1
        return settled, tuple(lost)

    async def _book(self, call: CallRecord, known: Generation) -> bool:
        try:
            await self._tracker.settle(call.id, known.cost_nanos, known.usage)
        except StoreUnavailable:
            raise
        except LedgerError:  # it was settled otherwise in the meantime: the books know already
            return False
        return True


def _close_gap(tx: Transaction, now: datetime, provider: int | None, told: int | None) -> int | None:
    restore = pending_restore(tx)
    if restore is None:
        return None
    period = month_of(now)
    gap = told if provider is None else max(0, provider - model_spending(tx, period))
    if gap is None or find_month(tx, period) is None:
        return None
    book_gap(tx, restore, gap, now)
    return gap
