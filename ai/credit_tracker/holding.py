"""Placing a hold: whether anything paid may start now, on which accounts it is held, and who refuses it."""

from dataclasses import dataclass
from datetime import datetime

from ai.credit_tracker.balances import available
from ai.credit_tracker.calls import X_SUBJECTS, CallLeg, check_same, find_call, insert_call, unknown_sums
from ai.credit_tracker.gaps import pending_restore
from ai.credit_tracker.limits import Limit, touches, used_of
from ai.credit_tracker.months import OVERRUN, USD, Month, find_month, month_account, spent_account
from ai.credit_tracker.periods import month_end, month_of
from ai.credit_tracker.records import OPEN_STATES, Expense, NotAffordable
from ai.credit_tracker.reserve import draw_on_reserve
from ai.ledger.errors import HoldEnded, InsufficientFunds
from ai.ledger.money import usd9
from ai.ledger.transaction import Leg, Transaction

MAX_UNKNOWN_CALLS = 3  # DESIGN, "Money": with three unknown holds open thinking goes on on free and local models
MAX_UNKNOWN_SHARE = 20  # likewise with 5 % of the month, one dollar in twenty, held by unknowns
AMOUNT_OF = {"money": "amount_nanos", "free": "free_requests", "posts": "posts"}


class MonthClosed(NotAffordable):
    """The month is closed, because another mind's clock is ahead; entering it again opens it. Nothing was held."""

    def __init__(self, period: str, needed: int) -> None:
        reason = f"{period} was closed by another mind, whose clock is ahead of this one's"
        super().__init__("month", needed=needed, available=0, resets_at=month_end(period), reason=reason)


@dataclass(frozen=True, slots=True)
class Wallet:
    """What a hold is placed with: whose it is, when, the limits in force, and what speaks against the clock."""

    mind: str
    now: datetime
    limits: tuple[Limit, ...]
    clock_problem: str | None

    @property
    def period(self) -> str:
        """The month a hold placed now belongs to."""
        return month_of(self.now)


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why nothing paid may start at all, whatever is left."""

    cap: str
    reason: str
    resets_at: datetime | None = None


def why_no_paid(tx: Transaction, wallet: Wallet, *, thinking: bool) -> Obstacle | None:
    """Return what stands against any paid hold now, or None.

    Unknown outcomes stop thinking alone: a read on X may be just what settles a post.
    """
    if wallet.clock_problem is not None:
        return Obstacle("clock", wallet.clock_problem)
    restore = pending_restore(tx)
    if restore is not None:
        return Obstacle(
            "restore",
            f"the purse is a backup of {restore.backup_at:%Y-%m-%d %H:%M} UTC, and what was spent since is not booked "
            "yet; run `python -m ai reconcile`",
        )
    overrun = available(tx, OVERRUN)
    if overrun < 0:
        return Obstacle(
            "overrun",
            f"calls cost ${usd9(-overrun)} more than there was; the next grant or top-up repays it",
            month_end(wallet.period),
        )
    return _unknowns_in_the_way(tx, find_month(tx, wallet.period), wallet.period) if thinking else None


def _unknowns_in_the_way(tx: Transaction, month: Month | None, period: str) -> Obstacle | None:
    calls, held = unknown_sums(tx, period)
    if calls >= MAX_UNKNOWN_CALLS:
        return Obstacle(
            "unknown outcomes", f"{calls} calls of unknown outcome are still held for ({MAX_UNKNOWN_CALLS} at most)"
        )
    if month is not None and 0 < month.given <= held * MAX_UNKNOWN_SHARE:
        return Obstacle("unknown outcomes", f"calls of unknown outcome hold ${usd9(held)}, 5 % of the month or more")
    return None


def place_hold(tx: Transaction, expense: Expense, wallet: Wallet) -> None:
    """Hold the most an expense could cost on every account it touches, and write its row; all or nothing.

    The same expense again is the same hold. Raises NotAffordable naming the cap that refused, TransferConflict
    where the id was held for something else, HoldEnded where that call has ended already, MonthClosed.
    """
    if expense.amount_nanos < 0:
        raise ValueError(f"an expense of {expense.amount_nanos} nano-dollars is negative; hold 0 or more")
    known = find_call(tx, expense.id)
    if known is not None:
        check_same(known, expense, wallet.mind)
        if known.state not in OPEN_STATES:
            raise HoldEnded(expense.id, known.state)
        return
    if expense.amount_nanos > 0:
        obstacle = why_no_paid(tx, wallet, thinking=not expense.subject.startswith(X_SUBJECTS))
        if obstacle is not None:
            raise NotAffordable(
                obstacle.cap,
                needed=expense.amount_nanos,
                available=0,
                resets_at=obstacle.resets_at,
                reason=obstacle.reason,
            )
    legs = _legs(tx, expense, wallet)
    if expense.last:
        draw_on_reserve(tx, wallet.mind, wallet.period, expense)
    try:
        tx.hold(expense.id, [Leg(leg.debit, leg.credit, leg.amount) for leg in legs], memo=expense.subject)
    except InsufficientFunds as short:
        raise _refusal(short, wallet) from short
    insert_call(tx, expense, wallet.mind, wallet.now, legs)


def _legs(tx: Transaction, expense: Expense, wallet: Wallet) -> list[CallLeg]:
    """The month's leg first. Where the month is not open a zero alone can be held, and `overrun` would bear a cost."""
    month = find_month(tx, wallet.period)
    is_open = month is not None and not month.closed
    if expense.amount_nanos > 0 and not is_open:
        raise MonthClosed(wallet.period, expense.amount_nanos)
    tx.open_account(spent_account(wallet.period), USD)
    source = month_account(wallet.period) if is_open else OVERRUN
    legs = [CallLeg("money", source, spent_account(wallet.period), expense.amount_nanos)]
    for limit in wallet.limits:
        amount: int = getattr(expense, AMOUNT_OF[limit.kind])
        if amount > 0 and touches(limit, expense):
            legs.append(CallLeg(limit.kind, limit.account, used_of(limit.unit), amount))
    return legs


def _refusal(short: InsufficientFunds, wallet: Wallet) -> NotAffordable:
    for limit in wallet.limits:
        if limit.account == short.account:
            return NotAffordable(
                limit.name,
                needed=short.needed,
                available=short.available,
                resets_at=limit.resets_at,
                reason=None if limit.kind == "money" else f"{short.needed} needed, {short.available} left",
            )
    return NotAffordable("month", needed=short.needed, available=short.available, resets_at=month_end(wallet.period))
