"""Unknown outcomes: asked for ever more rarely, settled when the provider knows, captured in full after a day."""

import random
from contextlib import suppress
from decimal import Decimal
from itertools import pairwise, repeat

import pytest

from ai.credit_tracker import CallState, Category, Expense
from ai.credit_tracker.reconciliation import Reconciler
from ai.llm import Limits, NoAnswer
from ai.llm.account import generation
from tests.world.openrouter_answers import Answer
from tests.world.openrouter_faults import cut, no_usage, status

MODEL = "acme/small-1"


@pytest.fixture
async def quick(build):
    return await build(limits=Limits(max_attempts=1))


async def _unknown(rooms, fault):
    rooms.provider.then(fault)
    if fault is not None and fault.kind.startswith("hang"):
        rooms.impatient()
    with suppress(NoAnswer):
        await rooms.ask(MODEL)
    return rooms.calls()[-1]


def _asks(rooms):
    return len([request for request in rooms.provider.requests if request.path.endswith("/generation")])


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


async def test_what_is_told_of_an_id_that_two_calls_bear_is_booked_for_neither(quick):
    """The first was booked at what the second cost: the record of that id was taken for its own."""
    quick.provider._numbers = repeat(1)
    quick.provider.reply = Answer("Yes.", cost=Decimal("0.0001"))
    call = await _unknown(quick, no_usage())
    quick.provider.reply = Answer("Yes.", cost=Decimal("0.0003"))
    await quick.ask(MODEL)
    quick.clock.advance(60)
    await quick.client.settle_unknowns()
    assert _asks(quick) == 0
    assert quick.calls()[0].state is CallState.UNKNOWN
    assert await quick.spent() == 300_000
    assert await quick.available() == 5_000_000_000 - 300_000 - call.held
    quick.clock.advance(86_400)
    await quick.client.settle_unknowns()
    assert await quick.spent() == 300_000 + call.held >= quick.provider.billed_nanos


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
    rooms = await build()
    answer = await rooms.ask(MODEL)
    crashed = [
        Expense("sent-with-id", MODEL, "thought", 5_000_000, 1, 1),
        Expense("never-known", MODEL, "thought", 5_000_000, 1, 1),
        Expense("free", "acme/free-1:free", "thought", 0, 1, 1, free_requests=1),
        Expense("a-post", "x/post", "post", 15_000_000, 1, 1, posts=1, category=Category.POST),
    ]
    for expense in crashed:
        await rooms.tracker.hold(expense)
    await rooms.tracker.sent("sent-with-id", "gen-crashed")
    rooms.provider._generations["gen-crashed"] = Decimal(answer.cost_nanos) / 10**9
    again = await build(folder=rooms.folder, clock=rooms.clock)
    await again.client.resolve_open()
    rooms.clock.advance(60)
    await again.client.settle_unknowns()
    states = {call.id: call.state for call in again.calls()}
    assert states["sent-with-id"] is CallState.CAPTURED
    assert states["never-known"] is CallState.UNKNOWN
    assert states["free"] is CallState.CAPTURED
    assert states["a-post"] is CallState.HELD  # the outbox settles its own
    assert next(call.cost for call in again.calls() if call.id == "sent-with-id") == answer.cost_nanos


async def test_a_purse_that_is_away_at_the_start_stops_no_start(build):
    rooms = await build(purse_away=True)
    await rooms.client.resolve_open()


async def test_open_holds_are_taken_up_once_the_purse_is_back_and_calls_under_way_are_left_alone(build):
    rooms = await build()
    await rooms.tracker.hold(Expense("orphan", MODEL, "thought", 5_000_000, 1, 1))
    rooms.clock.advance(10)
    again = await build(folder=rooms.folder, clock=rooms.clock)
    settler = again.client._settler
    settler._orphaned_before = rooms.clock.now()  # as `resolve_open` leaves it where the purse was away
    rooms.clock.advance(10)
    await again.tracker.hold(Expense("under-way", MODEL, "thought", 5_000_000, 1, 1))
    await again.client.settle_unknowns()
    assert {call.id: call.state for call in again.calls()} == {
        "orphan": CallState.UNKNOWN,
        "under-way": CallState.HELD,
    }


async def test_what_a_provider_gave_up_and_never_knew_is_settled_at_nothing_after_some_minutes(quick):
    await _unknown(quick, status(502))
    for _ in range(4):
        quick.clock.advance(60)
        await quick.client.settle_unknowns()
        assert quick.calls()[0].state is CallState.UNKNOWN
    quick.clock.advance(61)
    await quick.client.settle_unknowns()
    settled = quick.calls()[0]
    assert (settled.state, settled.cost, settled.estimated) == (CallState.CAPTURED, 0, True)
    assert quick.events("call.settled")[-1]["how"].startswith("at nothing")


