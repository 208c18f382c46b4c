"""Every test that asks for `store_url` runs on SQLite and on PostgreSQL."""

import itertools

import pytest

from tests.world.postgres import postgres_server  # noqa: F401 - a fixture, which pytest finds here

_numbers = itertools.count()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def store_url(request, tmp_path):
    """Return the URL of an empty purse."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/credits/ledger.db"
    return request.getfixturevalue("postgres_server").purse(f"purse_{next(_numbers)}")
