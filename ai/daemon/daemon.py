"""The daemon: the brain on its timer, the page, the chores; one per data folder; ends cleanly on SIGTERM."""

import asyncio
import logging
import signal
import sqlite3
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger

from ai import __version__
from ai.clock import Clock
from ai.daemon.app import MIND_LOOK_SECONDS, App
from ai.daemon.gateway_beside import open_beside
from ai.daemon.sources import AppSources
from ai.daemon.wiring import open_app
from ai.gateway.app import covers
from ai.ledger.errors import LedgerError
from ai.ledger.sqlite import name_error
from ai.life import LifeFileBroken, LifeFileUnwritable
from ai.mind.logs import log_event
from ai.observer import Mounted, ObserverServer
from ai.operations.lock import DaemonLock
from ai.settings import Settings

AT_ONCE = frozenset({"say"})  # a letter changes nothing of a step under way, and who wrote it waits
COMMAND_SECONDS = 0.5  # how often people's commands are looked for; a look is one indexed query
CLOCK_SECONDS = 5.0  # how often the clock is looked at for a jump
JUMP_SECONDS = 30.0  # wall and monotonic time may drift apart by this much between two looks (a leap, a slow NTP)
FIRST_CHORES_SECONDS = 5.0  # after the start: what a crash or a restored backup left is taken up before the hour
DRAIN_SECONDS = 4.0  # a beat under way gets this long at a stop; SIGTERM is answered within 10 s, at load 20 too
RETRY_SECONDS = 30.0  # after a beat that failed or a birth that waits for money: neither disk nor purse is hammered

TROUBLE = (OSError, LedgerError, sqlite3.Error, LifeFileBroken, LifeFileUnwritable)
_log = logging.getLogger("genesis")


async def run_daemon(settings: Settings, clock: Clock) -> None:
    """Live until SIGTERM or SIGINT. Raises Locked where another daemon has the folder, PortUnusable, LedgerError."""
    with DaemonLock(settings.data_dir):
        async with open_app(settings, clock, listen=log_event) as app:
            app.journal.append("daemon.started", version=__version__, data_dir=str(settings.data_dir))
            daemon = Daemon(app)
            async with open_beside(app) as door:
                observer = ObserverServer(AppSources(app, daemon.problems), [Mounted(covers, door.app)])
                await observer.start()
                app.visitors.counted_by(observer.readers)
                app.journal.append("daemon.serving", url=observer.url)
                door.publish(observer.url)
                try:
                    await daemon.live()
                finally:
                    await observer.stop()
        logging.shutdown()


