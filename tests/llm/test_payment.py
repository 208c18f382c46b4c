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

MODEL = "acme/small-1"
MOST = 20_000_000
STRANGER = Payer("call", client="simulation", life=None)


class Raw:
    """A program's own way of asking: a raw body over plain HTTP, whose bytes it passes on."""

    def __init__(self, house, payer=STRANGER):
        self.house = house
        self.payer = payer
        self.body = {"model": MODEL, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 9}
        self.passed_on = b""
        self.named = asyncio.Event()
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def send(self, wire):
        headers = {"Authorization": f"Bearer {self.house.provider.key}"}
        url = f"{self.house.provider.base_url}/chat/completions"
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
        payments, model = self.house.client.payments, self.house.models[MODEL]
        return payments.pay(self.payer, model, MOST, self.send, **choices)


async def test_a_raw_body_is_held_for_sent_and_booked_under_who_asked(house):
    raw = Raw(house)
    paid = await raw.pay()
    assert (paid.end, paid.cost_nanos) == (End.CAPTURE, house.provider.billed_nanos)
    assert paid.balance.available == 5_000_000_000 - house.provider.billed_nanos
    assert b"I am here" in raw.passed_on
    call = house.calls()[0]
    assert (call.id, call.client, call.purpose, call.life, call.held) == (
        paid.call_id, "simulation", "call", None, MOST
    )  # fmt: skip
    assert call.remote_id == house.provider.bills[0].id


async def test_no_room_nothing_is_sent(build):
    house = await build(monthly_budget_usd="0.01")
    with pytest.raises(NotAffordable):
        await Raw(house).pay()
    assert house.provider.calls == []


async def test_a_run_that_pays_too_is_held_on_too(house):
    await CallerBooks(house.ledger, Settings(), house.clock).set_run_budget("town", MOST + 1)
    raw = Raw(house, payer=Payer("call", client="gateway", caller=Caller(run="town")))
    assert (await raw.pay()).cost_nanos == house.provider.billed_nanos
    with pytest.raises(NotAffordable, match="run town"):
        await raw.pay()
    assert len(house.provider.calls) == 1


async def test_what_fails_in_the_senders_own_code_is_not_free(house):
    raw = Raw(house)
    raw.outcome = lambda *_: 1 / 0
    with pytest.raises(ZeroDivisionError):
        await raw.pay()
    assert [call.state for call in house.calls()] == [CallState.UNKNOWN]
    house.clock.advance(60)
    await house.client.settle_unknowns()
    assert await house.spent() == house.provider.billed_nanos > 0


async def test_what_fails_before_anything_was_sent_is_void(house):
    async def send(_wire):
        raise OSError("no route")

    with pytest.raises(OSError, match="no route"):
        await house.client.payments.pay(STRANGER, house.models[MODEL], MOST, send)
    assert [call.state for call in house.calls()] == [CallState.VOIDED]


async def test_an_answer_is_not_lost_to_books_that_were_settled_otherwise_meanwhile(house):
    raw = Raw(house)

    async def send(wire):
        said = await raw.send(wire)
        await house.tracker.refuse(wire.call_id)
        return said

    paid = await house.client.payments.pay(STRANGER, house.models[MODEL], MOST, send)
    assert (paid.end, paid.cost_nanos) == (End.UNKNOWN, 0)
    assert b"I am here" in raw.passed_on
    assert len(house.events("call.unrecorded")) == 1


async def _gone(raw, **choices):
    """Have whoever asked leave while the answer is on its way."""
    raw.go_on.clear()
    asking = asyncio.ensure_future(raw.pay(**choices))
    await raw.named.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking


async def test_who_leaves_leaves_an_unknown_outcome_that_is_asked_for(house):
    await _gone(Raw(house))
    assert [call.state for call in house.calls()] == [CallState.UNKNOWN]
    house.clock.advance(60)
    await house.client.settle_unknowns()
    assert await house.spent() == house.provider.billed_nanos > 0


async def test_a_call_whose_asker_has_left_may_be_read_to_its_end_and_is_booked_by_what_it_says(house):
    raw = Raw(house)
    await _gone(raw, linger_seconds=60)
    assert [call.state for call in house.calls()] == [CallState.SENT]
    raw.go_on.set()
    await _until(lambda: house.calls()[0].state is CallState.CAPTURED)
    assert await house.spent() == house.provider.billed_nanos > 0


async def test_it_is_not_read_for_ever(house):
    await _gone(Raw(house), linger_seconds=0.01)
    await _until(lambda: house.calls()[0].state is CallState.UNKNOWN)


async def test_closing_ends_what_is_still_read(house):
    await _gone(Raw(house), linger_seconds=60)
    await house.client.close()
    assert [call.state for call in house.calls()] == [CallState.UNKNOWN]


async def test_a_call_of_tools_is_an_answer(house):
    house.provider.then(tool_calls())
    answer = await house.ask(MODEL)
    assert (answer.text, answer.cost_nanos) == ("", house.provider.billed_nanos)
    assert house.health.available(house.models[MODEL], house.clock.now())


@pytest.mark.parametrize("code", [400, 404, 413, 422])
async def test_a_programs_own_mistake_rests_no_model_for_the_mind(house, code):
    house.provider.then(status(code))
    with pytest.raises(NoAnswer):
        await house.ask(MODEL, client="simulation")
    assert (await house.ask(MODEL)).model.id == MODEL


async def test_what_says_something_of_the_provider_counts_whoever_asked(house):
    house.provider.then(cut())
    with pytest.raises(NoAnswer):
        await house.ask(MODEL, client="simulation")
    with pytest.raises(NoAnswer, match="resting"):
        await house.ask(MODEL)


async def _until(true):
    async with asyncio.timeout(20):
        while not true():  # noqa: ASYNC110 - the books tell nobody
            await asyncio.sleep(0.001)


async def test_a_hold_that_nobody_waits_for_any_more_is_let_go_however_often_that_is_said(house):
    """What was never sent would have stood held for a day, and then been booked in full."""
    raw, payments = Raw(house), house.client.payments
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
    assert (balance.held, balance.spent, house.provider.calls) == (0, 0, [])
