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
from ai.credit_tracker import CreditTracker, Expense, ProviderClock, Usage, open_credit_ledger
from ai.credit_tracker.checks import check_records
from ai.ledger import audit
from ai.ledger.ids import new_id
from ai.settings import Settings
from tests.world.postgres import binaries, running_server

CALLERS = 64
TURNS = 5
NOON = datetime(2026, 11, 10, 12, tzinfo=UTC)
BOUND, COST = 90_000, 21_000  # nano-dollars: a call of a small model
USAGE = Usage(900, 300)


async def one_call(tracker: CreditTracker) -> None:
    """Hold for a call and settle it."""
    call = new_id()
    await tracker.hold(Expense(call, "lab/model", "thought", BOUND, life=1, beat=1))
    await tracker.settle(call, COST, USAGE)


async def measure(url: str, seconds: float) -> dict[str, Any]:
    """Return calls a second of one caller and of `CALLERS`, and whether the books are sound afterwards."""
    clock = VirtualClock(NOON)
    settings = Settings(openrouter_api_key="sk-or-none", monthly_budget_usd=100_000, daily_budget_usd=50_000)
    ledger = open_credit_ledger(url, clock)
    provider_clock = ProviderClock(clock, required=True)
    provider_clock.observe(format_datetime(NOON, usegmt=True))
    tracker = CreditTracker(ledger, settings, clock, mind_name="bench", provider_clock=provider_clock)
    await tracker.open()

    async def rate(callers: int) -> float:
        done, began = 0, time.perf_counter()
        until = began + seconds / TURNS / 2

        async def caller() -> None:
            nonlocal done
            while time.perf_counter() < until:
                await one_call(tracker)
                done += 1

        await asyncio.gather(*[caller() for _ in range(callers)])
        return done / (time.perf_counter() - began)

    await rate(CALLERS)
    one, many = [], []
    for _ in range(TURNS):
        one.append(await rate(1))
        many.append(await rate(CALLERS))
    sound = ledger.read_now(audit).ok and not ledger.read_now(check_records)
    ledger.close()
    return {
        "one_calls_per_second": round(statistics.median(one)),
        f"{CALLERS}_calls_per_second": round(statistics.median(many)),
        "ratio": round(statistics.median(many) / statistics.median(one), 2),
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
