"""Who just started it sees it live: a newborn's first hour is quick where that costs next to nothing, and no longer."""

import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from ai.clock import VirtualClock
from ai.daemon.app import App
from ai.daemon.daemon import Daemon
from ai.mind.database import open_mind
from ai.mind.schedule import PAUSE_SECONDS, Schedule
from tests.brain.lived import START, mind, thinker
from tests.brain.test_in_front import small_mind
from tests.world.openrouter import FakeOpenRouter

QUICK = timedelta(seconds=121)


async def waits(app: App, beats: int) -> list[timedelta]:
    """Live beats, each when it is due, and return how long each was waited for."""
    passed = []
    for _ in range(beats):
        begun: datetime = app.clock.now()
        await app.live_one()
        passed.append(app.schedule.next_beat_at() - begun)
        app.clock.advance(passed[-1].total_seconds())
    return passed


async def test_the_first_hour_on_the_embedded_model_has_a_beat_every_two_minutes(tmp_path: Path) -> None:
    says = [f"The {n * 7919}th thing has {n * 104729} corners." for n in range(99)]
    async with small_mind(tmp_path, says, quality=1.0) as app:
        passed = await waits(app, 33)
        assert all(wait <= QUICK for wait in passed[:29])
        assert passed[-1] > timedelta(seconds=590)
        app.clock.advance(-600)
        assert not [problem for problem in Daemon(app).problems() if "overdue" in problem]


async def test_money_is_not_spent_on_being_seen(tmp_path: Path) -> None:
    """Thirty beats of a dear model would take a tenth of the month."""
    clock = VirtualClock(START)
    with FakeOpenRouter(reply=thinker(1), date=clock.now) as provider:
        async with mind(provider, tmp_path, clock, OPENROUTER_MODEL="anthropic/claude-sonnet-4.5") as app:
            (wait,) = await waits(app, 1)
            spent = (await app.tracker.balance()).spent
    assert spent > 0
    assert wait > timedelta(seconds=590)


async def test_a_sleep_of_its_own_choice_is_kept(tmp_path: Path) -> None:
    clock = VirtualClock(START)

    def sleepy(body: dict) -> str:
        if "first_thought" in json.dumps(body):
            return json.dumps({"name": "Ada", "pronoun": "she", "first_thought": "Awake."})
        return json.dumps({"thought": "Enough.", "action": "sleep", "params": {"minutes": 120}})

    with FakeOpenRouter(reply=sleepy, date=clock.now) as provider:
        async with mind(provider, tmp_path, clock) as app:
            assert (await waits(app, 1))[0] > timedelta(minutes=119)


@pytest.mark.parametrize("took", [0, 60, 119, 600, 5_000])
def test_a_hastened_beat_comes_never_later_than_it_was_due_and_leaves_a_pause(tmp_path: Path, took: int) -> None:
    clock = VirtualClock(START)
    schedule = Schedule(open_mind(tmp_path / "mind.db"), clock, 600)
    schedule.hasten(120)
    schedule.open_beat(1)
    due = schedule.next_beat_at()
    clock.advance(took)
    schedule.hasten(120)
    after = schedule.next_beat_at()
    assert after <= due
    assert after == due or after - clock.now() >= timedelta(seconds=PAUSE_SECONDS - 1)
