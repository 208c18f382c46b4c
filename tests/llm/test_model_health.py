"""Cooldowns: they grow, end in one probe, survive a restart, and a clock set back does not prolong them."""

from datetime import timedelta

import pytest

from ai.llm.health import LONGEST_COOLDOWN, Health, ModelHealth, endpoint_subject, tier_subject

ONE, OTHER, FREE = "acme/small-1", "acme/small-2", "acme/free-1:free"


@pytest.fixture
async def health(rooms):
    return rooms.health


async def test_what_never_failed_is_available(rooms, health):
    assert health.available(ONE, rooms.clock.now())
    assert health.snapshot() == {}


async def test_a_cooldown_doubles_and_is_bounded(rooms, health):
    for failures in range(1, 30):
        health.cooldown(ONE, 60, "status 500")
        until = health.snapshot()[ONE].until
        rest = min(timedelta(seconds=60 * 2 ** (failures - 1)), LONGEST_COOLDOWN)
        assert timedelta(0) <= rest - (until - rooms.clock.now()) < timedelta(seconds=1)


async def test_a_rested_model_is_probed_by_one_caller_at_a_time(rooms, health):
    model = rooms.models[ONE]
    health.cooldown(ONE, 60, "status 500")
    assert not health.begin(model)
    rooms.clock.advance(60)
    assert health.begin(model)
    assert not health.begin(model)
    assert health.begin(rooms.models[OTHER])
    health.end(model)
    assert health.begin(model)


async def test_a_well_model_is_asked_by_many_at_once(rooms, health):
    assert health.begin(rooms.models[ONE])
    assert health.begin(rooms.models[ONE])


async def test_a_restart_remembers_everything(rooms, health):
    health.cooldown(ONE, 60, "status 500")
    health.bar(OTHER, "billed too much")
    health.succeeded(rooms.models[FREE], 1.5)
    health.tell_once(endpoint_subject("openrouter"))
    again = ModelHealth(rooms.mind, rooms.clock)
    assert again.snapshot() == health.snapshot()
    assert not again.available(ONE, rooms.clock.now())
    assert again.barred(OTHER) == "billed too much"
    assert not again.tell_once(endpoint_subject("openrouter"))


async def test_a_restart_asks_a_provider_again_that_was_off(rooms, health):
    health.cooldown(endpoint_subject("openrouter"), 900, "the key is wrong")
    health.cooldown(ONE, 900, "status 500")
    again = ModelHealth(rooms.mind, rooms.clock)
    again.probe_endpoints()
    assert again.available(rooms.models[OTHER], rooms.clock.now())
    assert not again.available(rooms.models[ONE], rooms.clock.now())


async def test_a_model_rests_with_its_tier_and_its_provider(rooms, health):
    free, paid = rooms.models[FREE], rooms.models[ONE]
    health.cooldown(tier_subject(free), 60, "free quota gone")
    assert not health.available(free, rooms.clock.now())
    assert health.available(paid, rooms.clock.now())
    health.cooldown(endpoint_subject("openrouter"), 60, "key wrong")
    assert not health.available(paid, rooms.clock.now())


async def test_success_heals_model_tier_and_provider(rooms, health):
    model = rooms.models[ONE]
    for subject in (ONE, tier_subject(model), endpoint_subject("openrouter")):
        health.cooldown(subject, 60, "trouble")
        assert health.tell_once(subject)
    health.succeeded(model, 2.0)
    assert health.available(model, rooms.clock.now())
    assert all(each.failures == 0 and not each.told for each in health.snapshot().values())
    health.succeeded(model, 1.0)
    assert health.snapshot()[ONE].latency_seconds == pytest.approx(1.8)


async def test_a_clock_set_back_silences_nobody_for_days(rooms, health):
    health.cooldown(ONE, 60, "status 500")
    rooms.clock.advance(-40 * 86_400)
    assert health.available(ONE, rooms.clock.now())


async def test_noting_a_failure_alone_rests_nobody(rooms, health):
    health.cooldown(ONE, 0, "an unusable reply")
    assert health.available(ONE, rooms.clock.now())
    noted = health.snapshot()[ONE]
    assert noted == Health(ONE, reason="an unusable reply", last_failure_at=noted.last_failure_at)
