"""Lives end and begin in a row while kill -9 strikes: one lives after each, numbers follow, and all is paid for.

    python -m benchmarks.lives_crash [--lives 200] [--seed 1]

Births, beats, reflections, embeddings, last words and posts are paid on a real ledger to a scripted OpenRouter and a
scripted X, which live in this process and keep their own records; the lives are lived in others, which are killed.
Half of the kills strike at a stage of the provider's work, half after some lives at any moment. After each the mind
starts anew, a day passes, and everything that was written down is compared with those records. Exits 1 where a
promise is broken.
"""

import argparse
import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from ai.clock import VirtualClock, rfc3339
from ai.credit_tracker.calls import last_calls
from ai.credit_tracker.months import spent_in
from ai.daemon.app import App
from ai.life.chronicle import numbers_in
from ai.life.storage import peek
from ai.llm.settlement import CRASHED
from ai.memory import Kind
from benchmarks.mortal import mortal_thinker
from tests.brain.lived import environment, mind
from tests.world.killing import Aftermath, aftermath
from tests.world.openrouter import FakeOpenRouter
from tests.world.openrouter_books import PAID_MODELS
from tests.world.x import KEYS, FakeX

ROOT = Path(__file__).resolve().parent.parent
START = datetime(2026, 11, 10, 12, tzinfo=UTC)
CHILD_SECONDS = 120.0  # a child that takes longer to be killed or to end hangs, and that is a finding
STAGES_A_LIFE = 120  # of the provider's work; so a kill at a stage comes after as many lives as one at any moment
DELAY_SECONDS_AT_MOST = 0.02  # from a stage of the provider's to the kill: a capture and a memory take less
LIFE_SECONDS = 0.5  # about what a life takes; a kill at any moment comes within one
SETTLING_HOURS = 27  # of the mind's own time after each kill; what stays unknown for 24 is captured in full
SETTINGS = {
    "EMBEDDINGS": "openai",
    "MONTHLY_BUDGET_USD": "100",
    "TWEETS": "live",
    "TWEETS_PER_DAY": "1000",
    "TWEET_MIN_GAP_SECONDS": "0",
    **{name.upper(): key for name, key in KEYS.items()},
}


@dataclass(frozen=True, slots=True)
class World:
    """A mind's folder, those who are paid by it, with their records, and what time it is for all of them."""

    folder: Path
    provider: FakeOpenRouter
    x: FakeX
    clock: VirtualClock

    @property
    def settings(self) -> dict[str, str]:
        """What the mind is told beside where the provider is."""
        return {**SETTINGS, "X_API_BASE_URL": self.x.base_url}


@contextmanager
def world_for(folder: Path, seed: int) -> Iterator[World]:
    """Open a world whose provider has no free model, so that every thought costs something."""
    clock = VirtualClock(START)
    with (
        FakeOpenRouter(reply=mortal_thinker(seed), models=PAID_MODELS, date=clock.now) as provider,
        FakeX(now=clock.now, forgetful=True) as x,
    ):
        yield World(folder, provider, x, clock)


@dataclass(frozen=True, slots=True)
class Books:
    """What provider, X and purse say after a kill, when all is settled; amounts in nano-dollars."""

    money: Aftermath
    settled_by_id: int  # calls that a kill cut off and the provider told the cost of
    posts: int
    posts_billed_nanos: int
    posts_booked_nanos: int
    reads_billed_nanos: int
    reads_booked_nanos: int

    def told(self) -> str:
        """Return the lines of the printed table that are about money."""
        money = self.money
        return (
            f"{money.bills} bills of the provider, ${money.billed_nanos / 1e9:.9f}: {money.known_equal} booked to the "
            f"nano-dollar by id, {self.settled_by_id} of them\nasked for by id after a kill; {money.captured_in_full} "
            f"calls killed before they had an id captured in full; booked ${money.spent_nanos / 1e9:.9f}\n"
            f"{self.posts} posts of X, ${self.posts_billed_nanos / 1e9:.9f}: booked "
            f"${self.posts_booked_nanos / 1e9:.9f}; its timeline read for ${self.reads_billed_nanos / 1e9:.9f}, booked "
            f"${self.reads_booked_nanos / 1e9:.9f}; audit {'clean' if money.sound else 'FAILS'}"
        )


