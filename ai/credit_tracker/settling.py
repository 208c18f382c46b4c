"""What each end of a call does to the money: capture, charge beyond the hold, refuse, void, correct.

`settle_straight` is the usual end, which asks nothing; where the schema refuses it, `book_cost` does it carefully.
"""

from ai.credit_tracker.accounts import OVERRUN, USD, month_account, spent_account
from ai.credit_tracker.calls import (
    CallLeg,
    HeldCall,
    get_call,
    legs_of,
    mark_corrected,
    mark_ended,
    note_problem,
    tokens_of,
)
from ai.credit_tracker.limits import use_up
from ai.credit_tracker.months import MONTH_IS_OPEN, OVERRUN_LEFT, find_month, repay_overrun, sweep_month
from ai.credit_tracker.records import OPEN_STATES, Bill, CallRecord, CallState
from ai.credit_tracker.rollups import add_to_sums
from ai.ledger.errors import HoldEnded, TransferConflict
from ai.ledger.store import BulkStatement
from ai.ledger.transaction import Transaction

CAPTURED = BulkStatement(
    f"UPDATE calls SET state = (SELECT 'captured' WHERE {MONTH_IS_OPEN} AND {OVERRUN_LEFT} = 0), cost = :cost, "
    "prompt_tokens = :prompt, completion_tokens = :completion, cached_tokens = :cached, reasoning_tokens = :reasoning, "
    "estimated = :estimated, problem = COALESCE(:problem, calls.problem), "
    "remote_id = COALESCE(:remote_id, calls.remote_id), sent_at = COALESCE(calls.sent_at, :at), settled_at = :at "
    "{rows} WHERE calls.id = :id",
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
        "remote_id": "TEXT",
        "at": "BIGINT",
    },
    once="id",
)


def settle_straight(tx: Transaction, held: HeldCall, bill: Bill) -> HeldCall:
    """Capture what a call cost, within its hold, and return it. Raises ConstraintBroken where more is to be done."""
    expense = held.expense
    tx.capture(expense.id, [min(bill.cost, leg.amount) if leg.kind == "money" else leg.amount for leg in held.legs])
    tokens = tokens_of(bill.usage)
    row = (expense.id, held.period, bill.cost, *tokens, int(bill.estimated), bill.problem, bill.remote_id, tx.at)
    tx.write(CAPTURED, row)
    add_to_sums(tx, held, cost=bill.cost, calls=1, usage=bill.usage)
    return held


def book_cost(tx: Transaction, call_id: str, bill: Bill, *, current: str | None) -> CallRecord:
    """Capture a call's true cost in nano-dollars; above its hold it takes from the month, then from `overrun`.

    The same cost again changes nothing; another cost corrects one that was booked on an estimate, and is a
    TransferConflict otherwise. Raises HoldEnded for a call that was refused or voided. `current` is the month
    now lived in: an earlier one is swept when this was its last hold.
    """
    cost = bill.cost
    if cost < 0:
        raise ValueError(f"a cost of {cost} nano-dollars is negative; a refund is a correction to a lower cost")
    call = get_call(tx, call_id)
    if call.state is CallState.CAPTURED:
        _correct(tx, call, bill)
    elif call.state in OPEN_STATES:
        legs = legs_of(tx, call_id)
        tx.capture(call_id, [min(cost, leg.amount) if leg.kind == "money" else leg.amount for leg in legs])
        if cost > call.held:
            _charge_beyond(tx, call, legs, cost - call.held, why=f"{call_id}/beyond")
        mark_ended(tx, call_id, CallState.CAPTURED, bill)
        add_to_sums(tx, call, cost=cost, calls=1, usage=bill.usage)
    else:
        raise HoldEnded(call_id, call.state)
    _afterwards(tx, call, current)
    return call


def book_refusal(tx: Transaction, call_id: str, *, current: str | None) -> None:
    """End a call that the provider refused: it cost nothing, its free request counts, its post does not."""
    call = get_call(tx, call_id)
    if call.state is CallState.REFUSED:
        return
    if call.state not in OPEN_STATES:
        raise HoldEnded(call_id, call.state)
    tx.capture(call_id, [leg.amount if leg.kind == "free" else 0 for leg in legs_of(tx, call_id)])
    mark_ended(tx, call_id, CallState.REFUSED, Bill(0))
    _afterwards(tx, call, current)


def book_void(tx: Transaction, call_id: str, *, current: str | None) -> None:
    """End a call that provably never left: everything held comes back."""
    call = get_call(tx, call_id)
    if call.state is CallState.VOIDED:
        return
    if call.state not in OPEN_STATES:
        raise HoldEnded(call_id, call.state)
    tx.void(call_id)
    mark_ended(tx, call_id, CallState.VOIDED, Bill(0))
    _afterwards(tx, call, current)


