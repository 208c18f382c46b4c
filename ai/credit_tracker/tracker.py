"""The AI's purse: hold before anything is spent, capture what it did cost, say at any time what is left."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from ai.clock import Clock
from ai.credit_tracker import calls as call_rows
from ai.credit_tracker.balances import Outlook, read_balance
from ai.credit_tracker.bands import Band
from ai.credit_tracker.booking import book_cost, book_refusal, book_void
from ai.credit_tracker.holding import Wallet, place_hold, why_no_paid
from ai.credit_tracker.limits import REQUEST, Limit, day_account, fill, free_account, limits_at, use_up
from ai.credit_tracker.months import (
    USD,
    change_grant,
    enter_month,
    find_month,
    open_books,
    pour_donations,
    repay_overrun,
    topup,
)
from ai.credit_tracker.periods import day_of, month_end, month_of, month_start
from ai.credit_tracker.provider_clock import ProviderClock
from ai.credit_tracker.records import (
    OPEN_STATES,
    Balance,
    Bill,
    CallRecord,
    CallState,
    Expense,
    RunUsage,
    Settlement,
    Usage,
)
from ai.credit_tracker.report import budget_json, call_json
from ai.credit_tracker.rollups import average_tokens, moments_per_day, spent_on_day
from ai.ledger.errors import LedgerError, StoreUnavailable
from ai.ledger.ledger import Ledger
from ai.ledger.money import nanos
from ai.ledger.transaction import Transaction
from ai.settings import Settings

T = TypeVar("T")
UNKNOWN_KEPT = timedelta(hours=24)  # DESIGN, fate table: asked for during a day, then captured in full
MAX_LISTED = 1_000  # open calls looked at in one go; a mind has a handful
MAX_OWED = 1_000  # bookings kept while the purse is away; without it no call begins, so only those under way add up

_log = logging.getLogger(__name__)


class CreditTracker:
    """One mind's hand on the purse; several minds may share one purse. All amounts are nano-dollars.

    Where the purse is away, `hold` raises StoreUnavailable (no spending), `may_pay` says so, `balance` is the last
    one known, and what ends a call meanwhile is kept and booked once the purse is back.
    """

    def __init__(
        self, ledger: Ledger, settings: Settings, clock: Clock, *, mind_name: str, provider_clock: ProviderClock
    ) -> None:
        self._ledger = ledger
        self._settings = settings
        self._clock = clock
        self._mind = mind_name
        self._provider_clock = provider_clock
        self._grant = nanos(settings.monthly_budget_usd)
        self._smallest_hold = 1
        self._free_requests: int | None = None
        self._granted = False
        self._turned: tuple[str | None, str] | None = None
        self._last: Balance | None = None
        self._owed: deque[tuple[str, Callable[[Transaction], object]]] = deque()

    async def open(self) -> None:
        """Open and fund the month and the day on their first use; move the difference where a setting changed."""
        self._turned, self._granted = None, False
        await self._turn(self._clock.now())

    def set_smallest_hold(self, amount_nanos: int) -> None:
        """Say what a paid thought must hold at least; with less than that available the purse is bankrupt."""
        self._smallest_hold = max(1, amount_nanos)

    async def set_free_quota(self, limit: int | None, remaining: int | None = None) -> None:
        """Take in what the key's account says of free requests: the day's limit, and how many it has left.

        A FREE_REQUESTS_PER_DAY that is a number wins over `limit`. Requests that others made with the same
        account are booked as used.
        """
        self._free_requests = limit
        now = self._clock.now()

        def work(tx: Transaction) -> None:
            self._fill(tx, now)
            if remaining is not None:
                account = free_account(now)
                elsewhere = tx.account(account).available - max(0, remaining)
                use_up(tx, account, REQUEST, elsewhere, why="used elsewhere")

        await self._turn(now)
        await self._ledger.transact(work)

    async def hold(self, expense: Expense) -> None:
        """Set aside the most that `expense` could cost, on every account it touches, before it is spent.

        Raises NotAffordable (one line: which cap refused, what is left, when it resets), StoreUnavailable where
        the purse is away, TransferConflict and HoldEnded where the id was used before.
        """
        now = self._clock.now()
        await self._pay_owed()
        await self._turn(now)
        wallet = self._wallet(now)
        try:
            await self._ledger.transact(lambda tx: place_hold(tx, expense, wallet))
        except asyncio.CancelledError:
            # the hold may be placed all the same, and nobody is left to send what it is for
            self._owed.append((expense.id, lambda tx: _void_if_held(tx, expense.id)))
            raise

    async def sent(self, call_id: str, remote_id: str | None) -> None:
        """Commit that the request left, with the provider's generation id where it is known."""
        await self._book(call_id, lambda tx: call_rows.mark_sent(tx, call_id, remote_id))

    async def settle(
        self,
        call_id: str,
        cost_nanos: int,
        usage: Usage | None = None,
        *,
        estimated: bool = False,
        problem: str | None = None,
    ) -> Settlement:
        """Capture what a call did cost and release the rest; above its hold: from the month, then as overrun.

        The same cost again changes nothing; another one corrects a cost booked as `estimated` (a refund, or a
        further charge) and raises TransferConflict otherwise. Raises HoldEnded for a refused or voided call.
        """
        bill = Bill(cost_nanos, usage, estimated, problem)
        now, current, outlook = self._clock.now(), self._current, self._outlook(self._clock.now())

        def work(tx: Transaction) -> tuple[CallRecord, Balance]:
            call = book_cost(tx, call_id, bill, current=current)
            return call, read_balance(tx, now, outlook)

        booked = await self._book(call_id, work)
        if booked is None:
            return Settlement(cost_nanos, self._away("the cost is booked when it is back"), overrun=False)
        call, self._last = booked
        return Settlement(cost_nanos, self._last, overrun=cost_nanos > call.held)

    async def refuse(self, call_id: str) -> None:
        """End a call that the provider refused: nothing is captured but its free request."""
        current = self._current
        await self._book(call_id, lambda tx: book_refusal(tx, call_id, current=current))

    async def void(self, call_id: str) -> None:
        """End a call that provably was never sent: everything held comes back."""
        current = self._current
        await self._book(call_id, lambda tx: book_void(tx, call_id, current=current))

    async def leave_unknown(self, call_id: str, reason: str) -> None:
        """Note that nobody knows how the call ended; what it holds stays held, for a day at most."""
        await self._book(call_id, lambda tx: call_rows.mark_unknown(tx, call_id, reason))

    async def capture_overdue(self) -> list[CallRecord]:
        """Capture in full what has been unknown for 24 hours, of any mind; return those calls as they were."""
        current = self._current

        def work(tx: Transaction) -> list[CallRecord]:
            overdue = call_rows.overdue_calls(tx, UNKNOWN_KEPT, MAX_LISTED)
            for call in overdue:
                book_cost(tx, call.id, Bill(call.held, estimated=True), current=current)
            return overdue

        return await self._ledger.transact(work)

    async def unknowns(self) -> list[CallRecord]:
        """Return this mind's calls of unknown outcome, oldest first."""
        return await self._open_calls(CallState.UNKNOWN)

    async def open_holds(self) -> list[CallRecord]:
        """Return this mind's calls that have not ended: held, sent or unknown; oldest first."""
        return await self._open_calls(*OPEN_STATES)

    async def _open_calls(self, *states: CallState) -> list[CallRecord]:
        return await self._ledger.read(lambda tx: call_rows.open_calls(tx, self._mind, states, MAX_LISTED))

    async def call(self, call_id: str) -> CallRecord | None:
        """Return one call's row, or None where nothing was held under this id."""
        return await self._ledger.read(lambda tx: call_rows.find_call(tx, call_id))

    async def balance(self) -> Balance:
        """Return the month at a glance; the last one known, with `away` set, where the purse cannot be read."""
        now = self._clock.now()
        try:
            await self._pay_owed()
            self._last = await self._ledger.read(lambda tx: read_balance(tx, now, self._outlook(now)))
        except StoreUnavailable as error:
            return self._away(str(error))
        return self._last

    async def may_pay(self) -> str | None:
        """Return None where paid thinking may go on, else one line saying why no paid hold is granted."""
        now = self._clock.now()
        try:
            await self._pay_owed()
            await self._turn(now)
            obstacle = await self._ledger.read(lambda tx: why_no_paid(tx, self._wallet(now), thinking=True))
        except StoreUnavailable as error:
            return f"the purse is away: {error}"
        return None if obstacle is None else obstacle.reason

    async def topup(self, amount_nanos: int, donor: str, id: str) -> Balance:  # noqa: A002 - the plan's public name
        """Book a donation into the current month; the same id again is the same donation.

        Raises ValueError for an amount that is not positive, TransferConflict where the id has another amount.
        """
        if amount_nanos <= 0:
            raise ValueError(f"a top-up of {amount_nanos} nano-dollars is not positive; give an amount above 0")
        now = self._clock.now()
        await self._turn(now)

        def work(tx: Transaction) -> Balance:
            fresh = topup(tx, id, amount_nanos, donor)
            month = find_month(tx, month_of(now))
            if fresh and month is not None and not month.closed:
                pour_donations(tx, month.period)
                repay_overrun(tx, month.period)
            return read_balance(tx, now, self._outlook(now))

        self._last = await self._ledger.transact(work)
        return self._last

    async def budget_report(self, period: str | None = None) -> dict[str, Any]:
        """Return the budget document of CONTRACT §3 for a month (None: the current one).

        Raises ValueError for a period that is no month.
        """
        now = self._clock.now()
        month = month_of(now) if period is None else f"{month_start(period):%Y-%m}"
        outlook = self._outlook(now)
        return await self._ledger.read(lambda tx: budget_json(tx, month, read_balance(tx, now, outlook)))

    async def calls(self, limit: int) -> list[dict[str, Any]]:
        """Return the last calls as JSON, newest first."""
        return await self._ledger.read(lambda tx: [call_json(call) for call in call_rows.last_calls(tx, limit)])

    async def averages(self) -> dict[str, tuple[float, float]]:
        """Return prompt and completion tokens a call by purpose, of the last 30 days."""
        now = self._clock.now()
        return await self._ledger.read(lambda tx: average_tokens(tx, now))

    async def moments(self) -> dict[str, float]:
        """Return calls a day by purpose, of the last week; empty until a day was observed."""
        now = self._clock.now()
        return await self._ledger.read(lambda tx: moments_per_day(tx, now))

    async def marker(self) -> int:
        """Return where the books stand now, for `usage_since`."""
        return await self._ledger.read(call_rows.last_seq)

    async def usage_since(self, marker: int) -> RunUsage:
        """Return what this mind's model calls since `marker` used."""
        return await self._ledger.read(lambda tx: call_rows.usage_after(tx, self._mind, marker))

    # --- the turn of months and days -------------------------------------------------------------------

    @property
    def _current(self) -> str | None:
        return self._turned[0] if self._turned else None

    async def _turn(self, now: datetime) -> None:
        """Enter the month and the day of `now` if they are new; a month only on a clock that may be believed."""
        period = month_of(now) if self._provider_clock.trusted(now) else None
        if self._turned == (period, day_of(now)):
            return

        def work(tx: Transaction) -> None:
            open_books(tx)
            if period is not None:
                enter_month(tx, period, self._grant)
                if not self._granted:
                    change_grant(tx, period, self._grant)
            self._fill(tx, now)

        await self._ledger.transact(work)
        self._turned = (period, day_of(now))
        self._granted = self._granted or period is not None

    def _limits(self, now: datetime) -> tuple[Limit, ...]:
        return limits_at(self._settings, self._mind, now, self._free_requests)

    def _fill(self, tx: Transaction, now: datetime) -> None:
        for limit in fill(tx, self._limits(now)):
            if limit.account == day_account(now):  # a day cap that was set at noon counts the morning too
                use_up(tx, limit.account, USD, spent_on_day(tx, day_of(now)), why="spent before the cap was set")

    def _wallet(self, now: datetime) -> Wallet:
        return Wallet(self._mind, now, self._limits(now), self._provider_clock.problem(now))

    def _outlook(self, now: datetime) -> Outlook:
        limits = {limit.kind: limit for limit in self._limits(now) if limit.kind != "money"}
        return Outlook(
            grant=self._grant,
            paid_provider=self._settings.provider != "local",
            smallest_hold=self._smallest_hold,
            free=limits["free"],
            posts=limits["posts"],
        )

    # --- when the purse is away --------------------------------------------------------------------------

    async def _book(self, call_id: str, work: Callable[[Transaction], T]) -> T | None:
        """Book how a call goes on; where the purse is away, keep it for later and return None."""
        try:
            await self._pay_owed()
            return await self._ledger.transact(work)
        except StoreUnavailable:
            if len(self._owed) >= MAX_OWED:
                raise
            self._owed.append((call_id, work))
            return None

    async def _pay_owed(self) -> None:
        """Book what could not be booked while the purse was away, in its order. Raises StoreUnavailable."""
        for _ in range(MAX_OWED):
            if not self._owed:
                return
            entry = self._owed[0]
            try:
                await self._ledger.transact(entry[1])
            except StoreUnavailable:
                raise
            except (LedgerError, KeyError) as error:
                _log.warning("call %s was settled otherwise while the purse was away: %s", entry[0], error)
            if self._owed and self._owed[0] is entry:
                self._owed.popleft()

    def _away(self, reason: str) -> Balance:
        if self._last is not None:
            return replace(self._last, away=reason)
        now = self._clock.now()
        outlook = self._outlook(now)
        period = month_of(now)
        return Balance(
            period=period,
            granted=self._grant,
            donated=0,
            spent=0,
            held=0,
            held_unknown=0,
            available=0,
            band=Band.CRITICAL,
            resets_at=month_end(period),
            runway_days=None,
            free_left=0,
            free_quota=outlook.free.level,
            posts_left=0,
            overrun=0,
            away=reason,
        )


def _void_if_held(tx: Transaction, call_id: str) -> None:
    if call_rows.find_call(tx, call_id) is not None:
        book_void(tx, call_id, current=None)
