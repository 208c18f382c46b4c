"""The memory stream of one life: what is added, what is recent, and what comes to mind."""

from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol

from ai.clock import Clock
from ai.journal import Journal
from ai.memory.archive import Archive
from ai.memory.memory import USUAL_IMPORTANCE, Kind, Memory, Origin, clamp_importance, from_document, tidy
from ai.memory.scoring import Weights, score
from ai.mind import Mind

TABLE = "memories"
WORD_CANDIDATES = 200  # memories that words alone may bring up; what is wanted is among the first eight


class WorkingFile(Protocol):
    """The life file, as far as memory knows it; `ai.life.file.LifeFile` is one."""

    def facts(self) -> dict[str, Any]:
        """Return the life's own document."""
        ...

    def state(self, **facts: Any) -> None:
        """Write into the life's own document."""
        ...

    def documents(self, name: str) -> dict[int, Mapping[str, Any]]:
        """Return a table's documents by number."""
        ...

    def put(self, name: str, number: int, document: Mapping[str, Any]) -> None:
        """Write a document under its number."""
        ...

    def drop(self, name: str, numbers: Collection[int]) -> None:
        """Delete documents."""
        ...

    def together(self) -> AbstractContextManager[None]:
        """Save what is written inside as one."""
        ...


class MemoryStream:
    """Memories of the living life. Each is durable when `add` returns, or at the end of the file's `together`."""

    def __init__(self, file: WorkingFile, mind: Mind, journal: Journal, clock: Clock, *, life: int) -> None:
        self.life = life
        self._file = file
        self._archive = Archive(mind)
        self._journal = journal
        self._clock = clock
        self._weights = Weights()
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
        rating = USUAL_IMPORTANCE[kind] if importance is None else clamp_importance(importance)
        memory = Memory(
            self.life, self._last + 1, self._clock.now(), kind, tidied, rating, tuple(sorted(set(sources))), origin
        )
        self._last = memory.id
        self._working[memory.id] = memory
        self._file.put(TABLE, memory.id, memory.document())
        self._archive.put([memory])
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
        """Return the `k` memories (of these kinds) that matter most to `query`, best first."""
        relevance = self._archive.scores(query, WORD_CANDIDATES, self.life)
        best = max(relevance.values(), default=0.0)
        now = self._clock.now()
        archived = [row.memory for row in self._archive.get(self.life, relevance.keys() - self._working.keys())]
        scored = [
            (
                score(
                    (now - memory.at).total_seconds(),
                    memory.importance,
                    relevance.get(memory.id, 0.0) / best if best > 0 else 0.0,
                    self._weights,
                ),
                memory.id,
                memory,
            )
            for memory in (*self._working.values(), *archived)
            if not kinds or memory.kind in kinds
        ]
        return [memory for _score, _id, memory in sorted(scored, reverse=True)[:k]]

    def forget(self, number: int, by: str = "the mind") -> bool:
        """Delete a memory from the file, the archive and the search; return whether there was one."""
        known = number in self._working or bool(self._archive.get(self.life, [number]))
        if known:
            self._working.pop(number, None)
            with self._file.together():
                self._file.drop(TABLE, [number])
                self._file.state(last_memory=self._last)
            self._archive.drop(self.life, [number])
            self._journal.append("memory.forgotten", memory=number, by=by)
        return known

    def _mend(self) -> None:
        """Make mind.db agree with the file after a crash between the two: the file is right about what it holds."""
        indexed = self._archive.ids(self.life, archived=False)
        self._archive.unfold(self.life, self._archive.ids(self.life, archived=True) & self._working.keys())
        self._archive.drop(self.life, indexed - self._working.keys())
        self._archive.put(memory for number, memory in self._working.items() if number not in indexed)
