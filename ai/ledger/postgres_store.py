"""The ledger's store on PostgreSQL: one bounded connection, made when needed and again after the server was away."""

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from time import monotonic
from typing import Any

import psycopg
from psycopg.adapt import Loader
from psycopg.pq import TransactionStatus

from ai.ledger.circuit_breaker import CircuitBreaker
from ai.ledger.errors import CorruptStore, StoreUnavailable
from ai.ledger.postgres import (
    ANSWER_SECONDS,
    READING_SECONDS,
    SILENT,
    WRITERS_LOCK,
    WRITING_SECONDS,
    BoundedConnection,
    be_patient,
    connect,
    migrate,
    name_error,
    read_url,
)
from ai.ledger.store import BulkStatement, Components, Rows, Written

_BEGIN_WRITING = f"BEGIN ISOLATION LEVEL READ COMMITTED; SELECT pg_advisory_xact_lock({WRITERS_LOCK})"
# A writer's plans are made when the purse may be empty and kept while it grows: by index, however small a table is.
# What such a plan costs is counted so high that the server would compile it, which takes longer than it does.
_PLANS = "SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET jit = off"
_BACK_TO_PART = "ROLLBACK TO SAVEPOINT part; "
_AVAILABLE = "SELECT id, credits_posted - debits_posted - debits_pending FROM accounts WHERE id = ANY(%s)"
_BEGIN_READING = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"


class _IntegralNumeric(Loader):
    """sum(bigint) is numeric: give it back as the int that it is."""

    def load(self, data: Any) -> int | float:
        text = bytes(data).decode()
        return float(text) if "." in text else int(text)


