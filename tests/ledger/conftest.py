"""Every test that asks for `store_url` runs on SQLite and on PostgreSQL."""

import itertools

import pytest

from ai.ledger import Leg
from tests.world.postgres import postgres_server  # noqa: F401 - a fixture, which pytest finds here

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


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def store_url(request, tmp_path):
    """Return the URL of an empty purse."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/credits/ledger.db"
    return request.getfixturevalue("postgres_server").purse(f"purse_{next(_numbers)}")
