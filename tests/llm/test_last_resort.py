"""The embedded model comes last and is always reached: without money, without a network, without a purse."""

from dataclasses import replace

import pytest

from ai.asking import Purpose
from ai.credit_tracker import CallState, CreditTracker, Usage
from ai.ledger.errors import StoreUnavailable
from ai.llm import Limits, NoAnswer, PaidClient, Payer
from ai.llm.calls import Outcome
from ai.model_config import Tier
from ai.settings import Settings
from tests.world.openrouter import FakeOpenRouter
from tests.world.openrouter_faults import hang, status

QUESTION = [{"role": "user", "content": "Are you there?"}]
PAID = [f"acme/tiny-{n}" for n in range(1, 13)]


class Embedded:
    """An endpoint in this process, as the embedded model's is: costs nothing."""

    name = "local"
    paid = False

    def __init__(self, text="A quiet thought."):
        self.text = text
        self.requests = []

    async def complete(self, request):
        self.requests.append(request)
        return Outcome(True, 200, self.text, "stop", Usage(5, 5), None, None, None, None, 0.01)

    async def close(self):
        pass


@pytest.fixture
async def both(build):
    async def make(**chosen):
        rooms = await build(others=[Embedded()], **chosen)
        rooms.models["local/x"] = replace(
            rooms.models["acme/free-1:free"], id="local/x", endpoint="local", tier=Tier.LOCAL
        )
        return rooms

    return make


async def test_a_provider_outage_reaches_it_within_six_attempts(both, provider: FakeOpenRouter):
    rooms = await both()
    provider.then(*[status(404)] * 12)
    answer = await rooms.ask(*PAID, "local/x")
    assert (answer.model.id, answer.cost_nanos, answer.text) == ("local/x", 0, "A quiet thought.")
    assert len(provider.calls) == 5
    assert rooms.events("call.fallback")[-1]["next"] == "local/x"
    completed = rooms.events("call.completed")[-1]
    assert (completed["tier"], completed["cost_nanos"], completed["balance_nanos"]) == ("local", 0, 5_000_000_000)


async def test_no_network_reaches_it_at_once(both, provider):
    rooms = await both()
    provider.stop()
    assert (await rooms.ask(*PAID, "local/x")).model.id == "local/x"
    *paid, local = rooms.calls()
    assert len(paid) == 2  # one model, tried twice; nobody is there for the others either
    assert (local.subject, local.held, local.cost) == ("local/x", 0, 0)  # it has its row too, so that the sums tell all
    assert await rooms.available() == 5_000_000_000


async def test_an_empty_purse_reaches_it(both):
    rooms = await both(monthly_budget_usd="0")
    assert (await rooms.ask(*PAID, "local/x")).model.id == "local/x"
    assert rooms.provider.calls == []
    assert rooms.events("call.fallback")[0]["kind"] == "not_affordable"


async def test_hanging_providers_leave_it_its_time(both):
    rooms = await both(limits=Limits(timeout_seconds=0.2))
    rooms.provider.then(*[hang()] * 6)
    rooms.client.payments.clock = SlowClock(rooms.clock)
    answer = await rooms.ask(*PAID, "local/x", deadline=rooms.clock.monotonic() + 9)
    assert answer.model.id == "local/x"
    assert rooms.client.endpoints["local"].requests[0].timeout_seconds <= 3


async def test_it_may_take_all_the_time_that_is_left_as_nobody_is_asked_after_it(both):
    rooms = await both(limits=Limits(timeout_seconds=60))
    rooms.provider.stop()
    await rooms.ask(*PAID, "local/x", deadline=rooms.clock.monotonic() + 240)
    await rooms.ask("local/x")
    last, undated = rooms.client.endpoints["local"].requests
    assert last.timeout_seconds > 200  # a slow processor reads a first long prompt for minutes
    assert undated.timeout_seconds == 60


class SlowClock:
    """Every look at it takes a second."""

    def __init__(self, clock):
        self._clock = clock
        self.now = clock.now
        self.sleep = clock.sleep

    def monotonic(self):
        self._clock.advance(1)
        return self._clock.monotonic()


async def test_a_purse_that_is_away_reaches_it(both):
    rooms = await both(purse_away=True)
    answer = await rooms.ask(*PAID, "local/x")
    assert answer.model.id == "local/x"
    assert answer.balance.away is not None
    assert rooms.provider.calls == []


class CutWhileCommitting(CreditTracker):
    """A purse whose server goes away after it has written a hold and before it could say so."""

    async def hold(self, expense):
        await super().hold(expense)
        raise StoreUnavailable("the connection broke while committing", outcome_unknown=True)


async def test_a_hold_that_may_have_been_written_is_voided_as_no_call_follows(both):
    rooms = await both()
    settings = Settings(openrouter_api_key=rooms.provider.key)
    parts = {"mind_name": "genesis", "provider_clock": rooms.provider_clock}
    cut = CutWhileCommitting(rooms.ledger, settings, rooms.clock, **parts)
    client = PaidClient(
        rooms.client.endpoints, cut, rooms.health, rooms.journal, rooms.clock, provider_clock=rooms.provider_clock
    )
    candidates = [rooms.models["acme/small-1"], rooms.models["local/x"]]
    answer = await client.complete(candidates, QUESTION, payer=Payer(Purpose.THOUGHT))
    assert answer.model.id == "local/x"
    assert [call.state for call in rooms.calls() if call.held] == [CallState.VOIDED]
    assert await rooms.available() == 5_000_000_000
    assert rooms.provider.calls == []


async def test_an_unusable_reply_of_the_last_one_is_no_answer(both):
    rooms = await both()
    with pytest.raises(NoAnswer, match="not a name"):
        await rooms.ask("local/x", accept=lambda _: "not a name")


async def test_it_alone_is_held_to_the_schema_that_is_too_long_to_pay_for(both):
    rooms = await both()
    schemas = {"schema": {"type": "object"}, "local_schema": {"anyOf": [{"type": "object"}]}}
    await rooms.ask("acme/small-1", **schemas)
    await rooms.ask("local/x", **schemas)
    await rooms.ask("local/x", schema={"type": "object"})
    sent = rooms.provider.calls[0].json["response_format"]["json_schema"]["schema"]
    asked = [request.schema for request in rooms.client.endpoints["local"].requests]
    assert (sent, *asked) == (schemas["schema"], schemas["local_schema"], schemas["schema"])
