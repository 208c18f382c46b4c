"""The ledger's store on PostgreSQL: one bounded connection, made when needed and again after the server was away."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from importlib.resources.abc import Traversable
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.adapt import Loader
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import TransactionStatus

from ai.ledger.errors import ConstraintBroken, CorruptStore, LedgerError, NewerSchema, StoreUnavailable
from ai.ledger.store import Components, Rows
from ai.ledger.versions import migrations_in

RV = TypeVar("RV")

# A commit takes milliseconds; past these limits a server or the way to it is broken, and saying so is better
# than a beat that hangs. The server's own limits come first, so that it says what it waited for.
CONNECT_SECONDS = 5
STATEMENT_SECONDS = 60  # an audit over millions of transfers is the longest statement there is
LOCK_SECONDS = 10
SILENCE_SECONDS = 75.0  # a server that says nothing at all, frozen or cut off
WAKE_SECONDS = 0.25  # how often silence is measured; an answer wakes at once

# One number for all who write to a purse; the trigger in 0001_ledger.sql uses the same.
WRITERS_LOCK = 4703242331131506

NUMBER_TOO_LARGE = "22003"

_BEGIN_WRITING = f"BEGIN ISOLATION LEVEL READ COMMITTED; SELECT pg_advisory_xact_lock({WRITERS_LOCK})"
_BEGIN_READING = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"

_REASONS = {  # by SQLSTATE, the longest prefix first; (what, may a later try work without a person)
    "53100": ("its disk is full; free some space", True),
    "53300": ("it has no connection left; raise max_connections or stop others", True),
    "25006": ("it is read-only; connect to the primary, or end its read-only mode", True),
    "55P03": ("another process keeps the purse locked", True),
    "57014": ("a statement took too long", True),
    "3D": ("there is no such database; create it", False),
    "28": ("it refuses the user or the password; check DATABASE_URL", False),
    "42501": ("the user may not do this; grant it the right on the purse's tables", False),
    "58": ("its disk fails; check the server's log", True),
    "53": ("it has not enough resources; check the server's log", True),
    "57": ("it is shutting down or starting", True),
    "40": ("it undid the transaction", True),
    "08": ("the connection broke", True),
}
_REFUSALS = {  # a refused connection comes without a SQLSTATE; other languages than English fall to "is away"
    "authentication failed": _REASONS["28"][0],
    "no pg_hba.conf entry": _REASONS["28"][0],
    "no password supplied": _REASONS["28"][0],
    'role "': _REASONS["28"][0],
    'FATAL:  database "': _REASONS["3D"][0],
}


class _IntegralNumeric(Loader):
    """sum(bigint) is numeric: give it back as the int that it is."""

    def load(self, data: Any) -> int | float:
        text = bytes(data).decode()
        return float(text) if "." in text else int(text)


class _BoundedConnection(psycopg.Connection[Any]):
    """A connection on which no wait lasts longer than `silence_seconds` without a word of the server."""

    silence_seconds = SILENCE_SECONDS

    def wait(self, gen: PQGen[RV], interval: float = WAKE_SECONDS, timeout: float | None = None) -> RV:
        return super().wait(_bounded(gen, int(self.silence_seconds / interval) + 1), interval, timeout)


def _bounded(gen: PQGen[RV], most: int) -> PQGen[RV]:
    """Pass everything through, but end after `most` wake-ups in a row at which nothing had come."""
    ready, silent = None, 0
    while True:
        try:
            wanted = next(gen) if ready is None else gen.send(ready)
        except StopIteration as end:
            value: RV = end.value
            return value
        ready = yield wanted
        silent = 0 if ready else silent + 1
        if silent >= most:
            raise psycopg.OperationalError("the server does not answer")


class PostgresStore:
    """One connection to the database at `url`; a writer migrates it, a reader does not."""

    def __init__(
        self, url: str, components: Components, *, read_only: bool, silence_seconds: float = SILENCE_SECONDS
    ) -> None:
        try:
            given = conninfo_to_dict(url)
        except psycopg.ProgrammingError as error:
            raise ValueError(
                f"DATABASE_URL cannot be read ({_line(error)}); write it like postgresql://user@host:5432/database"
            ) from None
        bounds: dict[str, Any] = {
            "connect_timeout": CONNECT_SECONDS,
            "application_name": "genesis",
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": 20_000,  # milliseconds until sent data that nobody acknowledges breaks it
        }
        self._conninfo = make_conninfo(**(bounds | given))
        self._where = f"{given.get('host') or 'localhost'}:{given.get('port') or 5432}/{given.get('dbname') or ''}"
        self._components = components
        self._read_only = read_only
        self._silence_seconds = silence_seconds
        self._connection: _BoundedConnection | None = None

    def begin(self, *, write: bool) -> None:
        """Begin; a writer waits for the lock that all writers of a purse take in turn.

        An idle connection may have died with its server unnoticed. Nothing was asked yet, so that is tried
        once more on a new one.
        """
        sql = _BEGIN_WRITING if write else _BEGIN_READING
        fresh = self._connection is None
        try:
            self._run(self._connect(), sql)
        except StoreUnavailable:
            self.rollback()
            if fresh or self._connection is not None:
                raise
            self._run(self._connect(), sql)

    def execute(self, sql: str, params: Sequence[object] = ()) -> Rows:
        """Run one statement."""
        return self._run(self._live(), _placeholders(sql), params)

    def attempt(self, sql: str, params: Sequence[object] = ()) -> None:
        """Run one statement within a savepoint, in one round trip: here a refused one ends the transaction."""
        connection = self._live()
        text = f"SAVEPOINT attempt; {_placeholders(sql)}; RELEASE SAVEPOINT attempt"
        try:
            with self._named_errors(), psycopg.ClientCursor(connection) as cursor:
                cursor.execute(text.encode(), params)
        except ConstraintBroken:
            self._run(connection, "ROLLBACK TO SAVEPOINT attempt; RELEASE SAVEPOINT attempt")
            raise

    def commit(self) -> None:
        """Commit, with `synchronous_commit` on: it is on the server's disk when this returns."""
        try:
            with self._named_errors():
                tag = self._live().execute("COMMIT").statusmessage
        except StoreUnavailable as error:
            error.outcome_unknown = True  # the server may have committed before the answer was lost
            raise
        if tag != "COMMIT":  # PostgreSQL answers ROLLBACK where a statement had failed
            raise StoreUnavailable(f"the purse at {self._where} undid the transaction")

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
            self._connection = None

    def _connect(self) -> _BoundedConnection:
        if self._connection is None:
            with self._named_errors():
                connection = _BoundedConnection.connect(self._conninfo, autocommit=True, row_factory=_named_rows)
                try:
                    connection.silence_seconds = self._silence_seconds
                    connection.adapters.register_loader("numeric", _IntegralNumeric)
                    connection.execute(
                        f"SET statement_timeout = '{STATEMENT_SECONDS}s'; SET lock_timeout = '{LOCK_SECONDS}s'; "
                        "SET idle_in_transaction_session_timeout = '60s'; SET synchronous_commit = on"
                    )
                    for component, folder in self._components:
                        migrate(connection, component, folder, read_only=self._read_only)
                except BaseException:
                    connection.close()
                    raise
            self._connection = connection
        return self._connection

    def _live(self) -> _BoundedConnection:
        if self._connection is None:
            raise StoreUnavailable(f"the connection to {self._where} broke in the middle of a transaction")
        return self._connection

    def _run(self, connection: _BoundedConnection, sql: str, params: Sequence[object] | None = None) -> Rows:
        with self._named_errors():
            cursor = connection.execute(sql.encode(), params)
            return cursor.fetchall() if cursor.description is not None else []

    @contextmanager
    def _named_errors(self) -> Iterator[None]:
        try:
            yield
        except psycopg.Error as error:
            named = name_error(error, self._where)
            if named is None:
                raise
            raise named from error


