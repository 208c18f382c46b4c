"""Lives end and begin in a row while kill -9 strikes: one lives after each, numbers follow, fragments have sources."""

import argparse
import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

from ai.clock import VirtualClock
from ai.journal import Journal
from ai.life import Lives
from ai.life.chronicle import numbers_in
from ai.life.storage import peek
from ai.memory import Kind
from ai.memory.asking import Accept, Message
from ai.mind import open_mind
from ai.purpose import Purpose
from ai.settings import Settings

CHILD_SECONDS = 120.0  # a child that takes longer to be killed or to end hangs, and that is a finding
SYLLABLES = ("ba", "do", "ke", "li", "mu", "na", "ri", "so", "ta", "ve", "wo", "zy")


@dataclass(frozen=True)
class Said:
    """An answer of the scripted model."""

    text: str
    model: Any


@dataclass(frozen=True)
class ScriptedModel:
    """Who is said to have answered."""

    id: str


class ScriptedMidwife:
    """Answers births and deaths at once; each post is a line in a file, as an outbox would keep it."""

    def __init__(self, posts: Path, rng: Random) -> None:
        self._posts, self._rng = posts, rng

    async def ask(
        self,
        purpose: Purpose,
        messages: Sequence[Message],
        *,
        schema: Mapping[str, Any] | None = None,
        accept: Accept | None = None,
        avoid: Collection[str] = (),
    ) -> Said | None:
        """Return a name nobody had, or last words; never None in this world."""
        del messages, schema, avoid
        for _ in range(100):  # a name in twenty is taken when thousands were; a hundred tries always find one
            name = "".join(self._rng.choices(SYLLABLES, k=4)).title()
            said = {"name": name, "pronoun": "they", "first_thought": f"{name} hears the clock count to itself."}
            if purpose is Purpose.DEATH:
                said = {"last_words": f"It was {name} that I never met.", "summary": "A short life."}
            text = json.dumps(said)
            if accept is None or accept(text) is None:
                return Said(text, ScriptedModel(f"model/{self._rng.randint(1, 3)}"))
        return None

    async def post(self, text: str, *, source: str, life: int) -> None:
        """Write the post down."""
        with self._posts.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"text": text, "source": source, "life": life}) + "\n")


def open_lives(folder: Path, seed: int) -> tuple[Lives, VirtualClock]:
    """Open what the daemon opens, on a clock that stands still until it is moved."""
    mind = open_mind(folder / "mind.db")
    clock = VirtualClock(datetime.now(UTC))  # a real start, so that no two children think it the same moment
    rng = Random(seed)  # noqa: S311 - a run that can be replayed
    return Lives(folder, mind, Journal(mind, clock), clock, rng, Settings(data_dir=folder)), clock


async def live_and_die(folder: Path, seed: int) -> None:
    """Bear and end lives until killed, saying so on stdout."""
    lives, clock = open_lives(folder, seed)
    midwife = ScriptedMidwife(folder / "posts.jsonl", Random(seed))  # noqa: S311 - as above
    print("ready", flush=True)
    for number in range(1_000_000):
        clock.advance(61)
        life = await lives.ensure_alive(midwife)
        if life is None:
            continue
        life.memory.add(f"Thought {number} of {life.name}: the river kept its own slow counsel today.", Kind.THOUGHT)
        (lives.workspace / "note.txt").write_text("something to wipe", encoding="utf-8")
        await lives.die(f"cause {number}", midwife)
        print(life.number, flush=True)


def strike(folder: Path, seed: int, rng: Random, most_lives: int) -> None:
    """Run a child and kill it at a random moment, after at most that many lives."""
    command = [sys.executable, "-m", "benchmarks.lives_crash", "--child", str(folder), "--seed", str(seed)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        for _ in range(1 + rng.randint(0, most_lives)):
            if not child.stdout.readline():
                raise SystemExit(f"the child of seed {seed} ended by itself with {child.wait(CHILD_SECONDS)}")
        time.sleep(rng.random() * 0.02)
        os.kill(child.pid, signal.SIGKILL)
        child.wait(CHILD_SECONDS)


def check(folder: Path, seed: int) -> int:
    """Start again as the daemon does and raise AssertionError unless all holds; return the living one's number."""

    async def revive() -> int:
        lives, clock = open_lives(folder, seed)
        midwife = ScriptedMidwife(folder / "posts.jsonl", Random(seed))  # noqa: S311 - as above
        for _ in range(3):  # a death to finish, a wait, a birth
            clock.advance(61)
            await lives.ensure_alive(midwife)
        life = lives.current()
        assert life is not None, "nobody lives after the start"
        lives.close()
        return life.number

    living = asyncio.run(revive())
    numbers = numbers_in(folder / "lives")
    assert numbers == list(range(1, living + 1)), f"numbers do not follow: {numbers}"
    tables = {number: peek(folder / "lives" / f"{number:04d}.json") for number in numbers}
    states = {number: found["life"]["1"]["state"] for number, found in tables.items()}
    assert [n for n, state in states.items() if state != "dead"] == [living], f"not exactly one lives: {states}"
    names = [found["life"]["1"]["name"].casefold() for found in tables.values()]
    assert len(set(names)) == len(names), "a name was given twice"
    for number, found in tables.items():
        for memory in found["memories"].values():
            if memory["kind"] == Kind.FRAGMENT:
                origin = memory["origin"]
                assert origin["life"] < number, "a fragment of the future"
                assert str(origin["memory"]) in tables[origin["life"]]["memories"], "a fragment without a source"
    return living


def main() -> None:
    """Strike until enough lives have ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lives", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        asyncio.run(live_and_die(given.child, given.seed))
        return
    rng = Random(given.seed)  # noqa: S311 - as above
    with tempfile.TemporaryDirectory() as name:
        folder, strikes, living = Path(name), 0, 0
        while living < given.lives and strikes < given.lives * 10:
            strikes += 1
            strike(folder, given.seed + strikes, rng, most_lives=6)
            living = check(folder, given.seed + strikes)
        posts = [json.loads(line) for line in (folder / "posts.jsonl").read_text("utf-8").splitlines()]
        twice = len(posts) - len({(post["text"], post["source"], post["life"]) for post in posts})
        print(
            f"{living} lives, {strikes} times kill -9 (seed {given.seed}): one alive after each, numbers consecutive,"
        )
        print(
            f"no name twice, no fragment without a source; posts asked for twice after a crash: {twice} of {len(posts)}"
        )


if __name__ == "__main__":
    main()
