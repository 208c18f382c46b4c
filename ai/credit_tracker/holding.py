"""Placing a hold: carefully, saying who refuses, and straight, asking nothing where nothing stands against it.

The straight way is the ledger's own: the schema takes all of it or refuses all, and only after a refusal does Python
look why, by `place_hold`. So on PostgreSQL the calls of all callers that wait go in together.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from ai.credit_tracker.accounts import OVERRUN, USD, available, month_account, spent_account, used_of
from ai.credit_tracker.admission import CallerCaps, admit
from ai.credit_tracker.callers import Key, Run, find_key, find_run, key_limit, run_limit
from ai.credit_tracker.calls import (
    CallLeg,
    HeldCall,
    call_row,
    check_same,
    find_call,
    insert_call,
    legs_of,
    unknown_sums,
)
from ai.credit_tracker.limits import Limit, cap_states, keep_share, share_limit, touches
from ai.credit_tracker.months import (
    MONTH_IS_OPEN,
    OVERRUN_LEFT,
    Month,
    draw_on_reserve,
    find_month,
    pending_restore,
    reserved_in,
)
from ai.credit_tracker.periods import day_of, month_end, month_of
from ai.credit_tracker.records import OPEN_STATES, Caller, Category, Expense, NotAffordable
from ai.ledger.errors import HoldEnded, InsufficientFunds
from ai.ledger.money import usd9
from ai.ledger.store import BulkStatement
from ai.ledger.transaction import Leg, Transaction

MAX_UNKNOWN_CALLS = 3  # DESIGN, "Money": with three unknown holds open thinking goes on on free and local models
MAX_UNKNOWN_SHARE = 20  # likewise with 5 % of the month, one dollar in twenty, held by unknowns
NO_CAPS = CallerCaps((), None)
NO_SHARE = Decimal(0)
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
    mind_share: Decimal = NO_SHARE  # of the month, that callers of the gateway leave to a mind that lives on it

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
    calls, held = unknown_sums(tx, period, of_callers=False)
    if calls >= MAX_UNKNOWN_CALLS:
        return Obstacle(
            "unknown outcomes", f"{calls} calls of unknown outcome are still held for ({MAX_UNKNOWN_CALLS} at most)"
        )
    if month is not None and 0 < month.given <= held * MAX_UNKNOWN_SHARE:
        return Obstacle("unknown outcomes", f"calls of unknown outcome hold ${usd9(held)}, 5 % of the month or more")
    return None


def place_hold(tx: Transaction, expense: Expense, wallet: Wallet) -> HeldCall:
    """Hold the most an expense could cost on every account it touches, and write its row; all or nothing.

    The same expense again is the same hold. Raises NotAffordable naming the narrowest cap that has no room,
    TransferConflict where the id was held for something else, HoldEnded where that call has ended already, MonthClosed;
    for callers also what `admit` raises.
    """
    if expense.amount_nanos < 0:
        raise ValueError(f"an expense of {expense.amount_nanos} nano-dollars is negative; hold 0 or more")
    known = find_call(tx, expense.id)
    if known is not None:
        check_same(known, expense, wallet.mind)
        if known.state not in OPEN_STATES:
            raise HoldEnded(expense.id, known.state)
        return HeldCall(expense, known.mind, known.period, known.day, tuple(legs_of(tx, expense.id)))
    if expense.amount_nanos > 0:
        _refuse_where_nothing_is_paid(tx, expense, wallet)
    month = find_month(tx, wallet.period)
    caps = NO_CAPS
    limits = wallet.limits
    if expense.caller is not None:
        caps = admit(tx, expense.caller, expense.id, wallet.now)
        limits = (*limits, *keep_share(tx, month, wallet.mind_share), *caps.limits)
    legs = _legs(tx, expense, wallet, limits, month)
    if expense.last:
        draw_on_reserve(tx, wallet.mind, wallet.period, expense)
    if caps.most is not None and expense.amount_nanos > caps.most:
        raise _refusal(tx, wallet, limits, legs, caps.most)
    try:
        tx.hold(expense.id, [Leg(leg.debit, leg.credit, leg.amount) for leg in legs], memo=expense.subject)
    except InsufficientFunds as short:
        raise _refusal(tx, wallet, limits, legs) from short
    insert_call(tx, expense, wallet.mind, wallet.now, legs)
    return HeldCall(expense, wallet.mind, wallet.period, day_of(wallet.now), tuple(legs))


def _refuse_where_nothing_is_paid(tx: Transaction, expense: Expense, wallet: Wallet) -> None:
    thinking = expense.caller is None and expense.category is Category.MODEL
    obstacle = why_no_paid(tx, wallet, thinking=thinking)
    if obstacle is not None:
        raise NotAffordable(
            obstacle.cap,
            needed=expense.amount_nanos,
            available=0,
            resets_at=obstacle.resets_at,
            reason=obstacle.reason,
        )


def _legs(
    tx: Transaction, expense: Expense, wallet: Wallet, limits: Sequence[Limit], month: Month | None
) -> list[CallLeg]:
    """The month's leg first. Where the month is not open a zero alone can be held, and `overrun` would bear a cost."""
    is_open = month is not None and not month.closed
    if expense.amount_nanos > 0 and not is_open:
        raise MonthClosed(wallet.period, expense.amount_nanos)
    tx.open_account(spent_account(wallet.period), USD)
    return legs_on(month_account(wallet.period) if is_open else OVERRUN, expense, wallet.period, limits)


