"""Old age and bankruptcy end a life; a purse out of reach, or a short low, never does."""

import pytest

from ai.life.ending import GRACE_SECONDS
from ai.life.storage import peek
from tests.life.conftest import Purse, World

BANKRUPT = Purse(band="bankrupt")


@pytest.fixture
def mortal(tmp_path):
    world = World(tmp_path, on_bankruptcy="die", max_life_days=30)
    yield world
    world.mind.close()


async def hours(world, count, purse):
    for _ in range(count):
        world.clock.advance(3_600)
        if await world.lives.ensure_alive(*world.brain.both, purse) is None:
            return True
    return False


async def test_bankruptcy_kills_after_the_grace_and_birth_waits_for_money(mortal):
    await mortal.born("Ada")
    assert not await hours(mortal, int(GRACE_SECONDS // 3_600), BANKRUPT)
    mortal.start()
    assert await hours(mortal, 1, BANKRUPT)
    facts = peek(mortal.lives.folder / "0001.json")["life"]["1"]
    assert facts["cause"] == "bankruptcy: the purse was empty for 6 hours"
    assert facts["end"] == "bankruptcy"
    mortal.clock.advance(60)
    assert await mortal.lives.ensure_alive(*mortal.brain.both, BANKRUPT) is None
    assert await mortal.lives.ensure_alive(*mortal.brain.both, Purse(donated=5)) is not None
    assert not await hours(mortal, 2, BANKRUPT)  # the newborn has a grace of its own


async def test_a_purse_out_of_reach_kills_nobody(mortal):
    await mortal.born("Ada")
    await hours(mortal, 3, BANKRUPT)
    assert not await hours(mortal, 100, None)
    assert not await hours(mortal, 100, Purse(band="bankrupt", away="the server is gone"))
    assert not await hours(mortal, 2, BANKRUPT)


async def test_money_in_time_ends_the_grace(mortal):
    await mortal.born("Ada")
    await hours(mortal, 6, BANKRUPT)
    await hours(mortal, 1, Purse())
    assert not await hours(mortal, 6, BANKRUPT)


async def test_survivors_do_not_die_of_bankruptcy(world):
    await world.born("Ada")
    assert not await hours(world, 50, BANKRUPT)


async def test_old_age(mortal):
    await mortal.born("Ada")
    mortal.clock.advance(30 * 86_400 - 7_200)
    assert not await hours(mortal, 1, Purse())
    assert await hours(mortal, 1, Purse())
    assert peek(mortal.lives.folder / "0001.json")["life"]["1"]["cause"] == "old age, after 30 days"
    assert (await mortal.born("Berit")).number == 2
