"""Every schema that was ever released, with data in it, comes up to date with its figures as they were.

`released/calls_NNNN.sql` is a SQLite dump of a purse as the program of that version left it. A new migration brings a
dump of the version before it along.
"""

import sqlite3
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from ai.clock import VirtualClock
from ai.credit_tracker import CreditTracker, ProviderClock, open_credit_ledger
from ai.credit_tracker.accounts import COMPONENT
from ai.credit_tracker.audit import check_records
from ai.credit_tracker.reconciliation import latest_reconciliation
from ai.ledger.audit import audit
from ai.ledger.errors import NewerSchema, OlderSchema
from ai.ledger.ledger import open_ledger
from ai.ledger.versions import migrations_in
from ai.operations.purse_copy import TABLES
from ai.settings import Settings
from tests.credit_tracker.conftest import BOTH_STORES

RELEASED = sorted((Path(__file__).parent / "released").glob("calls_*.sql"))
NOW = datetime(2026, 11, 1, 13, tzinfo=UTC)  # an hour after the dumps' last call


def version_of(dump):
    return int(dump.stem.removeprefix("calls_"))


def loaded(dump, path):
    """Make a SQLite purse out of a dump."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(dump.read_text())
    return path


def at_version(version, folder):
    """Return the component as the program of that version had it."""
    made = {}
    for store, migrations in COMPONENT[1].items():
        made[store] = folder / f"{store}-{version}"
        made[store].mkdir()
        for migration in migrations_in(migrations):
            if migration.version <= version:
                (made[store] / migration.name).write_text(migration.sql)
    return ("calls", made)


def poured_into_postgres(dump, url, tmp_path):
    """Make a PostgreSQL purse of the dump's version with the dump's rows in it."""
    component = at_version(version_of(dump), tmp_path)
    ledger = open_ledger(url, lambda: 0, components=(component,))
    with closing(sqlite3.connect(loaded(dump, tmp_path / "dump.db"))) as source:
        present = {name for (name,) in source.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}

        def pour(tx):
            for table, (columns, order) in TABLES.items():
                if table in present:
                    known = {column[1] for column in source.execute(f"PRAGMA table_info({table})")}
                    names = ", ".join(kept := [column for column in columns if column in known])
                    for row in source.execute(f"SELECT {names} FROM {table} ORDER BY {', '.join(order)}"):
                        tx.execute(f"INSERT INTO {table} ({names}) VALUES ({', '.join('?' * len(kept))})", row)

        ledger.transact_now(pour)
    ledger.close()


def test_every_version_before_the_newest_has_its_dump():
    newest = max(migration.version for migration in migrations_in(COMPONENT[1]["sqlite"]))
    assert [version_of(dump) for dump in RELEASED] == list(range(1, newest))
    names = {store: [m.name for m in migrations_in(folder)] for store, folder in COMPONENT[1].items()}
    assert names["sqlite"] == names["postgres"]


@BOTH_STORES
@pytest.mark.parametrize("dump", RELEASED, ids=lambda dump: dump.stem)
async def test_a_released_purse_goes_on_with_its_figures(dump, store, purse_url, tmp_path):
    if store == "sqlite":
        loaded(dump, Path(purse_url.removeprefix("sqlite:///")))
    else:
        poured_into_postgres(dump, purse_url, tmp_path)
    clock = VirtualClock(NOW)
    ledger = open_credit_ledger(purse_url, clock)
    try:
        assert ledger.read_now(audit).ok
        tracker = CreditTracker(
            ledger, Settings(), clock, mind_name="genesis", provider_clock=ProviderClock(clock, required=False)
        )
        report = await tracker.budget_report()
        assert (report["spent"], report["held"], report["available"]) == ("0.123456789", "0.050000000", "6.326543211")
        assert (await tracker.budget_report("2026-10"))["spent"] == "0.365000001"
        await tracker.open()
        open_calls = await tracker.open_holds()
        assert [call.id for call in open_calls] == ["call-7", "call-8"]
        for call in open_calls:
            await tracker.settle(call.id, 1_000_000)
        assert (await tracker.balance()).spent == 125_456_789
        since = await tracker.spending(since=date(2026, 10, 1))
        assert {line.key: line.cost for line in since.by_purpose} == {
            "post": 15_000_000, "social": 40_000_000, "thought": 435_456_790,
        }  # fmt: skip
        assert ledger.read_now(check_records) == ()
        assert ledger.read_now(lambda tx: latest_reconciliation(tx, "2026-11")) is None
        assert ledger.read_now(audit).ok
    finally:
        ledger.close()


def test_a_purse_of_a_newer_program_is_refused(purse_url):
    clock = VirtualClock(NOW)
    ledger = open_credit_ledger(purse_url, clock)
    ledger.transact_now(
        lambda tx: tx.execute("INSERT INTO schema_versions (component, version) VALUES ('calls', 9999)")
    )
    ledger.close()
    with pytest.raises(NewerSchema, match="version 9999 of its 'calls' tables"):
        open_credit_ledger(purse_url, clock)


@BOTH_STORES
@pytest.mark.parametrize("dump", RELEASED[-1:], ids=lambda dump: dump.stem)
def test_a_look_at_an_older_purse_says_how_it_comes_up_to_date(dump, store, purse_url, tmp_path):
    """Else `genesis budget`, typed between an upgrade and the next start, ends with the name of a missing table."""
    if store == "sqlite":
        loaded(dump, Path(purse_url.removeprefix("sqlite:///")))
    else:
        poured_into_postgres(dump, purse_url, tmp_path)
    clock = VirtualClock(NOW)
    reading = open_credit_ledger(purse_url, clock, read_only=True)
    with pytest.raises(OlderSchema, match="`genesis up` or `genesis run 1` brings it up to date"):
        reading.read_now(audit)
    open_credit_ledger(purse_url, clock).close()
    assert reading.read_now(audit).ok
    reading.close()
