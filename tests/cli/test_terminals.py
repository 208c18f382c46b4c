"""Narrow terminals and those that know few letters: no figure is cut, and nothing that is shown stops a command."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from ai.cli.app import app
from ai.cli.on_demand import COMMANDS, whole
from tests.brain.lived import thinker
from tests.cli.commands import Person
from tests.world.openrouter import FakeOpenRouter

CALL = """
import json, os, urllib.request
body = {"model": "acme/small-1", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 50}
headers = {"Authorization": "Bearer " + os.environ["OPENAI_API_KEY"], "Content-Type": "application/json"}
urllib.request.urlopen(urllib.request.Request(
    os.environ["OPENAI_BASE_URL"] + "/chat/completions", json.dumps(body).encode(), headers), timeout=60).read()
"""
AMOUNT = re.compile(r"\$[\d,]*\.\d+|\b\d{1,3}(?:,\d{3})+\b")
LONG = "a-simulation-with-a-name-as-long-as-any-may-be-and-no-shorter-00"


@pytest.fixture(scope="module")
def person(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Person]:
    with FakeOpenRouter(reply=thinker(5)) as provider:
        one = Person(tmp_path_factory.mktemp("lived"), provider)
        one.types("run", "3")
        one.types("topup", "123456.78", "--from", "Zoë")
        one.types("keys", "create", LONG, "--budget", "98765.432100000", "--models", "openai/*")
        one.types("exec", "--budget", "0.5", "--run", "loop", "--", sys.executable, "-c", CALL)
        yield one


@pytest.mark.parametrize(
    "words",
    [("keys", "list"), ("statement",), ("statement", "--calls"), ("budget",), ("budget", "--calls", "5"), ("tweets",)],
)
def test_no_figure_is_cut_on_any_terminal(person: Person, words: tuple[str, ...]) -> None:
    """Eighty columns, which a pipe has too, made `98765.…` of a budget; forty made `$0.0` of $0.001787."""
    wide = set(AMOUNT.findall(person.types(*words, COLUMNS="300").out))
    assert wide
    for columns in ("80", "40"):
        told = person.types(*words, COLUMNS=columns)
        assert set(AMOUNT.findall(told.out)) == wide, told.out
        assert "…" not in told.out


@pytest.mark.parametrize("spelling", ["ascii", "latin-1"])
def test_a_terminal_that_knows_few_letters_stops_no_command_and_hides_no_line(person: Person, spelling: str) -> None:
    """Tables ended in a traceback there, and the log's lines, each of which has a sign, were left out in silence."""
    few = {"PYTHONIOENCODING": spelling}
    for words in (("models",), ("budget",), ("lives", "1"), ("tweets",), ("letters",), ("keys", "list"), ("doctor",)):
        told = person.types(*words, **few)
        assert told.out, words
        assert "Traceback" not in told.err, words
    log = person.types("run", "1", **few).out
    assert re.search(r"\[BRAIN\] .+ Beat \d+ lived in", log)
    assert person.types("say", "Grüße 🐣").status == 0
    assert person.types("letters", "--json", **few).document[0]["text"] == "Grüße 🐣"


def test_help_shows_what_a_person_writes_and_no_type_of_python(capsys: pytest.CaptureFixture[str]) -> None:
    """`--json <bool>` looked as if it wanted a word behind it, and `--calls <int range>` said nothing."""

    def leaves(command: Any) -> Iterator[Any]:
        yield command
        for inner in getattr(command, "commands", {}).values():
            yield from leaves(inner)

    for one in leaves(whole(app)):
        one.get_help(typer.Context(one))  # prints it
    options = re.findall(r"^│[* ]*--[a-z].*$", capsys.readouterr().out, re.MULTILINE)
    assert len(options) > len(COMMANDS)
    assert [line for line in options if "<" in line.replace("<=", "")] == []


def with_stdout(person: Person, stdout: int | None, *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "ai", *words], cwd=person.folder, env=person.variables, text=True, check=False,
        stdout=stdout, stderr=subprocess.PIPE, timeout=60, preexec_fn=None if stdout else lambda: os.close(1),
    )  # fmt: skip


@pytest.mark.parametrize("words", [("topup", "1", "--from", "Ada"), ("budget",), ("budget", "--json"), ("--help",)])
def test_an_answer_that_cannot_be_written_is_told_as_that(person: Person, words: tuple[str, ...]) -> None:
    """A gift that was booked was told as refused by the data folder, which was full; given again it was there twice."""
    with Path("/dev/full").open("w") as full:
        ended = with_stdout(person, full.fileno(), *words)
    assert ended.returncode == 1
    assert ended.stderr.startswith("genesis: the answer could not be written to stdout: No space left on device; ")
    assert len(ended.stderr.splitlines()) == 1


@pytest.mark.parametrize("words", [("status", "--json"), ("topup", "1", "--from", "Ada")])
def test_a_command_without_a_stdout_does_what_it_shall(person: Person, words: tuple[str, ...]) -> None:
    ended = with_stdout(person, None, *words)
    assert (ended.returncode, ended.stderr) == (0, "")
