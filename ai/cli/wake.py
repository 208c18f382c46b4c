"""`up` wakes the daemon; `run N` lives beats now, in the foreground or by the daemon that is awake."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from ai.cli.door import Failed, ensure_data_dir, progress_screen, settings, wait_for
from ai.cli.summary import summary
from ai.clock import Clock, SystemClock
from ai.credit_tracker import RunUsage
from ai.daemon.app import App
from ai.daemon.daemon import run_daemon
from ai.daemon.read_only_app import open_read_only_app
from ai.daemon.wiring import open_app
from ai.ledger.errors import StoreUnavailable
from ai.mind.commands import Commands
from ai.mind.database import open_mind
from ai.mind.journal import Event, read_after, read_before
from ai.mind.logs import configure, log_event
from ai.operations.lock import DaemonLock, is_held
from ai.settings import Settings

LOOK_SECONDS = 0.2  # how often a follower looks for news
BEAT_SECONDS = 320.0  # a daemon ends a beat within 300 s; one that lives none in this time is stuck
RESTS = "Beats follow one another at once: rests and sleeps are noted, and not waited for."


def add_to(app: typer.Typer) -> None:
    """Add these commands to `app`."""
    app.command()(up)
    app.command()(run)


def up() -> None:
    """Wake the daemon: the brain's loop on its timer, and the page. SIGTERM ends it with nothing lost."""
    chosen = settings()
    configure(chosen.log_format, chosen.log_level, chosen.secrets())
    ensure_data_dir(chosen.data_dir)
    wait_for(lambda: run_daemon(chosen, SystemClock()))


def run(beats: Annotated[int, typer.Argument(min=1, max=10_000, help="How many beats to live now.")]) -> None:
    """Live N beats now, one right after the other; then say what they cost. Ctrl-C stops early and still says it.

    A rest or a sleep that it decides on is noted and not waited for; only the daemon keeps to it.
    """
    chosen = settings()
    ensure_data_dir(chosen.data_dir)
    with _bar(beats) as advance:
        configure(chosen.log_format, chosen.log_level, chosen.secrets())
        usage, mute = None, Mute()
        if is_held(chosen.data_dir):
            usage = wait_for(lambda: _follow(chosen, SystemClock(), beats, advance, mute))
        if usage is None:
            with DaemonLock(chosen.data_dir):
                usage = wait_for(lambda: _live(chosen, SystemClock(), beats, advance, mute))
    typer.echo(summary(usage))
    if mute.problem is not None:
        raise Failed(f"nobody could think; genesis doctor says what would help: {mute.problem}")


class Mute:
    """Why nobody could think in any beat of a run, as its events tell it; None once somebody did, or before a beat."""

    def __init__(self) -> None:
        self.problem: str | None = None
        self._thought = False

    def hear(self, event: Event) -> None:
        """Take in an event of the journal."""
        if event.kind == "beat.ended" and event.data["steps"]:
            self._thought, self.problem = True, None
        elif event.kind == "beat.empty" and not self._thought:
            self.problem = str(event.data["problem"])


async def _live(chosen: Settings, clock: Clock, beats: int, advance: Callable[[], None], mute: Mute) -> RunUsage:
    """Live the beats in this process; a Ctrl-C ends the beat under way and keeps all that was lived."""

    def listen(event: Event) -> None:
        log_event(event)
        mute.hear(event)

    async with open_app(chosen, clock, listen=listen) as app:
        typer.echo(RESTS)
        await app.greet()
        try:
            marker, away = await app.tracker.marker(), None
        except StoreUnavailable as problem:  # without its purse it thinks on free and local models
            marker, away = None, str(problem)
        work = asyncio.ensure_future(live_beats(app, beats, advance))
        async with _stopped_by_signals(work):
            await asyncio.wait([work])
        if not work.cancelled() and (error := work.exception()) is not None:
            raise error
        if marker is None:
            raise Failed(f"the beats were lived; what they cost cannot be told: {away}")
        return await app.tracker.usage_since(marker)


async def live_beats(app: App, beats: int, advance: Callable[[], None]) -> None:
    """Live so many beats; say of a birth that is not due yet how long it is waited for. Raises Failed."""
    for _ in range(beats):
        due, now = app.lives.birth_due_at(), app.clock.now()
        if due is not None and (wait := (due - now).total_seconds()) > 1:
            typer.echo(f"Nobody lives now; the next life begins in {wait:.0f} s.")
        if not await app.live_one():
            raise Failed("nobody lives, and no birth is due before new money comes; genesis topup brings it")
        advance()


async def _follow(
    chosen: Settings, clock: Clock, beats: int, advance: Callable[[], None], mute: Mute
) -> RunUsage | None:
    """Have the daemon live the beats and show what it journals meanwhile.

    None: it was another command that held the folder, or a daemon that has gone, and no beat was lived.
    """
    mind = open_mind(chosen.data_dir / "mind.db", secrets=chosen.secrets())
    commands = Commands(mind, clock)
    async with open_read_only_app(chosen, clock) as reading:
        marker = await reading.tracker.marker()
        newest = read_before(mind, None, 1)
        seq = newest[0].seq if newest else 0
        row = commands.put("run", beats=beats)
        typer.echo(RESTS)
        ended, until = 0, clock.monotonic() + BEAT_SECONDS
        with contextlib.suppress(asyncio.CancelledError):
            while ended < beats:
                answer = commands.answer(row)
                if answer.ok is False:
                    raise Failed(answer.result)
                for event in read_after(mind, seq):
                    seq = event.seq
                    log_event(event)
                    mute.hear(event)
                    if event.kind == "beat.ended":
                        ended, until = ended + 1, clock.monotonic() + BEAT_SECONDS
                        advance()
                    elif event.kind == "local.fetching":  # a birth waits for its mind
                        until = clock.monotonic() + BEAT_SECONDS
                if ended == 0 and not is_held(chosen.data_dir):
                    commands.withdraw(row)
                    return None
                if clock.monotonic() > until:
                    raise Failed("the daemon lived no beat in five minutes; look at its log (genesis logs --follow)")
                await asyncio.sleep(LOOK_SECONDS)
        commands.withdraw(row)  # Ctrl-C came before anybody began it
        return await reading.tracker.usage_since(marker)


@contextlib.asynccontextmanager
async def _stopped_by_signals(work: "asyncio.Future[None]") -> AsyncIterator[None]:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, work.cancel)
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


@contextlib.contextmanager
def _bar(beats: int) -> Iterator[Callable[[], None]]:
    """Show a progress bar on stderr; yields what moves it by one. Log lines pass above it in a terminal."""
    console = progress_screen()
    live = console.is_terminal and sys.stdout.isatty()
    columns = (TextColumn("beats"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(
        *columns, console=console, redirect_stdout=live, redirect_stderr=live, disable=not console.is_terminal
    ) as progress:
        task = progress.add_task("beats", total=beats)
        yield lambda: progress.advance(task)
