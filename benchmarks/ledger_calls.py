"""How many whole calls a second the purse does: hold and settle of real expenses, one caller against many.

    python -m benchmarks.ledger_calls [--seconds 5] [--json] [--folder DIR]

A call is what the tracker does for one: a row in `calls`, its hold on every account it touches, its capture, its day's
sums. Both figures are taken in turns within one run; `--folder` says whose disk is measured (`/dev/shm`: none).
"""

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any

from ai.clock import VirtualClock
from ai.credit_tracker import (
    Caller,
    CallerBooks,
    CreditTracker,
    Expense,
    KeyTerms,
    ProviderClock,
    Usage,
    open_credit_ledger,
)
from ai.credit_tracker.audit import check_records
from ai.ledger import audit
from ai.ledger.ids import new_id
from ai.settings import Settings
from tests.world.postgres import binaries, running_server

CALLERS = 64
TURNS = 5
NOON = datetime(2026, 11, 10, 12, tzinfo=UTC)
BOUND, COST = 90_000, 21_000  # nano-dollars: a call of a small model
USAGE = Usage(900, 300)


async def one_call(tracker: CreditTracker, caller: Caller | None = None) -> None:
    """Hold for a call and settle it: the mind's own, or a caller's of the gateway."""
    call, life = new_id(), None if caller else 1
    purpose = "gateway" if caller else "thought"
    await tracker.hold(Expense(call, "lab/model", purpose, BOUND, life=life, beat=life, caller=caller))
    await tracker.settle(call, COST, USAGE)


async def measure(url: str, seconds: float) -> dict[str, Any]:
    """Return calls a second of one task and of `CALLERS`, the mind's and a key's, and whether the books are sound."""
    clock = VirtualClock(NOON)
    settings = Settings(openrouter_api_key="sk-or-none", monthly_budget_usd=100_000, daily_budget_usd=50_000)
    ledger = open_credit_ledger(url, clock)
    provider_clock = ProviderClock(clock, required=True)
    provider_clock.observe(format_datetime(NOON, usegmt=True))
    tracker = CreditTracker(ledger, settings, clock, mind_name="bench", provider_clock=provider_clock)
    await tracker.open()
    await CallerBooks(ledger, settings, clock).create_key("bench", KeyTerms(budget=10**13))
    caller = Caller("bench", "smallville")

    async def rate(tasks: int, caller: Caller | None) -> float:
        done, began = 0, time.perf_counter()
        until = began + seconds / TURNS / 3

        async def task() -> None:
            nonlocal done
            while time.perf_counter() < until:
                await one_call(tracker, caller)
                done += 1

        await asyncio.gather(*[task() for _ in range(tasks)])
        return done / (time.perf_counter() - began)

    await rate(CALLERS, None)
    await rate(CALLERS, caller)
    rates: dict[str, list[float]] = {"one": [], "many": [], "many of a key": []}
    for _ in range(TURNS):
        rates["one"].append(await rate(1, None))
        rates["many"].append(await rate(CALLERS, None))
        rates["many of a key"].append(await rate(CALLERS, caller))
    one, many, of_key = (statistics.median(taken) for taken in rates.values())
    sound = ledger.read_now(audit).ok and not ledger.read_now(check_records)
    ledger.close()
    return {
        "one_calls_per_second": round(one),
        f"{CALLERS}_calls_per_second": round(many),
        f"{CALLERS}_of_a_key_calls_per_second": round(of_key),
        "ratio": round(many / one, 2),
        "sound": sound,
    }


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description="How many whole calls a second the purse does.")
    parser.add_argument("--seconds", type=float, default=5.0, help="for each store")
    parser.add_argument("--folder", type=Path, default=None, help="where the files are made")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    figures = {}
    with tempfile.TemporaryDirectory(prefix="genesis-bench-", dir=given.folder) as folder:
        Path(folder).chmod(0o755)  # the server runs as a user of its own where this runs as root
        figures["sqlite"] = asyncio.run(measure(f"sqlite:///{folder}/calls.db", given.seconds))
        if binaries() is not None:
            with running_server(Path(folder)) as server:
                figures["postgres"] = asyncio.run(measure(server.purse("calls"), given.seconds))
    print(json.dumps(figures, indent=None if given.json else 2))


if __name__ == "__main__":
    main()
