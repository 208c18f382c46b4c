"""The ledger's store on SQLite: one connection that is made when needed and made again after it broke."""

import json
import os
import re
import sqlite3
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from ai.ledger.errors import ConstraintBroken, LedgerError, StoreUnavailable
from ai.ledger.sqlite import BUSY_TIMEOUT_SECONDS, check_versions, connect, migrate, name_error
from ai.ledger.store import BulkStatement, Components, Rows, Written
from ai.ledger.turn import Turn

# A commit writes each page that it changed, whole, into the log: its rows are small, so small pages are less to write
# (measured: a hold and its capture in 407 µs instead of 432, beside 279 for two bare commits).
PAGE_BYTES = 2_048
_NUMBERS = tuple(str(number) for number in range(1, 100))  # more than any statement has fields
_AVAILABLE = (
    "SELECT id, credits_posted - debits_posted - debits_pending FROM accounts "
    "WHERE id IN (SELECT value FROM json_each(?))"
)


class SQLiteStore:
    """One connection to the file at `path`; a writer creates and migrates it, a reader does neither."""

    def __init__(self, path: Path, components: Components, *, read_only: bool) -> None:
        self._path = path
        self._file = str(path)
        self._components = components
        self._read_only = read_only
        self._connection: sqlite3.Connection | None = None
        self._cursor: sqlite3.Cursor | None = None  # one for all statements: making one costs as much as a short one
        self._opened: tuple[int, int] | None = None  # which file it was
        self._turn = Turn(path.parent)
        self._marked = False  # whether a part has begun in this transaction

    def begin(self, *, write: bool) -> None:
        """Begin; a writer waits for its turn, and `BEGIN IMMEDIATE` for whoever writes out of turn."""
        self._marked = False
        self._connect()
        if self._identity() != self._opened:
            self.close()
            raise StoreUnavailable(
                f"the database {self._path} was removed or replaced while it was in use; put it back, then start anew"
            )
        if write and not self._turn.take(BUSY_TIMEOUT_SECONDS):
            raise StoreUnavailable(f"the database {self._path} cannot be used: another process keeps it locked")
        self.execute("BEGIN IMMEDIATE" if write else "BEGIN")

    def execute(self, sql: str, params: Sequence[object] | Mapping[str, object] = ()) -> Rows:
        """Run one statement."""
        if self._cursor is None:
            raise StoreUnavailable(f"the database {self._path} was closed in the middle of a transaction")
        try:
            return self._cursor.execute(sql, params).fetchall()
        except sqlite3.Error as error:
            raise self._named(error) from error

    def judge(self, written: Written) -> None:
        """Write row by row; SQLite undoes a refused statement by itself, so that one row alone needs no savepoint."""
        if len(written) == 1 and len(written[0][1]) == 1:
            statement, rows = written[0]
            self.execute(_for_one_row(statement), _by_number(rows[0]))
            return
        self.execute("SAVEPOINT verbs")
        try:
            for statement, rows in written:
                sql = _for_one_row(statement)
                for row in rows:
                    self.execute(sql, _by_number(row))
        except Exception:
            self.execute("ROLLBACK TO SAVEPOINT verbs")
            self.execute("RELEASE SAVEPOINT verbs")
            raise
        self.execute("RELEASE SAVEPOINT verbs")

    def mark(self) -> None:
        """Set a savepoint in place of the one before."""
        if self._marked:
            self.execute("RELEASE SAVEPOINT part")
        self.execute("SAVEPOINT part")
        self._marked = True

    def undo(self) -> None:
        """Go back to the newest savepoint."""
        self.execute("ROLLBACK TO SAVEPOINT part")

    def commit(self, looked_at: Collection[str] = ()) -> Mapping[str, int]:
        """Commit: with `synchronous=FULL` the WAL is on disk when this returns."""
        rows = self.execute(_AVAILABLE, (json.dumps([*looked_at]),)) if looked_at else []
        try:
            self.execute("COMMIT")
        except StoreUnavailable as error:
            error.outcome_unknown = True  # the WAL may hold the commit although its sync failed
            raise
        self._turn.give()
        return {row[0]: row[1] for row in rows}

    def rollback(self) -> None:
        """Undo; a full disk makes SQLite roll back by itself."""
        try:
            if self._connection is not None and self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except sqlite3.Error:
            self.close()
        self._turn.give()

    def check(self) -> str | None:
        """Return the first damage that SQLite finds in its own file, or None."""
        found = str(self.execute("PRAGMA integrity_check(1)")[0][0])
        return None if found == "ok" else found

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = self._cursor = None
        self._turn.close()

    def _connect(self) -> None:
        if self._connection is None:
            self._connection = self._open()
            self._cursor = self._connection.cursor()
            self._opened = self._identity()

    def _identity(self) -> tuple[int, int] | None:
        """Return which file the path leads to now; writes to one that is no longer there would be lost."""
        try:
            found = os.stat(self._file)  # noqa: PTH116 - asked at each begin, and a Path takes twice the time
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def _open(self) -> sqlite3.Connection:
        if not self._read_only:
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise StoreUnavailable(
                    f"the folder {self._path.parent} cannot be made: {error.strerror}; make its parent writable",
                    transient=False,
                ) from error
        # A purse that was there once and is not any more must not begin anew by itself: it would forget.
        connection = connect(self._path, read_only=self._read_only, create=self._opened is None, page_bytes=PAGE_BYTES)
        try:
            for component, folder in self._components:
                if self._read_only:
                    check_versions(connection, component, folder, for_reading=True)
                else:
                    migrate(connection, component, folder)
        except BaseException:
            connection.close()
            raise
        return connection

    def _named(self, error: sqlite3.Error) -> LedgerError | sqlite3.Error:
        if isinstance(error, sqlite3.IntegrityError):
            return ConstraintBroken(str(error))
        return name_error(error, self._path) or error


def _by_number(row: Sequence[object]) -> dict[str, object]:
    """Return what a statement with `?1`, `?2` … takes: Python from 3.14 on refuses a sequence for those."""
    return dict(zip(_NUMBERS, row, strict=False))


@lru_cache(maxsize=64)
def _for_one_row(statement: BulkStatement) -> str:
    """Return the statement for the values of one row, each under its number."""
    numbers = {field: number for number, field in enumerate(statement.fields, start=1)}
    sql = statement.sql.replace("{rows}", "")
    if statement.sql.endswith(" {rows}"):  # a tenth of a pair's time is what INSERT … SELECT takes above VALUES
        into, _, values = sql.partition(" SELECT ")
        sql = f"{into} VALUES ({values})"
    return re.sub(r":([a-z_]+)", lambda field: f"?{numbers[field[1]]}", sql)
