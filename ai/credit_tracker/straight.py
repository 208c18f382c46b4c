"""The straight way of a call: what its hold and its settlement write where nothing stands against it, asking nothing.

It is the ledger's own way: the schema takes all of it or refuses all, and only after a refusal does Python look why, by
`place_hold` and `book_cost`. So on PostgreSQL the calls of all callers that wait go in together.
"""

from dataclasses import dataclass

from ai.credit_tracker.callers import share_limit
from ai.credit_tracker.calls import HeldCall, call_row, tokens_of
from ai.credit_tracker.holding import Wallet, legs_on
from ai.credit_tracker.keys import Key, find_key, key_limit
from ai.credit_tracker.limits import Limit
from ai.credit_tracker.months import OVERRUN, find_month, month_account
from ai.credit_tracker.periods import day_of
from ai.credit_tracker.records import Bill, Caller, Category, Expense
from ai.credit_tracker.rollups import ROLLUPS, rollup_rows
from ai.credit_tracker.runs import Run, find_run, run_limit
from ai.credit_tracker.statement import add_fresh
from ai.ledger.store import BulkStatement
from ai.ledger.transaction import Leg, Transaction

# A guard makes the state NULL, which the schema refuses, where `why_no_paid` may find something, the month is not open,
# or a key, a run or the callers' share is not any more as it was known: then it is asked. One call of unknown outcome
# is enough for that, of the mind's own where the mind thinks.
_OPEN = "EXISTS (SELECT 1 FROM months WHERE months.period = :period AND months.closed_at IS NULL)"
_OVERRUN = f"(SELECT credits_posted - debits_posted - debits_pending FROM accounts WHERE accounts.id = '{OVERRUN}')"
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
    f"(SELECT 'held' WHERE {_OPEN} AND {_OVERRUN} >= 0 AND {_AS_KNOWN} "
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
CAPTURED = BulkStatement(
    f"UPDATE calls SET state = (SELECT 'captured' WHERE {_OPEN} AND {_OVERRUN} = 0), cost = :cost, "
    "prompt_tokens = :prompt, completion_tokens = :completion, cached_tokens = :cached, reasoning_tokens = :reasoning, "
    "estimated = :estimated, problem = COALESCE(:problem, calls.problem), settled_at = :at {rows} WHERE calls.id = :id",
    {
        "id": "TEXT",
        "period": "TEXT",
        "cost": "BIGINT",
        "prompt": "BIGINT",
        "completion": "BIGINT",
        "cached": "BIGINT",
        "reasoning": "BIGINT",
        "estimated": "BIGINT",
        "problem": "TEXT",
        "at": "BIGINT",
    },
    once="id",
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


def settle_straight(tx: Transaction, held: HeldCall, bill: Bill) -> HeldCall:
    """Capture what a call cost, within its hold, and return it. Raises ConstraintBroken where more is to be done."""
    expense = held.expense
    tx.capture(expense.id, [min(bill.cost, leg.amount) if leg.kind == "money" else leg.amount for leg in held.legs])
    tokens = tokens_of(bill.usage)
    tx.write(CAPTURED, (expense.id, held.period, bill.cost, *tokens, int(bill.estimated), bill.problem, tx.at))
    tx.write(
        ROLLUPS,
        *rollup_rows(
            (held.day, held.mind),
            (expense.subject, expense.purpose, expense.life),
            cost=bill.cost,
            calls=1,
            usage=bill.usage,
        ),
    )
    add_fresh(tx, held, cost=bill.cost, usage=bill.usage)
    return held
