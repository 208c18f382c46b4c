"""A life's page of who it is, every version of it: written by the mind, read and taken back by people."""

import difflib
from dataclasses import dataclass
from datetime import datetime

from ai.clock import parse_rfc3339, rfc3339
from ai.memory.memory import MAX_MEMORY_CHARS
from ai.mind.database import MindDatabase

MAX_PAGE_CHARS = MAX_MEMORY_CHARS  # what a prompt can carry of it, twice over
MAX_VERSIONS = 500  # of one life; the oldest but the first goes when there are more


@dataclass(frozen=True, slots=True)
class Page:
    """One version: its number from 1 within its life, when, why, and the text."""

    life: int
    version: int
    at: datetime
    reason: str
    text: str


class NoSuchVersion(LookupError):
    """A version of the page was asked for that does not exist."""


class SelfPages:
    """The versions in mind.db; the newest also stands in the life's file. Reading works on a read-only mind."""

    def __init__(self, mind: MindDatabase) -> None:
        self._mind = mind

    def add(self, life: int, text: str, reason: str, at: datetime) -> Page:
        """Keep `text` as the next version; the same text as the newest is that one still."""
        with self._mind.transaction() as connection:
            newest = self.newest(life)
            if newest is not None and newest.text == text:
                return newest
            version = 1 if newest is None else newest.version + 1
            connection.execute(
                "INSERT INTO self_pages (life, version, at, reason, text) VALUES (?, ?, ?, ?, ?)",
                (life, version, rfc3339(at), reason, text),
            )
            connection.execute(
                "DELETE FROM self_pages WHERE life = ? AND version BETWEEN 2 AND ?", (life, version - MAX_VERSIONS)
            )
        return Page(life, version, at, reason, text)

    def newest(self, life: int) -> Page | None:
        """Return the page as it stands, or None where it was never written."""
        row = self._mind.connection.execute("SELECT max(version) FROM self_pages WHERE life = ?", (life,)).fetchone()
        return None if row[0] is None else self.get(life, row[0])

    def get(self, life: int, version: int) -> Page:
        """Return one version; raises NoSuchVersion."""
        found = [page for page in self.log(life) if page.version == version]
        if not found:
            raise NoSuchVersion(f"life #{life} has no version {version} of its page; see: genesis memory log")
        return found[0]

    def log(self, life: int) -> list[Page]:
        """Return all versions, oldest first."""
        rows = self._mind.connection.execute(
            "SELECT life, version, at, reason, text FROM self_pages WHERE life = ? ORDER BY version", (life,)
        )
        return [Page(row[0], row[1], parse_rfc3339(row[2]), row[3], row[4]) for row in rows]


def difference(before: Page | None, after: Page) -> list[str]:
    """Return the unified diff from one version to a later one, without its header lines, a line an entry."""
    old = before.text.splitlines() if before is not None else []
    return list(difflib.unified_diff(old, after.text.splitlines(), lineterm="", n=1))[2:]
