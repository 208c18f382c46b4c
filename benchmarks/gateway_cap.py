"""Several gateways on one PostgreSQL raced against one key's cap: what the provider billed, to the nano-dollar.

    python -m benchmarks.gateway_cap --attempts 100000 [--gateways 4] [--callers 64] [--cap 0.50] [--minutes 10]
    [--json]

The callers go on after refusals until all attempts are made, or the minutes are over; how far they are is told on
stderr. Exits 1 where more was billed than the cap, where the books say something else than the provider, or where the
audit finds a mismatch.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

from ai.clock import SystemClock
from ai.credit_tracker import open_credit_ledger
from ai.credit_tracker.caller_books import CallerBooks
from ai.credit_tracker.callers import KeyTerms
from ai.ledger import audit
from ai.ledger.money import nanos
from benchmarks import gateway_doors as doors
from benchmarks.gateway_load import OK, Load, load
from tests.world.postgres import running_server

TOLD_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was found; amounts in nano-dollars."""

    attempts: int
    gateways: int
    callers: int
    statuses: dict[int, int]
    cap: int
    billed: int
    booked: int
    held: int
    unknown: int
    audit_failures: int
    seconds: float

    @property
    def overspent(self) -> int:
        """What was billed above the cap."""
        return max(0, self.billed - self.cap)

    @property
    def ok(self) -> bool:
        """Whether the cap held and the books are the provider's."""
        return not (self.overspent or self.billed != self.booked or self.audit_failures)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be raced; `cap` in dollars."""

    attempts: int
    gateways: int
    callers: int
    cap: str
    seconds: float


async def race(folder: Path, plan: Plan) -> Outcome:
    """Let the callers make their attempts through all gateways at once, each on a folder of its own."""
    cap, gateways = plan.cap, plan.gateways
    with doors.provider() as given, running_server() as postgres:
        url = postgres.purse("cap")
        every = [doors.our_settings(given, folder / str(number), url) for number in range(gateways)]
        secret = await doors.make_key(every[0], "race", KeyTerms(budget=nanos(cap), per="ever"))
        open_door = await doors.make_key(every[0], "warm", KeyTerms())
        async with AsyncExitStack() as stack:
            opened = await asyncio.gather(
                *(
                    stack.enter_async_context(doors.ours(f"gateway {number}", settings, open_door))
                    for number, settings in enumerate(every)
                )
            )
            before, began = given.billed(), time.perf_counter()
            share = -(-plan.callers // gateways)
            each = -(-plan.attempts // (share * gateways))
            loads = [Load() for _ in opened]
            telling = asyncio.create_task(_tell(loads, plan.attempts, began))
            await asyncio.gather(
                *(
                    load(door.url, door.asks(key=secret), share, plan.seconds, each=each, into=found)
                    for door, found in zip(opened, loads, strict=True)
                )
            )
            telling.cancel()
            took, billed = time.perf_counter() - began, given.billed() - before
        ledger = open_credit_ledger(url, SystemClock())
        statement = await CallerBooks(ledger, every[0], SystemClock()).statement(key="race")
        failures = len((await ledger.read(audit)).mismatches)
        ledger.close()
        statuses = sum((found.statuses for found in loads), Counter[int]())
        return Outcome(
            statuses.total(), gateways, share * gateways, dict(statuses), nanos(cap), billed, statement.cost,
            statement.held, statement.unknown, failures, round(took, 1),
        )  # fmt: skip


async def _tell(loads: Sequence[Load], attempts: int, began: float) -> None:
    """Say every few seconds how far it is."""
    while True:
        await asyncio.sleep(TOLD_SECONDS)
        made = sum((found.statuses for found in loads), Counter[int]())
        passed = time.perf_counter() - began
        sys.stderr.write(f"{made.total():,} of {attempts:,} attempts, {made[OK]:,} answered, {passed:.0f} s\n")


def main() -> None:
    """Parse the command line, race, tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--attempts", type=int, default=5_000)
    parser.add_argument("--gateways", type=int, default=4)
    parser.add_argument("--callers", type=int, default=64)
    parser.add_argument("--cap", default="0.02", help="dollars; a call costs $0.000021")
    parser.add_argument("--minutes", type=float, default=float("inf"))
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        plan = Plan(given.attempts, given.gateways, given.callers, given.cap, given.minutes * 60)
        outcome = asyncio.run(race(Path(folder), plan))
    found = {**asdict(outcome), "overspent": outcome.overspent}
    if given.json:
        print(json.dumps(found))
    else:
        print("\n".join(f"{name.replace('_', ' ')}: {value}" for name, value in found.items()))
    raise SystemExit(0 if outcome.ok else 1)


if __name__ == "__main__":
    main()
