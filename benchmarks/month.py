"""Live a month under a virtual clock on a scripted provider, and show day by day what grows and what stays flat.

    python -m benchmarks.month [--days 30] [--interval 600] [--seed N] [--json]

One seed replays a month. At the end the books are compared with the provider's record to the nano-dollar. Exits 1
where they differ, where a reflection cites what never was, or where an action got through in a loop.
"""

import argparse
import asyncio
import json
import re
import secrets
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from ai.actions.loop_breaker import SAME_AT_MOST
from ai.clock import VirtualClock
from ai.daemon.app import App
from ai.ledger import audit
from ai.ledger.money import nanos
from ai.mind.journal import Event
from tests.brain.lived import mind
from tests.world.openrouter import FakeOpenRouter

START = datetime(2026, 11, 1, tzinfo=UTC)
EVENTS_A_DAY_AT_MOST = 1_000_000
NOT_THINKING = {"reflection", "birth", "death"}  # calls whose prompts are not a beat's
STUCK_ONE_IN = 150  # replies after which the scripted mind repeats itself as small models do
STUCK_FOR = 6  # replies that say the same
FLAT = ("cost_a_beat_usd", "prompt_tokens", "file_kb", "milliseconds")
THINGS = (
    "the rain on the roof", "a stone in a shoe", "bread that rises", "the clock in the hall", "a river at night",
    "paper boats", "salt", "the last window", "prime numbers", "silence between two notes", "an orbit that decays",
    "red thread", "a borrowed ladder", "moss", "the tram at dawn", "a letter without a stamp", "bees in winter",
    "the price of light", "a map of nowhere", "an old song", "rust", "the neighbour's dog", "chalk", "glass",
    "a door that sticks", "lightning over the port", "my own name", "an empty theatre", "snow", "a bell under water",
)  # fmt: skip
VERBS = (
    "remembers", "follows", "refuses", "mirrors", "measures", "forgets", "invents", "answers", "borrows", "outlives",
    "hides", "weighs",
)  # fmt: skip
TURNS = (
    "I think {a} {v} {b}.", "What if {a} {v} {b}? I would have to begin again.", "Today {a} {v} {b}, and I watched.",
    "Nobody told me that {a} {v} {b}.", "I disagree with myself: {a} never {v} {b}.", "{a} {v} {b}; so do I.",
)  # fmt: skip


class Scripted:
    """A model with much to say: never out of words, at times stuck, and honest about its evidence."""

    def __init__(self, seed: int) -> None:
        self._rng = Random(seed)  # noqa: S311 - a month that can be replayed
        self._stuck: list[str] = []

    def __call__(self, body: dict[str, Any]) -> str:
        """Return a reply to whatever was asked for."""
        wanted = json.dumps(body.get("response_format", {}))
        if '"first_thought"' in wanted:
            return json.dumps({"name": f"Wren{self._rng.randrange(10**6)}", "pronoun": "she", "first_thought": "Oh."})
        if '"questions"' in wanted:
            return json.dumps({"questions": [f"What does it mean that {self._sentence()}" for _ in range(3)]})
        if '"insights"' in wanted:
            return self._insights(str(body["messages"][-1]["content"]))
        if '"summary"' in wanted:
            return json.dumps({"summary": " ".join(self._sentence() for _ in range(4))})
        if not self._stuck and self._rng.randrange(STUCK_ONE_IN) == 0:
            self._stuck = [self._thought(self._rng.choice(["list_files", "list_models", "read_messages"]))] * STUCK_FOR
        return self._stuck.pop() if self._stuck else self._thought(None)

    def _sentence(self) -> str:
        a, b = self._rng.sample(THINGS, 2)
        said = self._rng.choice(TURNS).format(a=a, b=b, v=self._rng.choice(VERBS))
        return f"{said[0].upper()}{said[1:]} {self._rng.choice(THINGS)}, {self._rng.randrange(10_000)}."

    def _insights(self, shown: str) -> str:
        numbers = [int(number) for number in re.findall(r"^\[(\d+)\]", shown, re.MULTILINE)] or [1]
        insights = []
        for _ in range(self._rng.randint(1, 4)):
            cited = self._rng.sample(numbers, min(2, len(numbers)))
            if self._rng.randrange(10) == 0:  # made up, as models do: it must not be kept as evidence
                cited.append(10**6 + self._rng.randrange(1000))
            insights.append({"text": self._sentence(), "because": cited, "importance": self._rng.randint(4, 9)})
        return json.dumps({"insights": insights})

    def _thought(self, action: str | None) -> str:
        rng, text = self._rng, " ".join(self._sentence() for _ in range(self._rng.randint(1, 3)))
        params: dict[str, Any] = {}
        if action is None:
            deeds: list[tuple[str, dict[str, Any]]] = [
                ("think", {}), ("check_budget", {}), ("list_files", {}), ("reflect", {}),
                ("remember", {"text": self._sentence()}), ("recall", {"query": rng.choice(THINGS)}),
                ("post_tweet", {"text": self._sentence()}),
                ("write_file", {"path": f"notes/{rng.randrange(30)}.md", "text": text}),
                ("read_file", {"path": f"notes/{rng.randrange(30)}.md"}),
                ("plan_day", {"text": self._sentence()}), ("sleep", {"minutes": rng.choice([10, 20, 30])}),
                ("describe_self", {"text": self._sentence()}),
                ("set_goals", {"text": f"{self._sentence()}; {self._sentence()}"}),
            ]  # fmt: skip
            action, params = rng.choices(deeds, [30, 3, 3, 1, 10, 12, 6, 8, 8, 2, 2, 1, 1])[0]
        importance = rng.choices(range(1, 10), [8, 12, 10, 6, 4, 3, 2, 1, 1])[0]
        return json.dumps({"thought": text, "importance": importance, "action": action, "params": params})


