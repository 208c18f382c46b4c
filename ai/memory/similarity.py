"""Notices what was said before in other words: thoughts, insights and posts, by meaning where it can, by words else."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ai.clock import rfc3339
from ai.memory.memory import tidy
from ai.memory.words import shared, terms

if TYPE_CHECKING:  # numpy is imported when the first text is embedded
    from collections.abc import Iterable, Sequence
    from sqlite3 import Connection

    from ai.clock import Clock
    from ai.memory.embeddings import Embedder, Vector
    from ai.mind.database import MindDatabase

WINDOW = 100  # sayings looked back on; older ones may be said again
# Cosine of MiniLM: paraphrases of one sentence reach 0.85 and more, different sentences about one thing 0.4 to 0.75.
ALIKE_IN_MEANING = 0.85
ALIKE_IN_WORDS = 0.7  # share of telling words two texts have in common, of all that they have
REST_AFTER = 3  # near-same sayings in a row; the first two are answered with a reason
EXCERPT_CHARS = 120
KEPT_VECTORS = 256  # of the last posts, so that each is embedded once


async def vectors_of(texts: Sequence[str], embedder: Embedder | None) -> list[Vector] | None:
    """Return one vector a text, in order, or None where none can be had: words are compared then."""
    if embedder is None:
        return None
    try:
        return await embedder.embed(texts)
    except Exception:  # noqa: BLE001 - whatever the embedder's fault, words must do; the memory stream tells it
        return None


def nearest(text: str, vector: Vector | None, earlier: Iterable[tuple[str, Vector | None]]) -> tuple[str | None, float]:
    """Return the text of `earlier` that says nearly the same, the most alike of them, and how alike; or None and 0.

    Where both have a vector (of one embedder), meaning decides, else words.
    """
    best, likeness = None, 0.0
    for other, its_vector in earlier:
        if vector is not None and its_vector is not None and vector.shape == its_vector.shape:
            found, needed = float(vector @ its_vector), ALIKE_IN_MEANING
        else:
            found, needed = _shared_words(text, other), ALIKE_IN_WORDS
        if found >= needed and found > likeness:
            best, likeness = other, found
    return best, likeness


class NearSame:
    """Finds among texts that are kept elsewhere the one that says nearly the same; each is embedded once."""

    def __init__(self, embedder: Embedder | None) -> None:
        self._embedder = embedder
        self._vectors: OrderedDict[str, Vector] = OrderedDict()

    async def __call__(self, text: str, others: Sequence[str]) -> str | None:
        """Return the one of `others` that says nearly the same as `text`, or None."""
        wanted = list(dict.fromkeys([text, *others][:KEPT_VECTORS])) if others else []
        missing = [one for one in wanted if one not in self._vectors]
        self._vectors.update(zip(missing, await vectors_of(missing, self._embedder) or (), strict=False))
        found, _likeness = nearest(text, self._vectors.get(text), ((one, self._vectors.get(one)) for one in others))
        while len(self._vectors) > KEPT_VECTORS:
            self._vectors.popitem(last=False)
        return found


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a text was said before: `near` is the earlier one, None where it is new.

    `in_a_row` counts the near-same sayings since the last new one, this one included; 0 where it is new.
    """

    near: str | None
    likeness: float
    in_a_row: int

    @property
    def must_rest(self) -> bool:
        """Whether the mind goes in circles and is to rest, whether it wants to or not."""
        return self.in_a_row >= REST_AFTER

    def refusal(self) -> str | None:
        """Return one line for the mind on why it may not say this, or None where it may."""
        if self.near is None:
            return None
        excerpt = self.near if len(self.near) <= EXCERPT_CHARS else self.near[: EXCERPT_CHARS - 1] + "…"
        return f"you said nearly the same before ({self.likeness:.0%} alike): “{excerpt}”; say something new"


