"""Two minds, one purse on PostgreSQL: the books are the provider's, whatever happens to the server and the road."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from signal import SIGTERM
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import pytest

from ai.asking import Message, Purpose
from ai.clock import VirtualClock
from ai.daemon.app import App
from ai.ledger import audit
from ai.ledger.errors import StoreUnavailable
from ai.ledger.money import nanos
from ai.llm import NoAnswer, Payer
from tests.brain.lived import START, mind, thinker
from tests.cli.commands import Person, read_until
from tests.world.openrouter import FakeOpenRouter
from tests.world.postgres import PostgresServer, running_server
from tests.world.road import Road

pytestmark = pytest.mark.postgres

USD = 1_000_000_000
FREE_QUOTA = 50
PATIENT = {"LLM_TIMEOUT_SECONDS": "60", "MAX_STEPS_PER_BEAT": "2", "FREE_REQUESTS_PER_DAY": str(FREE_QUOTA)}
BEAT_SECONDS = 12.0  # a beat without its purse, on a busy machine: a silent server is waited for once, for 6 s or so
CALLS_AT_MOST = 5_000  # of each caller while the server restarts; a call without a purse ends at once
QUESTION = [Message(role="user", content="Are you there?")]


@dataclass
class Fleet:
    """Two minds on one purse; `bob` reaches it on a road of his own."""

    server: PostgresServer
    provider: FakeOpenRouter
    clock: VirtualClock
    road: Road
    ada: App
    bob: App

    async def live(self, beats: int) -> list[Any]:
        """Live beats, both minds at the same time; whatever a beat or a chore raises fails the test."""
        lived: list[Any] = []
        for _ in range(beats):
            lived += await asyncio.gather(self.ada.live_one(), self.bob.live_one())
            self.clock.advance(600)
            for app in (self.ada, self.bob):
                await self.chores(app)
        return lived

    async def chores(self, app: App) -> None:
        """Do the chores as the daemon does: one that the purse stops comes round again."""
        for _, _, chore in app.chores():
            try:
                await chore()
            except StoreUnavailable as error:
                app.journal.append("daemon.trouble", problem=str(error))

    async def agree(self) -> None:
        """Settle what is open; then purse and provider, and both views of the purse, must say the same."""
        for _ in range(4):
            for app in (self.ada, self.bob):
                await self.chores(app)
            self.clock.advance(600)
        one, other = await self.ada.tracker.balance(), await self.bob.tracker.balance()
        assert one.away is None
        assert one == other
        assert (one.spent, one.held) == (self.provider.billed_nanos, 0)
        assert one.available == one.granted - one.spent
        free = sum(bill.model.endswith(":free") for bill in self.provider.bills)
        assert (one.free_quota, one.free_left) == (FREE_QUOTA, FREE_QUOTA - free)
        report = await self.ada.tracker.budget_report()
        for part in ("by_model", "by_purpose", "by_life"):
            assert sum(nanos(row["cost"]) for row in report[part]) == self.provider.billed_nanos, part
        books = await self.bob.ledger.read(audit)
        assert (books.ok, books.holds_open) == (True, 0), books
        calls = await self.ada.tracker.calls(1000)
        booked = [nanos(call["cost"]) for call in calls if call["state"] == "captured"]
        assert sorted(filter(None, booked)) == sorted(bill.nanos for bill in self.provider.bills if bill.cost), "once"


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """A server of this file's own, because its tests stop it."""
    with running_server() as running:
        yield running


