"""What people ask of the daemon: rows that it carries out between steps and acknowledges."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ai.clock import Clock, rfc3339
from ai.mind.database import MindDatabase
from ai.mind.harmless import harmless, harmless_all

WAITING_AT_MOST = 100  # a daemon that carries nothing out must not let rows pile up without end
DATA_AT_MOST_BYTES = 20_000  # a message of the caretaker is a few pages at most
TOKEN = "token"  # noqa: S105 - in a command's data: what names it for good, and is no secret
BEGUN = "begun"  # stands as the result while a command is carried out: it cannot be withdrawn any more

KINDS = frozenset({
    "pause", "resume", "kill", "say", "topup", "run", "approve", "refuse", "sign_in", "reconcile", "forget",
    "restore_self", "unbar", "settle",
    "release_letter", "refuse_letter",
})  # fmt: skip


class CommandRefused(Exception):
    """A command was not taken; the message is one line for people."""


@dataclass(frozen=True, slots=True)
class Command:
    """One thing asked for: `kind` is one of KINDS, `data` its parameters.

    `id` numbers the rows of this mind's database and may begin again with a new one; `token` names the command for
    good, wherever it is written down.
    """

    id: int
    kind: str
    data: Mapping[str, Any]
    token: str


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
        text = json.dumps({TOKEN: secrets.token_hex(16)} | self._kept(data), ensure_ascii=False)
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
            "SELECT id, kind, data, at FROM commands WHERE finished_at IS NULL ORDER BY id LIMIT ?", (WAITING_AT_MOST,)
        ).fetchall()
        found = []
        for number, kind, text, at in rows:
            data = json.loads(text)
            found.append(Command(number, kind, data, data.pop(TOKEN, f"{at}/{number}")))  # older rows have none
        return found

    def waiting_like(self, kind: str, data: Mapping[str, Any]) -> int | None:
        """Return the id of a command that asks for exactly this and waits already, or None."""
        return next((one.id for one in self.pending() if one.kind == kind and one.data == self._kept(data)), None)

    def _kept(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Return a command's parameters as they are written down."""
        kept: dict[str, Any] = self._mind.redact.all_of(harmless_all(dict(data)))
        return kept

    def begin(self, command_id: int) -> bool:
        """Note that a command is carried out from now on; False where it has ended or was withdrawn."""
        return self._change("UPDATE commands SET result = ? WHERE id = ? AND finished_at IS NULL", BEGUN, command_id)

    def withdraw(self, command_id: int) -> bool:
        """Take back a command that nobody waits for any more; False where it was begun or has ended."""
        return self._change(
            "UPDATE commands SET finished_at = ?, ok = 0, result = 'withdrawn' "
            "WHERE id = ? AND finished_at IS NULL AND result IS NULL",
            rfc3339(self._clock.now()), command_id,
        )  # fmt: skip

    def _change(self, sql: str, *params: object) -> bool:
        return self._mind.connection.execute(sql, params).rowcount == 1

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