@dataclass(slots=True)
class Day:
    """One day as its journal tells it; money in dollars, times in milliseconds of the machine's."""

    day: int
    beats: int = 0
    empty: int = 0
    cost_a_beat_usd: float = 0.0
    prompt_tokens: float = 0.0
    file_kb: float = 0.0
    mind_mb: float = 0.0  # journal and archive: it grows until JOURNAL_KEEP_DAYS, and with what is folded away
    memories: int = 0
    reflections: int = 0
    cited: int = 0
    invented: int = 0
    posts: int = 0
    longest_run: int = 0
    refused_loops: int = 0
    milliseconds: float = 0.0


@dataclass(slots=True)
class Month:
    """Everything that was lived; `problems` must be empty."""

    seed: int
    interval_seconds: int
    days: list[Day] = field(default_factory=list)
    billed_nanos: int = 0
    booked_nanos: int = 0
    by_purpose: dict[str, int] = field(default_factory=dict)  # nano-dollars
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list)


class Watcher:
    """Reads the journal once a day and sums up."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._seq = 0
        self._last: tuple[Any, ...] | None = None
        self._run = 0
        self._only_thought = False

    def day(self, number: int, milliseconds: Sequence[float]) -> Day:
        """Return what happened since the last call."""
        app, day = self._app, Day(number)
        life = app.lives.current()
        assert life is not None, "nobody lives: a scripted month has no reason to die"
        costs, prompts = 0, []
        for event in app.journal.after(self._seq, EVENTS_A_DAY_AT_MOST):
            self._seq = event.seq
            day.beats += event.kind == "beat.ended"
            day.empty += event.kind == "beat.empty"
            day.posts += event.kind == "post.dry_run"
            if event.kind == "call.completed":
                costs += event.data["cost_nanos"]
                if event.data["purpose"] not in NOT_THINKING:
                    prompts.append(event.data["prompt_tokens"])
            elif event.kind == "memory.reflected":
                day.reflections += 1
                known = [life.memory.get(cited) is not None for cited in event.data["because"]]
                day.cited += len(known)
                day.invented += known.count(False) + (not known)
            self._follow(event, day)
        day.cost_a_beat_usd = costs / 1e9 / max(1, day.beats)
        day.prompt_tokens = statistics.fmean(prompts or [0])
        day.file_kb = life.file.path.stat().st_size / 1e3
        day.mind_mb = (app.settings.data_dir / "mind.db").stat().st_size / 1e6
        day.memories = len(life.memory)
        day.milliseconds = statistics.median(milliseconds or [0])
        return day

    def _follow(self, event: Event, day: Day) -> None:
        """Count how often in a row the very same was done with the very same result; only to think ends a row too."""
        if event.kind in {"thought", "beat.ended"} and self._only_thought:
            self._last = None
        self._only_thought = event.kind == "thought" or (self._only_thought and not event.kind.startswith("action."))
        if event.kind == "action.refused" and "times in a row" in str(event.data.get("result")):
            day.refused_loops += 1
        if event.kind != "action.performed":
            return
        did = tuple(event.data.get(name) for name in ("action", "params", "result"))
        self._run = self._run + 1 if did == self._last else 1
        self._last = did
        day.longest_run = max(day.longest_run, self._run)


class Chores:
    """Does what a daemon does beside thinking, when it is due in virtual time."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._due = {name: app.clock.now() for name, _, _ in app.chores()}

    async def do_due(self) -> None:
        """Do each chore once whose time has come."""
        now = self._app.clock.now()
        for name, seconds, work in self._app.chores():
            if now >= self._due[name]:
                self._due[name] = now + timedelta(seconds=seconds)
                await work()


