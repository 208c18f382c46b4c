"""The memory stream of one life: what is added, what is recent, and what comes to mind."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ai.memory import condensing
from ai.memory.archive import Archive
from ai.memory.memory import USUAL_IMPORTANCE, Kind, Memory, Origin, clamp_importance, from_document, tidy
from ai.memory.scoring import Weights, score
from ai.memory.similarity import SimilarityGuard
from ai.memory.vectors import VectorIndex

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from datetime import datetime

    from ai.clock import Clock
    from ai.memory.embeddings import Embedder, Vector
    from ai.memory.working_file import WorkingFile
    from ai.mind.database import MindDatabase
    from ai.mind.journal import Journal

TABLE = "memories"
WORKING_SET = 2_000  # memories in the life file at most, the default of MEMORY_WORKING_SET
HEADROOM = 20  # a beat adds fewer
EMBEDDED_AT_ONCE = 32  # memories that get their vector with a query: 0.2 s by MiniLM, one small paid call
EMBED_RETRY_SECONDS = 600.0
UNASKED_CANDIDATES = 50  # newest and most important memories that count where no word is shared
WORD_CANDIDATES = 200  # memories that words alone may bring up; what is wanted is among the first eight


class MemoryStream:
    """Memories of the living life. Each is durable when `add` returns, or at the end of the file's `together`."""

    def __init__(  # noqa: PLR0913 - file, database and clock are handed in, and the bound is a setting
        self,
        file: WorkingFile,
        mind: MindDatabase,
        journal: Journal,
        clock: Clock,
        *,
        life: int,
        working_set: int = WORKING_SET,
        embedder: Embedder | None = None,
    ) -> None:
        self.life = life
        self._file = file
        self._archive = Archive(mind)
        self._journal = journal
        self._clock = clock
        self._weights = Weights()
        self._room = working_set
        self._embedder = embedder
        self._index: VectorIndex | None = None
        self._embed_again = 0.0  # in monotonic seconds: not to wait for a lost embedder at every beat
        self._told_words = False
        self.insights = SimilarityGuard(mind, clock, "insight", embedder, life=life)
        self._working = {
            number: from_document(life, number, document) for number, document in sorted(file.documents(TABLE).items())
        }
        self._mend()
        self._last = max(
            [self._archive.last_id(life), int(file.facts().get("last_memory", 0)), *self._working], default=0
        )

    def __len__(self) -> int:
        """Return how many memories the life file holds."""
        return len(self._working)

    def add(
        self,
        text: str,
        kind: Kind = Kind.OBSERVATION,
        importance: int | None = None,
        sources: Collection[int] = (),
        origin: Origin | None = None,
    ) -> Memory:
        """Remember `text` (cut to MAX_MEMORY_CHARS), with an importance of 1 to 10; None: what is usual for its kind.

        `sources` are the ids of the memories it rests on, `origin` the past life's memory that a fragment echoes.
        Raises ValueError for a text without a character to see.
        """
        tidied = tidy(text)
        if not tidied:
            raise ValueError(f"nothing to remember: {text[:40]!r} has no character to see; give a sentence")
        if len(self._working) >= self._room:  # `settle` keeps it below; a beat that adds without end must not break it
            self.fold(condensing.group(list(self._working.values())), None)
        rating = USUAL_IMPORTANCE[kind] if importance is None else clamp_importance(importance)
        memory = Memory(
            self.life, self._last + 1, self._clock.now(), kind, tidied, rating, tuple(sorted(set(sources))), origin
        )
        self._last = memory.id
        self._working[memory.id] = memory
        self._file.put(TABLE, memory.id, memory.document())
        self._archive.put([memory])
        if self._index is not None:
            self._index.add(memory)
        return memory

    def recent(self, n: int, kind: Kind | Collection[Kind] | None = None) -> list[Memory]:
        """Return the last `n` memories (of that kind) in the order they were formed."""
        kinds = {kind} if isinstance(kind, Kind) else set(kind or Kind)
        found = [memory for memory in reversed(self._working.values()) if memory.kind in kinds]
        return found[:n][::-1]

    def get(self, number: int) -> Memory | None:
        """Return the memory with this id, from the file or the archive, or None."""
        if number in self._working:
            return self._working[number]
        found = self._archive.get(self.life, [number])
        return found[0].memory if found else None

    async def retrieve(self, query: str, k: int = 8, kinds: Collection[Kind] = ()) -> list[Memory]:
        """Return the `k` memories (of these kinds) that matter most to `query`, best first.

        By meaning and words where an embedder is there, by words alone while it is not; from file and archive alike.
        """
        words = self._archive.scores(query, WORD_CANDIDATES, self.life)
        vector = await self._embed(query)
        if vector is not None and self._index is not None:
            best = self._index.best(
                vector, words, now=self._clock.now().timestamp(), weights=self._weights, kinds=kinds, k=k
            )
            found = self._many(best)
            return [found[number] for number in best if number in found]
        return self._by_words(words, k, kinds)

    def weigh(self, weights: Weights) -> None:
        """Rank by other weights from now on; the usual ones are `scoring.Weights()`."""
        self._weights = weights

    def forget(self, number: int, by: str = "the mind") -> bool:
        """Delete a memory from the file, the archive and the search; return whether there was one."""
        known = number in self._working or bool(self._archive.get(self.life, [number]))
        if known:
            self._working.pop(number, None)
            with self._file.together():
                self._file.drop(TABLE, [number])
                self._file.state(last_memory=self._last)
            self._archive.drop(self.life, [number])
            self._index = None  # it is read anew at the next retrieval
            self._journal.append("memory.forgotten", memory=number, by=by)
        return known

    def now(self) -> datetime:
        """Return the time, as this stream's clock has it."""
        return self._clock.now()

    def born_at(self) -> datetime:
        """Return when the oldest memory of the file was formed; now, where there is none."""
        first = next(iter(self._working.values()), None)
        return first.at if first is not None else self._clock.now()

    def tell_insights(self, insights: Sequence[Memory]) -> None:
        """Journal what was understood, with the evidence of each."""
        for insight in insights:
            self._journal.append(
                "memory.reflected", text=insight.text, memory=insight.id, because=list(insight.sources)
            )

    def to_fold(self) -> list[Memory]:
        """Return the memories that should make room for a summary of them; none while there is room."""
        return condensing.group(list(self._working.values())) if len(self._working) > self._room - HEADROOM else []

    def state(self, name: str) -> dict[str, Any] | None:
        """Return what `keep_state` kept in the life's file, or None."""
        kept = self._file.facts().get(name)
        return dict(kept) if isinstance(kept, dict) else None

    def keep_state(self, name: str, value: Mapping[str, Any]) -> None:
        """Keep a small JSON object in the life's file."""
        self._file.state(**{name: dict(value)})

    def together(self) -> AbstractContextManager[None]:
        """Save the file once, at the end, for all that is added inside."""
        return self._file.together()

    def fold(self, memories: Sequence[Memory], summary: str | None) -> None:
        """Put one summary in the place of `memories`: first whole into the archive, then out of the file."""
        if not memories:
            return
        folded = [memory.id for memory in memories]
        told = Memory(
            self.life,
            self._last + 1,
            self._clock.now(),
            Kind.SUMMARY,
            tidy(summary or condensing.by_rule(memories)),
            condensing.rating(memories),
            tuple(folded),
        )
        self._archive.put([told])
        self._archive.fold(self.life, folded, told.id, told.at)
        self._last = told.id
        with self._file.together():
            self._file.drop(TABLE, folded)
            self._file.put(TABLE, told.id, told.document())
        for number in folded:
            del self._working[number]
        self._working[told.id] = told
        if self._index is not None:
            self._index.add(told)
        self._journal.append("memory.condensed", count=len(folded), memory=told.id, by="model" if summary else "rule")

    async def _embed(self, query: str) -> Vector | None:
        """Return the query's vector, having given vectors to some memories that lacked them; None: words must do."""
        if self._embedder is None or self._clock.monotonic() < self._embed_again:
            return None
        if self._index is None:
            self._index = VectorIndex(self._archive, self.life, self._embedder.name)
        missing = self._many(self._index.without_vector(EMBEDDED_AT_ONCE))
        try:
            vectors = await self._embedder.embed([tidy(query) or " ", *[memory.text for memory in missing.values()]])
        except Exception as error:  # noqa: BLE001 - whatever the embedder's fault, words still find
            if not self._told_words:
                self._journal.append("memory.by_words", problem=str(error) or type(error).__name__)
                self._told_words = True
            self._embed_again = self._clock.monotonic() + EMBED_RETRY_SECONDS
            return None
        self._told_words = False
        if missing:
            self._index.keep(dict(zip(missing, vectors[1:], strict=True)))
        return vectors[0]

    def _many(self, numbers: Collection[int]) -> dict[int, Memory]:
        """Return memories by id, from the file and the archive; those that are gone are left out."""
        found = {number: self._working[number] for number in numbers if number in self._working}
        rest = [number for number in numbers if number not in found]
        if rest:
            found |= {row.memory.id: row.memory for row in self._archive.get(self.life, rest)}
        return found

    def _by_words(self, words: Mapping[int, float], k: int, kinds: Collection[Kind]) -> list[Memory]:
        top = max(words.values(), default=0.0)
        newest = list(self._working)[-UNASKED_CANDIDATES:]
        important = heapq.nlargest(UNASKED_CANDIDATES, self._working.values(), key=lambda m: (m.importance, m.id))
        candidates = self._many({*words, *newest, *[memory.id for memory in important]})
        now = self._clock.now()

        def rank(memory: Memory) -> tuple[float, int]:
            relevance = words.get(memory.id, 0.0) / top if top > 0 else 0.0
            return score((now - memory.at).total_seconds(), memory.importance, relevance, self._weights), memory.id

        allowed = [memory for memory in candidates.values() if not kinds or memory.kind in kinds]
        return heapq.nlargest(k, allowed, key=rank)

    def _mend(self) -> None:
        """Make mind.db agree with the file after a crash between the two: the file is right about what it holds."""
        indexed = self._archive.ids(self.life, archived=False)
        self._archive.unfold(self.life, self._archive.ids(self.life, archived=True) & self._working.keys())
        self._archive.drop(self.life, indexed - self._working.keys())
        self._archive.put(memory for number, memory in self._working.items() if number not in indexed)
