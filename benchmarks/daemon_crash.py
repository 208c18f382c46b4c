"""Kill the living daemon with `kill -9` at random moments, then compare its books with what the provider billed.

    python -m benchmarks.daemon_crash [--kills 50] [--seed N] [--json]

The daemon thinks once a second on a scripted OpenRouter that keeps its own record. Half of the kills strike while
the provider works, half at any moment from the start on. A day later in its own time each mind settles what is open.
Exits 1 where anything that was promised is broken.
"""

import argparse
import asyncio
import contextlib
import json
import os
import random
import secrets
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from ai.clock import VirtualClock
from ai.credit_tracker.accounts import spent_account
from ai.daemon.app import App
from ai.ledger.transaction import Transaction
from ai.life.chronicle import numbers_in
from ai.life.storage import peek
from tests.brain.lived import environment, mind, thinker
from tests.world.killing import aftermath
from tests.world.openrouter import FakeOpenRouter
from tests.world.openrouter_books import PAID_MODELS

ROOT = Path(__file__).resolve().parent.parent
KILLS_A_MIND = 10  # three calls of unknown outcome end paid thinking for a day, and each kill may leave one
STAGES_AT_MOST = 60  # of the provider's work in one run of the daemon; an answer has about ten
DELAY_SECONDS_AT_MOST = 0.02  # from a stage of the provider's to the kill: a capture and a memory take less
SECONDS_AT_MOST = 6.0  # of a run that is killed at any moment: a second or two of starting, then beats
SILENCE_SECONDS = 20.0  # a run armed for a stage that does not come is killed then
SETTLING_HOURS = 30  # of the mind's own time; what stays unknown for 24 is captured in full
LIVING = {"TWEETS_PER_DAY": "1000", "TWEET_MIN_GAP_SECONDS": "0", "THINK_INTERVAL_SECONDS": "1"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What stands after all kills; `problems` must be empty. Amounts in nano-dollars."""

    kills: int
    beats: int
    beats_cut_short: int
    posts: int
    bills: int
    booked_to_the_nano: int
    captured_in_full: int
    billed_nanos: int
    booked_nanos: int
    problems: tuple[str, ...]

    def plus(self, other: "Verdict") -> "Verdict":
        """Return both taken together."""
        return Verdict(*(getattr(self, field.name) + getattr(other, field.name) for field in fields(self)))


NOTHING = Verdict(0, 0, 0, 0, 0, 0, 0, 0, 0, ())


def prove(folder: Path, kills: int, seed: int) -> Verdict:
    """Kill one mind in `folder` so often, let it settle, and return what was found."""
    rng = random.Random(seed)  # noqa: S311 - a replayable order of kills, not a secret
    with FakeOpenRouter(reply=thinker(seed), models=PAID_MODELS) as provider:
        for _ in range(kills):
            _let_live_and_kill(folder, provider, rng)
        clock = VirtualClock(datetime.now(UTC) + timedelta(minutes=10))
        provider.date = clock.now
        return asyncio.run(_settle_and_judge(folder, provider, clock, kills))


def _let_live_and_kill(folder: Path, provider: FakeOpenRouter, rng: random.Random) -> None:
    # Nothing else of this environment: settings of a mind that really lives here must not reach this one.
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    variables = {**kept, **environment(provider, folder, **LIVING), "PYTHONPATH": str(ROOT)}
    with (folder / "daemon.log").open("ab") as log:
        daemon = subprocess.Popen(
            [sys.executable, "-m", "ai", "up"], env=variables, cwd=folder, stdout=log, stderr=subprocess.STDOUT
        )
    seconds = rng.uniform(0.0, SECONDS_AT_MOST)
    if rng.random() < 0.5:
        _arm(provider, daemon, rng)
        seconds = SILENCE_SECONDS
    try:
        with contextlib.suppress(subprocess.TimeoutExpired):
            daemon.wait(seconds)
    finally:
        provider.stage = None
        daemon.kill()
        status = daemon.wait()
    if status != -signal.SIGKILL:
        told = (folder / "daemon.log").read_text("utf-8", "replace").splitlines()[-5:]
        raise RuntimeError(f"the daemon ended with {status} before it was killed:\n" + "\n".join(told))


def _arm(provider: FakeOpenRouter, daemon: "subprocess.Popen[bytes]", rng: random.Random) -> None:
    """Kill the daemon when the provider has worked through so many stages, at once or a moment later."""
    left = [rng.randint(1, STAGES_AT_MOST)]
    delay = rng.choice([0.0, rng.uniform(0, DELAY_SECONDS_AT_MOST)])

    def stage(_name: str) -> None:
        left[0] -= 1
        if left[0] == 0:
            threading.Timer(delay, daemon.kill).start() if delay else daemon.kill()

    provider.stage = stage


def _spent(tx: Transaction) -> int:
    """Return what all months spent in nano-dollars: the hours that pass may end one."""
    rows = tx.execute(
        "SELECT COALESCE(SUM(credits_posted - debits_posted), 0) AS spent FROM accounts WHERE id LIKE ?",
        (spent_account("%"),),
    )
    return int(rows[0]["spent"])


async def _settle_and_judge(folder: Path, provider: FakeOpenRouter, clock: VirtualClock, kills: int) -> Verdict:
    """Start once more, live a beat, let a day pass, and read everything that was written down."""
    async with mind(provider, folder, clock, **LIVING) as app:
        await app.live_one()
        for _ in range(SETTLING_HOURS):
            clock.advance(3600)
            for _, _, chore in app.chores():
                await chore()
        money = aftermath(kills, provider, app.ledger)
        spent = app.ledger.read_now(_spent)
        wrong = money.problems(provider, {})
        if spent != money.spent_nanos:
            wrong.append(f"the months say {spent} were spent, their calls {money.spent_nanos}")
        wrong += _wrong_in_mind(app) + _wrong_in_lives(folder / "data" / "lives")
        (beats, cut), (posts,) = (
            _row(app, "SELECT count(*) FILTER (WHERE kind = 'beat.ended'), "
                        "count(*) FILTER (WHERE kind = 'beat.interrupted') FROM events"),
            _row(app, "SELECT count(*) FROM posts"),
        )  # fmt: skip
    return Verdict(
        kills=kills,
        beats=beats,
        beats_cut_short=cut,
        posts=posts,
        bills=money.bills,
        booked_to_the_nano=money.known_equal,
        captured_in_full=money.captured_in_full,
        billed_nanos=money.billed_nanos,
        booked_nanos=money.spent_nanos,
        problems=tuple(wrong),
    )


def _wrong_in_mind(app: App) -> list[str]:
    """Return what is wrong with journal and outbox: gaps, beats lived twice, posts made twice or never."""
    wrong = []
    count, last = _row(app, "SELECT count(*), max(seq) FROM events")
    if count != last:
        wrong.append(f"the journal has {count} events and its last is number {last}")
    for kind in ("beat.started", "beat.ended"):
        twice = app.mind.connection.execute(
            "SELECT life, beat, count(*) FROM events WHERE kind = ? GROUP BY life, beat HAVING count(*) > 1", (kind,)
        )
        wrong += [f"{kind} of life {life}, beat {beat}: {times} times" for life, beat, times in map(tuple, twice)]
    twice = app.mind.connection.execute(
        "SELECT text, source, count(*) FROM posts GROUP BY text, source HAVING count(*) > 1"
    )
    wrong += [f"{times} posts ({source}) say {text!r}" for text, source, times in map(tuple, twice)]
    told = app.mind.connection.execute(
        "SELECT json_extract(data, '$.id'), count(*) FROM events WHERE kind = 'post.dry_run' "
        "GROUP BY 1 HAVING count(*) > 1 AND json_extract(data, '$.id') IS NOT NULL"
    )
    return wrong + [f"post {post} went out {times} times" for post, times in map(tuple, told)]


def _wrong_in_lives(folder: Path) -> list[str]:
    """Return what is wrong with the life files: numbers that do not follow, or not exactly one alive."""
    numbers = numbers_in(folder)
    states = [peek(folder / f"{number:04d}.json")["life"]["1"]["state"] for number in numbers]
    wrong = [] if numbers == list(range(1, len(numbers) + 1)) else [f"lives are numbered {numbers}"]
    return wrong if states.count("alive") == 1 else [*wrong, f"not exactly one lives: {states}"]


def _row(app: App, sql: str) -> sqlite3.Row:
    row: sqlite3.Row = app.mind.connection.execute(sql).fetchone()
    return row


def main() -> None:
    """Kill as often as asked and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    seed = secrets.randbelow(2**32) if options.seed is None else options.seed
    sys.stderr.write(f"seed {seed}\n")
    verdict, begun = NOTHING, time.perf_counter()
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("kills", total=options.kills)
        for done in range(0, options.kills, KILLS_A_MIND):
            kills = min(KILLS_A_MIND, options.kills - done)
            with tempfile.TemporaryDirectory(prefix="genesis-crash-") as folder:
                verdict = verdict.plus(prove(Path(folder), kills, seed + done))
            progress.advance(task, kills)
    if options.json:
        print(json.dumps(asdict(verdict)))
    else:
        print(
            f"{verdict.kills} kills of the daemon (seed {seed}), {verdict.beats} beats lived, "
            f"{verdict.beats_cut_short} cut short and none lived twice, {verdict.posts} posts; {verdict.bills} bills, "
            f"{verdict.booked_to_the_nano} booked to the nano-dollar by id, {verdict.captured_in_full} calls without "
            f"an id captured in full; billed ${verdict.billed_nanos / 1e9:.9f}, "
            f"booked ${verdict.booked_nanos / 1e9:.9f}; {time.perf_counter() - begun:.0f} s"
        )
        print("\n".join(verdict.problems) or "nothing billed that the books do not know; exactly one life each")
    sys.exit(1 if verdict.problems else 0)


if __name__ == "__main__":
    main()
