"""The AI's purse: hold before anything is spent, capture what it did cost, say at any time what is left."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from ai.clock import Clock
from ai.credit_tracker.accounts import OVERRUN, REQUEST, USD, day_account, free_account, open_books
from ai.credit_tracker.books import MAX_LISTED, Books
from ai.credit_tracker.calls import CallLeg, HeldCall, find_call, legs_of, mark_sent, mark_unknown, overdue_calls
from ai.credit_tracker.holding import (
    MIND,
    KnownCaller,
    MonthClosed,
    Wallet,
    hold_straight,
    know_caller,
    may_go_straight,
    place_hold,
    why_no_paid,
)
from ai.credit_tracker.limits import fill, use_up
from ai.credit_tracker.months import (
    LastNeeds,
    change_grant,
    enter_month,
    find_month,
    find_topup,
    keep_reserve,
    mark_lived,
    pour_donations,
    repay_overrun,
    topup,
)
from ai.credit_tracker.periods import ProviderClock, day_of, month_of
from ai.credit_tracker.records import Balance, Bill, CallRecord, Expense, Settlement, Usage
from ai.credit_tracker.rollups import spent_on_day
from ai.credit_tracker.settling import book_cost, book_dispute, book_refusal, book_void, settle_straight
from ai.ledger.errors import LedgerError, StoreUnavailable
from ai.ledger.ledger import Ledger
from ai.ledger.money import nanos
from ai.ledger.transaction import Transaction
from ai.settings import Settings

T = TypeVar("T")
UNKNOWN_KEPT = timedelta(hours=24)  # DESIGN, fate table: asked for during a day, then captured in full
MAX_REMEMBERED = 10_000  # calls under way, and callers, of which nothing is read first; of others it is
MAX_OWED = 1_000  # bookings kept while the purse is away; without it no call begins, so only those under way add up
_log = logging.getLogger(__name__)


class CreditTracker(Books):
    """One mind's hand on the purse; several minds may share one purse. All amounts are nano-dollars.

    Where the purse is away, `hold` raises StoreUnavailable (no spending), `may_pay` says so, `balance` is the last
    one known, and what ends a call meanwhile is kept and booked once the purse is back.
    """

    def __init__(
        self, ledger: Ledger, settings: Settings, clock: Clock, *, mind_name: str, provider_clock: ProviderClock
    ) -> None:
        super().__init__(ledger, settings, clock, mind_name=mind_name)
        self._provider_clock = provider_clock
        self._granted = False
        self._lives = False
        self._turned: tuple[str | None, str] | None = None
        self._needs: LastNeeds | None = None
        self._reserve_looked_at = False
        self._held: dict[str, HeldCall] = {}  # what this tracker held for and did not settle yet
        self._known: dict[tuple[str, str, str], KnownCaller | None] = {}  # by key, run and day
        self._owed: deque[tuple[str, Callable[[Transaction], object]]] = deque()

    async def open(self, *, lives: bool = False) -> None:
        """Open and fund the month and the day on their first use; move the difference where a setting changed.

        `lives`: a mind lives on this purse from now on, so that callers of the gateway leave it its share of a month.
        """
        self._lives = self._lives or lives
        self._turned, self._granted = None, False
        await self._turn(self._clock.now())

    def set_last_words(self, least_nanos: int, words_nanos: int) -> None:
        """Say what last words must hold, on the cheapest model and on the best of the cheap ones.

        A mind that may die of bankruptcy keeps a reserve from then on; told anew, the reserve is looked at anew.
        """
        leave = self._settings.tweets != "dry-run" and self._settings.tweets_per_day > 0
        self._needs = LastNeeds(least_nanos, words_nanos, nanos(self._settings.post_price_usd) if leave else 0)
        self._reserve_looked_at = False

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

        Raises NotAffordable (one line: which cap refused, what is left, when it resets), StoreUnavailable where the
        purse is away, TransferConflict and HoldEnded where the id was used before; for a caller KeyEnded and
        RequestKnown as well.
        """
        now = self._clock.now()
        await self._pay_owed()
        await self._turn(now)
        wallet = self._wallet(now)
        try:
            await self._place(expense, wallet)
        except asyncio.CancelledError:
            # the hold may be placed all the same, and nobody is left to send what it is for
            self._owed.append((expense.id, lambda tx: _void_if_held(tx, expense.id)))
            raise

    async def left(self, call_id: str) -> int | None:
        """Return what the narrowest cap has left on which a call is held that has not ended; None where nobody sees."""
        held = self._held.get(call_id)
        accounts = [] if held is None else _caps_of(held.legs)
        try:
            left = await self._accounts.ask(*accounts) if accounts else {}
        except LedgerError:
            return None
        return min((left[account] for account in accounts if account in left), default=None)

    async def _place(self, expense: Expense, wallet: Wallet) -> None:
        try:
            held = await self._straight_or_carefully(expense, wallet)
        except MonthClosed:  # by another mind, whose clock is ahead: enter the month again
            self._turned = None
            await self._turn(wallet.now)
            held = await self._straight_or_carefully(expense, wallet)
        self._held[expense.id] = held
        if len(self._held) > MAX_REMEMBERED:
            del self._held[next(iter(self._held))]

    async def _straight_or_carefully(self, expense: Expense, wallet: Wallet) -> HeldCall:
        """Hold without asking, where enough is known for that; where that is refused or not known, ask and note it."""
        caller = expense.caller
        whose = None if caller is None else (caller.key, caller.run, day_of(wallet.now))
        known = MIND if whose is None else self._known.get(whose)

        def carefully(tx: Transaction) -> HeldCall:
            held = place_hold(tx, expense, wallet)
            if caller is not None and whose is not None:
                if len(self._known) >= MAX_REMEMBERED:
                    self._known.clear()
                self._known[whose] = know_caller(tx, caller, wallet)
            return held

        if known is None or not may_go_straight(expense, wallet, known):
            return await self._ledger.transact(carefully)
        return await self._ledger.transact(lambda tx: hold_straight(tx, expense, wallet, known), careful=carefully)

    async def sent(self, call_id: str, remote_id: str | None) -> None:
        """Commit that the request left, with the provider's generation id where it is known."""
        await self._book(call_id, lambda tx: mark_sent(tx, call_id, remote_id))

    async def settle(  # noqa: PLR0913 - what is known of how a call ended, each by its name
        self,
        call_id: str,
        cost_nanos: int,
        usage: Usage | None = None,
        *,
        estimated: bool = False,
        problem: str | None = None,
        remote_id: str | None = None,
    ) -> Settlement:
        """Capture what a call did cost and release the rest; above its hold: from the month, then as overrun.

        The same cost again changes nothing; another one corrects a cost booked as `estimated` (a refund, or a
        further charge) and raises TransferConflict otherwise. Raises HoldEnded for a refused or voided call.
        `remote_id` is the provider's generation id, where `sent` did not commit it before.
        """
        bill = Bill(cost_nanos, usage, estimated, problem, remote_id)
        current, held = self._current, self._held.pop(call_id, None)

        def carefully(tx: Transaction) -> tuple[int, Mapping[str, int] | None]:
            call = book_cost(tx, call_id, bill, current=current)
            return call.held, tx.left_then(_caps_of(legs_of(tx, call_id))) if call.key or call.run else None

        if held is None or held.period != current or not 0 <= cost_nanos <= held.expense.amount_nanos:
            booked = await self._book(call_id, carefully)
        else:
            booked = await self._book(call_id, partial(_settle, held=held, bill=bill), carefully)
        if booked is None:
            return Settlement(
                cost_nanos, self._away("the purse is away; the cost is booked when it is back"), overrun=False
            )
        amount, left = booked
        if left is None or self._last is None:  # callers are many, and look at their own caps alone
            self._last = (await self._balances.ask(None))[None]
        least = None if left is None else min(left.values(), default=None)
        return Settlement(cost_nanos, self._last, overrun=cost_nanos > amount, available=least)

    async def refuse(self, call_id: str) -> None:
        """End a call that the provider refused: nothing is captured but its free request."""
        current = self._current
        self._held.pop(call_id, None)
        await self._book(call_id, lambda tx: book_refusal(tx, call_id, current=current))

    async def void(self, call_id: str) -> None:
        """End a call that provably was never sent: everything held comes back."""
        current = self._current
        self._held.pop(call_id, None)
        await self._book(call_id, lambda tx: book_void(tx, call_id, current=current))

    async def leave_unknown(self, call_id: str, reason: str) -> None:
        """Note that nobody knows how the call ended; what it holds stays held, for a day at most."""
        await self._book(call_id, lambda tx: mark_unknown(tx, call_id, reason))

    async def capture_overdue(self) -> list[CallRecord]:
        """Capture in full what has been unknown for 24 hours, of any mind; return those calls as they were."""
        current = self._current

        def work(tx: Transaction) -> list[CallRecord]:
            overdue = overdue_calls(tx, UNKNOWN_KEPT, MAX_LISTED)
            for call in overdue:
                book_cost(tx, call.id, Bill(call.held, estimated=True), current=current)
            return overdue

        return await self._ledger.transact(work)

    async def balance(self) -> Balance:
        """Return the month at a glance; the last one known, with `away` set, where the purse cannot be read."""
        try:
            await self._pay_owed()
        except StoreUnavailable as error:
            return self._away(str(error))
        return await super().balance()

    async def may_pay(self) -> str | None:
        """Return None where paid thinking may go on, else one line saying why no paid hold is granted."""
        now = self._clock.now()
        wallet = self._wallet(now)
        try:
            await self._pay_owed()
            await self._turn(now)
            obstacle = await self._ledger.read(lambda tx: why_no_paid(tx, wallet, thinking=True))
        except StoreUnavailable as error:
            return f"the purse is away: {error}"
        return None if obstacle is None else obstacle.reason

    async def topup(self, amount_nanos: int, donor: str, id: str) -> Balance:  # noqa: A002 - what callers call it
        """Book a donation into the current month; the same id again is the same donation.

        Raises ValueError for an amount that is not positive, TransferConflict where the id has another amount.
        """
        if amount_nanos <= 0:
            raise ValueError(f"a top-up of {amount_nanos} nano-dollars is not positive; give an amount above 0")
        now = self._clock.now()

        def give(tx: Transaction) -> None:
            fresh = topup(tx, id, amount_nanos, donor)
            month = find_month(tx, month_of(now))
            if fresh and month is not None and not month.closed:
                pour_donations(tx, month.period)
                repay_overrun(tx, month.period)
                self._keep_reserve(tx, month.period)

        return await self._balance_after(give, now)

    async def was_given(self, topup_id: str) -> bool:
        """Say whether a top-up of that id was booked before."""
        return await self._ledger.read(lambda tx: find_topup(tx, topup_id))

    async def settle_disputed(self, call_id: str, cost_nanos: int, reason: str) -> Balance:
        """Settle a charge at what a person says is right; the transfers say who and why.

        Raises KeyError for a call that is none, ValueError where it was not charged or the cost is negative.
        """
        if cost_nanos < 0:
            raise ValueError(f"a cost of {cost_nanos} nano-dollars is negative; say 0 or more")
        return await self._balance_after(
            lambda tx: book_dispute(tx, call_id, cost_nanos, reason, current=self._current), self._clock.now()
        )

    async def _balance_after(self, change: Callable[[Transaction], None], now: datetime) -> Balance:
        """Return the balance with a change that a person made, booked in the month of `now`."""
        balance = self._balance_at(now)
        await self._turn(now)

        def work(tx: Transaction) -> Balance:
            change(tx)
            return balance(tx)

        self._last = await self._ledger.transact(work)
        return self._last

    # --- the turn of months and days -------------------------------------------------------------------

    @property
    def _current(self) -> str | None:
        return self._turned[0] if self._turned else None

    async def _turn(self, now: datetime) -> None:
        """Enter the month and the day of `now` if they are new; a month only on a clock that may be believed."""
        period = month_of(now) if self._provider_clock.trusted(now) else None
        if self._turned == (period, day_of(now)) and self._reserve_looked_at:
            return

        def work(tx: Transaction) -> None:
            open_books(tx)
            if period is not None:
                enter_month(tx, period, self._grant)
                if not self._granted:
                    change_grant(tx, period, self._grant)
                if self._lives:
                    mark_lived(tx, period)
                self._keep_reserve(tx, period)
            self._fill(tx, now)

        await self._ledger.transact(work)
        self._reserve_looked_at = True
        self._turned = (period, day_of(now))
        self._granted = self._granted or period is not None

    def _keep_reserve(self, tx: Transaction, period: str) -> None:
        """Keep what a death needs, as soon as that is known; nothing where this mind cannot die of bankruptcy."""
        mortal = self._settings.on_bankruptcy == "die" and self._settings.pays
        if not mortal or self._needs is not None:
            keep_reserve(tx, self._mind, period, self._needs if mortal else None, self._smallest_hold)

    def _fill(self, tx: Transaction, now: datetime) -> None:
        for limit in fill(tx, self._limits(now)):
            if limit.account == day_account(now):  # a day cap that was set at noon counts the morning too
                use_up(tx, limit.account, USD, spent_on_day(tx, day_of(now)), why="spent before the cap was set")

    def _wallet(self, now: datetime) -> Wallet:
        return Wallet(self._mind, now, self._limits(now), self._provider_clock.problem(now), self._settings.mind_share)

    # --- when the purse is away --------------------------------------------------------------------------

    async def _book(
        self, call_id: str, work: Callable[[Transaction], T], careful: Callable[[Transaction], T] | None = None
    ) -> T | None:
        """Book how a call goes on; where the purse is away, keep it for later and return None."""
        try:
            await self._pay_owed()
            return await self._ledger.transact(work, careful=careful)
        except StoreUnavailable:
            if len(self._owed) >= MAX_OWED:
                raise
            self._owed.append((call_id, careful or work))
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


def _settle(tx: Transaction, held: HeldCall, bill: Bill) -> tuple[int, Mapping[str, int] | None]:
    settle_straight(tx, held, bill)
    return held.expense.amount_nanos, tx.left_then(_caps_of(held.legs)) if held.expense.caller else None


def _caps_of(legs: Sequence[CallLeg]) -> list[str]:
    """Return the accounts among the legs that cap money."""
    return [leg.debit for leg in legs if leg.kind == "money" and leg.debit != OVERRUN]


def _void_if_held(tx: Transaction, call_id: str) -> None:
    if find_call(tx, call_id) is not None:
        book_void(tx, call_id, current=None)
