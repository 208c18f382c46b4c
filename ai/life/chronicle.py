"""All lives in one table of mind.db, made from their files: who lived, for how long, and how it ended."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ai.life.file import FACTS, FORMAT
from ai.life.fragments import End
from ai.life.storage import LifeFileBroken, Tables, peek
from ai.memory.archive import Archive
from ai.memory.memory import from_document
from ai.mind.database import MindDatabase

_TRACE = re.compile(r"^(\d{4,9})\.json(\.previous|\.corrupt-\d+|\.previous\.corrupt-\d+)?$")


def life_path(folder: Path, number: int) -> Path:
    """Return where life `number` is kept under `DATA_DIR/lives`."""
    return folder / f"{number:04d}.json"


def numbers_in(folder: Path) -> list[int]:
    """Return the numbers that life files, or kept copies of them, stand for, sorted."""
    if not folder.is_dir():
        return []
    return sorted({int(match[1]) for path in folder.iterdir() if (match := _TRACE.match(path.name))})


def lost(number: int, now: str) -> dict[str, Any]:
    """Return the facts of a life whose file was broken and of which nothing else is known."""
    return {
        "format": FORMAT, "number": number, "name": f"(lost life {number})", "pronoun": "they", "born_at": now,
        "beats": 0, "state": "dead", "cause": "its file was broken and nothing else knew it",
        "end": End.LOST.value, "died_at": now, "rebirth_at": now, "awaits_money": None,
    }  # fmt: skip


class Chronicle:
    """The table of lives. Writing is for the daemon; reading works on a read-only mind."""

    def __init__(self, mind: MindDatabase) -> None:
        self._mind = mind
        self._archive = Archive(mind)

    def put(self, facts: Mapping[str, Any]) -> None:
        """Write what a life's file says of it."""
        self._mind.connection.execute(
            "INSERT INTO lives (number, name, state, data) VALUES (?, ?, ?, ?) "
            "ON CONFLICT (number) DO UPDATE SET name = excluded.name, state = excluded.state, data = excluded.data",
            (facts["number"], facts["name"], facts["state"], json.dumps(facts, ensure_ascii=False)),
        )

    def get(self, number: int) -> dict[str, Any] | None:
        """Return what is known of a life, or None."""
        row = self._mind.connection.execute("SELECT data FROM lives WHERE number = ?", (number,)).fetchone()
        return None if row is None else dict(json.loads(row[0]))

    def all(self) -> list[dict[str, Any]]:
        """Return what is known of each life, by number."""
        return [
            dict(json.loads(row[0])) for row in self._mind.connection.execute("SELECT data FROM lives ORDER BY number")
        ]

    def newest(self, limit: int, before: int | None) -> list[dict[str, Any]]:
        """Return what is known of up to `limit` lives, newest first, below number `before` where it is given."""
        rows = self._mind.connection.execute(
            "SELECT data FROM lives WHERE number < COALESCE(?, number + 1) ORDER BY number DESC LIMIT ?",
            (before, limit),
        )
        return [dict(json.loads(row[0])) for row in rows]

    def names(self) -> list[str]:
        """Return the names of all lives, living and dead, by number."""
        return [row[0] for row in self._mind.connection.execute("SELECT name FROM lives ORDER BY number")]

    def last(self) -> int:
        """Return the highest number known here, 0 where there is none."""
        return int(self._mind.connection.execute("SELECT coalesce(max(number), 0) FROM lives").fetchone()[0])

    def mend(self, folder: Path, now: str) -> None:
        """Take in the lives whose end this table missed: a crash, or a mind.db that was lost, came between."""
        ended = {row[0] for row in self._mind.connection.execute("SELECT number FROM lives WHERE state = 'dead'")}
        last = max([self.last(), *numbers_in(folder)])
        for number in numbers_in(folder):
            if number not in ended and number != last:
                try:
                    self.take_in(number, peek(life_path(folder, number)))
                except LifeFileBroken:  # it is left as it is; the chain of numbers stays whole
                    self.put(self.get(number) or lost(number, now))

    def take_in(self, number: int, tables: Tables) -> None:
        """Write a closed life's facts and the memories in its file."""
        with self._mind.transaction():
            self.put(tables["life"][str(FACTS)])
            self._archive.put(
                from_document(number, int(key), document) for key, document in tables.get("memories", {}).items()
            )