async def test_a_months_thinking_goes_on_through_four_in_a_hundred_of_them(build):
    rooms = await build(monthly_budget_usd="50", limits=Limits(max_attempts=1))
    rooms.provider.date = rooms.clock.now
    rng = random.Random(1)
    rooms.provider.fault_for = lambda _: status(502) if rng.random() < 0.04 else None
    blocked = 0
    for _ in range(120):
        rooms.clock.advance(600)
        await rooms.client.settle_unknowns()
        with suppress(NoAnswer):
            await rooms.ask(*(f"acme/small-{n}" for n in range(1, 5)))
        blocked += len(rooms.events("call.fallback")) and "unknown outcomes" in str(rooms.events("call.fallback")[-1])
    rooms.clock.advance(600)
    await rooms.client.settle_unknowns()
    assert len(rooms.events("call.unknown")) > 5
    assert not blocked
    assert await rooms.spent() == rooms.provider.billed_nanos


async def test_what_broke_off_in_silence_is_waited_for_longer(quick):
    quick.provider.unseen_asks = 10**6
    await _unknown(quick, cut(where="after_headers"))
    quick.clock.advance(29 * 60)
    await quick.client.settle_unknowns()
    assert quick.calls()[0].state is CallState.UNKNOWN
    quick.clock.advance(61)
    await quick.client.settle_unknowns()
    assert (quick.calls()[0].state, quick.calls()[0].cost) == (CallState.CAPTURED, 0)


@pytest.mark.parametrize("fault", [cut(where="mid_stream", billed=True), no_usage()])
async def test_what_began_is_never_taken_for_unbilled(quick, fault):
    quick.provider.unseen_asks = 10**6
    call = await _unknown(quick, fault)
    for _ in range(12):
        quick.clock.advance(7100)
        await quick.client.settle_unknowns()
        assert quick.calls()[0].state is CallState.UNKNOWN
    quick.clock.advance(7100)
    await quick.client.settle_unknowns()
    assert quick.calls()[0].cost == call.held


async def test_a_server_that_speaks_of_no_generations_is_no_proof_that_nothing_was_billed(quick):
    call = await _unknown(quick, status(500, billed=True))
    (await quick.endpoint._client()).base_url = quick.provider.base_url.replace("/api/v1", "/elsewhere")
    quick.provider.lost = b"<html>404</html>"
    quick.clock.advance(3600)
    await quick.client.settle_unknowns()
    assert quick.calls()[0].state is CallState.UNKNOWN
    assert await quick.available() == 5_000_000_000 - call.held


async def test_what_was_taken_for_unbilled_and_was_billed_is_found_by_the_reconciliation(quick):
    quick.provider.unseen_asks = 10
    await _unknown(quick, status(500, billed=True))
    for _ in range(3):
        quick.clock.advance(200)
        await quick.client.settle_unknowns()
    assert await quick.spent() == 0 < quick.provider.billed_nanos
    quick.provider.unseen_asks = 0

    async def month():
        return quick.provider.billed_nanos

    async def told(generation_id):
        return await generation(quick.endpoint, generation_id)

    reconciler = Reconciler(quick.ledger, quick.tracker, quick.clock, ask_month=month, ask_generation=told)
    found = await reconciler.reconcile()
    assert (found.settled, found.drift) == (1, 0)
    assert await quick.spent() == quick.provider.billed_nanos


async def test_a_mind_killed_every_few_seconds_keeps_its_model(build):
    """Each start asks at once, by the saved ids, for the calls that the kill before it left."""
    rooms = await build()
    for number in range(6):
        answer = await rooms.ask(MODEL)
        lost = Expense(f"lost-{rooms.clock.now()}", MODEL, "thought", 5_000_000, 1, 1)
        await rooms.tracker.hold(lost)
        await rooms.tracker.sent(lost.id, f"gen-lost-{number}")
        rooms.provider._generations[f"gen-lost-{number}"] = Decimal(answer.cost_nanos) / 10**9
        rooms.clock.advance(3)
        rooms = await build(folder=rooms.folder, clock=rooms.clock)
        await rooms.client.resolve_open()
        assert next(call for call in rooms.calls() if call.id == lost.id).cost == answer.cost_nanos
    assert (await rooms.ask(MODEL)).model.id == MODEL


async def test_a_provider_that_is_away_is_not_waited_for_by_each_of_them(build):
    rooms = await build(limits=Limits(max_attempts=1), monthly_budget_usd="50")
    for number in range(6):
        await rooms.tracker.hold(Expense(f"lost-{number}", MODEL, "thought", 5_000_000, 1, 1))
        await rooms.tracker.sent(f"lost-{number}", f"gen-{number}")
    asked = []
    rooms.provider.stop()
    rooms.endpoint.get_json = _counted(rooms.endpoint.get_json, asked)
    await rooms.client.resolve_open()
    assert len(asked) == 1


def _counted(get_json, asked):
    async def counting(*arguments):
        asked.append(arguments)
        return await get_json(*arguments)

    return counting


async def test_a_bill_of_ones_own_that_is_left_out_is_not_nothing(quick):
    quick.provider.generation_document = {"is_byok": True, "upstream_inference_cost": None}
    await _unknown(quick, no_usage())
    quick.clock.advance(60)
    await quick.client.settle_unknowns()
    assert quick.calls()[0].state is CallState.UNKNOWN
    quick.provider.generation_document = {"is_byok": True, "upstream_inference_cost": Decimal("0.001")}
    quick.clock.advance(60)
    await quick.client.settle_unknowns()
    assert quick.calls()[0].cost == quick.provider.billed_nanos + 1_000_000
