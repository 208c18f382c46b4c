"""A purse on a real SQLite file and on a real PostgreSQL under a virtual clock, and what tests ask of it often."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from itertools import count
from tempfile import TemporaryDirectory
from typing import Any

import psycopg
import pytest

from ai.clock import VirtualClock
from ai.credit_tracker import CallerBooks, Category, CreditTracker, Expense, ProviderClock, Settlement, Usage
from ai.credit_tracker.accounts import open_credit_ledger
from ai.credit_tracker.audit import check_records
from ai.ledger.audit import audit
from ai.ledger.ledger import Ledger
from ai.settings import Settings
from tests.world.postgres import postgres_server  # noqa: F401 - a fixture, which pytest finds here

NOON = datetime(2026, 11, 10, 12, tzinfo=UTC)
USD = 1_000_000_000
CENT = USD // 100


class Overheard:
    """A transaction that reads; `told(sql, params)` is told of each statement before it is asked."""

    def __init__(self, tx: Any, told: Callable[[str, Any], object]) -> None:
        self.at = tx.at
        self._ask, self._told = tx.execute, told

    def execute(self, sql: str, params: Any = ()) -> Any:
        self._told(sql, params)
        return self._ask(sql, params)


@dataclass
class Purse:
    """One purse and everything to move it with."""

    url: str
    clock: VirtualClock
    ledger: Ledger
    numbers: Any = field(default_factory=lambda: count(1))

    async def tracker(self, *, mind: str = "genesis", dated: bool = True, **settings: Any) -> CreditTracker:
        settings.setdefault("openrouter_api_key", "sk-or-test")
        made = Settings(**settings)
        provider_clock = ProviderClock(self.clock, required=made.provider != "local")
        if dated:
            provider_clock.observe(format_datetime(self.clock.now(), usegmt=True))
        tracker = CreditTracker(self.ledger, made, self.clock, mind_name=mind, provider_clock=provider_clock)
        await tracker.open()
        return tracker

    def expense(self, amount: int = USD, **fields: Any) -> Expense:
        given = {"subject": "lab/model", "purpose": "thought", "life": 1, "beat": 1} | fields
        if given["subject"].startswith("x/"):
            given |= {"purpose": "post", "category": Category.POST}
        return Expense(id=given.pop("id", f"call-{next(self.numbers)}"), amount_nanos=amount, **given)

    async def spend(self, tracker: CreditTracker, cost: int, **fields: Any) -> str:
        """Hold twice the cost, settle it, and return the call's id."""
        usage = fields.pop("usage", None)
        expense = self.expense(2 * cost, **fields)
        await tracker.hold(expense)
        await tracker.settle(expense.id, cost, usage)
        return expense.id

    def available(self, account: str) -> int:
        return self.ledger.read_now(lambda tx: tx.account(account).available)

    def sound(self) -> bool:
        return self.ledger.read_now(audit).ok and not self.ledger.read_now(check_records)


# for modules with SQL of their own; the others run on SQLite alone, because a PostgreSQL database takes a while
BOTH_STORES = pytest.mark.parametrize("store", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])


@pytest.fixture
def store():
    """Return the store a test runs on."""
    return "sqlite"


@pytest.fixture
def purse_url(store, request):
    """Yield the URL of an empty purse."""
    if store == "sqlite":
        with TemporaryDirectory() as folder:
            yield f"sqlite:///{folder}/ledger.db"
    else:
        yield emptied(request.getfixturevalue("credit_database"))


@pytest.fixture(scope="session")
def credit_database(request):
    """Return the URL of the one database that these tests share."""
    return request.getfixturevalue("postgres_server").database("credits")


def emptied(url: str) -> str:
    """Empty a database, which takes a tenth of the time of making a new one."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET lock_timeout = '10s'")
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    return url


@pytest.fixture
async def purse(purse_url: str) -> AsyncIterator[Purse]:
    clock = VirtualClock(NOON)
    made = Purse(purse_url, clock, open_credit_ledger(purse_url, clock))
    yield made
    assert made.sound()
    made.ledger.close()


@pytest.fixture
async def books(purse: Purse) -> CallerBooks:
    """Return what the gateway and its commands read of the purse."""
    return CallerBooks(purse.ledger, Settings(), purse.clock)


@pytest.fixture
async def tracker(purse: Purse) -> CreditTracker:
    """Return the purse as a gateway has it, which lives no life."""
    return await purse.tracker(mind="genesis/gateway")


async def spend(tracker: CreditTracker, expense: Expense, cost: int | None = None) -> Settlement:
    """Hold for a caller's call and settle it, at all of its hold where nothing else is said."""
    await tracker.hold(expense)
    return await tracker.settle(expense.id, expense.amount_nanos if cost is None else cost, Usage(10, 5))
