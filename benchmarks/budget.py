"""What a look at the money costs when the books are large: `budget`, and the figures the page shows.

    python -m benchmarks.budget [--transfers 5000000] [--json] [--folder DIR]

Fills a purse with a year of calls through the bulk path (the schema's triggers judge and count every transfer as
ever, only Python and the commits are saved), then times every question people and the page ask. Target: 50 ms each.
"""

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from ai.clock import VirtualClock, microseconds
from ai.credit_tracker import CreditTracker, ProviderClock, open_credit_ledger
from ai.credit_tracker.accounts import USD, month_account, spent_account, used_of
from ai.credit_tracker.periods import day_of, month_of
from ai.credit_tracker.reconciliation import latest_reconciliation
from ai.ledger import Transaction, audit
from ai.settings import Settings

TARGET_MS = 50.0
ROUNDS = 21
DAYS = 360
LEGS = 2  # month and day: with their captures four transfers a call
MODELS, PURPOSES, LIVES, MINDS = 60, 9, 40, 2
GRANT_USD = 900_000
START = datetime(2026, 1, 1, tzinfo=UTC)

_SOME = "WITH RECURSIVE some(n) AS (SELECT ? UNION ALL SELECT n + 1 FROM some WHERE n < ?) "


def fill_day(tx: Transaction, day: datetime, first: int, last: int) -> None:
    """Write the calls numbered `first` to `last` into one day: holds, captures, rows and rollups."""
    period, at = month_of(day), microseconds(day)
    legs = ((month_account(period), spent_account(period)), (f"day:{day_of(day)}", used_of(USD)))
    for leg, (debit, credit) in enumerate(legs):
        tx.execute(
            f"{_SOME} INSERT INTO transfers (id, kind, debit, credit, pending, posted, hold, memo, at) "
            "SELECT 'c' || n || '/' || ?, 'hold', ?, ?, 90000, 0, NULL, '', ? FROM some",
            (first, last, leg, debit, credit, at),
        )
        tx.execute(
            f"{_SOME} INSERT INTO transfers (id, kind, debit, credit, pending, posted, hold, memo, at) "
            "SELECT 'c' || n || '/' || ? || '/ended', 'capture', ?, ?, -90000, 10000 + n % 50000, "
            "'c' || n || '/' || ?, '', ? FROM some",
            (first, last, leg, debit, credit, leg, at),
        )
    tx.execute(
        f"{_SOME} INSERT INTO calls (id, mind, life, beat, client, purpose, subject, state, period, day, legs, held, "
        "cost, prompt_tokens, completion_tokens, held_at, settled_at) "
        f"SELECT 'c' || n, 'mind-' || (n % {MINDS}), ? * {LIVES} / {DAYS} + 1, n, 'mind', "
        f"'purpose-' || (n % {PURPOSES}), 'lab/model-' || (n * 7919 % {MODELS}), 'captured', ?, ?, '[]', "
        "90000, 10000 + n % 50000, 900, 300, ?, ? FROM some",
        (first, last, (day - START).days, period, day_of(day), at, at),
    )
    for dimension, key in (("model", "subject"), ("purpose", "purpose"), ("life", "CAST(life AS TEXT)")):
        tx.execute(
            "INSERT INTO rollups (dimension, day, mind, key, calls, measured, prompt_tokens, "
            f"completion_tokens, cost) SELECT ?, day, mind, {key}, COUNT(*), COUNT(*), SUM(prompt_tokens), "
            f"SUM(completion_tokens), SUM(cost) FROM calls WHERE seq BETWEEN ? AND ? GROUP BY day, mind, {key}",
            (dimension, first, last),
        )


def fill_purse(url: str, transfers: int) -> VirtualClock:
    """Fill the purse with a year of calls, and return the clock at the end of it."""
    clock = VirtualClock(START)
    settings = Settings(monthly_budget_usd=GRANT_USD, daily_budget_usd=GRANT_USD, mind="mind-0")
    ledger = open_credit_ledger(url, clock)
    tracker = CreditTracker(
        ledger, settings, clock, mind_name="mind-0", provider_clock=ProviderClock(clock, required=False)
    )
    calls = transfers // (2 * LEGS)
    done = 0
    for n in range(DAYS):
        day = START + timedelta(days=n)
        clock.set(day)
        until = calls * (n + 1) // DAYS
        asyncio.run(tracker.open())
        if until > done:
            ledger.transact_now(lambda tx, d=day, a=done + 1, b=until: fill_day(tx, d, a, b))  # type: ignore[misc]
        done = until
    clock.set(START + timedelta(days=DAYS - 1, hours=20))
    ledger.close()
    return clock


