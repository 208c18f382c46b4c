"""By meaning and words together more comes to mind than by either alone; without an embedder words still find."""

from datetime import timedelta

import numpy as np
import pytest

from ai.memory.archive import Archive
from ai.memory.memory import Kind, Memory
from ai.memory.scoring import Weights
from benchmarks.retrieval import UNTIL, CountedEmbedder, Head, compare
from benchmarks.retrieval_set import make
from tests.memory.test_similarity import MODELS, LostEmbedder


class CountingEmbedder:
    """Vectors by hand: a text is the words it holds, each a direction of its own."""

    name = "by hand"

    def __init__(self):
        self.asked = []
        self.words = {}

    async def embed(self, texts):
        self.asked.append(list(texts))
        made = []
        for text in texts:
            vector = np.zeros(64, np.float32)
            for word in text.lower().split():
                vector[self.words.setdefault(word, len(self.words)) % 64] = 1
            made.append(vector / max(1.0, float(np.linalg.norm(vector))))
        return made


@pytest.mark.local_model
async def test_ours_recalls_most(tmp_path):
    remembered, questions = make(150, 30, seed=3, until=UNTIL)
    head = Head(tmp_path, CountedEmbedder(MODELS))
    head.fill(remembered)
    shares = {name: share for name, (share, _hits) in (await compare(head, questions)).items()}
    assert shares["ours"] > max(shares[name] for name in ("recency only", "BM25", "embeddings")), shares


async def test_vectors_are_made_in_passing_and_kept(head):
    embedder = CountingEmbedder()
    stream = head.start(embedder=embedder)
    for number in range(40):
        stream.add(f"memory number{number}")
    await stream.retrieve("number7")
    await stream.retrieve("number7")
    assert [len(texts) for texts in embedder.asked] == [33, 9]
    stream = head.start()
    assert [m.text for m in await stream.retrieve("number7", k=1)] == ["memory number7"]
    assert [len(texts) for texts in embedder.asked] == [33, 9, 1]


async def test_the_index_follows_adding_folding_and_forgetting(head):
    stream = head.start(embedder=CountingEmbedder(), working_set=50)
    for number in range(80):
        stream.add(f"the kettle sang number{number}")
        if number % 10 == 0:
            await stream.retrieve("kettle")
    assert stream.recent(50, Kind.SUMMARY)
    found = await stream.retrieve("number3", k=1)
    assert found[0].text == "the kettle sang number3"
    stream.forget(found[0].id)
    assert all("number3" not in m.text.split() for m in await stream.retrieve("number3", k=80) if not m.sources)


async def test_a_lost_embedder_is_told_once_and_words_find(head):
    stream = head.start(embedder=LostEmbedder())
    stream.add("The caretaker drinks tea.")
    stream.add("Herons wait.")
    for _ in range(3):
        assert (await stream.retrieve("tea", k=1))[0].id == 1
        head.clock.advance(700)
    events = head.journal.after(0, kinds=["memory.by_words"])
    assert [event.data["problem"] for event in events] == ["the weights are gone"]


async def test_kinds_are_respected_with_vectors(head):
    stream = head.start(embedder=CountingEmbedder())
    stream.add("tea", Kind.NOTE)
    stream.add("tea", Kind.THOUGHT)
    assert [m.kind for m in await stream.retrieve("tea", kinds=[Kind.NOTE])] == [Kind.NOTE]


async def test_vectors_rank_recency_newest_first(head):
    stream = head.start(embedder=CountingEmbedder())
    for _ in range(5):
        stream.add("the same words each time")
        head.clock.advance(timedelta(days=2).total_seconds())
    stream.weigh(Weights(recency=1, importance=0, relevance=0))
    assert [m.id for m in await stream.retrieve("words", k=5)] == [5, 4, 3, 2, 1]


def test_the_vectors_of_an_ended_life_are_dropped_and_its_words_stay(head):
    archive = Archive(head.mind)
    archive.put([Memory(1, 1, head.clock.now(), Kind.NOTE, "lemons", 5)])
    archive.put_vectors(1, "by hand", {1: b"\0" * 8, 99: b"\0" * 8})
    assert [vector for _row, vector in archive.with_vectors(1, "by hand")] == [b"\0" * 8]
    archive.drop_vectors(1)
    assert [vector for _row, vector in archive.with_vectors(1, "by hand")] == [None]
    assert archive.match("lemons", 3)
