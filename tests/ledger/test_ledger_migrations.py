"""A purse that an older program wrote goes on with its figures, and under the whole law, on both stores."""

from pathlib import Path

import pytest

from ai.ledger import Ledger, audit, open_ledger
from ai.ledger.ledger import MIGRATIONS
from ai.ledger.postgres_store import PostgresStore
from ai.ledger.sqlite_store import SQLiteStore
from ai.ledger.versions import migrations_in
from tests.ledger.test_schema_law import ILLEGAL, REFUSED, SQLITE_ONLY, begin, connect, state

NEWEST = max(migration.version for migration in migrations_in(MIGRATIONS / "sqlite"))


def opened_at(version, url, folder):
    """Open the purse as the program of that version did."""
    kind = url.partition("://")[0].replace("postgresql", "postgres")
    folder.mkdir()
    for migration in migrations_in(MIGRATIONS / kind):
        if migration.version <= version:
            (folder / migration.name).write_text(migration.sql)
    components = [("ledger", folder)]
    if kind == "sqlite":
        path = Path(url.removeprefix("sqlite:///"))
        return Ledger(lambda read_only: SQLiteStore(path, components, read_only=read_only), lambda: 1)
    return Ledger(lambda read_only: PostgresStore(url, components, read_only=read_only), lambda: 1)


def test_both_stores_have_the_same_migrations():
    names = [[migration.name for migration in migrations_in(MIGRATIONS / kind)] for kind in ("sqlite", "postgres")]
    assert names[0] == names[1]


@pytest.mark.parametrize("version", range(1, NEWEST))
def test_an_older_purse_goes_on_with_its_figures_under_the_whole_law(version, store_url, tmp_path):
    old = opened_at(version, store_url, tmp_path / "old")
    old.transact_now(begin)
    before = old.read_now(state)
    assert old.read_now(lambda tx: tx.execute("SELECT max(version) FROM schema_versions")[0][0]) == version
    old.close()

    ledger = open_ledger(store_url, lambda: 1)
    assert ledger.read_now(state) == before
    raw = connect(store_url)
    for name, statement in ILLEGAL.items():
        if name in SQLITE_ONLY and not store_url.startswith("sqlite"):
            continue
        with pytest.raises(REFUSED):
            raw.execute(statement)
            pytest.fail(f"{name} was let through: {statement}")
    raw.close()
    assert ledger.read_now(state) == before
    ledger.transact_now(lambda tx: tx.capture("held", [30]))
    assert ledger.read_now(lambda tx: tx.account("month")).available == 100 - 10 - 30
    assert ledger.read_now(audit).ok
    ledger.close()
