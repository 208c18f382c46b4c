"""The mind's own database, mind.db: journal, schedule, commands, outbox, model health; never money."""

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

from ai.ledger.errors import StoreUnavailable
from ai.ledger.sqlite import check_versions, connect, migrate
from ai.mind.redaction import Redactor

MIGRATIONS = files("ai.mind") / "migrations"


class MindDatabase:
    """One process's connection to mind.db; used from one thread. What people will read is written through `redact`."""

    def __init__(self, connection: sqlite3.Connection, redact: Redactor) -> None:
        self.connection = connection
        self.redact = redact
        self._depth = 0
        self._after: list[Callable[[], None]] = []

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Commit what is written inside as one; an inner transaction is a savepoint of the outer one."""
        begin, commit, rollback = (
            ("BEGIN IMMEDIATE", "COMMIT", "ROLLBACK")
            if self._depth == 0
            else (f"SAVEPOINT s{self._depth}", f"RELEASE s{self._depth}", f"ROLLBACK TO s{self._depth}")
        )
        self.connection.execute(begin)
        self._depth += 1
        waiting = len(self._after)
        try:
            yield self.connection
            if self._depth == 1:
                self.connection.execute(commit)
        except BaseException:
            self._depth -= 1
            del self._after[waiting:]
            if self.connection.in_transaction:  # a full disk makes SQLite roll back by itself
                self.connection.execute(rollback)
            raise
        self._depth -= 1
        if self._depth:
            self.connection.execute(commit)
            return
        told, self._after = self._after, []
        for tell in told:
            tell()

    def when_durable(self, tell: Callable[[], None]) -> None:
        """Call `tell` once what is being written is durable: now, or after the commit; never if it is rolled back."""
        if self._depth:
            self._after.append(tell)
        else:
            tell()

    def remember(self, name: str, value: object) -> None:
        """Keep a small JSON value under `name` (next beat, pause, breaker of a day's first beat …)."""
        self.connection.execute(
            "INSERT INTO schedule (name, data) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET data = excluded.data",
            (name, json.dumps(value)),
        )

    def recall(self, name: str, default: object = None) -> object:
        """Return what `remember` kept under `name`, or `default`."""
        row = self.connection.execute("SELECT data FROM schedule WHERE name = ?", (name,)).fetchone()
        return default if row is None else json.loads(row[0])

    def close(self) -> None:
        """Close the connection; what was committed stays."""
        self.connection.close()


def mind_in(data_dir: Path) -> Path:
    """Return where the mind of a data folder is; raises StoreUnavailable where nobody has lived in it yet."""
    path = data_dir / "mind.db"
    if not path.exists():
        raise StoreUnavailable(f"nobody has lived in {data_dir} yet; `genesis up` or `genesis run 1` begins")
    return path


def open_mind(path: Path, *, read_only: bool = False, secrets: Iterable[str] = ()) -> MindDatabase:
    """Open, and unless `read_only` create and migrate, the database at `path`; no text written there holds `secrets`.

    Raises ai.ledger.errors.NewerSchema, OlderSchema, StoreUnavailable or CorruptStore, each with one line for people.
    """
    connection = connect(path, read_only=read_only)
    if read_only:
        check_versions(connection, "mind", MIGRATIONS, for_reading=True)
    else:
        migrate(connection, "mind", MIGRATIONS)
    return MindDatabase(connection, Redactor(secrets))
