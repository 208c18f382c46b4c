"""A clock that is set back or forward while the daemon runs is told, and the next beat stays near."""

import asyncio
from datetime import timedelta

from ai.clock import VirtualClock
from ai.daemon.daemon import Daemon
from tests.brain.lived import START, mind


class ClockThatIsSet(VirtualClock):
    """A wall clock that people set; the monotonic one goes on, as a machine's does."""

    def __init__(self) -> None:
        super().__init__(START)
        self.off = timedelta(0)

    def now(self):
        return super().now() + self.off


async def test_a_clock_set_while_the_daemon_runs_is_told_and_the_next_beat_planned_anew(tmp_path):
    clock, told = ClockThatIsSet(), asyncio.Queue()
    async with mind(None, tmp_path, clock) as app:
        daemon = Daemon(app)
        app.journal.listen(lambda event: told.put_nowait(event.data["problem"]) if "clock" in event.kind else None)
        watcher = asyncio.create_task(daemon._watch_clock())
        await asyncio.sleep(0)
        for days, said in ((-365, "jumped back by 31,536,000 s"), (365, "jumped forward by 31,536,000 s")):
            clock.off += timedelta(days=days)
            assert said in await asyncio.wait_for(told.get(), 20)
            planned = daemon._timer.get_job("beat").trigger.run_date
            assert planned <= clock.now() + timedelta(seconds=app.settings.think_interval_seconds)
        watcher.cancel()
