"""What the provider tells of the account, read without trusting it."""

import pytest

from ai.llm.account import generation, key_info


async def test_the_keys_figures_are_read(rooms):
    rooms.provider.key_document = {
        "limit": 10,
        "limit_remaining": 7.25,
        "usage_monthly": 0.000000001,
        "is_free_tier": True,
        "free_model_daily_requests": {"used": 3, "limit": 50, "remaining": 47},
    }
    status, info = await key_info(rooms.endpoint)
    assert status == 200
    assert (info.limit_nanos, info.limit_remaining_nanos) == (10_000_000_000, 7_250_000_000)
    assert info.usage_monthly_nanos == 1
    assert (info.free_requests_limit, info.free_requests_remaining, info.is_free_tier) == (50, 47, True)


async def test_what_it_does_not_say_is_unknown(rooms):
    _, info = await key_info(rooms.endpoint)
    assert (info.limit_nanos, info.free_requests_limit) == (None, None)


@pytest.mark.parametrize(
    "junk", [{"limit": "much", "free_model_daily_requests": 7}, {"limit": -1, "is_free_tier": "no"}]
)
async def test_junk_is_unknown(rooms, junk):
    rooms.provider.key_document = junk
    _, info = await key_info(rooms.endpoint)
    assert (info.limit_nanos, info.free_requests_limit) == (None, None)


async def test_a_wrong_key_and_an_absent_provider_are_told_apart(rooms):
    rooms.provider.key = "another"
    assert await key_info(rooms.endpoint) == (401, None)
    rooms.provider.stop()
    assert await key_info(rooms.endpoint) == (None, None)


async def test_a_call_is_known_by_its_generation(rooms):
    answer = await rooms.ask("acme/small-1")
    known = await generation(rooms.endpoint, answer.generation_id)
    assert known.cost_nanos == answer.cost_nanos
    assert known.usage.prompt_tokens == answer.usage.prompt_tokens
    assert await generation(rooms.endpoint, "gen-of-nobody") is None