def strike(world: World, rng: Random, most_lives: int) -> None:
    """Let a mind live in a process of its own and kill it at a random moment, after at most that many lives."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    told = json.dumps(environment(world.provider, world.folder, **world.settings))
    command = [sys.executable, "-m", "benchmarks.mortal", str(world.folder), "--settings", told]
    with subprocess.Popen(
        [*command, "--now", rfc3339(world.clock.now())],
        env={**kept, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
    ) as child:
        hangs = threading.Timer(CHILD_SECONDS, child.terminate)
        hangs.start()
        if rng.random() < 0.5:
            _kill_at_a_stage(world, child, rng, most_lives)
        else:
            _kill_after_lives(child, rng, most_lives)
        status = child.wait()
        hangs.cancel()
        world.provider.stage = world.x.watch = None
    if status != -signal.SIGKILL:
        raise SystemExit(f"the child was to be killed, and ended or hung, with {status}")


def _kill_at_a_stage(world: World, child: "subprocess.Popen[bytes]", rng: Random, most_lives: int) -> None:
    left = [rng.randint(1, STAGES_A_LIFE * most_lives)]
    delay = rng.choice([0.0, rng.uniform(0, DELAY_SECONDS_AT_MOST)])

    def stage(_: object) -> None:
        left[0] -= 1
        if left[0] == 0:
            threading.Timer(delay, child.kill).start() if delay else child.kill()

    world.provider.stage = world.x.watch = stage
    child.wait()


def _kill_after_lives(child: "subprocess.Popen[bytes]", rng: Random, most_lives: int) -> None:
    assert child.stdout is not None
    for _ in range(1 + rng.randint(0, most_lives)):  # the first line says that it is ready
        child.stdout.readline()
    time.sleep(rng.random() * LIFE_SECONDS)
    child.kill()


def check(world: World, kills: int) -> tuple[int, Books]:
    """Start again as the daemon does and raise AssertionError unless all holds; return who lives, and the books."""
    living, books, problems = asyncio.run(_start_again(world, kills))
    assert not problems, "\n".join(problems)
    numbers = numbers_in(world.folder / "data" / "lives")
    assert numbers == list(range(1, living + 1)), f"numbers do not follow: {numbers}"
    tables = {number: peek(world.folder / "data" / "lives" / f"{number:04d}.json") for number in numbers}
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
    return living, books


async def _start_again(world: World, kills: int) -> tuple[int, Books, list[str]]:
    """Open what was killed, live a beat, let a day pass, and return who lives and what is wrong with the books."""
    world.clock.advance(3600)  # beyond the killed one's clock
    async with mind(world.provider, world.folder, world.clock, **world.settings) as app:
        await app.live_one()
        life = app.lives.current()
        assert life is not None, "nobody lives after the start"
        for _ in range(SETTLING_HOURS):
            world.clock.advance(3600)
            await app.client.settle_unknowns()
            await app.outbox.deliver_due()
        return life.number, *_compare(world, app, kills)


def _compare(world: World, app: App, kills: int) -> tuple[Books, list[str]]:
    calls = app.ledger.read_now(lambda tx: last_calls(tx, 1_000_000))
    money = aftermath(kills, world.provider, app.ledger)
    booked = {
        subject: sum(call.cost or 0 for call in calls if call.subject == subject) for subject in ("x/post", "x/read")
    }
    books = Books(
        money=money,
        settled_by_id=sum(call.problem == CRASHED and call.remote_id is not None for call in money.calls),
        posts=len(world.x.published),
        posts_billed_nanos=world.x.charged_for("post"),
        posts_booked_nanos=booked["x/post"],
        reads_billed_nanos=world.x.charged_for("read"),
        reads_booked_nanos=booked["x/read"],
    )
    wrong = money.problems(world.provider, {})
    wrong += [f"{call.id} to X is still {call.state}" for call in calls if call.state in {"held", "sent", "unknown"}]
    if books.posts_booked_nanos != books.posts_billed_nanos:
        wrong.append(f"X billed {books.posts_billed_nanos} for posts, booked {books.posts_booked_nanos}")
    if books.reads_booked_nanos < books.reads_billed_nanos:
        wrong.append(f"X billed {books.reads_billed_nanos} for reading, booked {books.reads_booked_nanos}")
    periods = {call.period for call in calls}
    months = app.ledger.read_now(lambda tx: sum(spent_in(tx, period) for period in periods))
    if months != money.spent_nanos + sum(booked.values()):
        wrong.append(f"the months say {months} were spent, their calls {money.spent_nanos + sum(booked.values())}")
    if len(set(world.x.texts)) != len(world.x.texts):
        wrong.append("a post stands on X twice")
    return books, wrong


def main() -> None:
    """Strike until enough lives have ended."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lives", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    rng = Random(given.seed)  # noqa: S311 - a run that can be replayed
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="genesis-lives-") as name, world_for(Path(name), given.seed) as world:
        strikes, living = 0, 0
        while living < given.lives and strikes < given.lives * 10:
            strikes += 1
            strike(world, rng, most_lives=6)
            living, books = check(world, strikes)
        print(
            f"{living} lives, {strikes} times kill -9 (seed {given.seed}): one alive after each, numbers consecutive,\n"
            f"no name twice, no fragment without a source, no post twice\n{books.told()}\n"
            f"{time.perf_counter() - begun:.0f} s"
        )


if __name__ == "__main__":
    main()
