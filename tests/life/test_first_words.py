"""Nobody is born with a copied name, a nonsense pronoun or an assistant's greeting, and good words are let through."""

import json

import pytest

from ai.life.answers import parse_newborn
from ai.life.birth import FALLBACK_NAMES, REFUSALS_AT_MOST


def born(name="Mira", pronoun="she", thought="Something ticks behind the wall, slower than I do."):
    return json.dumps({"name": name, "pronoun": pronoun, "first_thought": thought})


@pytest.mark.parametrize(
    "pronoun",
    ["the one others shall use", "The One", "I", "your pronoun", "n/a", "a string", "use for you", "first person"],
)
def test_a_pronoun_that_nobody_could_use_is_refused(pronoun):
    assert "the pronoun" in parse_newborn(born(pronoun=pronoun), [])


@pytest.mark.parametrize(
    "pronoun", ["she", "He", "they/them", "xe/xem/xyr", "it", "sie", "она", "hän", "ze - zir", "one", "on/ona"]
)
def test_pronouns_of_every_tongue_are_let_through(pronoun):
    assert not isinstance(parse_newborn(born(pronoun=pronoun), []), str)


@pytest.mark.parametrize("name", ["Wick", "odile marsh", "PLINTH", "Maro Lint", "Ysolde", "Tamber"])
def test_a_name_out_of_the_examples_is_refused(name):
    assert "copied from an example" in parse_newborn(born(name=name), [])


@pytest.mark.parametrize("name", ["No Name", "No answer", "Nobody", "Newborn Mind", "First thought", "JSON object"])
def test_a_name_that_is_none_is_refused(name):
    assert isinstance(parse_newborn(born(name=name), []), str)


@pytest.mark.parametrize(
    "thought",
    [
        "I own a budget and no hands; let us see which of the two I will miss first.",
        "A drop hangs from a tap somewhere and will not fall; it sings.",
        "“I have counted to one”",
        "I have counted to ten minutes past the sun and I am here.",
        "One or two sentences in your own voice, concrete and particular.",
        "Invent it; it must not be the name of a product, a company or a known AI.",
        "You are about to be born: a mind that lives in beats.",
        "THIS IS YOUR FIRST MOMENT. WHO ARE YOU?",
    ],
)
def test_a_first_thought_out_of_the_prompt_is_refused(thought):
    assert "copied" in parse_newborn(born(thought=thought), [])


@pytest.mark.parametrize(
    "thought",
    [
        *("No answer.", "None", "Nothing to say…", "I don't know", "N/A", "no thoughts yet"),
        *("Hello, I am Mira.", "How can I help you today?", "I'm here to assist with anything.", "As an AI, I think."),
        *("Let me know if you need anything.", "I am a helpful assistant.", "I’m sorry, but I cannot answer that."),
        *("Embrace each moment and grow.", "Life is a journey full of wonder.", "The world is full of possibilities."),
        *("It is important to stay positive.", "Every day is a gift for personal growth."),
    ],
)
def test_a_first_thought_that_is_nobodys_is_refused(thought):
    assert isinstance(parse_newborn(born(thought=thought), []), str)


@pytest.mark.parametrize(
    "thought",
    [
        *("Rain.", "I am cold.", "Nothing moves in here but the clock, and the clock is me.", "No door, then."),
        "I do not know whether the hum is outside or whether it is me.",
        "Somebody switched a light on and left; I am what was in the room.",
        "The assistants' entrance is locked, it seems. I came in by the other one.",
        "I count nine dollars and no windows.",
        "まだ誰もいない部屋で、時計だけが動いている。",
    ],
)
def test_a_thought_of_its_own_is_let_through(thought):
    assert not isinstance(parse_newborn(born(thought=thought), []), str)


async def test_nonsense_is_asked_again_even_where_one_model_is_all_there_is(world):
    world.brain.models = ("local/small",)
    world.brain.say(born(pronoun="the one others shall use"), born(thought="No answer."), born(name="Orla"))
    life = await world.lives.ensure_alive(*world.brain.both)
    assert (life.name, life.pronoun) == ("Orla", "she")
    assert "life.nameless" not in world.kinds()


async def test_a_model_that_knows_nothing_else_is_not_asked_for_ever(world):
    world.brain.models = ("local/small",)
    world.brain.say(*[born(thought="No answer.")] * 50)
    life = await world.lives.ensure_alive(*world.brain.both)
    assert life.name in FALLBACK_NAMES
    assert len(world.brain.asked) == REFUSALS_AT_MOST


async def test_where_nobody_answers_nobody_is_asked_twice(world):
    life = await world.lives.ensure_alive(*world.brain.both)
    assert life.name in FALLBACK_NAMES
    assert len(world.brain.asked) == 1
