"""What can be read of the purse, by the daemon and beside it; nothing here writes."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from fractions import Fraction
from typing import Any, Generic, TypeVar

from ai.asking import Purpose
from ai.clock import Clock
from ai.credit_tracker.accounts import DONATIONS, OVERRUN, all_available, available, month_account, wishes_account
from ai.credit_tracker.calls import (
    calls_above_their_hold,
    find_call,
    last_calls,
    last_seq,
    open_calls,
    shares_its_id,
    unknown_sums,
    usage_after,
)
from ai.credit_tracker.limits import Limit, cap_states, limits_at, touches
from ai.credit_tracker.months import find_month, find_reserve, open_months, reserved_in, spent_in
from ai.credit_tracker.periods import day_of, month_end, month_of, month_start
from ai.credit_tracker.records import OPEN_STATES, Balance, Band, CallRecord, CallState, CapState, Expense, RunUsage
from ai.credit_tracker.rollups import average_tokens, burn_per_day, moments_per_day
from ai.credit_tracker.spending import BurnRate, Spending, budget_json, call_json, read_month, read_pace, read_since
from ai.ledger.errors import StoreUnavailable
from ai.ledger.ledger import Ledger
from ai.ledger.money import nanos
from ai.ledger.transaction import Transaction
from ai.settings import Settings

T = TypeVar("T")
K = TypeVar("K")
V = TypeVar("V")
MAX_LISTED = 1_000  # open calls looked at in one go; a mind has a handful
COMFORTABLE_SHARE = Fraction(60, 100)  # DESIGN, "Money": bands as a share of what the month was given
MODERATE_SHARE = Fraction(20, 100)
CAUTIOUS_SHARE = Fraction(10, 100)


def band_of(*, available: int, given: int, held_unknown: int, paid_provider: bool, smallest_hold: int) -> Band:
    """Return the band for amounts in nano-dollars.

    `given` is what the month was granted and donated, `held_unknown` what calls of unknown outcome hold (it may
    come back, so it never makes a bankrupt), `smallest_hold` the least that a paid thought must hold.
    """
    if paid_provider and available + held_unknown < smallest_hold:
        return Band.BANKRUPT
    if given <= 0:
        return Band.CRITICAL
    share = Fraction(available, given)
    if share >= COMFORTABLE_SHARE:
        return Band.COMFORTABLE
    if share >= MODERATE_SHARE:
        return Band.MODERATE
    return Band.CAUTIOUS if share >= CAUTIOUS_SHARE else Band.CRITICAL


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a balance is judged by beside the books: the grant in nano-dollars, the provider, the smallest hold."""

    grant: int
    paid_provider: bool
    smallest_hold: int
    free: Limit
    posts: Limit


def read_balance(tx: Transaction, now: datetime, outlook: Outlook) -> Balance:
    """Return the balance of the month of `now`.

    A month that was not opened yet is shown as it would be: its grant, the donations that will roll into it, less
    the overrun it will repay. So a first look, or a look with an untrusted clock, never shows a bankrupt.
    """
    period = month_of(now)
    month = find_month(tx, period)
    overrun = min(0, available(tx, OVERRUN))
    held = 0
    if month is None:
        granted = outlook.grant
        donated = available(tx, DONATIONS) + sum(
            min(other.donated - other.rolled, tx.account(month_account(other.period)).available)
            for other in open_months(tx, but=period)
        )
        left = max(0, granted + donated + overrun)
    else:
        account = tx.account(month_account(period))
        granted, donated, held = month.granted, month.donated - month.rolled, account.debits_pending
        left = account.available + month.expired  # entering a closed month gives it back; an open one has none
    _, held_unknown = unknown_sums(tx, period)
    burn = burn_per_day(tx, now)
    free, posts = cap_states(tx, [outlook.free, outlook.posts])
    return Balance(
        period=period,
        granted=granted,
        donated=donated,
        spent=spent_in(tx, period),
        held=held,
        held_unknown=held_unknown,
        available=left,
        band=band_of(
            available=left,
            given=granted + donated,
            held_unknown=held_unknown,
            paid_provider=outlook.paid_provider,
            smallest_hold=outlook.smallest_hold,
        ),
        resets_at=month_end(period),
        runway_days=left / burn if burn else None,
        free_left=free.available,
        free_quota=free.filled,
        posts_left=posts.available,
        overrun=overrun,
        reserved=reserved_in(tx, period),
    )


