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
        house = await build(others=[Embedded()], **chosen)
        house.models["local/x"] = replace(
            house.models["acme/free-1:free"], id="local/x", endpoint="local", tier=Tier.LOCAL
        )
        return house

    return make


async def test_a_provider_outage_reaches_it_within_six_attempts(both, provider: FakeOpenRouter):
    house = await both()
    provider.then(*[status(404)] * 12)
    answer = await house.ask(*PAID, "local/x")
    assert (answer.model.id, answer.cost_nanos, answer.text) == ("local/x", 0, "A quiet thought.")
    assert len(provider.calls) == 5
    assert house.events("call.fallback")[-1]["next"] == "local/x"
    completed = house.events("call.completed")[-1]
    assert (completed["tier"], completed["cost_nanos"], completed["balance_nanos"]) == ("local", 0, 5_000_000_000)


async def test_no_network_reaches_it_at_once(both, provider):
    house = await both()
    provider.stop()
    assert (await house.ask(*PAID, "local/x")).model.id == "local/x"
    *paid, local = house.calls()
    assert len(paid) == 2  # one model, tried twice; nobody is there for the others either
    assert (local.subject, local.held, local.cost) == ("local/x", 0, 0)  # it has its row too, so that the sums tell all
    assert await house.available() == 5_000_000_000


async def test_an_empty_purse_reaches_it(both):
    house = await both(monthly_budget_usd="0")
    assert (await house.ask(*PAID, "local/x")).model.id == "local/x"
    assert house.provider.calls == []
    assert house.events("call.fallback")[0]["kind"] == "not_affordable"


async def test_hanging_providers_leave_it_its_time(both):
    house = await both(limits=Limits(timeout_seconds=0.2))
    house.provider.then(*[hang()] * 6)
    house.client.payments.clock = SlowClock(house.clock)
    answer = await house.ask(*PAID, "local/x", deadline=house.clock.monotonic() + 9)
    assert answer.model.id == "local/x"
    assert house.client.endpoints["local"].requests[0].timeout_seconds <= 3


async def test_it_may_take_all_the_time_that_is_left_as_nobody_is_asked_after_it(both):
    house = await both(limits=Limits(timeout_seconds=60))
    house.provider.stop()
    await house.ask(*PAID, "local/x", deadline=house.clock.monotonic() + 240)
    await house.ask("local/x")
    last, undated = house.client.endpoints["local"].requests
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
    house = await both(purse_away=True)
    answer = await house.ask(*PAID, "local/x")
    assert answer.model.id == "local/x"
    assert answer.balance.away is not None
    assert house.provider.calls == []


class CutWhileCommitting(CreditTracker):
    """A purse whose server goes away after it has written a hold and before it could say so."""

    async def hold(self, expense):
        await super().hold(expense)
        raise StoreUnavailable("the connection broke while committing", outcome_unknown=True)


async def test_a_hold_that_may_have_been_written_is_voided_as_no_call_follows(both):
    house = await both()
    settings = Settings(openrouter_api_key=house.provider.key)
    parts = {"mind_name": "genesis", "provider_clock": house.provider_clock}
    cut = CutWhileCommitting(house.ledger, settings, house.clock, **parts)
    client = PaidClient(
        house.client.endpoints, cut, house.health, house.journal, house.clock, provider_clock=house.provider_clock
    )
    candidates = [house.models["acme/small-1"], house.models["local/x"]]
    answer = await client.complete(candidates, QUESTION, payer=Payer(Purpose.THOUGHT))
    assert answer.model.id == "local/x"
    assert [call.state for call in house.calls() if call.held] == [CallState.VOIDED]
    assert await house.available() == 5_000_000_000
    assert house.provider.calls == []


async def test_an_unusable_reply_of_the_last_one_is_no_answer(both):
    house = await both()
    with pytest.raises(NoAnswer, match="not a name"):
        await house.ask("local/x", accept=lambda _: "not a name")


async def test_it_alone_is_held_to_the_schema_that_is_too_long_to_pay_for(both):
    house = await both()
    schemas = {"schema": {"type": "object"}, "local_schema": {"anyOf": [{"type": "object"}]}}
    await house.ask("acme/small-1", **schemas)
    await house.ask("local/x", **schemas)
    await house.ask("local/x", schema={"type": "object"})
    sent = house.provider.calls[0].json["response_format"]["json_schema"]["schema"]
    asked = [request.schema for request in house.client.endpoints["local"].requests]
    assert (sent, *asked) == (schemas["schema"], schemas["local_schema"], schemas["schema"])
