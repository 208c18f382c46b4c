"""People can read lives and memories, from a mind.db that is only read."""

import io
import json

import pytest
from rich.console import Console

from ai.life import documents, queries, render
from ai.life.life import Work
from ai.memory.memory import Kind
from ai.mind.database import open_mind
from ai.people import Letters, Works

WORDS = json.dumps({"last_words": "[red]I counted rain.[/red]", "summary": "She listened to rain."})


def on_screen(renderable):
    screen = io.StringIO()
    Console(file=screen, width=160, color_system=None).print(renderable)
    return screen.getvalue()


@pytest.fixture
async def told(world):
    life = await world.born("Ada")
    life.memory.add("The caretaker promised me a window.", Kind.NOTE, importance=9)
    life.memory.add("I wait for [bold]windows[/bold].", Kind.REFLECTION, sources=[2])
    life.write_self("I am Ada.")
    life.write_self("I am Ada, who waits.")
    life.set_goals(["see rain"])
    (world.lives.workspace / "poem.txt").write_text("drop")
    await world.lives.die("a test", *world.brain.say(WORDS).both)
    life = await world.born("Berit")
    life.begin_beat(3)
    reader = open_mind(world.data_dir / "mind.db", read_only=True)
    yield reader
    reader.close()


async def test_the_table_of_lives(told):
    newest, oldest = queries.lives(told)
    assert (newest.number, newest.name, newest.state, newest.beats) == (2, "Berit", "alive", 3)
    assert newest.fragments
    assert (oldest.cause, oldest.last_words, oldest.summary) == (
        "a test",
        "[red]I counted rain.[/red]",
        "She listened to rain.",
    )
    assert oldest.thoughts == 1
    table = on_screen(render.lives_table([newest, oldest]))
    assert "Berit (she)" in table
    assert "alive" in table
    assert "a test" in table


async def test_a_living_life_is_told_in_the_present_with_letters_and_works(world, told):
    """Of somebody who lives nobody wants to read what it wanted."""
    letters, works = Letters(world.mind, world.journal, world.clock), Works(world.mind, world.journal, world.clock)
    letters.receive("visitor", "[b]Ines[/b]", "Who are you?")
    letters.answer("Somebody with a list.", "", 2)
    works.publish(2, "Berit", "The [i]List[/i]", "list.md", "One.")
    life = world.lives.current()
    life.set_goals(["see snow"])
    life.write_self("I am Berit.")
    life.take_in_hand(Work("The Lamp", "lamp.md", "light it"))
    found = queries.story(told, 2)
    text = on_screen(render.story(found))
    for part in (
        "Who it says it is\nI am Berit.",
        "What it wants\n- see snow",
        "What it works on\nThe Lamp; next: light it",
        "[b]Ines[/b]: Who are you?",
        "→ Somebody with a list.",
        "- The [i]List[/i] (/works/the-i-list-i)",
        "It lives, 3 beats old",
    ):
        assert part in text
    assert "What it wanted" not in text
    document = documents.story(found)
    assert document["letters"][0]["answer"] == "Somebody with a list."
    assert document["works"][0]["slug"] == "the-i-list-i"
    assert document["in_hand"] == {"title": "The Lamp", "path": "lamp.md", "next": "light it"}


async def test_a_life_is_a_readable_story(told):
    text = on_screen(render.story(queries.story(told, 1)))
    for part in (
        "Life #1: Ada (she)",
        "First thought",
        "I am Ada, who waits.",
        "see rain",
        "The caretaker promised me a window.",
        "I wait for [bold]windows[/bold]. (from 2)",
        "Cause: a test",
        "“[red]I counted rain.[/red]”",
        "poem.txt (4 bytes)",
    ):
        assert part in text
    living = on_screen(render.story(queries.story(told, 2)))
    assert "Echoes it began with" in living
    assert "It lives, 3 beats old" in living
    with pytest.raises(queries.NotKnown, match="there is no life #9; there are 1 to 2"):
        queries.story(told, 9)


async def test_memories_are_searched_and_shown_with_their_evidence(told):
    rows = queries.search(told, "window promised", life=1)
    assert rows[0].memory.text == "The caretaker promised me a window."
    assert "9/10" in on_screen(render.memories_table(rows))
    assert "Nothing comes to mind." in on_screen(render.memories_table(queries.search(told, "zebra")))
    shown = queries.show(told, 3, life=1)
    assert [row.memory.id for row in shown.sources] == [2]
    assert "It rests on" in on_screen(render.memory(shown))
    with pytest.raises(queries.NotKnown, match="life #2 has no memory 99"):
        queries.show(told, 99)


async def test_the_log_of_self_shows_what_changed(told):
    text = on_screen(render.self_log(queries.self_log(told, life=1)))
    assert "-I am Ada." in text
    assert "+I am Ada, who waits." in text
    assert "not written who it is yet" in on_screen(render.self_log(queries.self_log(told)))
