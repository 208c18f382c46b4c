"""People can read lives and memories from the command line, and take a memory or a page of self back."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.commands import Person, Ran
from tests.world.openrouter import FakeOpenRouter

SELF = ["I am Ada.", "I am Ada, who counts rain."]


def says(body: dict[str, Any]) -> str:
    """Answer as Ada: born once, she notes rain and rewrites who she is, in turn."""
    if "first_thought" in json.dumps(body):
        return json.dumps({"name": "Ada", "pronoun": "she", "first_thought": "Something [bold]knocks[/bold]."})
    if "insights" in json.dumps(body.get("response_format", {})):
        return json.dumps({"insights": []})
    told = json.dumps(body["messages"])
    step = {"thought": "Rain again.", "importance": 9, "action": "think", "params": {}}
    if SELF[0] not in told:
        step |= {"thought": "Rain knocks on the window.", "action": "describe_self", "params": {"text": SELF[0]}}
    elif SELF[1] not in told:
        step |= {"thought": "Seven drops a second.", "action": "describe_self", "params": {"text": SELF[1]}}
    return json.dumps(step)


@pytest.fixture
def person(tmp_path: Path) -> Iterator[Person]:
    with FakeOpenRouter(reply=says) as running:
        person = Person(tmp_path, running)
        assert person.types("run", "1").status == 0
        yield person


def refused(ran: Ran, words: str) -> None:
    assert ran.status == 1, ran
    assert words in ran.err
    assert len(ran.err.strip().splitlines()) == 1, ran.err


def test_lives_and_memories_are_told_and_can_be_taken_back(person: Person) -> None:
    [life] = person.types("lives", "--json").document
    assert (life["number"], life["name"], life["state"], life["self_page"]) == (1, "Ada", "alive", SELF[1])
    story = person.types("lives", "1").out
    for part in ("Life #1: Ada (she)", "Something [bold]knocks[/bold].", SELF[1], "Rain knocks on the window."):
        assert part in story

    found = person.types("memory", "search", "rain knocks", "--life", "1", "--json").document
    assert (found[0]["text"], found[0]["importance"]) == ("Rain knocks on the window.", 9)
    number = str(found[0]["id"])
    shown = person.types("memory", "show", number, "--json").document
    assert (shown["kind"], shown["rests_on"], shown["summary"]) == ("thought", [], None)
    versions = person.types("memory", "log", "--json").document
    assert [(page["version"], page["text"]) for page in versions] == [(1, SELF[0]), (2, SELF[1])]
    assert f"+{SELF[1]}" in versions[1]["changes"]

    assert "is forgotten" in person.types("memory", "forget", number).out
    refused(person.types("memory", "show", number), f"no memory {number}")
    assert "as version 3" in person.types("memory", "restore", "1").out
    assert "version 3" in person.types("memory", "log").out


def test_what_is_not_known_is_said_in_one_line(person: Person, tmp_path: Path) -> None:
    refused(person.types("lives", "7"), "there is no life #7")
    refused(person.types("memory", "search", "rain", "--life", "7"), "there is no life #7")
    refused(person.types("memory", "forget", "999"), "life #1 has no memory 999")
    refused(person.types("memory", "restore", "9"), "no version 9")
    refused(person.types("lives", DATA_DIR=str(tmp_path / "nowhere")), "nobody has lived in")
    assert not (tmp_path / "nowhere").exists()
