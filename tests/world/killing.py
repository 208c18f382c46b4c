"""Kills a paying program at random moments, then compares the provider's record with the books.

By hand: python -m tests.world.killing --kills 50
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path

from ai.credit_tracker import CallRecord, Category
from ai.credit_tracker.calls import last_calls
from ai.ledger.audit import audit
from ai.ledger.ledger import Ledger
from tests.world.openrouter import FakeOpenRouter
from tests.world.paying_child import Child, open_client, run

START = datetime(2026, 11, 10, 12, tzinfo=UTC)
STAGES_AT_MOST = 40  # of the provider's work in one child's life; an answer has about ten
DELAY_SECONDS_AT_MOST = 0.01  # a hold, a capture and their commits take less
JOIN_SECONDS = 60.0
ASKS_AT_MOST = 1000
BETWEEN = timedelta(hours=25)  # so that what stayed unknown is settled, and never three of them stop the paying


@dataclass(frozen=True)
class Aftermath:
    """What provider and books say when all is settled; amounts in nano-dollars."""

    kills: int
    bills: int
    calls: list[CallRecord]
    known_equal: int
    billed_nanos: int
    spent_nanos: int
    captured_in_full: int
    sound: bool

    def problems(self, provider: FakeOpenRouter, acknowledged: dict[str, int]) -> list[str]:
        """Everything in which the books and the provider's record differ."""
        by_id = {call.remote_id: call for call in self.calls if call.remote_id}
        bills = {bill.id: bill.nanos for bill in provider.bills}
        wrong = [
            f"{i} billed {bills[i]}, booked {by_id[i].cost}" for i in bills if i in by_id and by_id[i].cost != bills[i]
        ]
        wrong += [
            f"{i} acknowledged {cost}, billed {bills.get(i)}"
            for i, cost in acknowledged.items()
            if bills.get(i) != cost
        ]
        nameless_bills = sorted(cost for i, cost in bills.items() if i not in by_id)
        nameless_calls = sorted(call.held for call in self.calls if call.remote_id is None and call.estimated)
        if len(nameless_bills) > len(nameless_calls) or sum(nameless_bills) > sum(nameless_calls):
            wrong.append(f"{len(nameless_bills)} bills that the books do not know")
        open_ones = [call for call in self.calls if call.cost is None]
        wrong += [f"{call.id} is still {call.state}" for call in open_ones if call.state != "voided"]
        return wrong if self.sound else [*wrong, "the audit fails"]


def kill_at_random(folder: Path, provider: FakeOpenRouter, kills: int, rng: random.Random) -> Aftermath:
    """Let children pay and kill each at a random moment of the provider's work or just after it."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.world.paying_child"])
    child = Child(folder, provider.base_url, provider.key, START, ASKS_AT_MOST)
    for number in range(kills):
        child = replace(child, now=START + number * BETWEEN)
        provider.date = _standing_at(child.now)
        process = context.Process(target=run, args=(child,))
        _arm(provider, process, rng)
        process.start()
        process.join(JOIN_SECONDS)
        provider.stage = None
        if process.exitcode != -signal.SIGKILL:
            process.kill()
            raise AssertionError(f"child {number} ended with {process.exitcode} before it was killed")
    return asyncio.run(settled(replace(child, now=START + kills * BETWEEN), provider, kills))


def _standing_at(now: datetime) -> Callable[[], datetime]:
    return lambda: now


def _arm(provider: FakeOpenRouter, process: BaseProcess, rng: random.Random) -> None:
    """Kill the process when the provider has worked through so many stages, at once or a moment later."""
    left = [rng.randint(1, STAGES_AT_MOST)]
    delay = rng.choice([0.0, rng.uniform(0, DELAY_SECONDS_AT_MOST)])

    def kill() -> None:
        if process.pid is not None:
            os.kill(process.pid, signal.SIGKILL)

    def stage(_name: str) -> None:
        left[0] -= 1
        if left[0] == 0:
            threading.Timer(delay, kill).start() if delay else kill()

    provider.stage = stage


def aftermath(kills: int, provider: FakeOpenRouter, ledger: Ledger) -> Aftermath:
    """What stands when all is settled: the provider's record beside the calls to models in the books."""
    calls = [call for call in ledger.read_now(lambda tx: last_calls(tx, 1_000_000)) if call.category is Category.MODEL]
    known = {call.remote_id: call.cost for call in calls}
    return Aftermath(
        kills=kills,
        bills=len(provider.bills),
        calls=calls,
        known_equal=sum(known.get(bill.id) == bill.nanos for bill in provider.bills),
        billed_nanos=provider.billed_nanos,
        spent_nanos=sum(call.cost or 0 for call in calls),
        captured_in_full=sum(call.remote_id is None and call.estimated and call.held > 0 for call in calls),
        sound=ledger.read_now(audit).ok,
    )


async def settled(child: Child, provider: FakeOpenRouter, kills: int) -> Aftermath:
    """Start once more, let two days pass, and read the books."""
    client, _, ledger, clock = await open_client(child)
    for _ in range(2):
        clock.advance(86_400)
        await client.settle_unknowns()
    after = aftermath(kills, provider, ledger)
    await client.endpoints["openrouter"].close()
    ledger.close()
    return after


def acknowledged(folder: Path) -> dict[str, int]:
    """What the children were told they had paid, by generation id."""
    path = folder / "acknowledged"
    lines = path.read_text().splitlines() if path.exists() else []
    return {line.split()[0]: int(line.split()[1]) for line in lines}


def main() -> None:
    """Kill as often as asked; print what provider and books say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, FakeOpenRouter(date=lambda: START) as provider:
        after = kill_at_random(Path(folder), provider, options.kills, random.Random(options.seed))
        problems = after.problems(provider, acknowledged(Path(folder)))
        print(  # noqa: T201 - run by hand
            f"{after.kills} kills, {after.bills} bills, {after.known_equal} of them booked to the nano-dollar by id, "
            f"{after.captured_in_full} calls without an id captured in full; billed ${after.billed_nanos / 1e9:.9f}, "
            f"booked ${after.spent_nanos / 1e9:.9f}; audit {'clean' if after.sound else 'FAILS'}"
        )
        print("\n".join(problems) or "nothing billed that the books do not know")  # noqa: T201 - run by hand
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
