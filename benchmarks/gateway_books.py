"""A purse with many calls of the gateway in its books already: does a call cost more for them?"""

from ai.clock import SystemClock, microseconds
from ai.credit_tracker import CreditTracker, ProviderClock, open_credit_ledger
from ai.credit_tracker.accounts import month_account, spent_account
from ai.credit_tracker.periods import day_of, month_of
from ai.ledger import Transaction
from ai.settings import Settings

BULK = 20_000  # calls a transaction
HELD, COST = 90_000, 21_000  # nano-dollars of each
_SOME = "WITH RECURSIVE some(n) AS (SELECT ? UNION ALL SELECT n + 1 FROM some WHERE n < ?) "


async def fill(settings: Settings, key: str, calls: int) -> None:
    """Write so many settled calls of a key into this month: holds, captures, rows, and what the statement sums."""
    clock = SystemClock()
    ledger = open_credit_ledger(settings.purse_url, clock)
    try:
        provider_clock = ProviderClock(clock, required=False)
        await CreditTracker(ledger, settings, clock, mind_name="books", provider_clock=provider_clock).open()
        for first in range(1, calls + 1, BULK):
            last = min(calls, first + BULK - 1)
            await ledger.transact(lambda tx, a=first, b=last: _fill(tx, key, a, b))  # type: ignore[misc]
    finally:
        ledger.close()


def _fill(tx: Transaction, key: str, first: int, last: int) -> None:
    now = SystemClock().now()
    period, day, at = month_of(now), day_of(now), microseconds(now)
    account, spent = month_account(period), spent_account(period)
    tx.execute(
        f"{_SOME} INSERT INTO transfers (id, kind, debit, credit, pending, posted, hold, memo, at) "
        f"SELECT 'b' || n || '/0', 'hold', ?, ?, {HELD}, 0, NULL, '', ? FROM some",
        (first, last, account, spent, at),
    )
    tx.execute(
        f"{_SOME} INSERT INTO transfers (id, kind, debit, credit, pending, posted, hold, memo, at) "
        f"SELECT 'b' || n || '/0/ended', 'capture', ?, ?, -{HELD}, {COST}, 'b' || n || '/0', '', ? FROM some",
        (first, last, account, spent, at),
    )
    tx.execute(
        f"{_SOME} INSERT INTO calls (id, mind, client, purpose, subject, state, period, day, legs, held, cost, "
        "prompt_tokens, completion_tokens, held_at, settled_at, key, run) "
        f"SELECT 'b' || n, 'books', ?, 'gateway', 'openai/gpt-4o-mini', 'captured', ?, ?, '[]', {HELD}, {COST}, "
        "900, 300, ?, ?, ?, 'run-' || (n % 100) FROM some",
        (first, last, key, period, day, at, at, key),
    )
    tx.execute(
        f"{_SOME} INSERT INTO caller_rollups (key, run, period, model, calls, prompt_tokens, completion_tokens, cost) "
        f"SELECT ?, 'run-' || (n % 100), ?, 'openai/gpt-4o-mini', 1, 900, 300, {COST} FROM some WHERE true "
        "ON CONFLICT (key, run, period, model) DO UPDATE SET calls = caller_rollups.calls + 1, "
        "prompt_tokens = caller_rollups.prompt_tokens + 900, cost = caller_rollups.cost + excluded.cost, "
        "completion_tokens = caller_rollups.completion_tokens + 300",
        (first, last, key, period),
    )
