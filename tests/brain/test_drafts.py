"""Of several drafts the one is kept that is about what is there, new and no sermon; a slow machine drafts once."""

from dataclasses import replace

import numpy as np
import pytest

from ai.brain.drafts import DRAFT_SECONDS, best, judge, worth_drafting
from ai.llm.local.listing import embedded_model

THING = "09:12, your machine: the disk is nine tenths full."
ABOUT = "Nine tenths of the disk are full, and most of it is other people's logs."
SERMON = "Every day is a new opportunity to learn and grow."
AWAY = "I will look back at my memories for today."
MODEL = embedded_model("local/some", "Some", 2.0)


async def kept(*drafts, before=(), embedder=None):
    return drafts[best(await judge(drafts, THING, before, embedder))]


async def test_the_one_about_what_is_in_front_of_it_is_kept():
    assert await kept(AWAY, ABOUT, SERMON) == ABOUT


async def test_what_was_thought_before_is_not_thought_again():
    other = "The disk is nearly full; somebody should empty it."
    assert await kept(ABOUT, other, before=[ABOUT]) == other


@pytest.mark.parametrize(
    "worse",
    [
        "As an AI, I notice that the disk is nine tenths full.",
        "Embrace the disk that is nine tenths full.",
        "No answer.",
        "The disk is nine tenths full",
        "",
        "One tenth left, and I am about to spend some of it on saying so.",
    ],
)
async def test_a_phrase_that_is_nobodys_loses_to_a_plain_sentence(worse):
    assert await kept(worse, "Something about the disk troubles me.") == "Something about the disk troubles me."


async def test_what_it_says_of_itself_is_kept_before_what_anybody_could_say():
    """A reader liked what says "I" twice as much."""
    its_own = "I am fuller than that disk."
    assert await kept(ABOUT, its_own) == its_own


async def test_of_equals_the_first_is_kept():
    assert best(await judge([ABOUT, ABOUT], THING, [], None)) == 0


class Broken:
    name = "broken"

    async def embed(self, _texts):
        raise OSError("the weights went")


async def test_without_an_embedder_words_choose():
    assert await kept(AWAY, ABOUT, embedder=Broken()) == ABOUT


class Meaning:
    """Puts the thing and one draft side by side, whatever their words."""

    name = "meaning"

    async def embed(self, texts):
        return [np.eye(2, dtype=np.float32)[int(text in {THING, "It fills up like a gutter."})] for text in texts]


async def test_with_an_embedder_meaning_chooses():
    assert await kept(ABOUT, "It fills up like a gutter.", embedder=Meaning()) == "It fills up like a gutter."


def test_only_what_costs_nothing_is_drafted_and_only_where_it_comes_soon():
    assert worth_drafting(MODEL, 3.0, 60.0)
    assert not worth_drafting(MODEL, DRAFT_SECONDS + 1, 600.0)
    assert not worth_drafting(MODEL, 10.0, 15.0)
    assert not worth_drafting(replace(MODEL, quality=1.0), 1.0, 60.0)
