"""A purse that two programs open at once, an older one, one in a packed program: its tables come up once, and whole."""

import sqlite3
import zipfile

import pytest

from ai.ledger.errors import CorruptStore, NewerSchema, OlderSchema, StoreUnavailable
from ai.ledger.sqlite import check_versions, connect, migrate, name_error
from ai.ledger.versions import migrations_in

STEPS = {"0001_first.sql": "CREATE TABLE a (x);\n", "0002_second.sql": "CREATE TABLE b (y);\n"}


def folder_of(path, *names):
    path.mkdir()
    for name in names or STEPS:
        (path / name).write_text(STEPS[name])
    return path


def test_two_programs_that_migrate_at_once_do_each_step_once(tmp_path):
    """A daemon and a command that start together after an upgrade: one of them would fail, or stop halfway."""
    both, first = folder_of(tmp_path / "both"), folder_of(tmp_path / "first", "0001_first.sql")
    slow, fast = connect(tmp_path / "x.db"), connect(tmp_path / "x.db")
    begun = []

    def overtake(statement):
        if statement.startswith("BEGIN IMMEDIATE") and not begun:
            begun.append(statement)
            migrate(fast, "c", first)

    slow.set_trace_callback(overtake)
    assert migrate(slow, "c", both) == 2
    assert begun
    assert [row[0] for row in slow.execute("SELECT version FROM schema_versions ORDER BY version")] == [1, 2]
    slow.execute("SELECT x, y FROM a, b")


def test_who_only_reads_is_told_what_is_older_and_by_how_much(tmp_path):
    """`budget` between an upgrade and the next start: the name of a missing table says nothing to a person."""
    first, both = folder_of(tmp_path / "first", "0001_first.sql"), folder_of(tmp_path / "both")
    connection = connect(tmp_path / "x.db")
    assert check_versions(connection, "c", both, for_reading=True) == 0, "a purse without tables yet is none at all"
    migrate(connection, "c", first)
    assert check_versions(connection, "c", both) == 1
    with pytest.raises(OlderSchema, match="version 1 of its 'c' tables and this program writes 2"):
        check_versions(connection, "c", both, for_reading=True)


def test_a_program_that_knows_no_tables_leaves_those_there_are(tmp_path):
    connection, none = connect(tmp_path / "x.db"), tmp_path / "none"
    none.mkdir()
    assert check_versions(connection, "c", none) == 0
    migrate(connection, "c", folder_of(tmp_path / "first", "0001_first.sql"))
    with pytest.raises(NewerSchema):
        check_versions(connection, "c", none)


def test_a_file_that_fails_under_a_migration_is_named(tmp_path):
    """A person has to find it: there are three databases in a data folder."""
    path = tmp_path / "x.db"
    connect(path).close()
    with pytest.raises(StoreUnavailable, match=rf"{path} cannot be used: it is read-only"):
        migrate(connect(path, read_only=True), "c", folder_of(tmp_path / "both"))


def test_a_file_that_is_damaged_under_way_is_named(tmp_path):
    path, both = tmp_path / "x.db", folder_of(tmp_path / "both")
    connection = connect(path)
    migrate(connection, "c", both)
    connection.close()
    connection = connect(path)
    path.write_bytes(path.read_bytes()[:4096] + b"x" * (path.stat().st_size - 4096))
    with pytest.raises(CorruptStore, match=rf"{path} is damaged"):
        check_versions(connection, "c", both)


def test_a_writer_waits_ten_seconds_for_another(tmp_path):
    assert connect(tmp_path / "x.db").execute("PRAGMA busy_timeout").fetchone()[0] == 10_000


def failed(code):
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("code", "folder", "reason"),
    [
        (sqlite3.SQLITE_IOERR, "/proc", "the disk is full"),  # where nothing is ever free
        (sqlite3.SQLITE_IOERR, "/dev/shm", "the disk failed to read or write"),  # noqa: S108
        (sqlite3.SQLITE_IOERR, "/nowhere", "the disk failed to read or write"),
        (sqlite3.SQLITE_READONLY, "/proc", "it is read-only"),
    ],
)
def test_a_disk_without_room_for_shared_memory_is_full_not_broken(code, folder, reason):
    """SQLite calls it a failed disk; who buys a new disk is not helped."""
    assert reason in str(name_error(failed(code), f"{folder}/x.db"))


def test_migrations_are_found_in_a_packed_program_and_among_other_files(tmp_path):
    packed = tmp_path / "program.zip"
    with zipfile.ZipFile(packed, "w") as program:
        for name in ("sql/.keep", "sql/0002_second.sql", "sql/0001_first.sql", "sql/README.md"):
            program.writestr(name, STEPS.get(name.removeprefix("sql/"), ""))
    found = migrations_in(zipfile.Path(packed, "sql/"))
    assert [(step.version, step.name, step.sql) for step in found] == [
        (number, name, sql) for number, (name, sql) in enumerate(STEPS.items(), start=1)
    ]
