"""Works: files that the mind published, kept whole beyond its death, each under an address of its own."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ai.clock import Clock, parse_rfc3339, rfc3339
from ai.mind.database import MindDatabase
from ai.mind.journal import Journal
from ai.people.plain import line, plain

MAX_TITLE_CHARS = 120
MAX_TEXT_CHARS = 65_536  # a file of the workspace holds no more
WORKS_AT_MOST = 1_000  # of all lives: 64 MB at the very most
SLUG_CHARS = 60
_FIELDS = "id, slug, life, author, path, title, text, at, changed_at"
_NO_SLUG = re.compile(r"[^a-z0-9]+")


class WorkRefused(Exception):
    """Something was not published; the message is one line that says what would be right."""


@dataclass(frozen=True, slots=True)
class Work:
    """A published work; `slug` is its address below /works, `at` when it was published first."""

    id: int
    slug: str
    life: int
    author: str
    path: str
    title: str
    text: str
    at: datetime
    changed_at: datetime


class Works:
    """The table of works, for the process that lives; `published` and `by_slug` read it anywhere."""

    def __init__(self, mind: MindDatabase, journal: Journal, clock: Clock) -> None:
        self._mind = mind
        self._journal = journal
        self._clock = clock

    def publish(self, life: int, author: str, title: str, path: str, text: str) -> Work:
        """Publish `text`, or a new version of what this life published from `path`; raises WorkRefused."""
        named, words = self._mind.redact(line(title, MAX_TITLE_CHARS)), self._mind.redact(plain(text, MAX_TEXT_CHARS))
        if not named:
            raise WorkRefused("title: nothing to see in it; name the work")
        if not words:
            raise WorkRefused(f"path: {path} is empty; write the work first")
        now = rfc3339(self._clock.now())
        with self._mind.transaction() as connection:
            known = connection.execute("SELECT id FROM works WHERE life = ? AND path = ?", (life, path)).fetchone()
            if known is None and connection.execute("SELECT count(*) FROM works").fetchone()[0] >= WORKS_AT_MOST:
                raise WorkRefused(f"{WORKS_AT_MOST:,} works are published; publish one of yours anew instead")
            connection.execute(
                "INSERT INTO works (slug, life, author, path, title, text, at, changed_at) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (life, path) DO UPDATE SET "
                "title = excluded.title, text = excluded.text, changed_at = excluded.changed_at",
                (self._free_slug(named), life, author, path, named, words, now, now),
            )
            work = _works(self._mind, "life = ? AND path = ?", life, path)[0]
            self._journal.append("work.published", title=work.title, slug=work.slug, new=known is None)
        return work

    def _free_slug(self, title: str) -> str:
        letters = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
        base = _NO_SLUG.sub("-", letters).strip("-")[:SLUG_CHARS].strip("-") or "work"
        taken = {
            row[0]
            for row in self._mind.connection.execute(
                "SELECT slug FROM works WHERE slug = ? OR slug LIKE ?", (base, f"{base}-%")
            )
        }
        return next(
            slug for n in range(1, WORKS_AT_MOST + 2) if (slug := base if n == 1 else f"{base}-{n}") not in taken
        )


def published(mind: MindDatabase, limit: int, *, before: int | None = None, life: int | None = None) -> list[Work]:
    """Return works, newest first; of `life` alone where it is given."""
    clause = "id < ? AND (? IS NULL OR life = ?) ORDER BY id DESC LIMIT ?"
    return _works(mind, clause, 2**63 - 1 if before is None else before, life, life, limit)


def by_slug(mind: MindDatabase, slug: str) -> Work | None:
    """Return the work under an address, or None."""
    return next(iter(_works(mind, "slug = ?", slug)), None)


def _works(mind: MindDatabase, clause: str, *params: object) -> list[Work]:
    rows = mind.connection.execute(f"SELECT {_FIELDS} FROM works WHERE {clause}", params).fetchall()
    return [_work(row) for row in rows]


def _work(row: Any) -> Work:
    kept = {name: row[name] for name in ("id", "slug", "life", "author", "path", "title", "text")}
    return Work(**kept, at=parse_rfc3339(row["at"]), changed_at=parse_rfc3339(row["changed_at"]))
