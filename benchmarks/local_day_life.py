"""Lives one variant of a day in a process of its own, for `benchmarks.local_day`: a JSON line a beat on stdout.

    python -m benchmarks.local_day_life FOLDER --model 1.5b --beats 144 --seed 1 [--without memory,guards] [--scripted]

Everything is the daemon's own, its page included, so that its memory is the daemon's. FOLDER/day.json is written anew
after each beat. It ends where the process that started it is gone.
"""

import argparse
import asyncio
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import psutil

from ai.actions import parse_reply
from ai.actions.loop_breaker import LoopBreaker
from ai.brain.brain import THOUGHT_CHARS
from ai.brain.first_hour import FIRST_HOUR_SECONDS
from ai.brain.novelty import USUAL_LOOP_GUARDS, LoopGuards, Novelty
from ai.clock import VirtualClock, rfc3339
from ai.daemon.app import App
from ai.daemon.sources import AppSources
from ai.daemon.wiring import open_app
from ai.llm.calls import Endpoint, ModelRequest, Outcome
from ai.llm.local.shape import fields_of
from ai.llm.local.sources import write_aside
from ai.memory import Kind, MemoryStream, clean
from ai.memory.scoring import Weights
from ai.mind.journal import Event
from ai.observer import ObserverServer
from ai.operations.lock import DaemonLock, Locked
from ai.settings.sources import SettingsError, load_settings
from ai.world.opening import open_world
from benchmarks.local_day_figures import Day, Lived, Said, told
from benchmarks.local_day_world import ScriptedDay
from benchmarks.month import Chores

START = datetime(2026, 11, 22, tzinfo=UTC)
INTERVAL_SECONDS = 600
ROOMS = ("memory", "guards")  # what a day may be lived without
RECORD = "day.json"
CALL_SECONDS = (
    1_800.0  # a busy machine must not cut words short: slow beats are counted, what is judged is what is said
)
EVENTS_A_BEAT_AT_MOST = 10_000
MOST_RECENT = Weights(recency=1.0, importance=0.0, relevance=0.0)  # what comes to mind is what was last
REFUSAL_WORDS = (
    ("you said nearly the same before", "said before"),
    ("times in a row", "a loop"),
    ("there is no action", "no such action"),
    ("It is written", "wrong parameters"),
    ("it took longer than", "too slow"),
)


class Unjudged(Novelty):
    """Takes every thought for new: all are remembered, none is refused, nobody rests, no beat is idle."""

    def idle(self, _life: int) -> bool:
        """Say that this life thought something new."""
        return False

    async def hear(self, thought: str, importance: int | None, memory: MemoryStream) -> str | None:
        """Remember the thought."""
        memory.add(thought, Kind.THOUGHT, importance)
        return None

    def rests(self, _life: int) -> bool:
        """Never rest."""
        return False


class NeverBreaks(LoopBreaker):
    """Knows of no repetition."""

    def times(self, _life: int, _action: str, _params: object) -> int:
        """Say that this is done for the first time."""
        return 0


NO_LOOP_GUARDS = LoopGuards(novelty=Unjudged, breaker=NeverBreaks)


class Heard:
    """The embedded model's door: each call is seeded and has time, and what was said is kept until it is `taken`."""

    def __init__(self, model: Endpoint, seed: int, answer_seconds: float) -> None:
        self.name, self.paid = model.name, model.paid
        self._answer_seconds = answer_seconds
        self.actions_known = 0
        self._model = model
        self._seed = seed
        self._calls = 0
        self._outcomes: list[tuple[frozenset[str], Outcome]] = []

    async def complete(self, request: ModelRequest) -> Outcome:
        """Ask the model; see `ai.llm.calls.Endpoint`."""
        self._calls += 1
        seed = Random(f"{self._seed} {self._calls}").randrange(2**31)  # noqa: S311 - a day that can be lived again
        outcome = await self._model.complete(replace(request, seed=seed, timeout_seconds=CALL_SECONDS))
        outcome = replace(outcome, latency_seconds=self._answer_seconds)
        asked = fields_of(request.schema or {})
        self.actions_known = len(asked.get("action", {}).get("enum", ())) or self.actions_known
        if outcome.error is None:
            self._outcomes.append((frozenset(asked), outcome))
        return outcome

    async def close(self) -> None:
        """Close the model's connections."""
        await self._model.close()

    def take(self, beat: Lived) -> None:
        """Write what was said since the last time into `beat`."""
        outcomes, self._outcomes = self._outcomes, []
        for asked, outcome in outcomes:
            if "action" in asked:
                reply = parse_reply(outcome.text)
                beat.said.append(Said(clean(reply.thought, THOUGHT_CHARS), reply.action or "think"))
            beat.reflections += "questions" in asked
            if outcome.usage is not None:
                beat.tokens_in += outcome.usage.prompt_tokens
                beat.tokens_cached += outcome.usage.cached_tokens
                beat.tokens_out += outcome.usage.completion_tokens