async def measure(url: str, clock: VirtualClock) -> dict[str, Any]:
    """Return milliseconds of each question, whether the sums agree, and the sizes.

    Beside median and worst stands the processor's time, which other work on the machine does not lengthen.
    """
    ledger = open_credit_ledger(url, clock)
    settings = Settings(monthly_budget_usd=GRANT_USD, daily_budget_usd=GRANT_USD, mind="mind-0")
    tracker = CreditTracker(
        ledger, settings, clock, mind_name="mind-0", provider_clock=ProviderClock(clock, required=False)
    )
    await tracker.open()
    past = month_of(clock.now() - timedelta(days=60))
    marker = max(0, await tracker.marker() - 1000)
    questions: dict[str, Callable[[], Awaitable[Any]]] = {
        "balance": tracker.balance,
        "may_pay": tracker.may_pay,
        "budget --json": tracker.budget_report,
        "budget --month": lambda: tracker.budget_report(past),
        "budget tables": lambda: budget_tables(tracker),
        "budget --since (a year)": lambda: tracker.spending(since=date(2026, 1, 1)),
        "budget --calls 50": lambda: tracker.calls(50),
        "averages and moments": lambda: both(tracker),
        "usage of a run": lambda: tracker.usage_since(marker),
        "reconciliation": lambda: tracker.read(lambda tx: latest_reconciliation(tx, month_of(clock.now()))),
    }
    figures = {}
    for name, question in questions.items():
        took, busy = [], []
        for _ in range(ROUNDS):
            began, began_busy = time.perf_counter(), time.process_time()
            await question()
            took.append((time.perf_counter() - began) * 1000)
            busy.append((time.process_time() - began_busy) * 1000)
        figures[name] = {
            "median_ms": round(statistics.median(took), 2),
            "worst_ms": round(max(took), 2),
            "processor_ms": round(statistics.median(busy), 2),
        }
    spending = await tracker.spending()
    counts = ledger.read_now(
        lambda tx: {
            table: tx.execute(f"SELECT COUNT(*) AS n FROM {table}")[0]["n"]
            for table in ("transfers", "calls", "rollups")
        }
    )
    spent = (await tracker.balance()).spent
    report = ledger.read_now(audit)
    ledger.close()
    return {
        "sizes": counts,
        "questions": figures,
        "target_ms": TARGET_MS,
        "met": all(figure["median_ms"] <= TARGET_MS for figure in figures.values()),
        "sums_agree": spending.cost == spent,
        "audit_ok": report.ok,
    }


async def budget_tables(tracker: CreditTracker) -> None:
    """Read all that the tables of `budget` show."""
    await tracker.balance()
    await tracker.spending()
    await tracker.pace()


async def both(tracker: CreditTracker) -> None:
    """Read what the rotator asks for."""
    await tracker.averages()
    await tracker.moments()


def main() -> None:
    """Fill, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--transfers", type=int, default=5_000_000)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--folder", type=Path, help="where the purse is filled (default: a temporary folder)")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        url = f"sqlite:///{folder}/ledger.db"
        began = time.perf_counter()
        clock = fill_purse(url, given.transfers)
        filled = time.perf_counter() - began
        figures = asyncio.run(measure(url, clock))
    if given.json:
        print(json.dumps(figures, indent=1))
        return
    sizes = figures["sizes"]
    print(f"{sizes['transfers']:,} transfers, {sizes['calls']:,} calls, {sizes['rollups']:,} rollups, {filled:.0f} s")
    for name, figure in figures["questions"].items():
        print(
            f"  {name:28} median {figure['median_ms']:8.2f} ms   worst {figure['worst_ms']:8.2f} ms   "
            f"processor {figure['processor_ms']:8.2f} ms"
        )
    print(f"  target {TARGET_MS} ms: {'met' if figures['met'] else 'MISSED'}; sums agree: {figures['sums_agree']}; "
          f"audit: {'clean' if figures['audit_ok'] else 'FAILED'}")  # fmt: skip


if __name__ == "__main__":
    main()
