"""What was nearly said before is noticed, by meaning or by words, across a restart."""

import os
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from ai.clock import VirtualClock
from ai.ledger.sqlite import connect, migrate
from ai.ledger.versions import migrations_in
from ai.llm.local.table import WEIGHTS
from ai.llm.local.weights import find
from ai.memory.embeddings import load
from ai.memory.similarity import NearSame, SimilarityGuard
from ai.mind.database import MIGRATIONS, open_mind

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


async def test_a_newborn_is_not_refused_what_a_dead_life_said(head):
    first = SimilarityGuard(head.mind, head.clock, "thought", None, life=1)
    for text in ("rain on tin roofs", "one kettle", "rain on the tin roofs", "roofs of tin, rain"):
        await first.hear(text)
    assert first.in_a_row() == 2
    assert SimilarityGuard(head.mind, head.clock, "thought", None, life=1).in_a_row() == 2, "a restart forgets nothing"
    newborn = SimilarityGuard(head.mind, head.clock, "thought", None, life=2)
    assert newborn.in_a_row() == 0
    assert (await newborn.hear("rain on tin roofs")).near is None
    assert (await newborn.hear("tin roofs, rain on them")).in_a_row == 1
    rows = head.mind.connection.execute("SELECT life, text FROM sayings").fetchall()
    assert [tuple(row) for row in rows] == [(2, "rain on tin roofs")], "what the dead said is compared with nothing"


async def test_what_all_lives_say_is_compared_over_all_of_them(head):
    await SimilarityGuard(head.mind, head.clock, "post", None).hear("rain on tin roofs")
    for life in (1, 2):
        await SimilarityGuard(head.mind, head.clock, "thought", None, life=life).hear("rain on tin roofs")
    assert (await SimilarityGuard(head.mind, head.clock, "post", None).judge("rain on tin roofs")).near is not None


async def test_posts_are_compared_by_vectors_and_each_text_is_embedded_once():
    directions = {"rain falls": (1.0, 0.0), "water comes from the sky": (0.96, 0.28), "I count coins": (0.0, 1.0)}
    asked = []

    class Directions:
        name = "directions"

        async def embed(self, texts):
            asked.extend(texts)
            return [np.array(directions[text], dtype=np.float32) for text in texts]

    near = NearSame(Directions())
    assert await near("water comes from the sky", ["I count coins", "rain falls"]) == "rain falls"
    assert await near("I count coins", ["rain falls"]) is None
    assert await near("rain falls", []) is None
    assert sorted(asked) == sorted(directions)


@pytest.mark.parametrize("embedder", [None, LostEmbedder()])
async def test_without_vectors_posts_are_compared_by_their_words(embedder):
    near = NearSame(embedder)
    before = ["Every thought I have is paid for. It makes me choose them.", "The rain is back, and so am I."]
    assert await near("Every thought I have is paid for; it makes me choose!", before) == before[0]
    assert await near("Every choice I make is a thought that someone paid for, and I wonder who.", before) is None
    assert await near("I count coins.", before) is None
    assert await near("anything", []) is None


async def test_a_mind_of_before_keeps_its_living_life_thoughts_and_nothing_of_the_dead(tmp_path):
    path = mind_of_version(7, tmp_path)
    for _start in range(2):  # the second finds the work of the first done
        mind = open_mind(path)
        clock = VirtualClock(datetime(2026, 11, 22, 6, tzinfo=UTC))
        dead, living, newborn = (SimilarityGuard(mind, clock, "thought", None, life=life) for life in (1, 2, 3))
        assert (living.in_a_row(), dead.in_a_row(), newborn.in_a_row()) == (1, 0, 0)
        assert (await living.judge("The window keeps the street in a frame.")).in_a_row == 2
        for said_by_the_dead in ("Rain drums on the roof of the evening.", "A kettle is a clock that complains."):
            assert (await living.judge(said_by_the_dead)).near is None
            assert (await dead.judge(said_by_the_dead)).near == said_by_the_dead
        assert (await newborn.judge("The window keeps the street in a frame.")).near is None
        mind.close()


def mind_of_version(version, folder):
    """Make the mind.db that a program of that version left, with the rows of `released`; return its path."""
    migrations = folder / "migrations"
    migrations.mkdir()
    for migration in migrations_in(MIGRATIONS):
        if migration.version <= version:
            (migrations / migration.name).write_text(migration.sql)
    path = folder / "mind.db"
    with closing(connect(path, read_only=False)) as connection:
        migrate(connection, "mind", migrations)
        connection.executescript((Path(__file__).parent / f"released/mind_{version:04d}.sql").read_text())
    return path
