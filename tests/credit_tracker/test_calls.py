"""The row of a call from its hold to its end: whoever settles after a crash has nothing else to go by."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ai.credit_tracker import CallState, Usage
from ai.credit_tracker.calls import legs_of, overdue_calls, unknown_sums
from ai.credit_tracker.records import CallRecord, Category
from ai.ledger.errors import TransferConflict
from tests.credit_tracker.conftest import BOTH_STORES

pytestmark = BOTH_STORES
USD = 1_000_000_000


def about(when, wanted):
    """Say whether a time is the one that is wanted, but for a few looks at the clock."""
    return when is not None and abs(when - wanted) < timedelta(milliseconds=1)


async def test_a_calls_row_says_all_that_is_known_at_each_stage(purse):
    tracker = await purse.tracker(mind="ada", daily_budget_usd="1")
    expense = purse.expense(
        USD // 10, id="c", subject="lab/model", purpose="social", life=3, beat=14, client="embedder", free_requests=1
    )
    await tracker.hold(expense)
    held = await tracker.call("c")
    at = held.held_at
    assert held == CallRecord(
        seq=held.seq, id="c", mind="ada", life=3, beat=14, client="embedder", purpose="social", subject="lab/model",
        category=Category.MODEL, remote_id=None, state=CallState.HELD, period="2026-11", day="2026-11-10",
        held=USD // 10, cost=None,
        prompt_tokens=None, completion_tokens=None, cached_tokens=None, reasoning_tokens=None, estimated=False,
        problem=None, held_at=at, sent_at=None, unknown_since=None, settled_at=None,
    )  # fmt: skip
    assert purse.ledger.read_now(lambda tx: [(leg.kind, leg.debit, leg.amount) for leg in legs_of(tx, "c")]) == [
        ("money", "month:2026-11", USD // 10),
        ("free", "free:2026-11-10", 1),
        ("money", "day:2026-11-10", USD // 10),
    ]

    purse.clock.advance(1)
    await tracker.sent("c", None)
    purse.clock.advance(1)
    await tracker.sent("c", "gen-1")
    await tracker.sent("c", None)
    sent = await tracker.call("c")
    assert sent == replace(held, state=CallState.SENT, sent_at=sent.sent_at, remote_id="gen-1")
    assert about(sent.sent_at, at + timedelta(seconds=1))

    await tracker.leave_unknown("c", "time-out")
    purse.clock.advance(1)
    await tracker.leave_unknown("c", "cut")
    unknown = await tracker.call("c")
    assert unknown == replace(sent, state=CallState.UNKNOWN, unknown_since=unknown.unknown_since, problem="cut")
    assert about(unknown.unknown_since, at + timedelta(seconds=2))
    await tracker.sent("c", "gen-2")
    assert await tracker.call("c") == replace(unknown, remote_id="gen-2")

    purse.clock.advance(1)
    await tracker.settle("c", 5, Usage(10, 4, 3, 2))
    ended = await tracker.call("c")
    assert ended == replace(
        unknown, remote_id="gen-2", state=CallState.CAPTURED, cost=5, settled_at=ended.settled_at,
        prompt_tokens=10, completion_tokens=4, cached_tokens=3, reasoning_tokens=2,
    )  # fmt: skip
    assert about(ended.settled_at, at + timedelta(seconds=4))
    await tracker.leave_unknown("c", "too late")
    await tracker.sent("c", "gen-3")
    assert await tracker.call("c") == replace(ended, remote_id="gen-3")


async def test_a_correction_keeps_what_it_does_not_tell(purse):
    tracker = await purse.tracker()
    expense = purse.expense(USD)
    await tracker.hold(expense)
    await tracker.settle(expense.id, 9, Usage(10, 4, 3, 2), estimated=True)
    estimated = await tracker.call(expense.id)
    assert estimated.estimated
    purse.clock.advance(60)
    await tracker.settle(expense.id, 8)
    assert await tracker.call(expense.id) == replace(estimated, cost=8, estimated=False)


@pytest.mark.parametrize(
    ("field", "given", "stored"),
    [
        ("subject", "lab/other", "lab/model"),
        ("purpose", "crisis", "thought"),
        ("amount_nanos", 8, 7),
        ("life", 2, 1),
        ("beat", None, 1),
        ("client", "embedder", "mind"),
    ],
)
async def test_the_same_id_for_something_else_names_what_differs(purse, field, given, stored):
    tracker = await purse.tracker()
    expense = purse.expense(7, id="c")
    await tracker.hold(expense)
    with pytest.raises(TransferConflict) as conflict:
        await tracker.hold(replace(expense, **{field: given}))
    assert str(conflict.value) == f"c exists with {field} {stored!r}; {given!r} was given now"
    with pytest.raises(TransferConflict, match=r"^c exists with mind 'genesis'; 'bob' was given now$"):
        await (await purse.tracker(mind="bob")).hold(expense)


async def ended(purse, tracker, end, **fields):
    expense = purse.expense(USD // 100, **fields)
    await tracker.hold(expense)
    await end(expense.id)
    return expense.id


async def test_open_calls_are_ones_own_in_their_order(purse):
    ada, bob = await purse.tracker(mind="ada"), await purse.tracker(mind="bob")

    async def sent(call):
        await ada.sent(call, "gen")

    async def lost(call):
        await ada.leave_unknown(call, "cut")

    async def nothing(call):
        pass

    unknown = [await ended(purse, ada, lost) for _ in range(2)]
    held, left = await ended(purse, ada, nothing), await ended(purse, ada, sent)
    await ended(purse, ada, ada.void)
    others = await ended(purse, bob, nothing)
    assert [call.id for call in await ada.open_holds()] == [*unknown, held, left]
    assert [call.id for call in await ada.unknowns()] == unknown
    assert [call.id for call in await bob.open_holds()] == [others]


async def test_unknown_calls_of_all_months_count_and_hold_in_their_own(purse):
    tracker = await purse.tracker()

    async def lost(call):
        await tracker.leave_unknown(call, "cut")

    old = await ended(purse, tracker, lost)
    purse.clock.set(datetime(2026, 12, 1, tzinfo=UTC))
    tracker = await purse.tracker()
    young = await ended(purse, tracker, lost)
    await ended(purse, tracker, tracker.void)
    assert purse.ledger.read_now(lambda tx: unknown_sums(tx, "2026-12")) == (2, USD // 100)
    assert purse.ledger.read_now(lambda tx: unknown_sums(tx, "2027-01")) == (2, 0)

    def overdue(age, limit):
        return [call.id for call in purse.ledger.transact_now(lambda tx: overdue_calls(tx, age, limit))]

    assert overdue(timedelta(), 5) == [old, young]
    assert overdue(timedelta(milliseconds=1), 5) == [old]  # the clock moved by some microseconds since the younger
    assert overdue(timedelta(), 1) == [old]


async def test_calls_are_told_newest_first_and_a_marker_is_where_they_stand(purse):
    tracker = await purse.tracker()
    assert await tracker.marker() == 0
    made = [await purse.spend(tracker, 1) for _ in range(3)]
    assert [call["id"] for call in await tracker.calls(2)] == made[:0:-1]
    assert await tracker.marker() == (await tracker.call(made[-1])).seq
