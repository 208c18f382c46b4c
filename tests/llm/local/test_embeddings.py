"""MiniLM: the vectors its publishers show, memory given back, and words alone while it is not there."""

import asyncio
import os
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import psutil
import pytest

from ai.clock import VirtualClock
from ai.llm.local.sources import HubSource
from ai.llm.local.table import WEIGHTS
from ai.llm.local.weights import find
from ai.memory.embeddings import EmbeddingsUnavailable, MiniLM, Network, load
from ai.mind.journal import Journal
from tests.world.held_clock import Heard, HeldClock
from tests.world.hub import Hub

MODELS = Path(os.environ.get("GENESIS_MODELS_DIR", Path(__file__).parents[3] / ".cache/models"))
MEMORIES = (
    "The caretaker wrote that she is going on holiday in Portugal.",
    "I spent four cents on a thought about whales.",
    "The server's disk was almost full this morning.",
    "I would like to learn to write poems about rain.",
)

pytestmark = pytest.mark.local_model


@pytest.fixture(scope="module")
def network() -> Network:
    files = find(WEIGHTS["minilm"], [MODELS])
    if files is None:
        pytest.fail(f"no minilm weights in {MODELS}; run: python -m ai.llm.local fetch minilm --to {MODELS}")
    return load(*files)


@pytest.mark.parametrize(
    ("text", "cosine"),  # as https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2 shows them
    [("That is a happy dog", 0.69458), ("That is a very happy person", 0.94292), ("Today is a sunny day", 0.25688)],
)
def test_the_vectors_are_the_published_models(network: Network, text: str, cosine: float) -> None:
    assert float(network.vector("That is a happy person") @ network.vector(text)) == pytest.approx(cosine, abs=1e-5)


@pytest.mark.parametrize(
    ("query", "best"),
    [("vacation", 0), ("money and expenses", 1), ("storage space of the computer", 2), ("verse and weather", 3)],
)
def test_meaning_finds_what_words_do_not_share(network: Network, query: str, best: int) -> None:
    vectors = np.stack([network.vector(memory) for memory in MEMORIES])
    assert int(np.argmax(vectors @ network.vector(query))) == best


@pytest.mark.parametrize("text", ["", " ", "雨の詩", "🐦" * 500, "\ud800", "word " * 50_000, "\0\n\t"])
def test_any_text_has_a_vector_of_length_one(network: Network, text: str) -> None:
    vector = network.vector(text)
    assert vector.shape == (384,)
    assert vector.dtype == np.float32
    assert float(np.linalg.norm(vector)) == pytest.approx(1.0, abs=1e-5)


def test_a_mind_of_many_words_takes_no_more_memory_than_one_of_few(network: Network) -> None:
    """The table of words is half of the weights: a month of thoughts must not draw all of it into memory."""

    def mapped() -> int:
        return sum(part.rss for part in psutil.Process().memory_maps() if "minilm" in part.path)

    network.vector("warm")
    before, words = mapped(), [word for word in network.tokenizer.get_vocab() if word.isalpha()][::8]
    for first in range(0, len(words), 100):
        network.vector(" ".join(words[first : first + 100]))
    assert len(words) > 2_000
    assert mapped() - before < 2_000_000


async def test_it_is_loaded_when_asked_and_gives_its_memory_back(
    tmp_path: Path, journal: Journal, heard: Heard, clock: HeldClock, network: Network
) -> None:
    del network  # it says plainly where weights lack
    embedder = MiniLM(tmp_path, [MODELS], (), journal, clock)  # what is on disk is there for the first text
    process = psutil.Process()
    before = process.memory_info().rss
    first, second = await asyncio.gather(embedder.embed(["a cat", "a dog"]), embedder.embed(["a cat"]))
    assert len(first) == 2
    assert np.allclose(first[0], second[0])
    assert process.memory_info().rss - before < 100_000_000
    embedder.release()
    assert np.allclose((await embedder.embed(["a cat"]))[0], first[0])
    await embedder.close()
    assert heard.kinds() == []


async def test_weights_that_are_taken_away_under_it_are_missed_as_any_others(
    tmp_path: Path, journal: Journal, clock: HeldClock, network: Network
) -> None:
    """A fault of our own would end the beat; words alone go on."""
    del network
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    for path in MODELS.glob("all-minilm*"):
        (shelf / path.name).symlink_to(path)
    embedder = MiniLM(tmp_path, [shelf], (), journal, clock)
    assert len(await embedder.embed(["a cat"])) == 1
    (shelf / "all-minilm-l6-v2.safetensors").unlink()
    with pytest.raises(EmbeddingsUnavailable, match="cannot be read"):
        await embedder.embed(["a dog"])
    await embedder.close()


async def test_without_weights_it_says_so_and_goes_on_trying(
    tmp_path: Path, journal: Journal, heard: Heard, network: Network
) -> None:
    del network
    clock = VirtualClock(datetime(2026, 11, 22, tzinfo=UTC))
    with Hub({}) as hub:
        embedder = MiniLM(tmp_path, (), (HubSource(hub.url),), journal, clock)
        with pytest.raises(EmbeddingsUnavailable, match="not here yet"):
            await embedder.embed(["a cat"])
        await embedder.settled()
        assert len(hub.asked) == 6
    assert "HTTP 404" in heard.of("local.fetch_failed")[0]["problem"]
    await embedder.close()