class SimilarityGuard:
    """Sayings of one kind ("thought" …) by one life, or by all (`life` None), and how often they were nearly the same.

    Kept in mind.db, so a restart forgets nothing. Without an embedder, or while it fails, words are compared.
    """

    def __init__(  # noqa: PLR0913 - whose sayings, of which kind, and the rooms they are kept and compared in
        self,
        mind: MindDatabase,
        clock: Clock,
        kind: str,
        embedder: Embedder | None,
        *,
        life: int | None = None,
        window: int = WINDOW,
    ) -> None:
        self._mind, self._clock, self._kind, self._embedder = mind, clock, kind, embedder
        self._life, self._window = life, window

    async def judge(self, text: str) -> Verdict:
        """Return whether `text` is nearly the same as one of the last sayings, keeping nothing."""
        verdict, _vector = await self._compare(tidy(text))
        return verdict

    async def hear(self, text: str) -> Verdict:
        """Judge `text` and keep what follows from it: a new saying, or one more in the row of repetitions."""
        said = tidy(text)
        verdict, vector = await self._compare(said)
        with self._mind.transaction() as connection:
            self._count(verdict.in_a_row)
            if verdict.near is None and said:
                model = None if vector is None or self._embedder is None else self._embedder.name
                blob = None if vector is None else vector.astype("<f4").tobytes()
                connection.execute(
                    "INSERT INTO sayings (kind, life, at, text, model, vector) VALUES (?, ?, ?, ?, ?, ?)",
                    (self._kind, self._life, rfc3339(self._clock.now()), said, model, blob),
                )
                self._forget(connection)
        return verdict

    def in_a_row(self) -> int:
        """Return how many near-same sayings came since the last new one."""
        kept = self._mind.recall(self._counter)
        return int(kept["in_a_row"]) if isinstance(kept, dict) and kept["life"] == self._life else 0

    def must_rest(self) -> bool:
        """Whether the row has grown so long that the mind is to rest."""
        return self.in_a_row() >= REST_AFTER

    def rested(self) -> None:
        """Begin to count anew, after a forced rest."""
        self._count(0)

    def _count(self, in_a_row: int) -> None:
        self._mind.remember(self._counter, {"life": self._life, "in_a_row": in_a_row})

    def _forget(self, connection: Connection) -> None:
        """Delete what fell out of the window, and what lives that ended had said: nobody is compared with it again."""
        connection.execute(
            "DELETE FROM sayings WHERE kind = ? AND (life < ? OR life IS ? AND id <= "
            "(SELECT id FROM sayings WHERE kind = ? AND life IS ? ORDER BY id DESC LIMIT 1 OFFSET ?))",
            (self._kind, self._life, self._life, self._kind, self._life, self._window),
        )

    @property
    def _counter(self) -> str:
        return f"near-same {self._kind}s"

    async def _compare(self, text: str) -> tuple[Verdict, Vector | None]:
        rows = self._mind.connection.execute(
            "SELECT text, model, vector FROM sayings WHERE kind = ? AND life IS ? ORDER BY id DESC LIMIT ?",
            (self._kind, self._life, self._window),
        ).fetchall()
        vector = next(iter(await vectors_of([text], self._embedder) or ()), None) if text else None
        name = None if vector is None or self._embedder is None else self._embedder.name
        kept = ((str(row["text"]), _vector(row["vector"]) if row["model"] == name else None) for row in rows)
        best, likeness = nearest(text, vector, kept)
        return Verdict(best, likeness, 0 if best is None else self.in_a_row() + 1), vector


def _vector(blob: bytes | None) -> Vector | None:
    """Return the vector that was kept."""
    if blob is None:
        return None
    import numpy as np  # noqa: PLC0415 - whoever made the vector to compare it with has loaded it already

    return np.frombuffer(blob, "<f4")


def _shared_words(one: str, other: str) -> float:
    mine, theirs = set(terms(one)), set(terms(other))
    return shared(mine, theirs) if mine and theirs else float(one == other)