async def live(folder: Path, days: int, interval: int, seed: int, told: Callable[[Day], None]) -> Month:
    """Live so many days with a beat every `interval` seconds; `told` hears of each day when it is over."""
    clock, month, begun, periods = VirtualClock(START), Month(seed, interval), time.perf_counter(), set()
    settings = {"THINK_INTERVAL_SECONDS": str(interval), "LLM_TIMEOUT_SECONDS": "30"}
    with FakeOpenRouter(reply=Scripted(seed), date=clock.now) as provider:
        async with mind(provider, folder, clock, **settings) as app:
            watcher, chores = Watcher(app), Chores(app)
            for number in range(1, days + 1):
                took = []
                while clock.now() < START + timedelta(days=number):
                    beat_begun = time.perf_counter()
                    await app.live_one()
                    took.append(1000 * (time.perf_counter() - beat_begun))
                    wait = (app.schedule.next_beat_at() - clock.now()).total_seconds()
                    clock.advance(max(1.0, wait))
                    await chores.do_due()
                    periods.add((await app.tracker.balance()).period)
                provider.requests.clear()  # the bills stay; a month of prompts would not fit
                month.days.append(watcher.day(number, took))
                told(month.days[-1])
            reports = [await app.tracker.budget_report(period) for period in sorted(periods)]
            month.booked_nanos = sum(nanos(report["spent"]) for report in reports)
            for row in (row for report in reports for row in report["by_purpose"]):
                month.by_purpose[row["purpose"]] = month.by_purpose.get(row["purpose"], 0) + nanos(row["cost"])
            month.billed_nanos = provider.billed_nanos
            books = await app.ledger.read(audit)
            month.problems += [] if books.ok else ["the audit fails"]
            month.problems += [f"{books.holds_open} holds are still open"] if books.holds_open else []
    month.seconds = time.perf_counter() - begun
    month.problems += _problems(month)
    return month


def _problems(month: Month) -> list[str]:
    wrong = []
    if month.booked_nanos != month.billed_nanos:
        wrong.append(f"the books say {month.booked_nanos} nano-dollars, the provider {month.billed_nanos}")
    for day in month.days:
        if day.invented:
            wrong.append(f"day {day.day}: {day.invented} cited memories that never were")
        if day.longest_run > SAME_AT_MOST:
            wrong.append(f"day {day.day}: the same was done {day.longest_run} times in a row")
    return wrong


def growth(days: Sequence[Day]) -> dict[str, float]:
    """Return by how much the last third of the days exceeds the middle third, for each figure that should be flat."""
    third = len(days) // 3
    middle, last = days[third : 2 * third], days[2 * third :]
    return {
        name: statistics.fmean(getattr(day, name) for day in last)
        / max(1e-12, statistics.fmean(getattr(day, name) for day in middle))
        for name in FLAT
        if third
    }


def show(month: Month) -> None:
    """Print the month as a table and what stands at its end."""
    title = f"{len(month.days)} days, seed {month.seed}; m$: thousandths of a dollar, prompt: its tokens"
    table = Table(title=title, title_justify="left", box=None, padding=(0, 1, 0, 0))
    heads = (
        "day", "beats", "m$ a\nbeat", "prompt", "file\nkB", "mind\nMB", "memories", "insights", "made\nup", "posts",
        "in a\nrow", "loops", "ms a\nbeat",
    )  # fmt: skip
    for head in heads:
        table.add_column(head, justify="right", no_wrap=True)
    for day in month.days:
        table.add_row(
            str(day.day), str(day.beats), f"{day.cost_a_beat_usd * 1e3:.2f}", f"{day.prompt_tokens:,.0f}",
            f"{day.file_kb:,.0f}", f"{day.mind_mb:.1f}", f"{day.memories:,}", str(day.reflections),
            str(day.invented), str(day.posts), str(day.longest_run), str(day.refused_loops), f"{day.milliseconds:.0f}",
        )  # fmt: skip
    console = Console()
    console.print(table)
    insights, cited = (sum(getattr(day, name) for day in month.days) for name in ("reflections", "cited"))
    empty = sum(day.empty for day in month.days)
    console.print(f"{empty} beats without a thought; {insights} insights cite {cited} memories", highlight=False)
    for name, ratio in growth(month.days).items():
        console.print(f"last third against middle third, {name.replace('_', ' ')}: ×{ratio:.2f}")
    console.print(", ".join(f"{purpose} ${cost / 1e9:.9f}" for purpose, cost in month.by_purpose.items()))
    console.print(
        f"billed ${month.billed_nanos / 1e9:.9f}, booked ${month.booked_nanos / 1e9:.9f}; {month.seconds:.0f} s"
    )
    console.print(
        "\n".join(month.problems) or "books equal to the nano-dollar, audit ok, every insight's evidence real"
    )


def main() -> None:
    """Live, and show how it was."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--interval", type=int, default=600, help="seconds from beat to beat")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    seed = secrets.randbelow(2**32) if given.seed is None else given.seed
    sys.stderr.write(f"seed {seed}\n")
    with Progress(console=Console(stderr=True)) as progress, tempfile.TemporaryDirectory() as folder:
        task = progress.add_task("days", total=given.days)
        month = asyncio.run(live(Path(folder), given.days, given.interval, seed, lambda _: progress.advance(task)))
    if given.json:
        print(json.dumps({**asdict(month), "growth": growth(month.days)}))
    else:
        show(month)
    sys.exit(1 if month.problems else 0)


if __name__ == "__main__":
    main()
