"""Sums of what was spent, kept by the transaction that settles a call, so that reports never scan calls."""

from collections.abc import Collection
from datetime import datetime, timedelta

from ai.clock import microseconds
from ai.credit_tracker.calls import NOBODY, HeldCall
from ai.credit_tracker.periods import day_of
from ai.credit_tracker.records import CallRecord, Usage
from ai.ledger.store import BulkStatement
from ai.ledger.transaction import Transaction

PACE_DAYS = 7  # a week has every kind of day in it, and is short enough to follow a change of habits
AVERAGE_DAYS = 30  # token counts change slowly; a month gives rare purposes (crisis, death) a chance to be seen
DAY_SECONDS = 86_400
ROLLUPS = BulkStatement(
    "INSERT INTO rollups (dimension, day, mind, key, calls, measured, prompt_tokens, completion_tokens, cost) "
    "SELECT :dimension, :day, :mind, :key, SUM(:calls), SUM(:measured), SUM(:prompt), SUM(:completion), SUM(:cost) "
    "{rows} GROUP BY :dimension, :day, :mind, :key "
    "ON CONFLICT (dimension, day, mind, key) DO UPDATE SET calls = rollups.calls + excluded.calls, "
    "measured = rollups.measured + excluded.measured, prompt_tokens = rollups.prompt_tokens + excluded.prompt_tokens, "
    "completion_tokens = rollups.completion_tokens + excluded.completion_tokens, cost = rollups.cost + excluded.cost",
    {
        "dimension": "TEXT",
        "day": "TEXT",
        "mind": "TEXT",
        "key": "TEXT",
        "calls": "BIGINT",
        "measured": "BIGINT",
        "prompt": "BIGINT",
        "completion": "BIGINT",
        "cost": "BIGINT",
    },
    sums=5,
)
CALLER_ROLLUPS = BulkStatement(
    "INSERT INTO caller_rollups (key, run, period, model, calls, prompt_tokens, completion_tokens, cost) "
    "SELECT :key, :run, :period, :model, SUM(:calls), SUM(:prompt), SUM(:completion), SUM(:cost) {rows} "
    "GROUP BY :key, :run, :period, :model ON CONFLICT (key, run, period, model) DO UPDATE SET "
    "calls = caller_rollups.calls + excluded.calls, "
    "prompt_tokens = caller_rollups.prompt_tokens + excluded.prompt_tokens, "
    "completion_tokens = caller_rollups.completion_tokens + excluded.completion_tokens, "
    "cost = caller_rollups.cost + excluded.cost",
    {
        "key": "TEXT",
        "run": "TEXT",
        "period": "TEXT",
        "model": "TEXT",
        "calls": "BIGINT",
        "prompt": "BIGINT",
        "completion": "BIGINT",
        "cost": "BIGINT",
    },
    sums=4,
)


def add_to_sums(tx: Transaction, call: CallRecord | HeldCall, *, cost: int, calls: int, usage: Usage | None) -> None:
    """Add a settled call, or a correction's difference in `cost` (nano-dollars), to the sums that it stands in.

    These are its day's by model, purpose and life, and of a caller's call the statement of its key and run.
    """
    expense = call.expense if isinstance(call, HeldCall) else call
    caller = call.expense.caller or NOBODY if isinstance(call, HeldCall) else call
    tokens = (usage.prompt_tokens, usage.completion_tokens) if usage else (0, 0)
    sums = (calls, int(usage is not None), *tokens, cost)
    life = "" if expense.life is None else str(expense.life)
    keys = {"model": expense.subject, "purpose": expense.purpose, "life": life}
    tx.write(ROLLUPS, *((dimension, call.day, call.mind, key, *sums) for dimension, key in keys.items()))
    if caller.key or caller.run:
        tx.write(CALLER_ROLLUPS, (caller.key, caller.run, call.period, expense.subject, calls, *tokens, cost))


def spent_on_day(tx: Transaction, day: str) -> int:
    """Return what was spent on a day named like `2026-11-22`, in nano-dollars."""
    rows = tx.execute(
        "SELECT COALESCE(SUM(cost), 0) AS cost FROM rollups WHERE dimension = 'purpose' AND day = ?", (day,)
    )
    return int(rows[0]["cost"])


def observed_days(tx: Transaction, now: datetime, window_days: int) -> float | None:
    """Return how many days, up to the window, the books look back on at `now`; None where it is less than one."""
    rows = tx.execute("SELECT held_at FROM calls ORDER BY seq LIMIT 1")
    if not rows:
        return None
    since_first = (microseconds(now) - rows[0]["held_at"]) / (DAY_SECONDS * 1e6)
    into_today = (now - now.replace(hour=0, minute=0, second=0, microsecond=0)).total_seconds() / DAY_SECONDS
    days = min(since_first, window_days - 1 + into_today)
    return days if days >= 1.0 else None


def _window_start(now: datetime, window_days: int) -> str:
    return day_of(now - timedelta(days=window_days - 1))


def burn_per_day(tx: Transaction, now: datetime) -> float | None:
    """Return nano-dollars a day, averaged over the last week; None while less than a day was observed."""
    days = observed_days(tx, now, PACE_DAYS)
    if days is None:
        return None
    rows = tx.execute(
        "SELECT COALESCE(SUM(cost), 0) AS cost FROM rollups WHERE dimension = 'purpose' AND day BETWEEN ? AND ?",
        (_window_start(now, PACE_DAYS), day_of(now)),
    )
    return float(rows[0]["cost"]) / days


def moments_per_day(tx: Transaction, now: datetime) -> dict[str, float]:
    """Return settled calls a day by purpose over the last week; empty while less than a day was observed."""
    days = observed_days(tx, now, PACE_DAYS)
    if days is None:
        return {}
    rows = tx.execute(
        "SELECT key, SUM(calls) AS calls FROM rollups WHERE dimension = 'purpose' AND day BETWEEN ? AND ? GROUP BY key",
        (_window_start(now, PACE_DAYS), day_of(now)),
    )
    return {row["key"]: float(row["calls"]) / days for row in rows}


def average_tokens(tx: Transaction, now: datetime) -> dict[str, tuple[float, float]]:
    """Return prompt and completion tokens a call by purpose over the last 30 days, of calls that reported them."""
    rows = tx.execute(
        "SELECT key, SUM(measured) AS measured, SUM(prompt_tokens) AS prompt, SUM(completion_tokens) AS completion "
        "FROM rollups WHERE dimension = 'purpose' AND day BETWEEN ? AND ? GROUP BY key HAVING SUM(measured) > 0",
        (_window_start(now, AVERAGE_DAYS), day_of(now)),
    )
    return {
        row["key"]: (float(row["prompt"]) / float(row["measured"]), float(row["completion"]) / float(row["measured"]))
        for row in rows
    }


def cost_of_lives(tx: Transaction, mind: str, numbers: Collection[int]) -> dict[int, int]:
    """Return what those of the lives `numbers` of a mind that cost anything did over all months, in nano-dollars."""
    marks = ", ".join("?" * len(numbers)) or "NULL"
    rows = tx.execute(
        "SELECT key, SUM(cost) AS cost FROM month_rollups "
        f"WHERE dimension = 'life' AND mind = ? AND key IN ({marks}) GROUP BY key",
        (mind, *map(str, numbers)),
    )
    return {int(row["key"]): int(row["cost"]) for row in rows}