class PostgresStore:
    """One connection to the database at `url`; a writer migrates it, a reader does not. Stores share a `breaker`."""

    def __init__(
        self, url: str, components: Components, *, read_only: bool, breaker: CircuitBreaker | None = None
    ) -> None:
        self._conninfo, self._where = read_url(url)
        self._components = components
        self._read_only = read_only
        self._breaker = breaker or CircuitBreaker(monotonic)
        self._patience = READING_SECONDS if read_only else WRITING_SECONDS
        self._connection: BoundedConnection | None = None
        self._cursor: psycopg.ClientCursor[Any] | None = None  # one for all statements; making one takes its time
        self._prepared: dict[BulkStatement, str] = {}  # what this connection has planned, and how to ask for it
        self._first = ""  # what goes before the next statement in its round trip, with which a part begins
        self._back = ""  # what goes before that: the way back from a refusal
        self._marked = False  # whether a part has begun in this transaction

    def begin(self, *, write: bool) -> None:
        """Begin; a writer waits for the lock that all writers of a purse take in turn.

        An idle connection may have died with its server unnoticed. Nothing was asked yet, so that is tried
        once more on a new one. Where the server was silent a moment ago it is not waited for again.
        """
        self._breaker.refuse_while_open()
        sql = _BEGIN_WRITING if write else _BEGIN_READING
        self._first, self._back, self._marked = "", "", False
        fresh = self._connection is None
        try:
            self._ask_to_begin(sql, write=write)
        except StoreUnavailable:
            self.rollback()
            if fresh or self._connection is not None:
                raise
            self._ask_to_begin(sql, write=write)
        self._breaker.reset()

    def _ask_to_begin(self, sql: str, *, write: bool) -> None:
        connection = self._connect()
        patience = connection.silence_seconds
        if not write:  # it waits for no lock
            connection.silence_seconds = min(patience, ANSWER_SECONDS)
        self._ask(sql)
        connection.silence_seconds = patience

    def execute(self, sql: str, params: Sequence[object] = ()) -> Rows:
        """Run one statement."""
        return self._ask(_placeholders(sql), params)

    def judge(self, written: Written) -> None:
        """Write all rows in one round trip, each statement's in one go, within a savepoint.

        A refused statement ends the transaction here, up to its savepoint. Where a part begins with it, the savepoint
        of the part serves.
        """
        asked = "; ".join([self._prepared.get(statement) or self._prepare(statement) for statement, _ in written])
        values = [json.dumps(rows) for _, rows in written]
        begins = bool(self._first)
        try:
            self._ask(asked if begins else f"SAVEPOINT verbs; {asked}; RELEASE SAVEPOINT verbs", values)
        except (StoreUnavailable, CorruptStore):
            raise
        except Exception:
            if begins:
                self._first = _BACK_TO_PART
            else:
                self._back = "ROLLBACK TO SAVEPOINT verbs; RELEASE SAVEPOINT verbs; "
            raise

    def _prepare(self, statement: BulkStatement) -> str:
        """Let the server plan a statement over rows that come as one JSON array; return how it is run from then on."""
        name = f"verb_{len(self._prepared)}"
        columns = ", ".join(
            f"(value ->> {place})::{kind} AS {field}" for place, (field, kind) in enumerate(statement.fields.items())
        )
        rows = f"FROM (SELECT {columns} FROM json_array_elements($1::json)) AS new"
        sql = re.sub(r"(?<!:):([a-z_]+)", r"new.\1", statement.sql).replace("{rows}", rows)
        marked, self._first = self._first, ""  # the savepoint belongs to what is asked next
        self._ask(f"{marked if marked == _BACK_TO_PART else ''}PREPARE {name} (text) AS {sql}")
        self._first = marked
        self._prepared[statement] = f"EXECUTE {name} (%s)"
        return self._prepared[statement]

    def mark(self) -> None:
        """Set a savepoint in place of the one before, on the way of the next statement."""
        if not self._first:
            self._first = "RELEASE SAVEPOINT part; SAVEPOINT part; " if self._marked else "SAVEPOINT part; "
        self._marked = True

    def undo(self) -> None:
        """Go back to the newest savepoint, on the way of the next statement, unless nothing was asked since."""
        if not self._first:
            self._first, self._back = _BACK_TO_PART, ""

    def commit(self, looked_at: Collection[str] = ()) -> Mapping[str, int]:
        """Commit, with `synchronous_commit` on: it is on the server's disk when this returns.

        What is looked at goes in the same message.
        """
        found: dict[str, int] = {}
        try:
            back = self._back + (self._first if self._first == _BACK_TO_PART else "")
            with self._named_errors():
                cursor = self._live()
                if looked_at:
                    cursor.execute(f"{back}{_AVAILABLE}; COMMIT".encode(), ([*looked_at],)).set_result(-2)
                    found = dict(cursor.fetchall())
                else:
                    cursor.execute(f"{back}COMMIT".encode())
                tag = cursor.set_result(-1).statusmessage
        except StoreUnavailable as error:
            error.outcome_unknown = True  # the server may have committed before the answer was lost
            raise
        if tag != "COMMIT":  # PostgreSQL answers ROLLBACK where a statement had failed
            raise StoreUnavailable(f"the purse at {self._where} undid the transaction")
        return found

    def rollback(self) -> None:
        """Undo; a connection that does not say that it is idle is dropped, and the server undoes."""
        connection = self._connection
        if connection is None:
            return
        status = connection.info.transaction_status
        if status == TransactionStatus.IDLE:
            return
        try:
            if status in {TransactionStatus.INTRANS, TransactionStatus.INERROR}:
                connection.execute("ROLLBACK")
                return
        except psycopg.Error:
            pass  # it is closed next, which undoes as well
        self.close()

    def check(self) -> str | None:
        """Return None: a server checks its pages as it reads them, and reading damage raises CorruptStore."""
        return None

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = self._cursor = None

    def _connect(self) -> BoundedConnection:
        if self._connection is None:
            with self._named_errors():
                connection = connect(self._conninfo)
                try:
                    connection.adapters.register_loader("numeric", _IntegralNumeric)
                    for component, folder in self._components:
                        migrate(connection, component, folder, read_only=self._read_only)
                    be_patient(connection, self._patience)
                    if not self._read_only:
                        connection.execute(_PLANS)
                except BaseException:
                    connection.close()
                    raise
            self._connection, self._prepared = connection, {}
            self._cursor = psycopg.ClientCursor(connection, row_factory=_named_rows)
        return self._connection

    def _live(self) -> psycopg.ClientCursor[Any]:
        if self._cursor is None:
            raise StoreUnavailable(f"the connection to {self._where} broke in the middle of a transaction")
        return self._cursor

    def _ask(self, sql: str, params: Sequence[object] | None = None) -> Rows:
        """Send statements, with what has to come first, in one round trip; return the last one's rows.

        Several statements in one message take the simple protocol, for which psycopg quotes the parameters.
        """
        cursor = self._live()
        text, self._first, self._back = f"{self._back}{self._first}{sql}".encode(), "", ""
        with self._named_errors():
            cursor.execute(text, params).set_result(-1)
            rows: list[Any] = [] if cursor.description is None else cursor.fetchall()
            return rows

    @contextmanager
    def _named_errors(self) -> Iterator[None]:
        try:
            yield
        except psycopg.Error as error:
            named = name_error(error, self._where)
            if named is None:
                raise
            if isinstance(named, StoreUnavailable) and isinstance(error, SILENT):
                self._breaker.trip(named)
            raise named from error


@lru_cache(maxsize=512)
def _placeholders(sql: str) -> str:
    return sql.replace("%", "%%").replace("?", "%s")


@lru_cache(maxsize=512)
def _row_class(names: tuple[str, ...]) -> type[tuple[Any, ...]]:
    """Return a tuple that answers to its columns' names as well, as sqlite3.Row does."""
    places = {name: place for place, name in enumerate(names)}

    class Row(tuple[Any, ...]):
        __slots__ = ()

        def __getitem__(self, column: Any) -> Any:
            return tuple.__getitem__(self, places[column] if isinstance(column, str) else column)

    return Row


def _named_rows(cursor: psycopg.Cursor[Any]) -> Callable[[Sequence[Any]], tuple[Any, ...]]:
    columns = cursor.description
    return tuple if columns is None else _row_class(tuple(column.name for column in columns))
