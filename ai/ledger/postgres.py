"""PostgreSQL the way this program uses it: bounded connections, numbered migrations, errors by name."""

import re
from collections.abc import Mapping
from importlib.resources.abc import Traversable
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from ai.ledger.errors import ConstraintBroken, CorruptStore, LedgerError, StoreUnavailable
from ai.ledger.versions import migrations_in, refuse_other

RV = TypeVar("RV")

# A commit takes milliseconds; past these limits a server or the way to it is broken, and saying so is better
# than a beat that hangs. The server's own limits come first, so that it says what it waited for.
CONNECT_SECONDS = 3
ANSWER_SECONDS = 3  # until a server answers what takes it no time, as a reader's BEGIN
WRITING_SECONDS = 5  # a statement or a lock of a writer
READING_SECONDS = 60  # an audit over millions of transfers is the longest statement there is
GRACE_SECONDS = 2  # beyond those, for a server that says nothing at all: frozen or cut off
WAKE_SECONDS = 0.25  # how often silence is measured; an answer wakes at once

# One number for all who write to a purse; the trigger in 0001_ledger.sql uses the same.
WRITERS_LOCK = 4703242331131506

_SAFE = {
    "host": re.compile(r"[\w.,:%/-]*", re.ASCII),
    "port": re.compile(r"[\d,]*", re.ASCII),
    "dbname": re.compile(r"[\w.-]*", re.ASCII),
}

NUMBER_TOO_LARGE = "22003"

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


class NoAnswer(psycopg.OperationalError):
    """The server said nothing for as long as it is waited for."""


SILENT = (NoAnswer, psycopg.errors.ConnectionTimeout)


class BoundedConnection(psycopg.Connection[Any]):
    """A connection on which no wait lasts longer than `silence_seconds` without a word of the server."""

    silence_seconds: float = READING_SECONDS + GRACE_SECONDS

    def wait(self, gen: PQGen[RV], interval: float = WAKE_SECONDS, timeout: float | None = None) -> RV:
        """Wait for the server as psycopg does; raises NoAnswer after the silence."""
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
            raise NoAnswer("the server does not answer")


def read_url(url: str) -> tuple[str, str]:
    """Return the connection string for `url` with this program's bounds, and where it leads, made of safe parts alone.

    `url` is anything that libpq takes; what it says itself goes first. Raises ValueError, with nothing of `url` in
    it, where it cannot be read.
    """
    try:
        given = conninfo_to_dict(url)
    except psycopg.ProgrammingError:  # its message quotes what it did not understand: a password, often
        raise ValueError(
            "DATABASE_URL cannot be read as libpq reads it; write it like postgresql://user@host:5432/database, "
            "with / @ : % and blanks of a password as %2F %40 %3A %25 %20"
        ) from None
    bounds: dict[str, Any] = {
        "connect_timeout": CONNECT_SECONDS,
        "application_name": "genesis",
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 20_000,  # milliseconds until sent data that nobody acknowledges breaks it
    }
    return make_conninfo(**(bounds | given)), _where(given)


def _where(given: Mapping[str, Any]) -> str:
    """Return host, port and database as far as each is plainly one; a misread password is none."""
    safe = {
        name: str(given.get(name) or usual)
        for name, usual in (("host", "localhost"), ("port", "5432"), ("dbname", ""))
        if _SAFE[name].fullmatch(str(given.get(name) or usual))
    }
    return f"{safe.get('host', '…')}:{safe.get('port', '…')}/{safe.get('dbname', '…')}"


def connect(conninfo: str) -> BoundedConnection:
    """Return a connection on which every commit is on the server's disk when it returns, with a reader's patience."""
    # Left alone, psycopg plans statements of its own choice and forgets all plans at a ROLLBACK, the store's as well.
    connection = BoundedConnection.connect(conninfo, autocommit=True, prepare_threshold=None)
    connection.silence_seconds = ANSWER_SECONDS
    connection.execute("SET synchronous_commit = on")
    be_patient(connection, READING_SECONDS)
    return connection


def be_patient(connection: BoundedConnection, seconds: int) -> None:
    """Bound every later statement and lock on the connection by `seconds`."""
    connection.execute(
        f"SET statement_timeout = '{seconds}s'; SET lock_timeout = '{seconds}s'; "
        f"SET idle_in_transaction_session_timeout = '{seconds}s'"
    )
    connection.silence_seconds = seconds + GRACE_SECONDS


def migrate(connection: psycopg.Connection[Any], component: str, folder: Traversable, *, read_only: bool) -> int:
    """Bring the component's tables to the newest version in `folder`, all of it in one transaction; return the version.

    A reader only looks, and raises OlderSchema where a writer would migrate. Raises NewerSchema, touching nothing,
    where the database is ahead of this program.
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
    refuse_other(component, version, newest, for_reading=True)
    return version


def name_error(error: psycopg.Error, where: str) -> LedgerError | None:
    """Return what is wrong with the server at `where`, or the refusal; None where the statement itself is wrong."""
    code = error.sqlstate or ""
    if isinstance(error, psycopg.IntegrityError) or code == NUMBER_TOO_LARGE:
        return ConstraintBroken(first_line(error))
    if code in {"XX001", "XX002"}:
        return CorruptStore(f"the purse at {where} is damaged ({first_line(error)}); restore a backup")
    for length in (5, 2):
        if code[:length] in _REASONS:
            reason, transient = _REASONS[code[:length]]
            return StoreUnavailable(
                f"the purse at {where} cannot be used: {reason} ({first_line(error)})", transient=transient
            )
    for words, reason in _REFUSALS.items():
        if not code and words in str(error):
            return StoreUnavailable(
                f"the purse at {where} cannot be used: {reason} ({first_line(error)})", transient=False
            )
    if isinstance(error, psycopg.OperationalError):
        return StoreUnavailable(f"the purse at {where} is away ({first_line(error)})")
    return None


def _version(connection: psycopg.Connection[Any], component: str) -> int:
    if connection.execute("SELECT to_regclass('schema_versions')").fetchall()[0][0] is None:
        return 0
    rows = connection.execute(
        "SELECT coalesce(max(version), 0) FROM schema_versions WHERE component = %s", (component,)
    )
    return int(rows.fetchall()[0][0])


def first_line(error: BaseException) -> str:
    """Return the first line of a message; servers add context below it."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
