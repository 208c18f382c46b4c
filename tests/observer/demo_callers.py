"""Programs that call through the gateway of the demonstration app: keys and runs on a real purse, and their lines."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from email.utils import format_datetime

from ai.credit_tracker import Caller, CallerBooks, CreditTracker, Expense, KeyTerms, ProviderClock, Usage
from ai.credit_tracker.accounts import open_credit_ledger
from ai.ledger.money import nanos
from tests.observer.demo_app import DemoApp

CALLS = (  # key, run, calls that have ended, dollars each, calls under way
    ("alice", "smallville", 41, "0.0021", 3),
    ("alice", "", 7, "0.0004", 0),
    ("nightly-evals", "evals-2026-11-21", 120, "0.0001", 0),
    ("exec-crawler", "crawler", 18, "0.0011", 1),
)


@asynccontextmanager
async def programs(app: DemoApp) -> AsyncIterator[CallerBooks]:
    """Let programs call through the app's gateway; yields the books of keys and runs."""
    folder = app.mind_path.parent
    (folder / "credits").mkdir(exist_ok=True)
    settings = app.settings.model_copy(update={"data_dir": folder})
    ledger = open_credit_ledger(settings.purse_url, app.clock)
    books = CallerBooks(ledger, settings, app.clock)
    provider_clock = ProviderClock(app.clock, required=False)
    provider_clock.observe(format_datetime(app.clock.now(), usegmt=True))
    tracker = CreditTracker(ledger, settings, app.clock, mind_name="genesis/gateway", provider_clock=provider_clock)
    try:
        await tracker.open()
        await _keys(app, books)
        for key, run, calls, cost, under_way in CALLS:
            await _call(tracker, key, run, calls, nanos(cost), under_way)
        await books.revoke_key("old-laptop")
        _tell(app)
        app.caller_books = books
        yield books
    finally:
        app.caller_books = None
        ledger.close()


async def _keys(app: DemoApp, books: CallerBooks) -> None:
    later = app.clock.now() + timedelta(days=30)
    await books.create_key("alice", KeyTerms(budget=nanos("5"), max_call=nanos("0.05"), models=("openai/*",)))
    await books.create_key("nightly-evals", KeyTerms(budget=nanos("0.5"), per="day", requests_per_minute=600))
    await books.create_key("exec-crawler", KeyTerms(expires_at=later))
    await books.create_key("old-laptop", KeyTerms(budget=nanos("1")))
    await books.set_run_budget("smallville", nanos("0.1"))
    await books.set_run_budget("crawler", nanos("0.0225"))


async def _call(tracker: CreditTracker, key: str, run: str, calls: int, cost: int, under_way: int) -> None:  # noqa: PLR0917 - a row of CALLS
    for number in range(calls + under_way):
        call_id = secrets.token_hex(8)
        caller = Caller(key, run)
        await tracker.hold(Expense(call_id, "openai/gpt-4o-mini", "gateway", 2 * cost, None, None, caller=caller))
        if number < calls:
            await tracker.settle(call_id, cost, Usage(900, 240))


def _tell(app: DemoApp) -> None:
    for key, run, calls, cost, _ in CALLS:
        app.tell(
            "gateway.calls", key=key, run=run, calls=calls, failed=calls // 20, cost_nanos=calls * nanos(cost),
            latency_ms=900 + 40 * calls, model="openai/gpt-4o-mini",
        )  # fmt: skip
    app.tell(
        "gateway.refused", key="exec-crawler", run="crawler", status=402,
        problem="run crawler: this call may cost $0.002100000 and $0.000500000 is available",
    )  # fmt: skip
    app.tell("gateway.refused", key="alice", run="", status=403, problem="key alice may not use acme/large-1")