def legs_on(source: str, expense: Expense, period: str, limits: Sequence[Limit]) -> list[CallLeg]:
    """Return what an expense is held on: `source`, as a rule the month's account, and every limit that covers it."""
    legs = [CallLeg("money", source, spent_account(period), expense.amount_nanos)]
    for limit in limits:
        amount: int = getattr(expense, AMOUNT_OF[limit.kind])
        if limit.of_caller or (amount > 0 and touches(limit, expense)):
            legs.append(CallLeg(limit.kind, limit.account, used_of(limit.unit), amount))
    return legs


def _refusal(
    tx: Transaction, wallet: Wallet, limits: Sequence[Limit], legs: Sequence[CallLeg], most: int | None = None
) -> NotAffordable:
    """Return the refusal by the narrowest of the caps that have no room: one that will not have it, if there is one.

    `most` is what this one call may cost, where that is less than it needs.
    """
    by_account = {limit.account: limit for limit in limits}
    month = Limit(legs[0].debit, "month", "money", USD, 0, month_end(wallet.period))
    caps = [by_account.get(leg.debit, month) for leg in legs]
    refusals = []
    for leg, cap, state in zip(legs, caps, cap_states(tx, caps), strict=True):
        if leg.amount <= state.available:
            continue
        kept = reserved_in(tx, wallet.period) if cap is month else 0  # for last words; it does not come free
        money = cap.kind == "money"
        refusals.append(
            NotAffordable(
                state.name,
                needed=leg.amount,
                available=state.available,
                resets_at=state.resets_at,
                reason=None if money else f"{leg.amount} needed, {state.available} left",
                held=state.held,
                spent=state.spent,
                in_flight=money and leg.amount <= state.available + state.held - kept,
            )
        )
    if most is not None:
        refusals.append(NotAffordable("call", needed=legs[0].amount, available=most, resets_at=None))
    return min(refusals, key=lambda refusal: (refusal.in_flight, refusal.available))


