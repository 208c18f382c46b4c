"""A mind that died is followed as soon as its file says, not a beat later; and waiting for money costs no processor."""

import asyncio
import re
from datetime import timedelta

import pytest
from apscheduler.events import EVENT_JOB_ADDED

from ai.cli.wake import live_beats
from ai.clock import VirtualClock
from ai.daemon.daemon import Daemon
from ai.life import End
from tests.brain.lived import START, mind

REBIRTH_AT_MOST = timedelta(seconds=60)


@pytest.fixture
def clock():
    return VirtualClock(START)


def planned(daemon):
    return daemon._timer.get_job("beat").trigger.run_date


async def test_after_a_kill_the_next_is_born_within_a_minute_whatever_the_interval(tmp_path, clock):
    async with mind(None, tmp_path, clock, THINK_INTERVAL_SECONDS="3600") as app:
        daemon = Daemon(app)
        await app.live_one()
        app.schedule.rest(86_400)
        app.commands.put("kill", cause="a test", by="a person")
        planning = asyncio.Event()
        daemon._timer.add_listener(lambda _: planning.set(), EVENT_JOB_ADDED)
        daemon._timer.start(paused=True)
        watcher = asyncio.create_task(daemon._watch_commands())
        await asyncio.wait_for(planning.wait(), 20)
        watcher.cancel()
        daemon._timer.shutdown(wait=False)
        assert app.lives.current() is None
        assert planned(daemon) - clock.now() <= REBIRTH_AT_MOST


async def test_a_birth_that_waits_for_money_is_looked_after_now_and_then_and_is_not_called_overdue(tmp_path, clock):
    async with mind(None, tmp_path, clock) as app:
        daemon = Daemon(app)
        await app.live_one()
        await app.lives.die("broke", end=End.BANKRUPTCY, funds=await app.tracker.balance())
        clock.advance(86_400)
        await daemon._beat_job()
        assert app.lives.current() is None
        assert planned(daemon) - clock.now() >= timedelta(seconds=10)
        clock.advance(3_600)
        assert not [problem for problem in daemon.problems() if "overdue" in problem]


async def test_a_run_says_how_long_it_waits_for_a_birth(tmp_path, clock, capsys):
    """Up to a minute nothing was said."""
    async with mind(None, tmp_path, clock) as app:
        await live_beats(app, 1, lambda: None)
        assert "Nobody lives" not in capsys.readouterr().out
        await app.lives.die("tired")
        await live_beats(app, 1, lambda: None)
    assert re.search(r"^Nobody lives now; the next life begins in [1-6]\d s\.$", capsys.readouterr().out, re.MULTILINE)
