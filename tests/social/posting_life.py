"""A mind that does nothing but post, killed at random moments: `python -m tests.social.posting_life --kills 200`."""

import argparse
import asyncio
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

from ai.clock import VirtualClock
from ai.credit_tracker import CreditTracker, ProviderClock
from ai.credit_tracker.accounts import open_credit_ledger
from ai.ledger.audit import audit
from ai.mind.database import open_mind
from ai.mind.journal import Journal
from ai.settings import Settings
from ai.social import Outbox, PostState
from ai.social.networks.x import X
from ai.social.networks.x_client import XClient
from tests.world import x as world
from tests.world.wire import Request
from tests.world.x import KEYS, FakeX, XFault

START = datetime(2026, 11, 1, tzinfo=UTC)
LIFE_SECONDS = 700  # virtual seconds between two starts
POSTS_A_LIFE = 12
KILL_WITHIN_SECONDS = 0.4
SETTLING_ROUNDS = 40


@dataclass(frozen=True, slots=True)
class Verdict:
    """What stands after all kills: nothing here but `posts` and `kills` may be above 0."""

    kills: int
    posts: int
    doubles: int
    lost: int
    unsettled: int
    money_apart_nanos: int
    reads_booked_short_nanos: int
    audit_failures: int

    @property
    def kept(self) -> bool:
        """Whether every promise was kept."""
        broken = (self.doubles, self.lost, self.unsettled, self.money_apart_nanos, self.reads_booked_short_nanos)
        return not any(broken) and self.audit_failures == 0


async def live(folder: Path, port: int, run: int, posts: int) -> list[str]:
    """Post `posts` texts, or with 0 settle what is open; return what does not rest."""
    clock = VirtualClock(START + timedelta(seconds=run * LIFE_SECONDS))
    settings = Settings(
        tweets="live", openrouter_api_key="sk-or-v1-test", monthly_budget_usd=1000, tweets_per_day=1000,
        tweet_min_gap_seconds=0, **KEYS,
    )  # fmt: skip
    mind = open_mind(folder / "mind.db")
    ledger = open_credit_ledger(f"sqlite:///{folder / 'ledger.db'}", clock)
    provider_clock = ProviderClock(clock)
    provider_clock.observe(format_datetime(clock.now(), usegmt=True))
    tracker = CreditTracker(ledger, settings, clock, mind_name="genesis", provider_clock=provider_clock)
    await tracker.open()
    client = XClient(KEYS, f"http://127.0.0.1:{port}", clock, read_seconds=0.25)
    outbox = Outbox(mind, tracker, Journal(mind, clock), clock, settings, [X(settings, clock, client)])
    for n in range(posts):
        await outbox.queue(f"post {run}-{n} of one who may die any moment", source="birth", life=n)
        await outbox.deliver_due()
        clock.advance(40)
    for _ in range(0 if posts else SETTLING_ROUNDS):
        await outbox.deliver_due()
        clock.advance(601)
    restless = [f"{post.id} {post.state}" for post in outbox.posts(1000) if post.state is not PostState.POSTED]
    ledger.close()
    mind.close()
    return restless


def run_child(folder: Path, port: int, run: int) -> None:
    """Live in a process of its own, until the end or the kill."""
    asyncio.run(live(folder, port, run, POSTS_A_LIFE))


def prove(kills: int, seed: int, folder: Path) -> Verdict:
    """Kill so often at random moments around sending, then let everything settle, and compare with X's record."""
    rng = random.Random(seed)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    now = [START]
    with FakeX(now=lambda: now[0], forgetful=True) as x:
        x.next_fault = lambda _request: _some_fault(rng)
        for run in range(kills):
            now[0] = START + timedelta(seconds=run * LIFE_SECONDS)
            child = context.Process(target=run_child, args=(folder, x.port, run))
            x.watch = _assassin(rng, child) if rng.random() < 0.6 else None
            child.start()
            child.join(KILL_WITHIN_SECONDS * rng.random() + 0.05 if x.watch is None else 20)
            child.kill()
            child.join()
        x.watch = x.next_fault = None
        now[0] = START + timedelta(seconds=kills * LIFE_SECONDS)
        restless = asyncio.run(live(folder, x.port, kills, 0))
        return _judge(folder, x, kills, restless)


def _assassin(rng: random.Random, child: multiprocessing.Process):
    left = [rng.randrange(1, POSTS_A_LIFE + 4)]
    late = rng.random() < 0.5

    def watch(_request: Request) -> None:
        left[0] -= 1
        if left[0] == 0 and child.pid is not None:
            if late:  # right after the request was seen, while it is being answered
                time.sleep(rng.random() * 0.002)
            os.kill(child.pid, signal.SIGKILL)

    return watch


def _some_fault(rng: random.Random) -> XFault | None:
    chance = rng.random()
    if chance < 0.08:
        return world.cut(published=True)
    if chance < 0.16:
        return world.cut(published=False)
    if chance < 0.20:
        return world.answer(503, published=rng.random() < 0.5)
    if chance < 0.22:
        return world.cut(published=True, where="body")
    return None


def _judge(folder: Path, x: FakeX, kills: int, restless: list[str]) -> Verdict:
    clock = VirtualClock(START)
    ledger = open_credit_ledger(f"sqlite:///{folder / 'ledger.db'}", clock)
    mind = open_mind(folder / "mind.db")
    booked = ledger.read_now(
        lambda tx: {row["subject"]: row["cost"] for row in tx.execute(
            "SELECT subject, sum(cost) AS cost FROM calls GROUP BY subject")}
    )  # fmt: skip
    open_holds = ledger.read_now(
        lambda tx: next(iter(tx.execute("SELECT count(*) AS n FROM calls WHERE state IN ('held','sent','unknown')")))[
            "n"
        ]
    )
    written = [row[0] for row in mind.connection.execute("SELECT text FROM posts").fetchall()]
    failures = 0 if ledger.read_now(audit).ok else 1
    ledger.close()
    mind.close()
    seen = Counter(x.texts)
    return Verdict(
        kills=kills,
        posts=len(written),
        doubles=sum(times - 1 for times in seen.values()),
        lost=len(set(written) - set(seen)),
        unsettled=len(restless) + open_holds,
        money_apart_nanos=abs(booked.get("x/post", 0) - x.charged_for("post")),
        reads_booked_short_nanos=max(0, x.charged_for("read") - (booked.get("x/read") or 0)),
        audit_failures=failures,
    )


def main() -> None:
    """Prove it as often as asked, and print the verdict."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        verdict = prove(given.kills, given.seed, Path(folder))
    print(verdict)  # noqa: T201 - a command's answer
    sys.exit(0 if verdict.kept else 1)


if __name__ == "__main__":
    main()