# A guard makes the state NULL, which the schema refuses, where `why_no_paid` may find something, the month is not open,
# or a key, a run or the callers' share is not any more as it was known: then it is asked. One call of unknown outcome
# is enough for that, of the mind's own where the mind thinks.
_AS_KNOWN = (
    "(:given < 0 OR EXISTS (SELECT 1 FROM months WHERE months.period = :period AND months.lived = :lived "
    "AND months.granted + months.donated - months.rolled = :given)) "
    "AND (:key = '' OR EXISTS (SELECT 1 FROM keys WHERE keys.name = :key AND keys.secret_hash = :secret "
    "AND keys.account = :key_account AND keys.revoked_at IS NULL)) "
    "AND (:run = '' OR EXISTS (SELECT 1 FROM runs WHERE runs.name = :run AND runs.account = :run_account))"
)
HELD = BulkStatement(
    "INSERT INTO calls (id, mind, life, beat, client, purpose, subject, category, key, run, state, period, day, legs, "
    "held, held_at) SELECT :id, :mind, :life, :beat, :client, :purpose, :subject, :category, :key, :run, "
    f"(SELECT 'held' WHERE {MONTH_IS_OPEN} AND {OVERRUN_LEFT} >= 0 AND {_AS_KNOWN} "
    "AND NOT EXISTS (SELECT 1 FROM restores WHERE booked_at IS NULL) "
    "AND (:thinks = 0 OR NOT EXISTS (SELECT 1 FROM calls AS other "
    "WHERE other.state = 'unknown' AND other.key = '' AND other.run = ''))), "
    ":period, :day, :legs, :held, :at {rows}",
    {
        "id": "TEXT",
        "mind": "TEXT",
        "life": "BIGINT",
        "beat": "BIGINT",
        "client": "TEXT",
        "purpose": "TEXT",
        "subject": "TEXT",
        "category": "TEXT",
        "key": "TEXT",
        "run": "TEXT",
        "period": "TEXT",
        "day": "TEXT",
        "legs": "TEXT",
        "held": "BIGINT",
        "at": "BIGINT",
        "thinks": "BIGINT",
        "given": "BIGINT",
        "lived": "BIGINT",
        "secret": "TEXT",
        "key_account": "TEXT",
        "run_account": "TEXT",
    },
)


@dataclass(frozen=True, slots=True)
class KnownCaller:
    """What was seen of a caller and of the month for its holds of a day; each of them says that it is still so.

    `key` and `run` are None where it came without; `limits` are those of the callers' share, of key and run.
    """

    key: Key | None
    run: Run | None
    given: int
    lived: bool
    limits: tuple[Limit, ...]


MIND = KnownCaller(None, None, -1, lived=False, limits=())  # of the mind itself there is nothing to know


def know_caller(tx: Transaction, caller: Caller, wallet: Wallet) -> KnownCaller | None:
    """Look at what a caller was just held for with; None where it has to be asked for each of its calls."""
    month = find_month(tx, wallet.period)
    key = find_key(tx, caller.key) if caller.key else None
    run = find_run(tx, caller.run) if caller.run else None
    if month is None or (key is not None and key.terms.requests_per_minute is not None):
        return None
    limits = [*share_limit(month, wallet.mind_share)]
    limits += [limit for limit in (key and key_limit(key, wallet.now), run and run_limit(run)) if limit]
    return KnownCaller(key, run, month.given, month.lived, tuple(limits))


def may_go_straight(expense: Expense, wallet: Wallet, known: KnownCaller) -> bool:
    """Say whether a hold may be tried without asking first: nothing is known that speaks against it."""
    if expense.amount_nanos < 0 or wallet.clock_problem is not None or expense.last:
        return False
    caller = expense.caller
    if caller is None:
        return True
    most = [caller.max_cost]
    if known.key is not None:
        most.append(known.key.terms.max_call)
        if known.key.ended(wallet.now) is not None or caller.secret_hash not in {"", known.key.secret_hash}:
            return False
    return caller.request is None and all(bound is None or expense.amount_nanos <= bound for bound in most)


def hold_straight(tx: Transaction, expense: Expense, wallet: Wallet, known: KnownCaller) -> HeldCall:
    """Hold for a call and write its row. Raises ConstraintBroken where anything stands against it."""
    limits = (*wallet.limits, *known.limits)
    legs = legs_on(month_account(wallet.period), expense, wallet.period, limits)
    held = HeldCall(expense, wallet.mind, wallet.period, day_of(wallet.now), tuple(legs))
    thinks = expense.caller is None and expense.category is Category.MODEL
    key, run = known.key, known.run
    seen = (
        int(thinks),
        known.given,
        int(known.lived),
        key.secret_hash if key else "",
        key.account if key else "",
        run.account if run else "",
    )
    tx.write(HELD, (*call_row(expense, wallet.mind, wallet.period, held.day, legs), tx.at, *seen))
    tx.hold(expense.id, [Leg(leg.debit, leg.credit, leg.amount) for leg in legs], memo=expense.subject)
    return held
