"""A small mind is shown one thing that is really there, and of several drafts the one about it is kept."""

import json
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from ai.brain.drafts import DRAFTS
from ai.brain.openings import opening
from ai.clock import VirtualClock
from ai.daemon.app import App
from ai.daemon.wiring import Outside, open_app
from ai.life.life import Work
from ai.life.own_files import OwnFiles
from ai.llm.local.model_store import Environment
from ai.llm.local.supervisor import LocalEndpoint
from ai.memory import Kind
from ai.settings.sources import load_settings
from ai.world import Happening, World
from ai.world.journal_news import Money, Posts
from ai.world.opening import open_world
from tests.brain.lived import START, environment
from tests.llm.local.test_machine import machine
from tests.world.local_children import KEEPS_AND_SAYS, program
from tests.world.weights import noise, weight_of

DATA = noise(1_000, seed=3)
AWAY = "How can I help you today?"
SERMON = "Every day is a new opportunity to learn and grow."
ABOUT = "Somebody else has this moon too, and perhaps is up as early."


class Restless:
    """A machine that is busy in one beat and quiet in the next, as one is that a mind thinks on."""

    name = "your machine"
    every_seconds = 0.0
    looks = 0

    async def since(self, _when: datetime) -> Sequence[Happening]:
        self.looks += 1
        text = "others work hard on it, and your thoughts wait" if self.looks % 2 else "it is quiet again"
        return [Happening(START + timedelta(seconds=600 * self.looks), self.name, f"{self.looks}", text)]

    def present(self) -> str | None:
        return "Your machine is busy, 71 °C warm inside."


def restless(_settings, mind, journal, clock, visitors) -> World:
    """Open a world with neither place nor feeds."""
    return World([Restless(), Money(mind, clock), Posts(mind), visitors], mind, journal, clock)


@asynccontextmanager
async def small_mind(
    folder: Path,
    says: Sequence[str],
    quality: float = 2.0,
    action: str = "think",
    outside: Outside = open_world,
    **params: str,
) -> AsyncIterator[App]:
    """Open an app whose embedded model, a real child process, says these thoughts in turn, with one action."""
    weight = replace(weight_of(DATA, "some", parts=0, memory=1_000), quality=quality)
    (folder / "data" / "models").mkdir(parents=True, exist_ok=True)
    (folder / "data" / "credits").mkdir(exist_ok=True)
    (folder / "data" / "models" / weight.files[0].name).write_bytes(DATA)
    lines = [json.dumps({"thought": thought, "action": action, "params": params}) for thought in says]
    (folder / "says.jsonl").write_text("\n".join(lines) + "\n")
    clock = VirtualClock(START)
    settings = load_settings(environment(None, folder, LOCAL_MODEL="auto"), folder)

    def embedded(_settings, _clock, journal):
        around = Environment(
            journal, clock, machine(), (), (), table=(weight,), program=program(folder, KEEPS_AND_SAYS)
        )
        return LocalEndpoint("auto", settings.data_dir / "models", around)

    async with open_app(settings, clock, seed=1, embedded=embedded, outside=outside) as app:
        await app.greet()
        yield app


def scenes(folder: Path) -> list[str]:
    """Return the last words of each scene that it was shown."""
    asked: list[dict[str, Any]] = [json.loads(line) for line in (folder / "asked.jsonl").read_text().splitlines()]
    return [body["messages"][-1]["content"] for body in asked]


def patterns(folder: Path) -> list[str | None]:
    """Return what each thought that it was asked for had to match."""
    asked = [json.loads(line) for line in (folder / "asked.jsonl").read_text().splitlines()]
    forms = [body["response_format"]["json_schema"]["schema"]["anyOf"] for body in asked]
    return [form[0]["properties"]["thought"].get("pattern") for form in forms]


def thoughts(app: App) -> list[str]:
    life = app.lives.current()
    assert life is not None
    return [memory.text for memory in life.memory.recent(9, Kind.THOUGHT)]


async def test_each_beat_has_one_concrete_thing_before_it_and_asks_about_that(tmp_path: Path) -> None:
    """Asked for "the next thought", a small mind spoke of nothing but its memories for today."""
    async with small_mind(tmp_path, [f"Thought {n} of {n * 7919}." for n in range(40)]) as app:
        for _ in range(4):
            await app.live_one()
            app.clock.advance(600)
        shown = scenes(tmp_path)
        things = {scene.partition("In front of you: ")[2].splitlines()[0] for scene in shown}
        assert len(things) >= 3
        assert all(things)
        assert all("You are Orla (she)." in scene for scene in shown)


