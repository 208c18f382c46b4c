"""Asks the provider hourly and on demand: settles what can be settled, and books what a restore left open."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from ai.clock import Clock
from ai.credit_tracker.booking import book_cost
from ai.credit_tracker.calls import CallLeg, insert_call
from ai.credit_tracker.comparison import (
    GAP_PURPOSE,
    MAX_ASKED,
    UNACCOUNTED,
    Reconciliation,
    compare,
    doubtful_calls,
    model_spending,
)
from ai.credit_tracker.months import Restore, find_month, month_account, pending_restore, spent_account
from ai.credit_tracker.periods import month_of
from ai.credit_tracker.records import Bill, CallRecord, CallState, Expense, Usage
from ai.credit_tracker.tracker import CreditTracker
from ai.ledger.errors import LedgerError, StoreUnavailable
from ai.ledger.ledger import Ledger
from ai.ledger.transaction import Leg, Transaction


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
        calls = await self._ledger.read(lambda tx: doubtful_calls(tx, period, MAX_ASKED))
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
