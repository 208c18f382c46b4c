"""Who starts it without a key meets nobody born on the smallest model while a larger one is on its way."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import httpx2

from ai.daemon.app import App
from ai.daemon.daemon import Daemon
from ai.daemon.sources import AppSources
from ai.daemon.wiring import open_app
from ai.llm.local.model_store import BIRTH_WAITS_SECONDS, Environment
from ai.llm.local.sources import HubSource
from ai.llm.local.supervisor import LocalEndpoint
from ai.observer import ObserverServer
from ai.settings.sources import load_settings
from tests.brain.lived import environment, thinker
from tests.llm.local.test_machine import machine
from tests.world.held_clock import Heard, HeldClock
from tests.world.hub import Hub
from tests.world.local_children import IS_BORN, program
from tests.world.openrouter import FakeOpenRouter
from tests.world.waiting import LOOK_SECONDS, WAIT_SECONDS
from tests.world.weights import noise, weight_of

SMALL, LARGE = noise(1_000, seed=1), noise(400_000, seed=2)
LITTLE = replace(weight_of(SMALL, "little", parts=0, memory=1_000), title="Little")
BIG = replace(weight_of(LARGE, "big", parts=0, memory=2_000), title="Big", quality=2.0)
TABLE = (BIG, LITTLE)
AT_HUB = {LITTLE.files[0].hub: SMALL, BIG.files[0].hub: LARGE}


@asynccontextmanager
async def app_at(
    hub: Hub, folder: Path, clock: HeldClock, provider: FakeOpenRouter | None = None
) -> AsyncIterator[tuple[App, Heard]]:
    """Open an app without a key whose embedded model is fetched from `hub`."""
    settings = load_settings(environment(provider, folder, LOCAL_MODEL="auto"), folder)
    (settings.data_dir / "credits").mkdir(parents=True, exist_ok=True)

    def embedded(_settings, _clock, journal):
        where = settings.data_dir / "models"
        return LocalEndpoint(
            "auto",
            where,
            Environment(
                journal, clock, machine(), (HubSource(hub.url),), (), table=TABLE, program=program(folder, IS_BORN)
            ),
        )

    async with open_app(settings, clock, seed=1, embedded=embedded) as app:
        heard = Heard(app.journal)
        await app.greet()
        yield app, heard


async def page_of(app: App) -> str:
    """Return the page that a visitor is served."""
    observer = ObserverServer(AppSources(app, list))
    await observer.start()
    try:
        async with httpx2.AsyncClient() as visitor:
            return (await visitor.get(observer.url)).text
    finally:
        await observer.stop()


async def nothing() -> None:
    """Let no commands in."""


async def test_a_birth_waits_for_the_larger_mind_and_page_and_log_say_how_far_it_is(tmp_path: Path) -> None:
    clock = HeldClock()
    with Hub(AT_HUB, held={BIG.files[0].hub}) as hub:
        async with app_at(hub, tmp_path, clock) as (app, heard):
            assert await app.brain.beat(nothing) is None
            await heard.until("local.fetched")  # the small one is whole, and could think
            await heard.until("local.fetching", 3)
            assert await app.brain.beat(nothing) is None
            assert app.lives.current() is None
            assert heard.kinds().count("life.awaits_mind") == 1
            state = await AppSources(app, list).state()
            assert str(state["mind_arriving"]).startswith("Big, ")
            assert state["mind_arriving"].endswith("MB here")
            assert "A first life waits for its mind: Big, " in await page_of(app)
            hub.release()
            await heard.until("local.takes_over")
            await app.brain.beat(nothing)
            life = app.lives.current()
            assert life is not None
            assert life.facts()["first_model"] == "local/big"
            assert (await AppSources(app, list).state())["mind_arriving"] is None


async def test_after_ten_minutes_it_is_born_on_what_there_is(tmp_path: Path) -> None:
    clock = HeldClock()
    with Hub(AT_HUB, held={BIG.files[0].hub}) as hub:
        async with app_at(hub, tmp_path, clock) as (app, heard):
            assert await app.brain.beat(nothing) is None
            await heard.until("local.fetched")
            clock.advance(BIRTH_WAITS_SECONDS - 1)
            assert await app.brain.beat(nothing) is None
            clock.advance(1)
            await app.brain.beat(nothing)
            life = app.lives.current()
            assert life is not None
            assert life.facts()["first_model"] == "local/little"


async def test_a_larger_one_that_cannot_be_had_is_not_waited_for(tmp_path: Path) -> None:
    clock = HeldClock()
    with Hub({LITTLE.files[0].hub: SMALL}) as hub:
        async with app_at(hub, tmp_path, clock) as (app, heard):
            await app.brain.beat(nothing)  # nobody is born yet, or the hub has said no already
            await heard.until("local.fetch_failed", 2)
            await app.brain.beat(nothing)
            life = app.lives.current()
            assert life is not None
            assert life.facts()["first_model"] == "local/little"


async def test_a_mind_that_is_whole_on_disk_is_born_at_once(tmp_path: Path) -> None:
    models = tmp_path / "data" / "models"
    models.mkdir(parents=True)
    (models / BIG.files[0].name).write_bytes(LARGE)
    with Hub({}) as hub:
        async with app_at(hub, tmp_path, HeldClock()) as (app, _):
            await app.brain.beat(nothing)
            assert app.lives.current() is not None
            assert hub.asked == []


async def test_with_a_provider_nobody_waits_for_weights(tmp_path: Path) -> None:
    with FakeOpenRouter(reply=thinker(1)) as provider, Hub(AT_HUB, held={BIG.files[0].hub}) as hub:
        async with app_at(hub, tmp_path, HeldClock(), provider) as (app, _):
            await app.brain.beat(nothing)
            assert app.lives.current() is not None
            assert hub.asked == []


async def test_the_daemon_looks_every_few_seconds_and_is_not_called_overdue(tmp_path: Path) -> None:
    clock = HeldClock()
    with Hub(AT_HUB, held={BIG.files[0].hub}) as hub:
        async with app_at(hub, tmp_path, clock) as (app, _):
            daemon = Daemon(app)
            daemon._timer.start(paused=True)
            await daemon._beat_job()
            planned = daemon._timer.get_job("beat").trigger.run_date
            assert 0 < (planned - clock.now()).total_seconds() <= 5
            clock.advance(300)
            assert not [problem for problem in daemon.problems() if "overdue" in problem]
            daemon._timer.shutdown(wait=False)


async def test_run_waits_for_the_mind_and_then_lives_its_beat(tmp_path: Path) -> None:
    clock = HeldClock()
    with Hub(AT_HUB, held={BIG.files[0].hub}) as hub:
        async with app_at(hub, tmp_path, clock) as (app, heard):
            run = asyncio.create_task(app.live_one())
            await heard.until("life.awaits_mind")
            hub.release()
            await heard.until("local.takes_over")
            async with asyncio.timeout(WAIT_SECONDS):
                while not (await asyncio.wait({run}, timeout=LOOK_SECONDS))[0]:
                    clock.advance(5)
            beat = await run
            assert beat is not None
            assert beat.number == 1


async def test_a_provider_that_takes_no_key_leaves_no_birth_to_the_smallest_model_either(tmp_path: Path) -> None:
    with FakeOpenRouter(reply=thinker(1)) as provider, Hub(AT_HUB, held={BIG.files[0].hub}) as hub:
        provider.key = "sk-or-of-somebody-else"
        async with app_at(hub, tmp_path, HeldClock(), provider) as (app, heard):
            provider.key = "sk-or-another-one"
            assert await app.brain.beat(nothing) is None
            await heard.until("local.fetched")
            assert await app.brain.beat(nothing) is None
            assert app.lives.current() is None
            hub.release()
            await heard.until("local.takes_over")
            await app.brain.beat(nothing)
            life = app.lives.current()
            assert life is not None
            assert life.facts()["first_model"] == "local/big"
