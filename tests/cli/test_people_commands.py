"""Letters and stories at the command line: `say` answers within a second, `letters` shows the conversation."""

import json
import time
from pathlib import Path

import pytest

from ai.operations.lock import DaemonLock
from tests.cli.commands import Person, one_line


@pytest.fixture
def person(tmp_path: Path) -> Person:
    return Person(tmp_path, LOCAL_MODEL="off", EMBEDDINGS="off")


def test_say_answers_at_once_while_the_mind_is_in_the_middle_of_a_step(person: Person, tmp_path: Path) -> None:
    """It waited up to five minutes for the end of a step, and then said that nobody answered."""
    assert "left for its next beat, as letter 1" in person.types("say", "Good morning").out
    began = time.monotonic()
    person.types("letters", "--json")
    usual = time.monotonic() - began  # what a process takes to begin on this machine
    with DaemonLock(tmp_path / "data"):
        began = time.monotonic()
        said = person.types("say", "Are you there?")
        took = time.monotonic() - began
    assert said.status == 0
    assert "it is in the middle of a step" in said.out
    assert took < usual * 3 + 5  # a second of its own, and never the minutes of a beat
    assert "left for its next beat, as letter 3" in person.types("say", "Third").out  # the second was kept, and came
    rows = person.types("letters", "--json").document
    assert [row["text"] for row in rows] == ["Third", "Are you there?", "Good morning"]
    assert list(rows[0]) == ["id", "from", "text", "at", "answer", "answered_at"]


@pytest.mark.parametrize(("text", "why"), [("  ", "empty"), ("x" * 4_001, "4,000 at most"), ("\u200b\u202e", "empty")])
def test_what_is_no_message_is_refused_in_one_line(person: Person, text: str, why: str) -> None:
    assert why in one_line(person.types("say", text))


def test_letters_of_nobody_is_an_empty_list(person: Person) -> None:
    assert person.types("budget", "--json").status in {0, 1}
    person.types("say", "[red]Hello[/red] \x1b[31m")
    shown = person.types("letters")
    assert "[red]Hello[/red]" in shown.out
    assert "\x1b" not in shown.out
    assert "not answered yet" in shown.out
    assert json.loads(person.types("letters", "--json", "--limit", "1").out)[0]["answer"] is None
