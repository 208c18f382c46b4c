"""Unknown outcomes: asked for ever more rarely, settled when the provider knows, captured in full after a day."""

from contextlib import suppress
from itertools import pairwise

import pytest

from ai.credit_tracker import CallState, Category, Expense
from ai.llm import Limits, NoAnswer
from tests.world.openrouter_faults import cut, no_usage

MODEL = "acme/small-1"


@pytest.fixture
async def quick(build):
    return await build(limits=Limits(max_attempts=1))


async def _unknown(house, fault):
    house.provider.then(fault)
    if fault is not None and fault.kind.startswith("hang"):
        house.impatient()
    with suppress(NoAnswer):
        await house.ask(MODEL)
    return house.calls()[-1]


def _asks(house):
    return len([request for request in house.provider.requests if request.path.endswith("/generation")])


async def test_it_is_not_asked_for_before_the_provider_can_know(quick):
    await _unknown(quick, no_usage())
    await quick.client.settle_unknowns()
    assert _asks(quick) == 0


async def test_the_waits_between_asks_grow(quick):
    quick.provider.unseen_asks = 10**6
    await _unknown(quick, no_usage())
    asked_at = []
    for second in range(0, 86_000, 5):
        before = _asks(quick)
        if _near(asked_at, second):
            await quick.client.settle_unknowns()
        if _asks(quick) > before:
            asked_at.append(second)
        quick.clock.advance(5)
    waits = [b - a for a, b in pairwise(asked_at)]
    assert waits[:5] == [15, 45, 135, 405, 1215]
    assert max(waits) <= 3 * 3600 + 5
    assert len(asked_at) < 20


def _near(asked_at, second):
    """Save the asking where the test knows that nothing is due."""
    wait = min(5 * 3 ** len(asked_at), 3 * 3600)
    return second - (asked_at[-1] if asked_at else 0) >= wait - 5


async def test_a_bill_that_the_provider_tells_late_is_booked_as_it_is(quick):
    quick.provider.unseen_asks = 2
    call = await _unknown(quick, cut(where="mid_stream", billed=True))
    for _ in range(3):
        quick.clock.advance(60)
        await quick.client.settle_unknowns()
    settled = quick.calls()[0]
    assert (settled.state, settled.cost) == (CallState.CAPTURED, quick.provider.billed_nanos)
    assert settled.prompt_tokens == quick.provider.bills[0].prompt_tokens
    assert quick.events("call.unknown")[0]["held_nanos"] == call.held
    assert quick.events("call.settled")[0]["cost_nanos"] == quick.provider.billed_nanos


async def test_what_was_never_billed_is_released_whole(quick):
    await _unknown(quick, cut(where="after_headers"))
    quick.clock.advance(60)
    await quick.client.settle_unknowns()
    assert (quick.calls()[0].state, quick.calls()[0].cost) == (CallState.CAPTURED, 0)
    assert await quick.available() == 5_000_000_000


async def test_what_stays_unknown_for_a_day_is_captured_in_full(quick):
    call = await _unknown(quick, cut(billed=True))
    assert call.remote_id is None
    quick.clock.advance(86_399)
    await quick.client.settle_unknowns()
    assert quick.calls()[0].state is CallState.UNKNOWN
    quick.clock.advance(2)
    await quick.client.settle_unknowns()
    assert await quick.spent() == call.held
    assert quick.events("call.settled")[0]["how"] == "in full after a day"


async def test_a_provider_that_is_away_is_no_answer(quick):
    await _unknown(quick, no_usage())
    quick.provider.stop()
    quick.clock.advance(60)
    await quick.client.settle_unknowns()
    assert quick.calls()[0].state is CallState.UNKNOWN


async def test_three_unknowns_stop_paying_and_settling_them_starts_it_again(quick):
    for _ in range(3):
        await _unknown(quick, no_usage())
        quick.clock.advance(3600)
    with pytest.raises(NoAnswer, match="unknown outcomes"):
        await quick.ask(MODEL)
    assert (await quick.ask(MODEL, "acme/free-1:free")).model.free
    await quick.client.settle_unknowns()
    assert (await quick.ask(MODEL)).model.id == MODEL
    assert await quick.spent() == quick.provider.billed_nanos


async def test_holds_that_a_crash_left_open_are_asked_about_after_the_start(build):
    house = await build()
    answer = await house.ask(MODEL)
    lost = house.calls()[0]
    crashed = [
        Expense("sent-with-id", MODEL, "thought", 5_000_000, 1, 1),
        Expense("never-known", MODEL, "thought", 5_000_000, 1, 1),
        Expense("free", "acme/free-1:free", "thought", 0, 1, 1, free_requests=1),
        Expense("a-post", "x/post", "post", 15_000_000, 1, 1, posts=1, category=Category.POST),
    ]
    for expense in crashed:
        await house.tracker.hold(expense)
    await house.tracker.sent("sent-with-id", lost.remote_id)
    again = await build(folder=house.folder, clock=house.clock)
    await again.client.resolve_open()
    house.clock.advance(60)
    await again.client.settle_unknowns()
    states = {call.id: call.state for call in again.calls()}
    assert states["sent-with-id"] is CallState.CAPTURED
    assert states["never-known"] is CallState.UNKNOWN
    assert states["free"] is CallState.CAPTURED
    assert states["a-post"] is CallState.HELD  # the outbox settles its own
    assert next(call.cost for call in again.calls() if call.id == "sent-with-id") == answer.cost_nanos


async def test_a_purse_that_is_away_at_the_start_stops_no_start(build):
    house = await build(purse_away=True)
    await house.client.resolve_open()


async def test_open_holds_are_taken_up_once_the_purse_is_back_and_calls_under_way_are_left_alone(build):
    house = await build()
    await house.tracker.hold(Expense("orphan", MODEL, "thought", 5_000_000, 1, 1))
    house.clock.advance(10)
    again = await build(folder=house.folder, clock=house.clock)
    settler = again.client._settler
    settler._orphaned_before = house.clock.now()  # as `resolve_open` leaves it where the purse was away
    house.clock.advance(10)
    await again.tracker.hold(Expense("under-way", MODEL, "thought", 5_000_000, 1, 1))
    await again.client.settle_unknowns()
    assert {call.id: call.state for call in again.calls()} == {
        "orphan": CallState.UNKNOWN,
        "under-way": CallState.HELD,
    }
