"""A life is born by a model's answer, and by a fallback only when no model gives a usable one."""

import pytest

from ai.asking import Purpose
from ai.life.answers import MAX_NAME_CHARS, Newborn, parse_newborn
from ai.life.birth import FALLBACK_NAMES
from ai.llm.said import first_object
from ai.mind.events import message
from tests.life.conftest import Purse


async def test_the_first_life(world):
    life = await world.born("Ada")
    assert (life.number, life.name, life.pronoun, life.beats) == (1, "Ada", "she", 0)
    assert world.lives.current() is life
    lines = [message(e.kind, e.data, life=e.life, beat=e.beat) for e in world.journal.after(0)]
    assert lines == [
        "Life #1 beginning...",
        "Loaded 0 memory fragments",
        "Beginning birth sequence...",
        "Identity: Ada (she)",
        "The first thing is the hum of the timer.",
    ]
    assert all(event.life == 1 for event in world.journal.after(0))
    assert world.brain.asked[0][0] is Purpose.BIRTH
    assert world.brain.posts == [("Ada, life #1. The first thing is the hum of the timer.", "birth", 1)]
    assert [m.text for m in life.memory.recent(5)] == ["The first thing is the hum of the timer."]


async def test_an_unusable_answer_is_tried_on_another_model(world):
    world.brain.say("I am a helpful assistant.", '{"name": "Assistant", "pronoun": "it", "first_thought": "Hi!"}')
    life = await world.born("Orla")
    assert life.name == "Orla"
    assert life.facts()["first_model"] == "model/c"
    assert "life.nameless" not in world.kinds()


async def test_the_fallback_name_comes_only_at_last(world):
    life = await world.lives.ensure_alive(*world.brain.say("no", "still no", "{}").both)
    assert life.name in FALLBACK_NAMES
    assert "life.nameless" in world.kinds()


async def test_a_fallback_name_is_never_one_that_was_used(world):
    names = []
    for _ in range(len(FALLBACK_NAMES) + 3):
        world.clock.advance(60)
        life = await world.lives.ensure_alive(*world.brain.both)
        names.append(life.name)
        await world.lives.die("test")
    assert len(set(names)) == len(names)


async def test_a_name_of_the_dead_is_refused(world):
    await world.born("Ada")
    await world.lives.die("test")
    world.newborn(" ádà ")
    life = await world.born("Berit")
    assert life.name == "Berit"


async def test_modes_rotate(world):
    modes = []
    for name in ("Ada", "Berit", "Cleo", "Dunja"):
        modes.append((await world.born(name)).bootstrap_mode)
        await world.lives.die("a test")
    assert modes == ["blank_slate", "basic_facts", "full_briefing", "blank_slate"]
    told = [asked[1][1]["content"] for asked in world.brain.asked if asked[0] is Purpose.BIRTH]
    assert "once every 10.0 minutes" not in told[0]
    assert "once every 10.0 minutes" in told[1]
    assert "Before you lived Berit, for 0 beats. The end: a test." in told[2]
    assert "Something is left" not in told[0] + told[2]
    assert "Something is left" in told[1]
    assert "a test" not in told[1]


async def test_the_next_life_begins_on_another_model(world):
    await world.born("Ada")
    await world.lives.die("test")
    await world.born("Berit")
    assert world.brain.asked[0][2] == []
    assert world.brain.asked[-1][2] == ["model/a"]


@pytest.mark.parametrize(
    "text",
    [
        '{"name": "Mira Vale", "pronoun": "she/her", "first_thought": "Rain."}',
        '```json\n{"name": "Mira Vale", "pronoun": "she/her", "first_thought": "Rain.",}\n```',
        '<think>{"name": "X"}</think>{"name": "\\"Mira Vale\\"", "pronoun": "she/her", "first_thought": "Rain."} ok',
        '{oops {"name": "Mira\\nVale", "pronoun": "she/her", "first_thought": "Rain.", "mood": 3}',
    ],
)
def test_wrapping_is_tolerated(text):
    assert parse_newborn(text, ["Ada"]) == Newborn("Mira Vale", "she/her", "Rain.")


@pytest.mark.parametrize(
    ("name", "pronoun", "thought", "problem"),
    [
        ("", "she", "Rain.", "is not 2 to 40"),
        ("x" * (MAX_NAME_CHARS + 1), "she", "Rain.", "is not 2 to 40"),
        ("42", "she", "Rain.", "is not 2 to 40"),
        ("your name", "she", "Rain.", "placeholder"),
        ("ChatGPT", "it", "Rain.", "product"),
        ("<b>Ada</b>", "she", "Rain.", "is no name"),
        ("I do not have a name", "she", "Rain.", "is no name"),
        ("ADA", "she", "Rain.", "belongs to another life"),
        ("Mira", "", "Rain.", "is not a word or two"),
        ("Mira", "pronoun", "Rain.", "placeholder"),
        ("Mira", "she", " ... ", "first thought is empty"),
    ],
)
def test_what_cannot_be_used_says_why(name, pronoun, thought, problem):
    text = f'{{"name": "{name}", "pronoun": "{pronoun}", "first_thought": "{thought}"}}'
    assert problem in parse_newborn(text, ["Ada"])


@pytest.mark.parametrize("text", ["", "nothing", "[1, 2]", "{" * 5_000, '{"name": {"name": 3}, "pronoun": [], "x": 1}'])
def test_junk_never_raises(text):
    assert isinstance(parse_newborn(text, []), str)


def test_the_first_object_is_found():
    assert first_object('x {"a": 1} {"b": 2}') == {"a": 1}
    assert first_object("[[]]") is None


async def test_a_second_start_finds_the_same_life_and_posts_nothing_again(world):
    await world.born("Ada")
    world.lives.current().begin_beat(1)
    world.start()
    life = await world.lives.ensure_alive(*world.brain.both, Purse())
    assert (life.number, life.name, life.beats) == (1, "Ada", 1)
    assert len(world.brain.posts) == 1
    assert world.kinds().count("life.beginning") == 1
