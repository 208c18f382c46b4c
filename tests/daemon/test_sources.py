"""The page must say of a real app what its books and files say; a figure that is made up misleads everybody."""

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from ai.clock import VirtualClock
from ai.daemon.sources import AppSources
from ai.ledger.money import nanos
from ai.life.chronicle import lost
from ai.observer import ObserverServer
from tests.brain.lived import START, live, mind, thinker
from tests.world.openrouter import FakeOpenRouter


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(START)


@pytest.fixture
def provider(clock: VirtualClock) -> Iterator[FakeOpenRouter]:
    with FakeOpenRouter(reply=thinker(5), date=clock.now) as running:
        yield running


async def test_the_page_is_told_what_the_app_knows(
    tmp_path: Path, clock: VirtualClock, provider: FakeOpenRouter
) -> None:
    async with mind(provider, tmp_path, clock) as app:
        await live(app, clock, 3)
        await app.lives.die("a test of courage", app.brain.ask, app.brain.announce)
        clock.advance(61)
        await live(app, clock, 2)
        window = AppSources(app, list)
        newest, oldest = window.lives(app.mind, 10, None)
        costs = await window.costs_of_lives([1, 2])
        assert (newest["number"], newest["beats"], oldest["beats"]) == (2, 2, 3)
        assert oldest["cause"] == "a test of courage"
        assert newest["thoughts"], "its thoughts are counted"
        assert newest["fragments"], "what a past life left is shown"
        assert all(fragment["from_life"] == 1 for fragment in newest["fragments"])
        assert nanos(costs[1]) + nanos(costs[2]) == provider.billed_nanos
        assert (await window.budget())["spent"] == (await app.tracker.budget_report())["spent"]
        state = await window.state()
        assert (state["alive"], state["life"], state["beats"]) == (True, 2, 2)
        assert (await window.models())[0]["id"]
        assert {tweet["state"] for tweet in await window.tweets(10)} <= {"dry_run", "queued"}


async def test_a_long_chronicle_is_read_a_page_at_a_time_and_never_by_the_thread_that_thinks(
    tmp_path: Path, clock: VirtualClock, provider: FakeOpenRouter
) -> None:
    async with mind(provider, tmp_path, clock, OBSERVER_PORT="0") as app:
        await live(app, clock, 1)
        for number in range(2, 152):
            app.chronicle.put({**lost(number, "2026-11-01T00:00:00Z"), "died_at": "2026-11-02T00:00:00Z"})
        observer = ObserverServer(AppSources(app, list))
        await observer.start()
        asked: list[str] = []
        app.mind.connection.set_trace_callback(asked.append)
        try:
            async with httpx2.AsyncClient(base_url=observer.url) as visitor:
                newest = (await visitor.get("/api/lives")).json()
                oldest = (await visitor.get("/api/lives?limit=3&before=4")).json()
                page, story = (await visitor.get("/lives?before=60")).text, (await visitor.get("/lives/7")).text
        finally:
            app.mind.connection.set_trace_callback(None)
            await observer.stop()
    assert [row["number"] for row in newest] == list(range(151, 51, -1))
    assert [(row["number"], row["cost"] == "0.000000000") for row in oldest] == [(3, True), (2, True), (1, False)]
    assert [f'href="/lives/{number}"' in page for number in (60, 59, 10, 9)] == [False, True, True, False]
    assert "/lives?before=10" in page
    assert "(lost life 7)" in story
    assert not [sql for sql in asked if "memories" in sql], "the beat's own connection counted no thoughts for a page"