class Daemon:
    """Lives beats when they are due, carries out commands between steps, and does the chores."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._timer = AsyncIOScheduler(
            timezone=UTC, job_defaults={"max_instances": 1, "coalesce": True, "misfire_grace_time": None}
        )
        self._stop = asyncio.Event()
        self._beating = asyncio.Lock()
        self._trouble: str | None = None
        self._reason = "asked to"

    async def live(self) -> None:
        """Live until a signal comes, then drain: the beat under way has DRAIN_SECONDS, what it holds stays held."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._on_signal, number)
        await self._app.greet()
        self._plan_chores()
        self._plan_beat()
        self._timer.start()
        watchers = [asyncio.create_task(self._watch_commands()), asyncio.create_task(self._watch_clock())]
        await self._stop.wait()
        self._tell("daemon.stopping", reason=self._reason)
        for watcher in watchers:
            watcher.cancel()
        await self._drain()
        await asyncio.gather(*watchers, return_exceptions=True)
        self._tell("daemon.stopped")

    def problems(self) -> list[str]:
        """Return what is wrong with timer, rooms or pulse, one line each; for `/readyz`."""
        found = [self._trouble] if self._trouble else []
        if not self._timer.running:
            found.append("the timer does not run")
        late = self._app.clock.now() - self._due()
        if not self._app.schedule.paused and not self._beating.locked() and late > self._patience():
            found.append(f"the last beat is overdue by {late.total_seconds():.0f} s")
        return found

    def _patience(self) -> timedelta:
        return timedelta(seconds=max(60.0, 2.0 * self._app.settings.think_interval_seconds))

    def _on_signal(self, number: int) -> None:
        self._reason = signal.Signals(number).name
        self._stop.set()

    # --- beats -------------------------------------------------------------------------------------------

    def _due(self) -> datetime:
        """Return when the next beat is due; where nobody lives that is the birth, and no rest of the dead counts."""
        lives, now = self._app.lives, self._app.clock.now()
        return self._app.schedule.next_beat_at() if lives.current() is not None else lives.birth_due_at() or now

    def _plan_beat(self, not_before: datetime | None = None) -> None:
        when = self._due() if not self._app.command_handlers.beats_asked else self._app.clock.now()
        trigger = DateTrigger(max(when, not_before or when))
        # Two instances: a beat plans the next one while its own job still counts as running, and APScheduler would
        # drop one that is due at once (beats longer than the interval, `run N`). `_beating` keeps them one by one.
        self._timer.add_job(self._beat_job, trigger, id="beat", replace_existing=True, max_instances=2)

    async def _beat_job(self) -> None:
        """Live one beat where one is due, then plan the next; whatever goes wrong, the pulse goes on."""
        app, not_before = self._app, None
        asked = app.command_handlers.beats_asked > 0
        if self._stop.is_set() or (app.schedule.paused and not asked):
            return
        async with self._beating:
            try:
                await app.rotation.learn()
                beat = await app.brain.beat(app.command_handlers.carry_out_waiting)
                self._recover()
                if beat is None:
                    due, now = self._due(), app.clock.now()
                    wait = RETRY_SECONDS if app.mind_arriving() is None else MIND_LOOK_SECONDS
                    not_before = due if due > now else now + timedelta(seconds=wait)  # for money, or for its mind
                elif asked:
                    app.command_handlers.beats_asked -= 1
            except asyncio.CancelledError:
                if not self._stop.is_set():
                    raise
                return  # the drain cut it short: what it holds stays held, and there is nothing to warn of
            except Exception as error:  # noqa: BLE001 - the mind never stops for a fault; it is told and tried again
                self._report(error)
                wait = min(RETRY_SECONDS, app.settings.think_interval_seconds)
                not_before = app.clock.now() + timedelta(seconds=wait)
        if not self._stop.is_set():
            self._plan_beat(not_before)

    async def _drain(self) -> None:
        self._timer.pause()
        try:
            async with asyncio.timeout(DRAIN_SECONDS):
                async with self._beating:
                    pass
        except TimeoutError:
            pass  # the scheduler cancels it below; its hold stays and is asked about at the next start
        self._timer.shutdown(wait=False)
        await asyncio.sleep(0)
        async with self._beating:  # a cancelled beat ends its hold before the purse closes
            pass

    # --- chores and watchers -----------------------------------------------------------------------------

    def _plan_chores(self) -> None:
        soon = self._app.clock.now() + timedelta(seconds=FIRST_CHORES_SECONDS)
        for name, seconds, work in self._app.chores():
            trigger = IntervalTrigger(seconds=seconds, timezone=UTC)
            self._timer.add_job(self._chore(name, work), trigger, id=name, next_run_time=soon)

    def _chore(self, name: str, work: Callable[[], Awaitable[object]]) -> Callable[[], Awaitable[None]]:
        async def guarded() -> None:
            try:
                await work()
            except asyncio.CancelledError:
                raise
            except Exception as error:  # noqa: BLE001 - a chore that fails is told and comes round again
                self._report(error, chore=name)

        return guarded

    async def _watch_commands(self) -> None:
        app = self._app
        while True:
            await app.clock.sleep(COMMAND_SECONDS)
            try:
                if not app.commands.pending():
                    continue
                if self._beating.locked():  # during a beat the brain lets commands in between its steps
                    await app.command_handlers.carry_out_waiting(AT_ONCE)
                    continue
                paused = app.schedule.paused
                async with self._beating:
                    await app.command_handlers.carry_out_waiting()
                resumed, nobody = paused and not app.schedule.paused, app.lives.current() is None
                if app.command_handlers.beats_asked or resumed or nobody:
                    self._plan_beat()
            except Exception as error:  # noqa: BLE001 - commands come again; the watcher must not end
                self._report(error, chore="commands")

    async def _watch_clock(self) -> None:
        """Plan the beat anew when the clock jumped: the timer counts on wall time and would wait or run early."""
        clock = self._app.clock
        offset = clock.now().timestamp() - clock.monotonic()
        while True:
            await clock.sleep(CLOCK_SECONDS)
            drifted = clock.now().timestamp() - clock.monotonic() - offset
            if abs(drifted) > JUMP_SECONDS:
                offset += drifted
                way = "forward" if drifted > 0 else "back"
                problem = f"the clock jumped {way} by {abs(drifted):,.0f} s; the next beat was planned anew"
                self._tell("daemon.clock", problem=problem)
                if not self._beating.locked():
                    self._plan_beat()

    # --- trouble -----------------------------------------------------------------------------------------

    def _report(self, error: Exception, chore: str | None = None) -> None:
        """Tell what is wrong, once while it lasts; what cannot be journaled (a full disk) still reaches the log."""
        known = isinstance(error, TROUBLE)
        named = name_error(error, "in DATA_DIR") if isinstance(error, sqlite3.Error) else None
        problem = " ".join(str(named or error).split()) or type(error).__name__
        if problem == self._trouble:
            return
        self._trouble = problem
        if known:
            self._tell("daemon.trouble", problem=problem)
        else:
            _log.error("%s failed", chore or "beat", exc_info=error)
            self._tell("beat.failed", problem=f"{type(error).__name__}: {problem}", chore=chore)

    def _recover(self) -> None:
        if self._trouble is not None:
            self._trouble = None

    def _tell(self, kind: str, **data: object) -> None:
        try:
            self._app.journal.append(kind, **data)
        except sqlite3.Error as error:
            said = "; ".join(str(value) for value in data.values()) or kind
            _log.error("%s (not in the journal, which cannot be written: %s)", said, error)
