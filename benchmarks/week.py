"""Live a week with a window and the same week without: what is new in a scene, what comes of it, what a beat costs.

    python -m benchmarks.week [--days 7] [--interval 600] [--seed N] [--show 10] [--json]

A scripted world (weather, a feed of 40 entries, three people who write, gifts, readers, a restart) and a scripted
mind that uses what it is shown, under a virtual clock. The second week has `ai/world` switched off; letters come in
both. Tokens are counted in the prompts as they were sent, by MiniLM's tokenizer where it is at hand, else a quarter of
the bytes. Exits 1 where the books differ from the provider's record.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rich.console import Console
from rich.table import Table

from ai.clock import Clock, VirtualClock
from ai.daemon.app import App
from ai.mind.database import MindDatabase
from ai.mind.journal import Journal
from ai.settings import Settings
from ai.world import World
from ai.world.opening import open_world
from ai.world.visitors import Visitors
from benchmarks.month import Chores
from benchmarks.week_figures import Meter, Week, counter, sum_up
from benchmarks.week_life import AWAY, RESTART, Attentive, Town
from tests.brain.lived import mind
from tests.world.openrouter import FakeOpenRouter
from tests.world.publisher import Publisher

START = datetime(2026, 11, 27, 5, 0, tzinfo=UTC)  # a month begins within the week
# Folders are thrown away; a disk would only slow them.
MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of its own is made in it
MODEL = "anthropic/claude-sonnet-4.5"  # a strong one: it is shown no examples
BUDGET_USD = "200"


async def live(  # noqa: PLR0913 - whose week, and how it is lived
    folder: Path, days: int, interval: int, seed: int, *, window: bool, show: int = 0
) -> tuple[Week, Meter]:
    """Live so many days; `window`: with `ai/world`. Also return who measured, with the first `show` prompts."""
    begun, clock = time.perf_counter(), VirtualClock(START)
    name, count = counter()
    week, meter = Week(window, name), Meter(Attentive(seed), count, show)
    with FakeOpenRouter(reply=meter, date=clock.now) as provider, Publisher() as publisher:
        town, end, down = Town(publisher, clock, seed, days), START + timedelta(days=days), START + timedelta(RESTART)
        async with _app(provider, publisher, folder, clock, interval, window=window) as app:
            await _days(app, clock, town, min(end, down))
        if end > down:
            clock.advance(AWAY.total_seconds())
            async with _app(provider, publisher, folder, clock, interval, window=window) as app:
                await _days(app, clock, town, end)
        async with _app(provider, publisher, folder, clock, interval, window=window) as app:
            await sum_up(app, week, meter.totals)
        week.letters, week.billed_nanos = town.letters, provider.billed_nanos
    week.by_part = {part: tokens / week.beats for part, tokens in meter.parts.most_common()}
    week.seconds = time.perf_counter() - begun
    return week, meter


def _app(  # noqa: PLR0913 - the same
    provider: FakeOpenRouter, publisher: Publisher, folder: Path, clock: VirtualClock, interval: int, *, window: bool
) -> AbstractAsyncContextManager[App]:
    """Return the app to live in; without a window it has a world in which nothing can be seen."""
    more = {
        "THINK_INTERVAL_SECONDS": str(interval), "LLM_TIMEOUT_SECONDS": "30", "OPENROUTER_MODEL": MODEL,
        "MONTHLY_BUDGET_USD": BUDGET_USD, "VISITORS": "on", "PLACE": "52.52,13.41,Berlin",
        "WEATHER_URL": publisher.url("/forecast"), "FEEDS": publisher.url("/feed"),
    }  # fmt: skip

    def wall(_settings: Settings, mind: MindDatabase, journal: Journal, clock: Clock, _visitors: Visitors) -> World:
        return World((), mind, journal, clock)

    return mind(provider, folder, clock, open_world if window else wall, **more)


async def _days(app: App, clock: VirtualClock, town: Town, end: datetime) -> None:
    chores = Chores(app)
    while clock.now() < end:
        await app.live_one()
        wait = (app.schedule.next_beat_at() - clock.now()).total_seconds()
        clock.advance(max(1.0, wait))
        await town.go_on(app)
        await chores.do_due()


ROWS: tuple[tuple[str, Callable[[Week], str]], ...] = (
    ("beats", lambda week: f"{week.beats:,}"),
    ("scenes with something not shown in the last five", lambda week: f"{week.scenes_new:.0%}"),
    ("the same, of events and letters alone", lambda week: f"{week.scenes_new_outside:.0%}"),
    ("happenings shown", lambda week: f"{week.observations:,}"),
    ("insights, memories they cite", lambda week: f"{week.insights}, {week.cited}"),
    ("of these observations, letters", lambda week: f"{week.cited_observations}, {week.cited_letters}"),
    ("letters answered", lambda week: f"{week.answered} of {week.letters}"),
    ("works finished, posts", lambda week: f"{week.works}, {week.posts}"),
    ("tokens a beat: prompt + answer", lambda week: f"{week.prompt_tokens:,.0f} + {week.answer_tokens:,.0f}"),
    ("beside them, to look back", lambda week: f"{week.looking_back_tokens:,.0f}"),
    ("calls, deeds a beat", lambda week: f"{week.calls:.2f}, {week.deeds:.2f}"),
    ("closing calls, of all tokens", lambda week: f"{week.closing_share:.1%}"),
)


def show(weeks: list[Week]) -> None:
    """Print the weeks side by side, and where the tokens of a scene go."""
    console = Console(highlight=False)
    table = Table("", *("with a window" if week.window else "without" for week in weeks), box=None, pad_edge=False)
    for what, of in ROWS:
        table.add_row(what, *(of(week) for week in weeks))
    console.print(table)
    console.print(f"tokens by {weeks[0].tokens_by}; {sum(week.seconds for week in weeks):.0f} s")
    parts = Table("tokens a beat, first call", *("" for _ in weeks), box=None, pad_edge=False)
    for part in weeks[0].by_part:
        parts.add_row(part, *(f"{week.by_part.get(part, 0):,.0f}" for week in weeks))
    console.print(parts)


def main() -> None:
    """Live both weeks, and show how they were."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=7)
    parser.add_argument("--interval", type=int, default=600, help="seconds from beat to beat")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", type=int, default=0, help="print the first so many prompts and answers")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    weeks = []
    for window in (True, False):
        with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
            week, meter = asyncio.run(
                live(Path(folder), given.days, given.interval, given.seed, window=window, show=given.show)
            )
        weeks.append(week)
        if window and given.show:
            sys.stderr.write("\n\n----\n".join([*meter.shown, ""]))
    if given.json:
        print(json.dumps([asdict(week) | {"tokens": week.tokens} for week in weeks]))
    else:
        show(weeks)
    sys.exit(0 if all(week.billed_nanos == week.booked_nanos for week in weeks) else 1)


if __name__ == "__main__":
    main()