class SharedLook(Generic[K, V]):
    """Asks `look` for what several callers want to know at once; each answer is of a moment after its question."""

    def __init__(self, look: Callable[[frozenset[K]], Awaitable[Mapping[K, V]]]) -> None:
        self._look = look
        self._wanted: set[K] = set()
        self._under_way: asyncio.Future[Mapping[K, V]] | None = None
        self._next: asyncio.Future[Mapping[K, V]] | None = None

    async def ask(self, *wanted: K) -> Mapping[K, V]:
        """Return what a look says that began after this call; raises what it raised."""
        self._wanted.update(wanted)
        if self._next is None:
            self._next = asyncio.ensure_future(self._look_after(self._under_way))
        return await asyncio.shield(self._next)

    async def _look_after(self, before: "asyncio.Future[Mapping[K, V]] | None") -> Mapping[K, V]:
        if before is not None and not before.done():
            await asyncio.wait([before])
        self._under_way, self._next = self._next, None
        wanted, self._wanted = frozenset(self._wanted), set()
        return await self._look(wanted)


class Books:
    """One mind's view of the purse; works on a ledger opened for reading. All amounts are nano-dollars.

    Every question but `balance` raises StoreUnavailable where the purse is away.
    """

    def __init__(self, ledger: Ledger, settings: Settings, clock: Clock, *, mind_name: str) -> None:
        self._ledger = ledger
        self._settings = settings
        self._clock = clock
        self._mind = mind_name
        self._grant = nanos(settings.monthly_budget_usd)
        self._smallest_hold = 1
        self._free_requests: int | None = None
        self._last: Balance | None = None
        self._limits_of: tuple[str, int | None] | None = None  # the day, and the free requests, that these are of
        self._limits_then: tuple[Limit, ...] = ()
        self._balances: SharedLook[None, Balance] = SharedLook(self._look_at_balance)
        self._accounts: SharedLook[str, int] = SharedLook(self._look_at_accounts)

    @property
    def mind_name(self) -> str:
        """Whose books these are."""
        return self._mind

    def set_smallest_hold(self, amount_nanos: int) -> None:
        """Say what a paid thought must hold at least; with less than that available the purse is bankrupt."""
        self._smallest_hold = max(1, amount_nanos)

    async def balance(self) -> Balance:
        """Return the month at a glance; the last one known, with `away` set, where the purse cannot be read."""
        try:
            self._last = await self.read(self._balance_at(self._clock.now()))
        except StoreUnavailable as error:
            return self._away(str(error))
        return self._last

    async def _look_at_balance(self, _: frozenset[None]) -> dict[None, Balance]:
        return {None: await Books.balance(self)}

    async def _look_at_accounts(self, accounts: frozenset[str]) -> dict[str, int]:
        return await self._ledger.read(lambda tx: all_available(tx, accounts))

    async def budget_report(self, period: str | None = None) -> dict[str, Any]:
        """Return the budget document of CONTRACT §3 for a month like `2026-11` (None: the current one).

        Raises ValueError for a period that is no month.
        """
        now = self._clock.now()
        month = month_of(now) if period is None else month_of(month_start(period))
        balance = self._balance_at(now)
        return await self.read(lambda tx: budget_json(tx, month, balance(tx)))

    async def spending(self, *, month: str | None = None, since: date | None = None) -> Spending:
        """Return where the money went: in a month like `2026-11` (None: the current one), or since a UTC day.

        Raises ValueError for a month that is none.
        """
        now = self._clock.now()
        if since is not None:
            return await self.read(lambda tx: read_since(tx, since, now))
        period = month_of(now) if month is None else month_of(month_start(month))
        return await self.read(lambda tx: read_month(tx, period))

    async def caps(self) -> tuple[CapState, ...]:
        """Return what each cap on money has left in its current period: the day's, the AI's own and named ones."""
        limits = [limit for limit in self._limits(self._clock.now()) if limit.kind == "money"]
        return await self.read(lambda tx: cap_states(tx, limits))

    async def pace(self) -> BurnRate:
        """Return how fast money goes, and what the month will have spent by its end."""
        now = self._clock.now()
        balance = self._balance_at(now)
        return await self.read(lambda tx: read_pace(tx, now, balance(tx)))

    async def calls(self, limit: int) -> list[dict[str, Any]]:
        """Return the last calls as JSON, newest first."""
        return await self.read(lambda tx: [call_json(call) for call in last_calls(tx, limit)])

    async def call(self, call_id: str) -> CallRecord | None:
        """Return one call's row, or None where nothing was held under this id."""
        return await self.read(lambda tx: find_call(tx, call_id))

    async def dear_calls(self, limit: int) -> list[CallRecord]:
        """Return the latest calls that cost more than was held for them, newest first."""
        return await self.read(lambda tx: calls_above_their_hold(tx, limit))

    async def unknowns(self) -> list[CallRecord]:
        """Return this mind's calls of unknown outcome, oldest first."""
        return await self._open_calls(CallState.UNKNOWN)

    async def shares_its_id(self, call: CallRecord) -> bool:
        """Say whether the provider's id of a call is another's too, so that nothing is known of it by that."""
        return await self.read(lambda tx: shares_its_id(tx, call))

    async def open_holds(self) -> list[CallRecord]:
        """Return this mind's calls that have not ended: held, sent or unknown; oldest first."""
        return await self._open_calls(*OPEN_STATES)

    async def _open_calls(self, *states: CallState) -> list[CallRecord]:
        return await self.read(lambda tx: open_calls(tx, self._mind, states, MAX_LISTED))

    async def averages(self) -> dict[str, tuple[float, float]]:
        """Return prompt and completion tokens a call by purpose, of the last 30 days."""
        now = self._clock.now()
        return await self.read(lambda tx: average_tokens(tx, now))

    async def moments(self) -> dict[str, float]:
        """Return calls a day by purpose, of the last week; empty until a day was observed."""
        now = self._clock.now()
        return await self.read(lambda tx: moments_per_day(tx, now))

    async def room(self, purpose: str) -> int:
        """Return the most that a paid call for `purpose` could hold now: the least that month and caps have left.

        For last words (`death`) the month has what this mind's reserve keeps for them as well. Caps on single models
        are not looked at; a hold is.
        """
        now = self._clock.now()
        balance = self._balance_at(now)
        probe = Expense(id="", subject="", purpose=purpose, amount_nanos=1, life=None, beat=None)
        caps = [limit for limit in self._limits(now) if limit.kind == "money" and touches(limit, probe)]

        def query(tx: Transaction) -> int:
            kept = find_reserve(tx, self._mind, month_of(now)).words if purpose == Purpose.DEATH else 0
            return min([balance(tx).available + kept, *(available(tx, cap.account, cap.level) for cap in caps)])

        return await self.read(query)

    async def wishes_left(self) -> int:
        """Return what the AI's own wishes may still take of this month, in nano-dollars."""
        now = self._clock.now()
        level = next(limit.level for limit in self._limits(now) if limit.account == wishes_account(now))
        return await self.read(lambda tx: available(tx, wishes_account(now), level))

    async def marker(self) -> int:
        """Return where the books stand now, for `usage_since`."""
        return await self.read(last_seq)

    async def usage_since(self, marker: int) -> RunUsage:
        """Return what this mind's model calls since `marker` used."""
        return await self.read(lambda tx: usage_after(tx, self._mind, marker))

    async def read(self, query: Callable[[Transaction], T]) -> T:
        """Return what `query` finds in one moment of the purse; it cannot write."""
        return await self._ledger.read(query)

    def _balance_at(self, now: datetime) -> Callable[[Transaction], Balance]:
        outlook = self._outlook(now)
        return lambda tx: read_balance(tx, now, outlook)

    def _limits(self, now: datetime) -> tuple[Limit, ...]:
        asked = (day_of(now), self._free_requests)
        if self._limits_of != asked:  # they are asked for at every call, and change with the day
            self._limits_of, self._limits_then = asked, limits_at(self._settings, self._mind, now, self._free_requests)
        return self._limits_then

    def _outlook(self, now: datetime) -> Outlook:
        limits = {limit.kind: limit for limit in self._limits(now)}
        return Outlook(
            grant=self._grant,
            paid_provider=self._settings.pays,
            smallest_hold=self._smallest_hold,
            free=limits["free"],
            posts=limits["posts"],
        )

    def _away(self, reason: str) -> Balance:
        """Return what was last known; a purse never seen has nothing to spend, and that is no bankruptcy."""
        if self._last is not None:
            return replace(self._last, away=reason)
        period = month_of(self._clock.now())
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
            free_quota=0,
            posts_left=0,
            overrun=0,
            away=reason,
        )