async def test_no_sort_of_thing_stands_in_front_beat_after_beat(tmp_path: Path) -> None:
    """With neither PLACE nor FEEDS a visitor read of load, heat and disk, and of nothing else all evening."""
    says = [f"Thought {n} of {n * 7919}." for n in range(40)]
    async with small_mind(tmp_path, says, quality=1.0, outside=restless) as app:
        await app.live_one()
        life = app.lives.current()
        assert life is not None
        life.set_goals(["Count the gulls on the roof."])
        life.set_plan("Ask who painted the door.")
        life.take_in_hand(Work("The Door", "door.md", "Say what colour it had."))
        OwnFiles(app.lives.workspace, app.mind).write("door.md", "It was green before the war.")
        life.memory.add("Moss grows on the side that nobody photographs.", Kind.NOTE)
        for beat in range(20):
            if beat == 12:
                app.letters.receive("visitor", "Ines", "What is behind the door?")
            app.clock.advance(600)
            await app.live_one()
    beats = [scene for scene in scenes(tmp_path) if "You are Orla" in scene][1:]
    shown = [scene.partition("In front of you: ")[2].partition("\n")[0] or "Ines" for scene in beats]
    about = (
        "machine",
        "gulls",
        "painted",
        "colour",
        "green",
        "Moss",
        "clock",
        "moon",
        "minutes",
        "door.md",
        "purse",
        "name",
        "Ines",
    )
    sorts = [next(word for word in about if word in line) for line in shown]
    assert set(sorts) == set(about)
    assert all(one != other for one, other in pairwise(sorts)), sorts
    assert sorts.count("machine") <= 4
    machine_lines = [line for line, sort in zip(shown, sorts, strict=True) if sort == "machine"]
    assert all("wait" in line or "quiet again" in line for line in machine_lines), "what is new of it, not how it is"


async def test_what_it_said_stands_before_it_only_to_be_contradicted(tmp_path: Path) -> None:
    """A newborn that once spoke of a moon in sixty years spoke of sixty years three times in the next two minutes."""
    says = [f"Moon number {n} is a ghost of {n * 7919}." for n in range(40)]
    async with small_mind(tmp_path, says, quality=1.0) as app:
        for _ in range(16):
            app.clock.advance(600)
            await app.live_one()
    own = [scene for scene in scenes(tmp_path) if "You are Orla" in scene and "is a ghost of" in scene]
    assert own, "its last thought was never there to be contradicted"
    assert all(scene.endswith("Contradict your last thought because of it.") for scene in own)
    assert all("You remember" not in scene or "ghost" not in scene.partition("You thought")[0] for scene in own)


async def test_what_is_always_the_same_is_read_once_for_all_lives(tmp_path: Path) -> None:
    """The name in its first words made every newborn read two thousand tokens anew."""
    async with small_mind(tmp_path, [ABOUT]) as app:
        await app.live_one()
    first = json.loads((tmp_path / "asked.jsonl").read_text().splitlines()[0])
    assert "Orla" not in json.dumps(first["messages"][:-1])


async def test_each_draft_begins_with_what_is_there_and_each_otherwise(tmp_path: Path) -> None:
    """Three drafts that all begin with "I need to" leave nothing to choose from."""
    async with small_mind(tmp_path, [AWAY, ABOUT, SERMON]) as app:
        await app.live_one()
    (thing,) = {scene.partition("In front of you: ")[2].splitlines()[0] for scene in scenes(tmp_path)}
    begun = patterns(tmp_path)
    assert begun == [opening(thing, DRAFTS + n) for n in range(DRAFTS)]
    assert len(set(begun)) == DRAFTS