class Diary:
    """Lives beats and writes each down."""

    def __init__(self, app: App, day: Day, heard: Heard) -> None:
        self._app, self._day, self._heard = app, day, heard
        self._end = app.clock.now() + timedelta(seconds=day.turns * day.interval_seconds)
        self._seq = 0
        self._computed = 0.0
        self._look(Lived(0, "", None, 0.0))  # what the birth took belongs to no beat

    async def beat(self) -> float:
        """Live one beat, write it down, and return how many seconds of the day pass until the next one."""
        app, now, begun = self._app, self._app.clock.now(), time.perf_counter()
        lived = await app.live_one()
        assert lived is not None, "nobody lives: a day has no reason to die"
        beat = Lived(lived.number, rfc3339(now), lived.problem, round(time.perf_counter() - begun, 3))
        self._heard.take(beat)
        events = app.journal.after(self._seq, EVENTS_A_BEAT_AT_MOST)
        for event in events:
            self._seq = event.seq
            beat.insights += event.kind == "memory.reflected"
            if event.kind == "post.dry_run":
                beat.posts.append(str(event.data["text"]))
            elif event.kind == "action.refused":
                beat.refusals.append(reason_of(event))
        self._look(beat)
        wait = min(app.schedule.next_beat_at(), self._end) - now
        passed = max(1.0, wait.total_seconds())
        put_off = max(0.0, passed - self._day.interval_seconds)
        if any(event.kind == "brain.circling" for event in events):
            beat.rested_seconds = put_off
        else:
            beat.slept_seconds = put_off
        self._day.beats.append(beat)
        self._day.actions_known = self._heard.actions_known
        return passed

    def _look(self, beat: Lived) -> None:
        """Write down what this process and the model's take in memory, and how much longer they have computed."""
        local = self._app.local
        child = None if local is None else local.status().pid
        own, model = psutil.Process(), None if child is None else psutil.Process(child)
        beat.own_mb = round(own.memory_info().rss / 1e6, 1)
        beat.model_mb = 0.0 if model is None else round(model.memory_info().rss / 1e6, 1)
        computed = sum(sum(one.cpu_times()[:2]) for one in (own, model) if one is not None)
        beat.cpu_seconds = round(max(0.0, computed - self._computed), 2)  # a model started anew begins at 0
        self._computed = computed


def reason_of(event: Event) -> str:
    """Return in few words why an action was refused; where no word tells, the action that was."""
    result = str(event.data.get("result"))
    known = (reason for words, reason in REFUSAL_WORDS if words in result)
    return next(known, str(event.data.get("action")))


