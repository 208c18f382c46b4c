"""Cooldowns: they grow, end in one probe, survive a restart, and a clock set back does not prolong them."""

from datetime import timedelta

import pytest

from ai.llm.health import LONGEST_COOLDOWN, Health, ModelHealth, endpoint_subject, tier_subject

ONE, OTHER, FREE = "acme/small-1", "acme/small-2", "acme/free-1:free"


@pytest.fixture
async def health(house):
    return house.health


async def test_what_never_failed_is_available(house, health):
    assert health.available(ONE, house.clock.now())
    assert health.snapshot() == {}


async def test_a_cooldown_doubles_and_is_bounded(house, health):
    for failures in range(1, 30):
        health.cooldown(ONE, 60, "status 500")
        until = health.snapshot()[ONE].until
        rest = min(timedelta(seconds=60 * 2 ** (failures - 1)), LONGEST_COOLDOWN)
        assert timedelta(0) <= rest - (until - house.clock.now()) < timedelta(seconds=1)


async def test_a_rested_model_is_probed_by_one_caller_at_a_time(house, health):
    model = house.models[ONE]
    health.cooldown(ONE, 60, "status 500")
    assert not health.begin(model)
    house.clock.advance(60)
    assert health.begin(model)
    assert not health.begin(model)
    assert health.begin(house.models[OTHER])
    health.end(model)
    assert health.begin(model)


async def test_a_well_model_is_asked_by_many_at_once(house, health):
    assert health.begin(house.models[ONE])
    assert health.begin(house.models[ONE])


async def test_a_restart_remembers_everything(house, health):
    health.cooldown(ONE, 60, "status 500")
    health.bar(OTHER, "billed too much")
    health.succeeded(house.models[FREE], 1.5)
    health.tell_once(endpoint_subject("openrouter"))
    again = ModelHealth(house.mind, house.clock)
    assert again.snapshot() == health.snapshot()
    assert not again.available(ONE, house.clock.now())
    assert again.barred(OTHER) == "billed too much"
    assert not again.tell_once(endpoint_subject("openrouter"))


async def test_a_restart_asks_a_provider_again_that_was_off(house, health):
    health.cooldown(endpoint_subject("openrouter"), 900, "the key is wrong")
    health.cooldown(ONE, 900, "status 500")
    again = ModelHealth(house.mind, house.clock)
    again.probe_endpoints()
    assert again.available(house.models[OTHER], house.clock.now())
    assert not again.available(house.models[ONE], house.clock.now())


async def test_a_model_rests_with_its_tier_and_its_provider(house, health):
    free, paid = house.models[FREE], house.models[ONE]
    health.cooldown(tier_subject(free), 60, "free quota gone")
    assert not health.available(free, house.clock.now())
    assert health.available(paid, house.clock.now())
    health.cooldown(endpoint_subject("openrouter"), 60, "key wrong")
    assert not health.available(paid, house.clock.now())


async def test_success_heals_model_tier_and_provider(house, health):
    model = house.models[ONE]
    for subject in (ONE, tier_subject(model), endpoint_subject("openrouter")):
        health.cooldown(subject, 60, "trouble")
        assert health.tell_once(subject)
    health.succeeded(model, 2.0)
    assert health.available(model, house.clock.now())
    assert all(each.failures == 0 and not each.told for each in health.snapshot().values())
    health.succeeded(model, 1.0)
    assert health.snapshot()[ONE].latency_seconds == pytest.approx(1.8)


async def test_a_clock_set_back_silences_nobody_for_days(house, health):
    health.cooldown(ONE, 60, "status 500")
    house.clock.advance(-40 * 86_400)
    assert health.available(ONE, house.clock.now())


async def test_noting_a_failure_alone_rests_nobody(house, health):
    health.cooldown(ONE, 0, "an unusable reply")
    assert health.available(ONE, house.clock.now())
    noted = health.snapshot()[ONE]
    assert noted == Health(ONE, reason="an unusable reply", last_failure_at=noted.last_failure_at)
