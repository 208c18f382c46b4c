"""The payment seam: whoever writes the request and reads the answer, the money is held before and decided after."""

import asyncio
import json

import httpx2
import pytest

from ai.credit_tracker import Caller, CallerBooks, CallState, NotAffordable
from ai.llm import NoAnswer, Payer
from ai.llm.calls import Outcome
from ai.llm.fate import End
from ai.llm.figures import as_cost
from ai.settings import Settings
from tests.world.openrouter_faults import cut, status, tool_calls
from tests.world.waiting import until

MODEL = "acme/small-1"
MOST = 20_000_000
STRANGER = Payer("call", client="simulation", life=None)


class Raw:
    """A program's own way of asking: a raw body over plain HTTP, whose bytes it passes on."""

    def __init__(self, rooms, payer=STRANGER):
        self.rooms = rooms
        self.payer = payer
        self.body = {"model": MODEL, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 9}
        self.passed_on = b""
        self.named = asyncio.Event()
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def send(self, wire):
        headers = {"Authorization": f"Bearer {self.rooms.provider.key}"}
        url = f"{self.rooms.provider.base_url}/chat/completions"
        async with httpx2.AsyncClient(timeout=None) as http:
            request = http.build_request("POST", url, headers=headers, json=self.body)
            wire.sent = True
            response = await http.send(request, stream=True)
            await wire.named(response.headers.get("x-generation-id"))
            self.named.set()
            await self.go_on.wait()
            self.passed_on = await response.aread()
        return self.outcome(response, wire)

    def outcome(self, response, wire):
        said = json.loads(self.passed_on)
        cost = as_cost(str(said["usage"]["cost"])) if "usage" in said else None
        named = {"generation_id": wire.generation_id, "answered_by": said.get("model"), "error": None}
        return Outcome(True, response.status_code, "", "", None, cost, **named, latency_seconds=0.1, beyond_text=True)

    def pay(self, **choices):
        payments, model = self.rooms.client.payments, self.rooms.models[MODEL]
        return payments.pay(self.payer, model, MOST, self.send, **choices)


async def test_a_raw_body_is_held_for_sent_and_booked_under_who_asked(rooms):
    raw = Raw(rooms)
    paid = await raw.pay()
    assert (paid.end, paid.cost_nanos) == (End.CAPTURE, rooms.provider.billed_nanos)
    assert paid.balance.available == 5_000_000_000 - rooms.provider.billed_nanos
    assert b"I am here" in raw.passed_on
    call = rooms.calls()[0]
    assert (call.id, call.client, call.purpose, call.life, call.held) == (
        paid.call_id, "simulation", "call", None, MOST
    )  # fmt: skip
    assert call.remote_id == rooms.provider.bills[0].id


async def test_no_room_nothing_is_sent(build):
    rooms = await build(monthly_budget_usd="0.01")
    with pytest.raises(NotAffordable):
        await Raw(rooms).pay()
    assert rooms.provider.calls == []


async def test_a_run_that_pays_too_is_held_on_too(rooms):
    await CallerBooks(rooms.ledger, Settings(), rooms.clock).set_run_budget("town", MOST + 1)
    raw = Raw(rooms, payer=Payer("call", client="gateway", caller=Caller(run="town")))
    assert (await raw.pay()).cost_nanos == rooms.provider.billed_nanos
    with pytest.raises(NotAffordable, match="run town"):
        await raw.pay()
    assert len(rooms.provider.calls) == 1


async def test_what_fails_in_the_senders_own_code_is_not_free(rooms):
    raw = Raw(rooms)
    raw.outcome = lambda *_: 1 / 0
    with pytest.raises(ZeroDivisionError):
        await raw.pay()
    assert [call.state for call in rooms.calls()] == [CallState.UNKNOWN]
    rooms.clock.advance(60)
    await rooms.client.settle_unknowns()
    assert await rooms.spent() == rooms.provider.billed_nanos > 0