@pytest.fixture
def fleet(server: PostgresServer, tmp_path: Path) -> Callable[[], Any]:
    """`async with fleet() as both:` opens two minds on a new purse."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[Fleet]:
        clock, url = VirtualClock(START), server.database(tmp_path.name[:60])
        road = Road(server.port)
        by_road = f"postgresql://genesis@127.0.0.1:{road.port}{urlsplit(url).path}"
        async with AsyncExitStack() as stack:
            stack.callback(road.close)
            provider = stack.enter_context(FakeOpenRouter(reply=thinker(7), date=clock.now))
            ada, bob = [
                await stack.enter_async_context(
                    mind(provider, tmp_path / name, clock, DATABASE_URL=way, MIND=name, **PATIENT)
                )
                for name, way in (("ada", url), ("bob", by_road))
            ]
            yield Fleet(server, provider, clock, road, ada, bob)

    return opened


async def test_two_minds_share_one_purse(fleet: Any) -> None:
    async with fleet() as both:
        beats = await both.live(5)
        assert all(beat is not None and beat.problem is None for beat in beats)
        await both.agree()
        report = await both.bob.tracker.budget_report()
        assert {row["mind"] for row in report["by_life"]} == {"ada", "bob"}
        assert nanos(report["granted"]) == 5 * USD, "one month for both"
        assert both.provider.billed_nanos > 0


async def test_the_server_stopped_and_started_while_they_live(fleet: Any) -> None:
    async with fleet() as both:
        await both.live(2)
        both.server.stop()
        asked = len(both.provider.calls)
        dark = await both.live(3)
        assert all(beat is not None and beat.problem for beat in dark), "lived empty, and the pulse goes on"
        assert len(both.provider.calls) == asked, "nothing is asked that no purse holds for"
        both.server.start()
        both.clock.advance(7200)
        light = await both.live(2)
        assert all(beat is not None and beat.problem is None for beat in light)
        await both.agree()


async def test_one_mind_cut_off_and_back_while_the_other_goes_on(fleet: Any) -> None:
    async with fleet() as both:
        await both.live(2)
        both.road.shut()
        for _ in range(2):
            here, away = await both.live(1)
            assert here.problem is None
            assert away.problem
        assert both.bob.lives.current().beats == 4
        both.road.reopen()
        both.clock.advance(7200)
        assert all(beat.problem is None for beat in await both.live(2))
        await both.agree()


async def test_a_road_that_swallows_everything_holds_no_beat_for_long(fleet: Any) -> None:
    async with fleet() as both:
        await both.live(1)
        both.road.swallow()
        for _ in range(2):
            began = monotonic()
            (beat,) = await live_one(both.bob, both.clock)
            assert beat.problem
            assert monotonic() - began < BEAT_SECONDS
            assert (await live_one(both.ada, both.clock))[0].problem is None
        both.road.spit()
        both.clock.advance(7200)
        assert all(beat.problem is None for beat in await both.live(1))
        await both.agree()


async def live_one(app: App, clock: VirtualClock) -> list[Any]:
    beat = await app.live_one()
    clock.advance(600)
    return [beat]


async def test_a_server_restarted_under_sixteen_calls_at_once(fleet: Any) -> None:
    async with fleet() as both:
        models = [model for model in both.ada.catalogue.models().values() if model.id.startswith("acme/tiny")]
        answered = 0
        refused: set[str] = set()
        busy, restarted = asyncio.Event(), asyncio.Event()

        async def caller(app: App) -> None:
            nonlocal answered
            for _ in range(CALLS_AT_MOST):
                try:
                    await app.client.complete(models, QUESTION, payer=Payer(Purpose.THOUGHT))
                    answered += 1
                except NoAnswer as nobody:
                    refused.add(nobody.attempts[-1].kind)
                if answered >= 16:
                    busy.set()
                if restarted.is_set():
                    return

        async def restart() -> None:
            await busy.wait()
            await asyncio.to_thread(both.server.stop, at_once=True)
            await asyncio.to_thread(both.server.start)
            restarted.set()

        await asyncio.gather(restart(), *(caller((both.ada, both.bob)[n % 2]) for n in range(16)))
        assert answered >= 16
        assert refused == {"purse_away"}, "for that alone, and for some of them"
        both.clock.advance(7200)
        for app in (both.ada, both.bob):
            await app.client.complete(models, QUESTION, payer=Payer(Purpose.THOUGHT))
        await both.agree()


def test_daemons_live_through_a_restart_of_the_server(server: PostgresServer, tmp_path: Path) -> None:
    url = server.database("daemons")
    with FakeOpenRouter(reply=thinker(3)) as provider, ExitStack() as stack:
        chosen = {**PATIENT, "DATABASE_URL": url, "THINK_INTERVAL_SECONDS": "1", "MAX_STEPS_PER_BEAT": "1"}
        minds = [Person(tmp_path / name, provider, MIND=name, **chosen) for name in ("ada", "bob")]
        for person in minds:
            person.folder.mkdir()
        daemons = [stack.enter_context(person.wakes()) for person in minds]
        for daemon in daemons:
            read_until(daemon, "Beat 2 lived")
        server.stop(at_once=True)
        for daemon in daemons:
            read_until(daemon, "Nobody could think this beat")
        asked = len(provider.calls)
        for daemon in daemons:
            read_until(daemon, "Nobody could think this beat")
        assert len(provider.calls) == asked, "nothing is asked that no purse holds for"
        server.start()
        for daemon in daemons:
            read_until(daemon, "Response:")
        for daemon in daemons:
            daemon.send_signal(SIGTERM)
        assert [daemon.wait(20) for daemon in daemons] == [0, 0]
        for person in minds:
            assert person.types("reconcile").status == 0
        books = minds[0].types("budget", "--json").document
        assert (nanos(books["spent"]), nanos(books["held"])) == (provider.billed_nanos, 0)
        assert {row["mind"] for row in books["by_life"]} == {"ada", "bob"}
        assert minds[1].types("audit").status == 0
