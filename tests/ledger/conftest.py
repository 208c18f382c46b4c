"""Every test that asks for `store_url` runs on SQLite and on PostgreSQL."""

import asyncio
import itertools
import threading

import pytest

from ai.ledger import Leg, open_ledger
from tests.world.postgres import postgres_server  # noqa: F401 - a fixture, which pytest finds here

WAIT_SECONDS = 30  # only a bound
_numbers = itertools.count()


def begin(tx, granted=100):
    """Open a month that was granted so much, and where it is spent."""
    tx.open_account("treasury", "usd", may_go_negative=True)
    tx.open_account("month", "usd")
    tx.open_account("spent", "usd")
    tx.transfer("grant", debit="treasury", credit="month", amount=granted)


def spend(number, amount=1):
    """Return a work that holds so much of the month."""
    return lambda tx: tx.hold(f"call-{number}", [Leg("month", "spent", amount)])


class SlowWork:
    """A work that keeps the writer busy from when it has `begun` until it may go on, asking the store or not."""

    def __init__(self, *, asks=False):
        self._asks, self._begun, self._go = asks, threading.Event(), threading.Event()

    def __call__(self, tx):
        if self._asks:
            tx.execute("SELECT 1")
        self._begun.set()
        assert self._go.wait(WAIT_SECONDS)

    async def begun(self):
        """Return once the writer is at it."""
        assert await asyncio.to_thread(self._begun.wait, WAIT_SECONDS)

    def go_on(self):
        """Let it end."""
        self._go.set()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def store_url(request, tmp_path):
    """Return the URL of an empty purse."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/credits/ledger.db"
    return request.getfixturevalue("postgres_server").purse(f"purse_{next(_numbers)}")


@pytest.fixture
def ledger(store_url):
    """Yield an open ledger with a month of 100, whose clock is a count."""
    ledger = open_ledger(store_url, iter(range(10**6)).__next__)
    ledger.transact_now(begin)
    yield ledger
    ledger.close()
