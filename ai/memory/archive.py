"""Memories in mind.db: every one's words and vectors for search, and whole what has left the life file."""

import json
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from random import Random

from ai.clock import parse_rfc3339, rfc3339
from ai.memory.memory import Kind, Memory, Origin
from ai.memory.words import match_any
from ai.mind.database import MindDatabase

_COLUMNS = "m.key, m.life, m.id, m.at, m.kind, m.importance, m.text, m.sources, m.origin, m.archived_at, m.folded_into"
MAX_IDS = 500  # ids in one statement; SQLite's own limit is far above


@dataclass(frozen=True, slots=True)
class Row:
    """A memory as mind.db holds it; `archived` where it is no longer in its life's file."""

    key: int
    memory: Memory
    archived: bool
    folded_into: int | None


class Archive:
    """The memories of all lives in mind.db. Writing is for the daemon; reading works on a read-only mind."""

    def __init__(self, mind: MindDatabase) -> None:
        self._mind = mind

    def put(self, memories: Iterable[Memory]) -> None:
        """Write memories that are in a life file; one that is known already stays as it is."""
        with self._mind.transaction() as connection:
            connection.executemany(
                "INSERT INTO memories (life, id, at, kind, importance, text, sources, origin) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (life, id) DO NOTHING",
                [_values(memory) for memory in memories],
            )

    def fold(self, life: int, ids: Collection[int], summary: int, at: datetime) -> None:
        """Mark memories as no longer in the file: `summary` stands there for them."""
        with self._mind.transaction() as connection:
            connection.executemany(
                "UPDATE memories SET archived_at = ?, folded_into = ? WHERE life = ? AND id = ?",
                [(rfc3339(at), summary, life, number) for number in ids],
            )

    def unfold(self, life: int, ids: Collection[int]) -> None:
        """Mark memories as in the file: a crash came between archiving them and saving the file."""
        with self._mind.transaction() as connection:
            connection.executemany(
                "UPDATE memories SET archived_at = NULL, folded_into = NULL WHERE life = ? AND id = ?",
                [(life, number) for number in ids],
            )

    def drop(self, life: int, ids: Collection[int]) -> None:
        """Delete memories with their words and vectors."""
        with self._mind.transaction() as connection:
            connection.executemany("DELETE FROM memories WHERE life = ? AND id = ?", [(life, number) for number in ids])

    def drop_vectors(self, life: int) -> None:
        """Delete the vectors of a life that has ended: its words stay searchable, and 1.5 kB a memory is freed."""
        self._mind.connection.execute(
            "DELETE FROM memory_vectors WHERE key IN (SELECT key FROM memories WHERE life = ?)", (life,)
        )

    def get(self, life: int, ids: Collection[int]) -> list[Row]:
        """Return those of the memories that exist, in the order of their ids; at most MAX_IDS are asked for."""
        asked = sorted(set(ids))[:MAX_IDS]
        return self._rows(f"m.life = ? AND m.id IN ({','.join('?' * len(asked))}) ORDER BY m.id", (life, *asked))

    def of_life(self, life: int, *, archived: bool | None = None) -> list[Row]:
        """Return a life's memories in order, all or only those (not) in its file."""
        where = {None: "", True: " AND m.archived_at IS NOT NULL", False: " AND m.archived_at IS NULL"}[archived]
        return self._rows(f"m.life = ?{where} ORDER BY m.id", (life,))

    def of_kind(self, life: int, kind: Kind, newest: int = -1) -> list[Memory]:
        """Return a life's memories of one kind, in order; only so many of the newest where that is said."""
        rows = self._rows("m.life = ? AND m.kind = ? ORDER BY m.id DESC LIMIT ?", (life, kind.value, newest))
        return [row.memory for row in reversed(rows)]

    def most_important(self, life: int, kinds: Collection[Kind], limit: int) -> list[Memory]:
        """Return the `limit` most important memories of these kinds, older ones first where they are alike, by id."""
        rows = self._rows(
            f"m.life = ? AND m.kind IN ({','.join('?' * len(kinds))}) ORDER BY m.importance DESC, m.id LIMIT ?",
            (life, *[kind.value for kind in kinds], limit),
        )
        return sorted((row.memory for row in rows), key=lambda memory: memory.id)

    def count_kind(self, life: int, kind: Kind) -> int:
        """Return how many memories of one kind a life has formed and not forgotten."""
        row = self._mind.connection.execute(
            "SELECT count(*) FROM memories WHERE life = ? AND kind = ?", (life, kind.value)
        ).fetchone()
        return int(row[0])

    def ids(self, life: int, *, archived: bool) -> set[int]:
        """Return the ids of a life's memories that are (not) in its file."""
        found = self._mind.connection.execute(
            "SELECT id FROM memories WHERE life = ? AND (archived_at IS NOT NULL) = ?", (life, archived)
        )
        return {row[0] for row in found}

    def last_id(self, life: int) -> int:
        """Return the highest id that a memory of the life has here, 0 where there is none."""
        row = self._mind.connection.execute("SELECT coalesce(max(id), 0) FROM memories WHERE life = ?", (life,))
        return int(row.fetchone()[0])

    def match(self, text: str, limit: int, life: int | None = None) -> list[tuple[Row, float]]:
        """Return memories that share words with `text` and their BM25 score (higher is better), best first."""
        query = match_any(text)
        if query is None:
            return []
        found = self._mind.connection.execute(
            f"SELECT {_COLUMNS}, -bm25(memory_words) FROM memory_words JOIN memories m ON m.key = memory_words.rowid "
            "WHERE memory_words MATCH ? AND (? IS NULL OR m.life = ?) ORDER BY bm25(memory_words), m.key DESC LIMIT ?",
            (query, life, life, limit),
        )
        return [(_row(row), float(row[-1])) for row in found]

    def scores(self, text: str, limit: int, life: int) -> dict[int, float]:
        """Return {id: BM25 score} of the life's `limit` memories that share the most telling words with `text`.

        A life's keys begin where the life did, so the search skips all that came before it.
        """
        query = match_any(text)
        first = self._mind.connection.execute("SELECT min(key) FROM memories WHERE life = ?", (life,)).fetchone()[0]
        if query is None or first is None:
            return {}
        found = self._mind.connection.execute(
            "SELECT m.id, hit.score FROM (SELECT rowid AS key, -rank AS score FROM memory_words "
            "WHERE memory_words MATCH ? AND rowid >= ? ORDER BY rank LIMIT ?) AS hit "
            "JOIN memories m ON m.key = hit.key WHERE m.life = ?",
            (query, first, limit, life),
        )
        return {row[0]: float(row[1]) for row in found}

    def with_vectors(self, life: int, model: str) -> Iterator[tuple[Row, bytes | None]]:
        """Return a life's memories in order, each with its vector by `model` where it has one."""
        found = self._mind.connection.execute(
            f"SELECT {_COLUMNS}, v.vector FROM memories m LEFT JOIN memory_vectors v ON v.key = m.key AND v.model = ? "
            "WHERE m.life = ? ORDER BY m.id",
            (model, life),
        )
        return ((_row(row), row["vector"]) for row in found)

    def put_vectors(self, life: int, model: str, vectors: Mapping[int, bytes]) -> None:
        """Write vectors of memories by id (float32, little-endian); of those that are gone they are dropped."""
        with self._mind.transaction() as connection:
            connection.executemany(
                "INSERT OR REPLACE INTO memory_vectors (key, model, vector) "
                "SELECT key, ?, ? FROM memories WHERE life = ? AND id = ?",
                [(model, vector, life, number) for number, vector in vectors.items()],
            )

    def lives_with(self, kinds: Collection[Kind], before: int) -> list[int]:
        """Return the numbers of lives before `before` that have memories of these kinds."""
        found = self._mind.connection.execute(
            f"SELECT DISTINCT life FROM memories WHERE life < ? AND kind IN ({','.join('?' * len(kinds))}) "
            "ORDER BY life",
            (before, *[kind.value for kind in kinds]),
        )
        return [row[0] for row in found]

    def any_of(self, life: int, kinds: Collection[Kind], rng: Random) -> Memory:
        """Return a random memory of the life among `kinds`; raises IndexError where it has none."""
        keys = self._mind.connection.execute(
            f"SELECT key FROM memories WHERE life = ? AND kind IN ({','.join('?' * len(kinds))}) ORDER BY key",
            (life, *[kind.value for kind in kinds]),
        ).fetchall()
        return self._rows("m.key = ?", (rng.choice(keys)[0],))[0].memory

    def _rows(self, where: str, parameters: Sequence[object]) -> list[Row]:
        found = self._mind.connection.execute(f"SELECT {_COLUMNS} FROM memories m WHERE {where}", parameters)
        return [_row(row) for row in found]


def _values(memory: Memory) -> tuple[object, ...]:
    origin = memory.document().get("origin")
    return (
        memory.life,
        memory.id,
        rfc3339(memory.at),
        memory.kind.value,
        memory.importance,
        memory.text,
        json.dumps(memory.sources),
        json.dumps(origin) if origin else None,
    )


def _row(row: sqlite3.Row) -> Row:
    origin = json.loads(row["origin"]) if row["origin"] else None
    memory = Memory(
        life=row["life"],
        id=row["id"],
        at=parse_rfc3339(row["at"]),
        kind=Kind(row["kind"]),
        text=row["text"],
        importance=row["importance"],
        sources=tuple(json.loads(row["sources"])),
        origin=Origin(origin["life"], origin["memory"]) if origin else None,
    )
    return Row(row["key"], memory, row["archived_at"] is not None, row["folded_into"])