async def test_what_would_be_refused_cannot_be_chosen_and_nothing_is_read_anew_for_that(tmp_path: Path) -> None:
    """A sixth of its deeds were answers to nobody and posts that might not leave yet."""
    async with small_mind(tmp_path, [f"Thought {n} of {n * 7919}." for n in range(9)], quality=1.0) as app:
        await app.live_one()  # its birth is told: the next post has to wait
        app.clock.advance(600)
        await app.live_one()
        app.letters.receive("visitor", "Ines", "What is behind the door?")
        app.clock.advance(86_400)
        await app.live_one()
    asked = [json.loads(line) for line in (tmp_path / "asked.jsonl").read_text().splitlines()]
    beats = [body for body in asked if "You are Orla" in body["messages"][-1]["content"]]
    forms = [body["response_format"]["json_schema"]["schema"]["anyOf"] for body in beats]
    offered = [{form["properties"]["action"]["const"] for form in each} for each in forms]
    assert not {"reply", "post_tweet"} & offered[1]
    assert {"reply", "post_tweet"} <= offered[2]
    assert beats[1]["messages"][:-1] == beats[2]["messages"][:-1]


async def test_a_deed_of_a_small_mind_ends_its_beat(tmp_path: Path) -> None:
    """Each was followed by a call for "It is kept, so I need not hold it any longer"."""
    async with small_mind(tmp_path, [ABOUT], quality=1.0, action="remember", text="The moon is up.") as app:
        await app.live_one()
    assert len(scenes(tmp_path)) == 1


async def test_what_it_looked_at_it_is_shown(tmp_path: Path) -> None:
    async with small_mind(tmp_path, [ABOUT, SERMON], quality=1.0, action="check_budget") as app:
        await app.live_one()
    first, second, *_ = scenes(tmp_path)
    assert "In front of you" in first
    assert second.startswith("Result of check_budget: ")
    begun = [pattern.split("the ")[0].split("The ")[0] for pattern in patterns(tmp_path)[:2] if pattern is not None]
    assert len(set(begun)) == 2, "“I do not trust the machine”, and in the same minute “I do not trust the workspace”"


async def test_a_second_step_begins_otherwise_than_any_draft_of_the_first(tmp_path: Path) -> None:
    """“I envy the moon”, and five seconds later “I envy the workspace”."""
    async with small_mind(tmp_path, [AWAY, ABOUT, SERMON, "Nine tenths is not the whole."], action="list_files") as app:
        await app.live_one()
    begun = [re.sub(r"\(.*", "", pattern or "") for pattern in patterns(tmp_path)]
    assert len(begun) > DRAFTS
    assert begun[DRAFTS] not in begun[:DRAFTS]


async def test_the_draft_about_what_is_there_is_kept_and_the_others_are_told(tmp_path: Path) -> None:
    async with small_mind(tmp_path, [AWAY, ABOUT, SERMON]) as app:
        await app.live_one()
        assert ABOUT in thoughts(app)
        assert not {AWAY, SERMON} & set(thoughts(app))
        told = [event.data for event in app.journal.after(0, 1_000) if event.kind == "thought.drafted"]
        assert [(one["drafts"], one["kept"], one["left"]) for one in told] == [(3, 2, [AWAY, SERMON])]


async def test_the_smallest_model_says_it_once(tmp_path: Path) -> None:
    async with small_mind(tmp_path, [AWAY, ABOUT, SERMON], quality=1.0) as app:
        await app.live_one()
        assert AWAY in thoughts(app)
        assert len(scenes(tmp_path)) == 1


async def test_after_a_restart_the_prompt_is_read_before_the_beat_is_due(tmp_path: Path) -> None:
    """Read only then, a prompt of two thousand tokens kept a person waiting for half a minute, or three."""
    async with small_mind(tmp_path, [ABOUT], quality=1.0) as app:
        await app.live_one()
    async with small_mind(tmp_path, [ABOUT], quality=1.0) as app:
        chores = {name: work for name, _, work in app.chores()}
        app.schedule.rest(7_200)
        await chores["read ahead"]()
        assert len(scenes(tmp_path)) == 1, "two hours ahead it would only fall asleep again"
        app.schedule.rest(200)
        await chores["read ahead"]()
        await chores["read ahead"]()
        await app.live_one()
        assert app.local is not None
        assert app.local.warm
    bodies = [json.loads(line) for line in (tmp_path / "asked.jsonl").read_text().splitlines()]
    _before, ahead, beat = bodies
    assert ahead["max_tokens"] == 1
    assert ahead["messages"][:-1] == beat["messages"][:-1]
    assert len(ahead["messages"]) == len(beat["messages"]) > 10
