"""What people ask of the daemon: rows that it carries out between steps and acknowledges."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ai.clock import Clock, rfc3339
from ai.mind.database import MindDatabase
from ai.mind.harmless import harmless, harmless_all

WAITING_AT_MOST = 100  # a daemon that carries nothing out must not let rows pile up without end
DATA_AT_MOST_BYTES = 20_000  # a message of the caretaker is a few pages at most

KINDS = frozenset({
    "pause", "resume", "kill", "say", "topup", "run", "approve", "refuse", "sign_in", "reconcile", "forget",
    "restore_self", "unbar",
})  # fmt: skip


class CommandRefused(Exception):
    """A command was not taken; the message is one line for people."""


@dataclass(frozen=True, slots=True)
class Command:
    """One thing asked for: `kind` is one of KINDS, `data` its parameters."""

    id: int
    kind: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a command: `ok` None while it waits."""

    ok: bool | None
    result: str


class Commands:
    """The table of commands, from either side: those who ask, and the daemon that acts."""

    def __init__(self, mind: MindDatabase, clock: Clock) -> None:
        self._mind = mind
        self._clock = clock

    def put(self, kind: str, **data: Any) -> int:
        """Ask for `kind` and return the row's id; whoever asks, no secret and nothing a terminal obeys is written.

        Raises CommandRefused where it is unknown, too large, or too many wait already.
        """
        if kind not in KINDS:
            raise CommandRefused(f"command {kind!r} is unknown; one of {', '.join(sorted(KINDS))}")
        text = json.dumps(self._mind.redact.all_of(harmless_all(data)), ensure_ascii=False)
        if len(text.encode()) > DATA_AT_MOST_BYTES:
            raise CommandRefused(f"the command is longer than {DATA_AT_MOST_BYTES} bytes; shorten it")
        with self._mind.transaction() as connection:
            waiting = connection.execute("SELECT count(*) FROM commands WHERE finished_at IS NULL").fetchone()[0]
            if waiting >= WAITING_AT_MOST:
                raise CommandRefused(f"{waiting} commands wait already; is the daemon running? (`genesis up`)")
            row = connection.execute(
                "INSERT INTO commands (at, kind, data) VALUES (?, ?, ?) RETURNING id",
                (rfc3339(self._clock.now()), kind, text),
            ).fetchone()
        return int(row[0])

    def pending(self) -> list[Command]:
        """Return what waits, oldest first."""
        rows = self._mind.connection.execute(
            "SELECT id, kind, data FROM commands WHERE finished_at IS NULL ORDER BY id LIMIT ?", (WAITING_AT_MOST,)
        )
        return [Command(row[0], row[1], json.loads(row[2])) for row in rows.fetchall()]

    def finish(self, command_id: int, *, ok: bool, result: str) -> None:
        """Acknowledge a command with one line; a second acknowledgement changes nothing."""
        self._mind.connection.execute(
            "UPDATE commands SET finished_at = ?, ok = ?, result = ? WHERE id = ? AND finished_at IS NULL",
            (rfc3339(self._clock.now()), int(ok), self._mind.redact(harmless(result)), command_id),
        )

    def answer(self, command_id: int) -> Answer:
        """Return what became of a command."""
        row = self._mind.connection.execute(
            "SELECT ok, result FROM commands WHERE id = ? AND finished_at IS NOT NULL", (command_id,)
        ).fetchone()
        return Answer(None, "") if row is None else Answer(bool(row[0]), row[1] or "")
