"""What comes to mind: recall@5 of several rankings of 1,000 memories, and what one costs at 2,000 and 20,000."""

import argparse
import asyncio
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ai.clock import VirtualClock
from ai.life.file import LifeFile
from ai.life.storage import save
from ai.llm.local.table import WEIGHTS
from ai.llm.local.weights import find
from ai.memory.archive import Archive
from ai.memory.embeddings import load
from ai.memory.memory import Kind, Memory
from ai.memory.scoring import Weights
from ai.memory.stream import WORKING_SET, MemoryStream
from ai.mind.database import open_mind
from ai.mind.journal import Journal
from benchmarks.retrieval_set import Question, Remembered, make

Vector = NDArray[np.float32]
UNTIL = datetime(2026, 11, 22, tzinfo=UTC)
K = 5
RANKINGS: dict[str, Weights | None] = {
    "recency only": Weights(recency=1, importance=0, relevance=0),
    "BM25": None,
    "embeddings": Weights(recency=0, importance=0, relevance=1, meaning=1),
    "Park et al., even weights": Weights(recency=1, importance=1, relevance=1, meaning=1),
    "Park et al., released weights": Weights(recency=0.5, importance=2, relevance=3, meaning=1),
    "ours": Weights(),
}


class CountedEmbedder:
    """MiniLM on this thread, remembering each text, so that its own time can be left out."""

    name = "all-minilm-l6-v2"

    def __init__(self, models: Path) -> None:
        files = find(WEIGHTS["minilm"], [models])
        if files is None:
            raise SystemExit(f"no MiniLM weights in {models}; run: python -m ai.llm.local fetch minilm --to {models}")
        self._network = load(*files)
        self._made: dict[str, Vector] = {}

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        """Return one vector a text."""
        for text in texts:
            if text not in self._made:
                self._made[text] = self._network.vector(text)
        return [self._made[text] for text in texts]


class NoiseEmbedder:
    """Random vectors, for costs alone."""

    name = "noise"

    def __init__(self) -> None:
        self._rng = np.random.default_rng(1)

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        """Return one random vector of length 1 a text."""
        made = self._rng.standard_normal((len(texts), 384)).astype(np.float32)
        return list(made / np.linalg.norm(made, axis=1, keepdims=True))


class Head:
    """A life's memory in a folder of its own."""

    def __init__(self, folder: Path, embedder: CountedEmbedder | NoiseEmbedder) -> None:
        self.mind = open_mind(folder / "mind.db")
        self.clock = VirtualClock(UNTIL)
        self.file = LifeFile(folder / "0001.json", print)
        self.embedder = embedder
        self.fresh()

    def fresh(self) -> MemoryStream:
        """Open the stream anew."""
        journal = Journal(self.mind, self.clock)
        self.stream = MemoryStream(self.file, self.mind, journal, self.clock, life=1, embedder=self.embedder)
        return self.stream

    def fill(self, remembered: Sequence[Remembered]) -> None:
        """Have it remember all: the last WORKING_SET in the life file, those before in the archive."""
        memories = [
            Memory(1, number, memory.at, Kind.THOUGHT, memory.text, memory.importance)
            for number, memory in enumerate(remembered, 1)
        ]
        old, new = memories[:-WORKING_SET], memories[-WORKING_SET:]
        archive = Archive(self.mind)
        archive.put(old)
        archive.fold(1, [memory.id for memory in old], len(memories), UNTIL)
        save(self.file.path, {"memories": {str(memory.id): memory.document() for memory in new}})
        self.file = LifeFile(self.file.path, print)
        self.fresh()


async def embed_all(head: Head) -> None:
    """Give every memory its vector, in one go; a life does it bit by bit."""
    archive = Archive(head.mind)
    rows = archive.of_life(1)
    vectors = await head.embedder.embed([row.memory.text for row in rows])
    archive.put_vectors(
        1, head.embedder.name, {row.memory.id: v.tobytes() for row, v in zip(rows, vectors, strict=True)}
    )
    head.fresh()


async def recall(head: Head, questions: Sequence[Question], weights: Weights | None) -> tuple[float, Counter[str]]:
    """Return the share of questions whose memory is among the first K, and the hits by sort."""
    hits: Counter[str] = Counter()
    archive = Archive(head.mind)
    if weights is not None:
        head.stream.weigh(weights)
    for question in questions:
        if weights is None:
            found = [row.memory for row, _score in archive.match(question.text, K, 1)]
        else:
            found = await head.stream.retrieve(question.text, K)
        hits[question.sort] += any(memory.id == question.answer + 1 for memory in found)
    return sum(hits.values()) / len(questions), hits


async def compare(head: Head, questions: Sequence[Question]) -> dict[str, tuple[float, Counter[str]]]:
    """Return recall@K of each ranking; all memories have their vectors first."""
    await embed_all(head)
    return {name: await recall(head, questions, weights) for name, weights in RANKINGS.items()}


async def cost(head: Head, questions: Sequence[Question]) -> tuple[float, float]:
    """Return median and 95th percentile of one retrieval in ms of processor time, the embedding's own left out.

    The first, which reads all vectors, is left out too: a life does that once.
    """
    await embed_all(head)
    times = []
    for question in questions:
        begun = time.thread_time()
        await head.stream.retrieve(question.text, 8)
        times.append((time.thread_time() - begun) * 1000)
    times = times[1:]
    return statistics.median(times), statistics.quantiles(times, n=20)[-1]


def in_folder(work: Callable[[Path], None]) -> None:
    """Do `work` in a temporary folder."""
    with tempfile.TemporaryDirectory() as folder:
        work(Path(folder))


def show_recall(models: Path, memories: int, asked: int, seed: int) -> None:
    """Print recall@K by ranking and sort of question."""
    remembered, questions = make(memories, asked, seed, UNTIL)
    sorts = Counter(question.sort for question in questions)
    print(f"{len(remembered)} memories, {len(questions)} questions, seed {seed}; recall@{K}")
    print(f"{'':32}" + f"{'all':>8}" + "".join(f"{sort:>14}" for sort in sorts))

    def work(folder: Path) -> None:
        head = Head(folder, CountedEmbedder(models))
        head.fill(remembered)
        for name, (share, hits) in asyncio.run(compare(head, questions)).items():
            print(f"{name:32}{share:8.1%}" + "".join(f"{hits[sort] / n:14.1%}" for sort, n in sorts.items()))

    in_folder(work)


def show_cost(count: int) -> None:
    """Print what one retrieval costs among `count` memories, 2,000 of them in the life file."""
    remembered, questions = make(count, 200, 1, UNTIL)

    def work(folder: Path) -> None:
        head = Head(folder, NoiseEmbedder())
        head.fill(remembered)
        median, late = asyncio.run(cost(head, questions))
        print(f"one retrieval among {count:,} memories: median {median:.2f} ms, 95th percentile {late:.2f} ms")

    in_folder(work)


def main() -> None:
    """Run both benches."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=Path, default=Path(".cache/models"), help="folder with the MiniLM weights")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--memories", type=int, default=1_000)
    parser.add_argument("--questions", type=int, default=200)
    given = parser.parse_args()
    show_recall(given.models, given.memories, given.questions, given.seed)
    for count in (2_000, 20_000):
        show_cost(count)


if __name__ == "__main__":
    main()
