"""SQLite the way this program uses it: durable connections, numbered migrations, errors by name."""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources.abc import Traversable
from pathlib import Path

from ai.ledger.errors import CorruptStore, LedgerError, StoreUnavailable
from ai.ledger.owners import another_users
from ai.ledger.versions import migrations_in, refuse_other

# Other processes commit in under a millisecond; a lock held this long is a stuck process, and saying so
# is better than a beat that hangs.
BUSY_TIMEOUT_SECONDS = 10.0
USUAL_PAGE_BYTES = 4_096  # SQLite's own

_REASONS = {
    sqlite3.SQLITE_FULL: ("the disk is full; free some space", True),
    sqlite3.SQLITE_READONLY: ("it is read-only; make the file and its folder writable", True),
    sqlite3.SQLITE_PERM: ("its permissions forbid it; make the file and its folder writable", False),
    sqlite3.SQLITE_AUTH: ("its permissions forbid it; make the file and its folder writable", False),
    sqlite3.SQLITE_CANTOPEN: ("it cannot be opened; check that its folder exists and is writable", False),
    sqlite3.SQLITE_IOERR: ("the disk failed to read or write; check it and its free space", True),
    sqlite3.SQLITE_BUSY: ("another process keeps it locked", True),
    sqlite3.SQLITE_LOCKED: ("another connection keeps it locked", True),
}
_REFUSED = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH, sqlite3.SQLITE_CANTOPEN}
_CORRUPT = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def connect(
    path: Path, *, read_only: bool = False, create: bool = True, page_bytes: int = USUAL_PAGE_BYTES
) -> sqlite3.Connection:
    """Open the database at `path`: WAL, every commit on disk when it returns; a reader never creates the file.

    Transactions are begun and ended by the caller's SQL; rows answer to names and numbers. A reader uses
    `query_only` rather than a read-only file handle, because a WAL database needs its shared memory file; where the
    folder takes no such file (a backup that is mounted, a disk that went read-only) it reads the file as it lies there.
    Threads may hand the connection on, but must not use it at the same time. `page_bytes` holds for a file that is made
    now; one that is there keeps its own.
    Raises StoreUnavailable or CorruptStore.
    """
    with named_errors(path):
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?{_mode(path, read_only=read_only, create=create)}",
            uri=True,
            timeout=BUSY_TIMEOUT_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA foreign_keys = ON")
            if not read_only:
                connection.execute(f"PRAGMA page_size = {page_bytes}")
                connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute(f"PRAGMA query_only = {'ON' if read_only else 'OFF'}")
            connection.execute("SELECT count(*) FROM sqlite_master")  # a torn copy shows itself at the first read
        except BaseException:
            connection.close()
            raise
    return connection


def _mode(path: Path, *, read_only: bool, create: bool) -> str:
    """Return how SQLite is to open the file; one that was not closed is not read without its log."""
    if not read_only:
        return "mode=rwc" if create else "mode=rw"
    closed = not path.with_name(f"{path.name}-wal").exists()
    return "mode=ro&immutable=1" if closed and not os.access(path.parent, os.W_OK) else "mode=rw"


def migrate(connection: sqlite3.Connection, component: str, folder: Traversable) -> int:
    """Bring the component's tables to the newest version in `folder`; return that version.

    Each file is one transaction, so a crash leaves a whole version; two processes may do this at once.
    Raises NewerSchema, touching nothing, where the database is ahead of this program.
    """
    known = migrations_in(folder)
    with named_errors(_path_of(connection)):
        if _version(connection, component) != (known[-1].version if known else 0):
            connection.execute(
                "CREATE TABLE IF NOT EXISTS schema_versions (component TEXT NOT NULL, version INTEGER NOT NULL, "
                "PRIMARY KEY (component, version)) STRICT, WITHOUT ROWID"
            )
        for migration in known:
            if _version(connection, component) >= migration.version:
                continue
            with _immediate(connection):
                if _version(connection, component) >= migration.version:  # another process was faster
                    continue
                for statement in statements(migration.sql):
                    connection.execute(statement)
                connection.execute(
                    "INSERT INTO schema_versions (component, version) VALUES (?, ?)",
                    (component, migration.version),
                )
    return check_versions(connection, component, folder)


def check_versions(
    connection: sqlite3.Connection, component: str, folder: Traversable, *, for_reading: bool = False
) -> int:
    """Return the component's version in the database; raises NewerSchema where `folder` does not know it.

    Who only reads cannot migrate: `for_reading` raises OlderSchema where the tables are of a version before.
    """
    known = max((migration.version for migration in migrations_in(folder)), default=0)
    with named_errors(_path_of(connection)):
        version = _version(connection, component)
    refuse_other(component, version, known, for_reading=for_reading)
    return version


def statements(script: str) -> Iterator[str]:
    """Split a script into its statements; a trigger's body stays whole.

    Each statement must end at the end of a line.
    """
    pending = ""
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            yield pending
            pending = ""
    if pending.strip():
        yield pending


@contextmanager
def named_errors(path: Path | str) -> Iterator[None]:
    """Turn what the driver raises about the store at `path` into this room's errors; others pass."""
    try:
        yield
    except sqlite3.Error as error:
        named = name_error(error, path)
        if named is None:
            raise
        raise named from error


def name_error(error: sqlite3.Error, path: Path | str) -> LedgerError | None:
    """Return what is wrong with the store at `path`, or None where the statement was wrong, not the store."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the primary code; the rest is detail
    if code in _CORRUPT:
        return CorruptStore(
            f"the database {path} is damaged ({error}); it was left as it is: restore a backup beside it, "
            "or move it away to begin anew"
        )
    if code == sqlite3.SQLITE_IOERR and _is_full(Path(path).parent):
        code = sqlite3.SQLITE_FULL  # no room for the shared memory file; SQLite calls that a failed disk
    if code in _REASONS:
        reason, transient = _REASONS[code]
        if code in _REFUSED:
            reason = another_users(Path(path)) or reason
        return StoreUnavailable(f"the database {path} cannot be used: {reason} ({error})", transient=transient)
    return None


def _is_full(folder: Path) -> bool:
    try:
        return shutil.disk_usage(folder).free == 0
    except OSError:
        return False


def _version(connection: sqlite3.Connection, component: str) -> int:
    known = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'schema_versions'").fetchone()
    if known is None:
        return 0
    row = connection.execute(
        "SELECT coalesce(max(version), 0) FROM schema_versions WHERE component = ?", (component,)
    ).fetchone()
    return int(row[0])


@contextmanager
def _immediate(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # a full disk makes SQLite roll back by itself
            connection.execute("ROLLBACK")
        raise


def _path_of(connection: sqlite3.Connection) -> str:
    return str(connection.execute("PRAGMA database_list").fetchone()[2])
