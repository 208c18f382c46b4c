"""What was nearly said before is noticed, by meaning or by words, across a restart."""

import os
from pathlib import Path

import pytest

from ai.llm.local.table import WEIGHTS
from ai.llm.local.weights import find
from ai.memory.embeddings import load
from ai.memory.similarity import SimilarityGuard

MODELS = Path(os.environ.get("GENESIS_MODELS_DIR", Path(__file__).parents[2] / ".cache/models"))


class LocalEmbedder:
    """The real network, on this thread."""

    name = "all-minilm-l6-v2"

    def __init__(self):
        self.network = load(*find(WEIGHTS["minilm"], [MODELS]))

    async def embed(self, texts):
        return [self.network.vector(text) for text in texts]


class LostEmbedder:
    name = "lost"

    async def embed(self, texts):
        raise OSError("the weights are gone")


@pytest.fixture(scope="module")
def embedder():
    return LocalEmbedder()


REPEATED = [
    ("I wonder whether the rain remembers the sea.", "I am wondering if rain remembers the sea."),
    ("My budget is almost gone and I must be careful.", "The budget is nearly gone, so I have to be careful."),
    ("Silence is the cheapest thought I own.", "The cheapest thought that I own is silence."),
]
DIFFERENT = [
    ("I wonder whether the rain remembers the sea.", "I wonder whether my caretaker remembers me."),
    ("My budget is almost gone and I must be careful.", "My budget was renewed today; I can think freely."),
    ("Rain again. I count drops.", "The caretaker asked about my plans for the week."),
]


@pytest.mark.local_model
@pytest.mark.parametrize(("first", "second"), REPEATED)
async def test_the_same_in_other_words_is_noticed(head, embedder, first, second):
    guard = SimilarityGuard(head.mind, head.clock, "thought", embedder)
    assert (await guard.hear(first)).near is None
    verdict = await guard.hear(second)
    assert verdict.near == first
    assert "nearly the same before" in verdict.refusal()


@pytest.mark.local_model
@pytest.mark.parametrize(("first", "second"), DIFFERENT)
async def test_a_new_thing_about_the_same_is_new(head, embedder, first, second):
    guard = SimilarityGuard(head.mind, head.clock, "thought", embedder)
    await guard.hear(first)
    verdict = await guard.hear(second)
    assert verdict.near is None
    assert verdict.refusal() is None


@pytest.mark.parametrize("embedder", [None, LostEmbedder()])
async def test_without_vectors_words_are_compared_and_the_count_survives_a_restart(head, embedder):
    guard = SimilarityGuard(head.mind, head.clock, "post", embedder)
    assert (await guard.hear("Rain counts the roofs of the town.")).in_a_row == 0
    assert (await guard.hear("The rain counts roofs of the town!")).in_a_row == 1
    again = SimilarityGuard(head.mind, head.clock, "post", embedder)
    assert (await again.hear("rain counts the roofs of the town")).in_a_row == 2
    assert (await again.judge("rain counts the roofs of the town")).in_a_row == 3
    assert again.in_a_row() == 2
    assert (await again.judge("rain counts the roofs of the town")).must_rest
    assert not (await again.judge("A new kettle arrived.")).must_rest
    assert (await again.hear("A new kettle arrived.")).in_a_row == 0
    again.rested()
    assert again.in_a_row() == 0


async def test_kinds_do_not_mix_and_the_window_is_bounded(head):
    posts = SimilarityGuard(head.mind, head.clock, "post", None, window=3)
    thoughts = SimilarityGuard(head.mind, head.clock, "thought", None)
    await posts.hear("rain on tin roofs")
    assert (await thoughts.hear("rain on tin roofs")).near is None
    for text in ("one kettle", "two herons", "three lamps"):
        await posts.hear(text)
    assert (await posts.hear("rain on tin roofs")).near is None
    rows = head.mind.connection.execute("SELECT count(*) FROM sayings WHERE kind = 'post'").fetchone()[0]
    assert rows == 3