def book_dispute(tx: Transaction, call_id: str, cost: int, reason: str, *, current: str | None) -> None:
    """Settle a charge at what a person says is right, whatever the provider said; the transfers bear the reason.

    Raises KeyError for a call that is none, ValueError where it was not charged.
    """
    call = get_call(tx, call_id)
    if call.state is not CallState.CAPTURED:
        raise ValueError(f"call {call_id} was not charged: it is {call.state}")
    if cost != call.cost:
        _move_difference(tx, call, Bill(cost), memo=f"disputed by {reason}")
    note_problem(tx, call_id, f"settled by {reason}")
    _afterwards(tx, call, current)


def _correct(tx: Transaction, call: CallRecord, bill: Bill) -> None:
    cost, booked = bill.cost, call.cost or 0
    if cost == booked:
        if call.estimated and not bill.estimated:
            mark_corrected(tx, call.id, bill)
        return
    if not call.estimated:
        raise TransferConflict(call.id, "cost", booked, cost)
    _move_difference(tx, call, bill, memo="")


def _move_difference(tx: Transaction, call: CallRecord, bill: Bill, *, memo: str) -> None:
    """Book what a captured call cost more or less than it was booked at."""
    cost, booked = bill.cost, call.cost or 0
    number = mark_corrected(tx, call.id, bill)
    fresh_usage = bill.usage if call.prompt_tokens is None else None
    add_to_sums(tx, call, cost=cost - booked, calls=0, usage=fresh_usage)
    legs = legs_of(tx, call.id)
    why = f"{call.id}/correction/{number}"
    if cost > booked:
        _charge_beyond(tx, call, legs, cost - booked, why=why, memo=memo)
        return
    overdrawn = min(booked - cost, _overdrawn_by(tx, call, number)) if booked > call.held else 0
    if overdrawn:
        tx.transfer(
            f"refund/{why}/{OVERRUN}",
            debit=spent_account(call.period),
            credit=OVERRUN,
            amount=overdrawn,
            memo=memo or "refund",
        )
    for n, leg in enumerate(leg for leg in legs if leg.kind == "money"):
        # the first is the month's: it gets back all else that was booked too much, caps only what they were charged
        back = min(booked, leg.amount) - min(cost, leg.amount) if n else booked - cost - overdrawn
        if back > 0:
            tx.transfer(f"refund/{why}/{n}", debit=leg.credit, credit=leg.debit, amount=back, memo=memo or "refund")


def _overdrawn_by(tx: Transaction, call: CallRecord, corrections: int) -> int:
    """Return what a call was charged as overrun, less what was refunded of that: months to come may have repaid it."""
    numbers = [f"correction/{n}" for n in range(1, corrections)]
    ids = [f"charge/{call.id}/{why}/{OVERRUN}" for why in ("beyond", *numbers)]
    ids += [f"refund/{call.id}/{why}/{OVERRUN}" for why in numbers]
    rows = tx.execute(
        "SELECT COALESCE(SUM(CASE debit WHEN ? THEN posted ELSE -posted END), 0) AS overdrawn "
        f"FROM transfers WHERE id IN ({','.join('?' * len(ids))})",
        (OVERRUN, *ids),
    )
    return int(rows[0]["overdrawn"])


def _charge_beyond(  # noqa: PLR0913 - what is charged, and what the transfers say
    tx: Transaction, call: CallRecord, legs: list[CallLeg], extra: int, *, why: str, memo: str = ""
) -> None:
    """Book what a call cost above its hold: whole, from its month as far as there is something, then as overrun."""
    tx.open_account(spent_account(call.period), USD)
    from_month = 0
    if find_month(tx, call.period) is not None:
        from_month = min(extra, tx.account(month_account(call.period)).available)
    for source, amount in ((month_account(call.period), from_month), (OVERRUN, extra - from_month)):
        if amount > 0:
            tx.transfer(
                f"charge/{why}/{source}",
                debit=source,
                credit=spent_account(call.period),
                amount=amount,
                memo=memo or "above the hold",
            )
    for leg in legs[1:]:
        if leg.kind == "money":
            use_up(tx, leg.debit, USD, extra, why=why)


def _afterwards(tx: Transaction, call: CallRecord, current: str | None) -> None:
    """Let what came free do its duty: repay an overrun, and end the call's month where that is over or was closed."""
    month = find_month(tx, call.period)
    if month is None:
        return
    if month.closed or (current is not None and call.period != current):
        sweep_month(tx, call.period)
        if current is not None and find_month(tx, current) is not None:
            repay_overrun(tx, current)
    else:
        repay_overrun(tx, call.period)