async def test_what_fails_before_anything_was_sent_is_void(rooms):
    async def send(_wire):
        raise OSError("no route")

    with pytest.raises(OSError, match="no route"):
        await rooms.client.payments.pay(STRANGER, rooms.models[MODEL], MOST, send)
    assert [call.state for call in rooms.calls()] == [CallState.VOIDED]


async def test_an_answer_is_not_lost_to_books_that_were_settled_otherwise_meanwhile(rooms):
    raw = Raw(rooms)

    async def send(wire):
        said = await raw.send(wire)
        await rooms.tracker.refuse(wire.call_id)
        return said

    paid = await rooms.client.payments.pay(STRANGER, rooms.models[MODEL], MOST, send)
    assert (paid.end, paid.cost_nanos) == (End.UNKNOWN, 0)
    assert b"I am here" in raw.passed_on
    assert len(rooms.events("call.unrecorded")) == 1


async def _gone(raw, **choices):
    """Have whoever asked leave while the answer is on its way."""
    raw.go_on.clear()
    asking = asyncio.ensure_future(raw.pay(**choices))
    await raw.named.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking


async def test_who_leaves_leaves_an_unknown_outcome_that_is_asked_for(rooms):
    await _gone(Raw(rooms))
    assert [call.state for call in rooms.calls()] == [CallState.UNKNOWN]
    rooms.clock.advance(60)
    await rooms.client.settle_unknowns()
    assert await rooms.spent() == rooms.provider.billed_nanos > 0


async def test_a_call_whose_asker_has_left_may_be_read_to_its_end_and_is_booked_by_what_it_says(rooms):
    raw = Raw(rooms)
    await _gone(raw, linger_seconds=60)
    assert [call.state for call in rooms.calls()] == [CallState.SENT]
    raw.go_on.set()
    await until(lambda: rooms.calls()[0].state is CallState.CAPTURED)
    assert await rooms.spent() == rooms.provider.billed_nanos > 0


async def test_it_is_not_read_for_ever(rooms):
    await _gone(Raw(rooms), linger_seconds=0.01)
    await until(lambda: rooms.calls()[0].state is CallState.UNKNOWN)


async def test_closing_ends_what_is_still_read(rooms):
    await _gone(Raw(rooms), linger_seconds=60)
    await rooms.client.close()
    assert [call.state for call in rooms.calls()] == [CallState.UNKNOWN]


async def test_a_call_of_tools_is_an_answer(rooms):
    rooms.provider.then(tool_calls())
    answer = await rooms.ask(MODEL)
    assert (answer.text, answer.cost_nanos) == ("", rooms.provider.billed_nanos)
    assert rooms.health.available(rooms.models[MODEL], rooms.clock.now())


@pytest.mark.parametrize("code", [400, 404, 413, 422])
async def test_a_programs_own_mistake_rests_no_model_for_the_mind(rooms, code):
    rooms.provider.then(status(code))
    with pytest.raises(NoAnswer):
        await rooms.ask(MODEL, client="simulation")
    assert (await rooms.ask(MODEL)).model.id == MODEL


async def test_what_says_something_of_the_provider_counts_whoever_asked(rooms):
    rooms.provider.then(cut())
    with pytest.raises(NoAnswer):
        await rooms.ask(MODEL, client="simulation")
    with pytest.raises(NoAnswer, match="resting"):
        await rooms.ask(MODEL)


async def test_a_hold_that_nobody_waits_for_any_more_is_let_go_however_often_that_is_said(rooms):
    """What was never sent would have stood held for a day, and then been booked in full."""
    raw, payments = Raw(rooms), rooms.client.payments
    placing, go_on, hold = asyncio.Event(), asyncio.Event(), payments.tracker.hold

    async def slow(expense):
        placing.set()
        await go_on.wait()
        await hold(expense)

    payments.tracker.hold = slow
    paying = asyncio.ensure_future(raw.pay())
    await placing.wait()
    for _ in range(2):
        paying.cancel()
        for _ in range(5):  # until it has seen that
            await asyncio.sleep(0)
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await paying
    balance = await payments.tracker.balance()
    assert (balance.held, balance.spent, rooms.provider.calls) == (0, 0, [])
