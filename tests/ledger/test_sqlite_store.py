"""SQLite as this program opens it: migrations, and what is wrong with a file said by name, the file untouched."""

import sqlite3

import pytest

from ai.ledger import open_ledger
from ai.ledger.errors import CorruptStore, NewerSchema, StoreUnavailable
from ai.ledger.sqlite import connect, migrate, name_error, statements


@pytest.fixture
def folder(tmp_path):
    files = tmp_path / "migrations"
    files.mkdir()
    (files / "0001_first.sql").write_text("CREATE TABLE a (x);\nCREATE TABLE b (y);\n")
    (files / "notes.md").write_text("not a migration")
    return files


def test_a_connection_is_durable_and_in_wal(tmp_path):
    connection = connect(tmp_path / "x.db")
    assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    assert connection.execute("PRAGMA synchronous").fetchone()[0] == 2
    assert connection.execute("PRAGMA foreign_keys").fetchone()[0] == 1


def test_a_purse_has_small_pages_and_one_that_was_made_before_keeps_its_own(tmp_path):
    """Small ones are quicker to commit; a file that is there must stay readable to the program that made it."""
    for name, pages in (("new.db", 2_048), ("old.db", 4_096)):
        path = tmp_path / name
        if name == "old.db":
            connect(path).close()
            connect(path).execute("CREATE TABLE t (x)")
        ledger = open_ledger(f"sqlite:///{path}", lambda: 1)
        assert ledger.read_now(lambda tx: tx.execute("PRAGMA page_size")[0][0]) == pages
        ledger.close()


def test_a_reader_cannot_write(tmp_path):
    connect(tmp_path / "x.db").execute("CREATE TABLE t (x)")
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        connect(tmp_path / "x.db", read_only=True).execute("INSERT INTO t VALUES (1)")


def test_a_reader_does_not_create_the_file(tmp_path):
    with pytest.raises(StoreUnavailable, match="cannot be opened"):
        connect(tmp_path / "none.db", read_only=True)
    assert not (tmp_path / "none.db").exists()


def test_migrations_run_once_and_in_order(tmp_path, folder):
    connection = connect(tmp_path / "x.db")
    assert migrate(connection, "c", folder) == 1
    (folder / "0002_second.sql").write_text("ALTER TABLE a ADD COLUMN z;")
    assert migrate(connection, "c", folder) == 2
    assert migrate(connection, "c", folder) == 2
    assert connection.execute("SELECT x, z FROM a").fetchall() == []


def test_a_failing_migration_leaves_nothing_of_itself(tmp_path, folder):
    (folder / "0002_second.sql").write_text("CREATE TABLE c (x);\nCREATE TABLE a (x);\n")
    connection = connect(tmp_path / "x.db")
    with pytest.raises(sqlite3.OperationalError):
        migrate(connection, "c", folder)
    assert connection.execute("SELECT max(version) FROM schema_versions").fetchone()[0] == 1
    assert not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'c'").fetchall()


def test_two_files_with_one_number_are_refused(tmp_path, folder):
    (folder / "0001_other.sql").write_text("CREATE TABLE z (x);")
    with pytest.raises(ValueError, match="same number"):
        migrate(connect(tmp_path / "x.db"), "c", folder)


def test_a_newer_database_is_refused(tmp_path, folder):
    connection = connect(tmp_path / "x.db")
    migrate(connection, "c", folder)
    connection.execute("INSERT INTO schema_versions VALUES ('c', 9)")
    with pytest.raises(NewerSchema) as caught:
        migrate(connection, "c", folder)
    assert str(caught.value) == (
        "the database has version 9 of its 'c' tables and this program knows 1: "
        "start the newer program, or restore a backup made before the upgrade"
    )
    assert (caught.value.component, caught.value.found, caught.value.known) == ("c", 9, 1)


def test_a_file_that_is_no_database_is_kept_and_named(tmp_path):
    path = tmp_path / "x.db"
    path.write_bytes(b"not a database" * 100)
    with pytest.raises(CorruptStore, match=r"x\.db is damaged.*left as it is"):
        connect(path)
    assert path.read_bytes() == b"not a database" * 100


def test_a_full_path_to_help_is_in_the_message(tmp_path):
    path = tmp_path / "x.db"
    path.write_bytes(b"not a database" * 100)
    with pytest.raises(CorruptStore) as caught:
        connect(path)
    assert str(caught.value) == (
        f"the database {path} is damaged (file is not a database); it was left as it is: "
        "restore a backup beside it, or move it away to begin anew"
    )


def test_what_may_pass_by_itself_is_told_from_what_needs_a_person(tmp_path):
    with pytest.raises(StoreUnavailable) as caught:
        connect(tmp_path / "none" / "x.db")
    assert (caught.value.transient, caught.value.outcome_unknown) == (False, False)
    assert (StoreUnavailable("away").transient, StoreUnavailable("away").outcome_unknown) == (True, False)


def test_an_error_of_the_statement_is_not_one_of_the_store(tmp_path):
    connection = connect(tmp_path / "x.db")
    for statement in ("SELECT nothing FROM nowhere", "SELEC"):
        with pytest.raises(sqlite3.OperationalError) as caught:
            connection.execute(statement)
        assert name_error(caught.value, "x.db") is None
    connection.close()
    with pytest.raises(sqlite3.ProgrammingError) as closed:
        connection.execute("SELECT 1")
    assert name_error(closed.value, "x.db") is None


def test_a_torn_copy_is_refused(tmp_path, folder):
    connection = connect(tmp_path / "x.db")
    migrate(connection, "c", folder)
    connection.close()
    torn = tmp_path / "torn.db"
    torn.write_bytes((tmp_path / "x.db").read_bytes()[:9000])
    for read_only in (False, True):
        with pytest.raises(CorruptStore, match=r"torn\.db is damaged"):
            connect(torn, read_only=read_only)
    assert torn.stat().st_size == 9000


def test_statements_keep_triggers_whole():
    script = "CREATE TABLE a (x);\nCREATE TRIGGER t AFTER INSERT ON a\nBEGIN\n  SELECT 1;\n  SELECT 2;\nEND;\n-- end\n"
    assert [statement.split()[1] for statement in statements(script)] == ["TABLE", "TRIGGER", "end"]


async def test_whoever_may_write_is_alone_from_the_first_look_on(tmp_path):
    """Two that look at one account before either has written would both find enough in it."""
    path = tmp_path / "ledger.db"
    ledger = open_ledger(f"sqlite:///{path}", lambda: 1)

    def work(tx):
        tx.execute("SELECT * FROM accounts")
        other = sqlite3.connect(path, timeout=0, isolation_level=None)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
        other.close()
        return "alone"

    assert await ledger.transact(work) == "alone"
    assert ledger.transact_now(work) == "alone"
    ledger.close()


@pytest.mark.parametrize("place", ["volume/genesis/ledger.db", "volume://genesis/ledger.db", "p"])
def test_a_purse_begins_in_folders_of_any_name_that_were_not_made_yet(tmp_path, monkeypatch, place):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / place
    ledger = open_ledger(f"sqlite:///{place}", lambda: 1)
    assert ledger.transact_now(lambda tx: tx.at) == 1
    ledger.close()
    assert path.exists()