async def live(folder: Path, day: Day, tell: Callable[[dict[str, Any]], None]) -> None:
    """Live the day in `folder`/data, and write `folder`/day.json after each beat; `tell` hears of each."""
    clock, starter, scripted = VirtualClock(START), os.getppid(), ScriptedDay(START)
    settings = load_settings(environment_of(folder, day), folder)
    (settings.data_dir / "credits").mkdir(parents=True, exist_ok=True)
    loop_guards = NO_LOOP_GUARDS if "guards" in day.without else USUAL_LOOP_GUARDS
    outside = scripted.outside if day.scripted else open_world
    with DaemonLock(settings.data_dir):
        async with open_app(settings, clock, seed=day.seed, loop_guards=loop_guards, outside=outside) as app:
            observer = ObserverServer(AppSources(app, list))
            await observer.start()
            tell({"turns": 0, "line": f"its page: {observer.url}"})
            try:
                heard, chores = await _bear(app, day), Chores(app)
                if day.scripted:
                    clock.advance(FIRST_HOUR_SECONDS)  # its thirty beats would be most of a day with few turns
                begun = clock.now()
                diary, end = Diary(app, day, heard), begun + timedelta(seconds=day.turns * day.interval_seconds)
                while clock.now() < end and os.getppid() == starter:
                    if day.scripted:
                        await scripted.go_on(app)
                    clock.advance(await diary.beat())
                    day.turns_passed = round((clock.now() - begun).total_seconds() / day.interval_seconds)
                    write_aside(folder / RECORD, json.dumps(asdict(day)))
                    tell({"turns": day.turns_passed, "line": told(day.beats[-1])})
                    await chores.do_due()
            finally:
                await observer.stop()


async def _bear(app: App, day: Day) -> Heard:
    """Let the life be born before the day's first beat, remembering by recency alone where it is to."""
    assert app.local is not None
    heard = app.client.endpoints["local"] = Heard(app.local, day.seed, day.answer_seconds)
    await app.greet()
    await app.local.settled()
    if (problem := app.local.status().problem) is not None:
        sys.exit(f"nobody can think: {problem}")
    day.embedder = None if app.embedder is None else app.embedder.name
    life = await app.lives.ensure_alive(app.brain.ask, app.brain.announce, await app.tracker.balance())
    assert life is not None, "nobody was born"
    if "memory" in day.without:
        life.memory.weigh(MOST_RECENT)
    heard.take(Lived(0, "", None, 0.0))  # what was said at the birth belongs to no beat
    return heard


def environment_of(folder: Path, day: Day) -> dict[str, str]:
    """Return the settings that the day is lived with."""
    return {
        "DATA_DIR": str(folder / "data"),
        "LOCAL_MODEL": day.model,
        "EMBEDDINGS": "off" if "memory" in day.without else "local",
        "THINK_INTERVAL_SECONDS": str(day.interval_seconds),
        "MAX_STEPS_PER_BEAT": str(day.steps),
        "OBSERVER_PORT": "0",
    }


def add_day(parser: argparse.ArgumentParser) -> None:
    """Add what says which day is lived."""
    parser.add_argument("--model", default="1.5b", help="1.5b, 0.5b, 135m, or a path to a GGUF file")
    parser.add_argument("--beats", type=int, default=144, help="turns in the day; a rest takes several")
    parser.add_argument("--every", type=int, default=INTERVAL_SECONDS, help="seconds between two turns")
    parser.add_argument("--steps", type=int, default=4, help="MAX_STEPS_PER_BEAT")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--scripted", action="store_true", help="with weather, news, readers and letters by a script")
    parser.add_argument(
        "--answer-seconds",
        type=float,
        default=0.0,
        help="that an answer took: of slow ones there are no drafts",
    )
    parser.add_argument("--without", type=rooms, default=[], help="memory, guards, or both with a comma between")


def rooms(text: str) -> list[str]:
    """Return the rooms that a comma parts in `text`, in their usual order; raises ArgumentTypeError for others."""
    named = {name.strip() for name in text.split(",") if name.strip()}
    if unknown := sorted(named - set(ROOMS)):
        raise argparse.ArgumentTypeError(f"{unknown[0]!r} cannot be left out; give {' or '.join(ROOMS)}, or both")
    return [name for name in ROOMS if name in named]


def main() -> None:
    """Live the day and tell of each beat."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    add_day(parser)
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    day = Day(
        given.model,
        given.seed,
        given.beats,
        given.steps,
        given.every,
        given.without,
        scripted=given.scripted,
        answer_seconds=given.answer_seconds,
    )
    try:
        asyncio.run(live(given.folder, day, lambda line: print(json.dumps(line), flush=True)))
    except (Locked, SettingsError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
