"""A poor month with a dear model pinned: it thinks while its bound fits, then free models do, and nothing is owed."""

from decimal import Decimal

import pytest

from ai.asking import Purpose
from ai.llm import Limits, OpenAIEndpoint, PaidClient, Payer
from ai.model_config import parse_openrouter
from ai.model_config.bound import call_bound
from tests.model_rotator.conftest import NOON, USD
from tests.world.openrouter import DEFAULT_MODELS, FakeOpenRouter

PINNED = "anthropic/claude-sonnet-4.5"
BEATS = 24
QUESTION = [{"role": "user", "content": "What do you think of? " * 40}]


@pytest.fixture
def provider():
    with FakeOpenRouter(date=lambda: NOON) as server:
        yield server


async def test_it_is_billed_within_the_budget_and_goes_on_free(build, provider):
    budget = Decimal("0.028")
    rooms = await build(monthly_budget_usd=budget, openrouter_model=PINNED)
    rooms.listed.known = parse_openrouter(DEFAULT_MODELS)
    pinned = rooms.listed.models()[PINNED]
    endpoint = OpenAIEndpoint("openrouter", provider.base_url, provider.key, headers={}, clock=rooms.clock)
    client = PaidClient(
        {"openrouter": endpoint}, rooms.tracker, rooms.health, rooms.journal, rooms.clock,
        provider_clock=rooms.provider_clock, limits=Limits(free_requests_per_minute=20),
    )  # fmt: skip
    who = []
    for beat in range(1, BEATS + 1):
        left = (await rooms.tracker.balance()).available
        choices = await rooms.rotation.candidates(Purpose.THOUGHT, life=1, beat=beat, messages=QUESTION)
        answer = await client.complete([choice.model for choice in choices], QUESTION, payer=Payer(Purpose.THOUGHT))
        rooms.rotation.used(answer.model.id, 1, beat)
        fits = call_bound(pinned, QUESTION, None, rooms.settings.max_output_tokens) <= left
        assert (answer.model.id == PINNED) == fits
        who.append(answer.model)
        rooms.clock.advance(600)
    await endpoint.close()
    thought = [model.id == PINNED for model in who]
    assert 3 <= sum(thought) < BEATS
    assert thought == sorted(thought, reverse=True)
    assert all(model.free for model in who if model.id != PINNED)
    spent = (await rooms.tracker.balance()).spent
    assert spent == provider.billed_nanos <= budget * USD
    reasons = [event["reason"] for event in rooms.events("model.switched")]
    assert reasons[0] == "pinned by OPENROUTER_MODEL"
    assert f"{PINNED} may cost $" in reasons[1]
