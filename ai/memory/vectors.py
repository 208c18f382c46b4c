"""A life's memories as rows of one matrix, so that what comes to mind is found fast; NumPy only when used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ai.memory.memory import MAX_IMPORTANCE, Kind, Memory
from ai.memory.scoring import DECAY_AN_HOUR

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from ai.memory.archive import Archive
    from ai.memory.scoring import Weights

    Vector = NDArray[np.float32]

FIRST_ROOM = 256  # rows; doubled whenever they are used up
SECONDS_AN_HOUR = 3_600.0
_KINDS = {kind: number for number, kind in enumerate(Kind)}


class VectorIndex:
    """All memories of a life, in the file and archived, with their vectors by one embedder where they have them.

    Read from the archive when first asked. Memory: 1.6 kB a memory of 384 dimensions; the room ahead takes none.
    """

    def __init__(self, archive: Archive, life: int, model: str) -> None:
        import numpy as np  # noqa: PLC0415 - see the first line

        self._numpy = np
        self._archive, self._life, self._model = archive, life, model
        self._rows: dict[int, int] = {}
        self._ids = np.zeros(FIRST_ROOM, np.int64)
        self._times = np.zeros(FIRST_ROOM, np.float64)
        self._ratings = np.zeros(FIRST_ROOM, np.float32)
        self._kinds = np.zeros(FIRST_ROOM, np.int8)
        self._known = np.zeros(FIRST_ROOM, np.bool_)
        self._matrix: Vector | None = None
        for row, blob in archive.with_vectors(life, model):
            self.add(row.memory)
            if blob is not None:
                self._place(row.memory.id, np.frombuffer(blob, "<f4"))

    def add(self, memory: Memory) -> None:
        """Take in a memory; its vector may come later."""
        row = self._rows.setdefault(memory.id, len(self._rows))
        if row == len(self._ids):
            self._grow()
        self._ids[row] = memory.id
        self._times[row] = memory.at.timestamp()
        self._ratings[row] = (memory.importance - 1) / (MAX_IMPORTANCE - 1)
        self._kinds[row] = _KINDS[memory.kind]

    def without_vector(self, limit: int) -> list[int]:
        """Return the ids of up to `limit` memories that have no vector yet, newest first."""
        missing = self._numpy.flatnonzero(~self._known[: len(self._rows)])
        return [int(number) for number in sorted(self._ids[missing], reverse=True)[:limit]]

    def keep(self, vectors: Mapping[int, Vector]) -> None:
        """Take the vectors of memories, by id, and write them into the archive."""
        little = {number: self._numpy.asarray(vector, "<f4") for number, vector in vectors.items()}
        self._archive.put_vectors(self._life, self._model, {n: vector.tobytes() for n, vector in little.items()})
        for number, vector in little.items():
            self._place(number, vector)

    def best(  # noqa: PLR0913 - query, words, time, weights and bounds are all there is to a retrieval
        self,
        query: Vector,
        words: Mapping[int, float],
        *,
        now: float,
        weights: Weights,
        kinds: Collection[Kind],
        k: int,
    ) -> list[int]:
        """Return the ids of the `k` memories (of `kinds`; empty: all) with the highest score, best first.

        `query` is a vector of length 1, `words` the BM25 scores by id, `now` in seconds since 1970. The score is
        `scoring.score`, worked out for all rows at once; equal ones are ordered newest first.
        """
        np, count = self._numpy, len(self._rows)
        if count == 0:
            return []
        ages = np.maximum(0.0, now - self._times[:count]) / SECONDS_AN_HOUR
        score = weights.recency * np.power(np.float32(DECAY_AN_HOUR), ages.astype(np.float32))
        score += weights.importance * self._ratings[:count]
        score += weights.relevance * self._relevance(query, words, weights)
        if kinds:
            allowed = np.isin(self._kinds[:count], [_KINDS[kind] for kind in kinds])
            score = np.where(allowed, score, -np.inf)
        order = np.argpartition(-score, min(k, count) - 1)[:k] if k < count else np.arange(count)
        order = order[np.lexsort((-self._ids[order], -score[order]))]
        return [int(self._ids[row]) for row in order if score[row] > -np.inf]

    def _relevance(self, query: Vector, words: Mapping[int, float], weights: Weights) -> Vector:
        np, count = self._numpy, len(self._rows)
        meant = np.zeros(count, np.float32)
        known = self._known[:count]
        if self._matrix is not None and known.any():
            # einsum runs on this thread alone: on a busy machine BLAS waits for its others, 30 ms against 2 at 20,000
            alike = np.einsum("ij,j->i", self._matrix[:count], query)
            low, high = float(alike[known].min()), float(alike[known].max())
            meant = np.where(known, (alike - low) / max(high - low, 1e-9), 0.0).astype(np.float32)
        said = np.zeros(count, np.float32)
        top = max(words.values(), default=0.0)
        for number, value in words.items():
            if top > 0 and number in self._rows:
                said[self._rows[number]] = value / top
        both: Vector = weights.meaning * meant + (1 - weights.meaning) * said
        return both / max(float(both.max()), 1e-9)

    def _place(self, number: int, vector: Vector) -> None:
        if self._matrix is None:
            self._matrix = self._numpy.zeros((len(self._ids), len(vector)), self._numpy.float32)
        row = self._rows.get(number)
        if row is not None and vector.shape == self._matrix.shape[1:]:
            self._matrix[row] = vector
            self._known[row] = True

    def _grow(self) -> None:
        def doubled(array: Any) -> Any:
            wider = self._numpy.zeros((2 * len(array), *array.shape[1:]), array.dtype)  # no memory until it is written
            wider[: len(array)] = array
            return wider

        self._ids, self._times, self._ratings = doubled(self._ids), doubled(self._times), doubled(self._ratings)
        self._kinds, self._known = doubled(self._kinds), doubled(self._known)
        if self._matrix is not None:
            self._matrix = doubled(self._matrix)