def migrate(connection: psycopg.Connection[Any], component: str, folder: Traversable, *, read_only: bool) -> int:
    """Bring the component's tables to the newest version in `folder`, all of it in one transaction; return the version.

    A reader only looks. Raises NewerSchema, touching nothing, where the database is ahead of this program.
    """
    known = migrations_in(folder)
    newest = known[-1].version if known else 0
    version = _version(connection, component)
    if version < newest and not read_only:
        with connection.transaction():
            connection.execute(f"SELECT pg_advisory_xact_lock({WRITERS_LOCK})")
            connection.execute(
                "CREATE TABLE IF NOT EXISTS schema_versions (component TEXT NOT NULL, version INTEGER NOT NULL, "
                "PRIMARY KEY (component, version))"
            )
            version = _version(connection, component)  # another process may have been faster
            for migration in known:
                if migration.version > version:
                    connection.execute(migration.sql.encode())
                    connection.execute(
                        "INSERT INTO schema_versions (component, version) VALUES (%s, %s)",
                        (component, migration.version),
                    )
        version = _version(connection, component)
    if version > newest:
        raise NewerSchema(component, version, newest)
    return version


def name_error(error: psycopg.Error, where: str) -> LedgerError | None:
    """Return what is wrong with the server at `where`, or the refusal; None where the statement itself is wrong."""
    code = error.sqlstate or ""
    if isinstance(error, psycopg.IntegrityError) or code == NUMBER_TOO_LARGE:
        return ConstraintBroken(_line(error))
    if code in {"XX001", "XX002"}:
        return CorruptStore(f"the purse at {where} is damaged ({_line(error)}); restore a backup")
    for length in (5, 2):
        if code[:length] in _REASONS:
            reason, transient = _REASONS[code[:length]]
            return StoreUnavailable(
                f"the purse at {where} cannot be used: {reason} ({_line(error)})", transient=transient
            )
    for words, reason in _REFUSALS.items():
        if not code and words in str(error):
            return StoreUnavailable(f"the purse at {where} cannot be used: {reason} ({_line(error)})", transient=False)
    if isinstance(error, psycopg.OperationalError):
        return StoreUnavailable(f"the purse at {where} is away ({_line(error)})")
    return None


def _version(connection: psycopg.Connection[Any], component: str) -> int:
    if connection.execute("SELECT to_regclass('schema_versions')").fetchall()[0][0] is None:
        return 0
    rows = connection.execute(
        "SELECT coalesce(max(version), 0) FROM schema_versions WHERE component = %s", (component,)
    )
    return int(rows.fetchall()[0][0])


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


def _line(error: BaseException) -> str:
    """Return the first line of a message; servers add context below it."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
