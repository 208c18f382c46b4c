"""The page must say of a real house what its books and files say; a figure that is made up misleads everybody."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ai.clock import VirtualClock
from ai.daemon.sources import AppSources
from ai.ledger.money import nanos
from tests.brain.lived import START, live, mind, thinker
from tests.world.openrouter import FakeOpenRouter


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(START)


@pytest.fixture
def provider(clock: VirtualClock) -> Iterator[FakeOpenRouter]:
    with FakeOpenRouter(reply=thinker(5), date=clock.now) as running:
        yield running


async def test_the_window_shows_what_the_house_knows(
    tmp_path: Path, clock: VirtualClock, provider: FakeOpenRouter
) -> None:
    async with mind(provider, tmp_path, clock) as house:
        await live(house, clock, 3)
        await house.lives.die("a test of courage", house.brain)
        clock.advance(61)
        await live(house, clock, 2)
        window = AppSources(house, list)
        newest, oldest = await window.lives()
        assert (newest["number"], newest["beats"], oldest["beats"]) == (2, 2, 3)
        assert oldest["cause"] == "a test of courage"
        assert newest["thoughts"], "its thoughts are counted"
        assert newest["fragments"], "what a past life left is shown"
        assert all(fragment["from_life"] == 1 for fragment in newest["fragments"])
        assert nanos(newest["cost"]) + nanos(oldest["cost"]) == provider.billed_nanos
        assert (await window.budget())["spent"] == (await house.tracker.budget_report())["spent"]
        state = await window.state()
        assert (state["alive"], state["life"], state["beats"]) == (True, 2, 2)
        assert (await window.models())[0]["id"]
        assert {tweet["state"] for tweet in await window.tweets(10)} <= {"dry_run", "queued"}
