"""Whoever asks one thing does not wait until every room is loaded: what each command does without."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ai.cli.app import app
from ai.cli.on_demand import COMMANDS, whole
from tests.cli.commands import Person

SLOW = ("openai", "psycopg", "apscheduler", "tweepy", "genai_prices", "numpy", "tokenizers", "feedparser", "astral",
        "prometheus_client")  # fmt: skip
LOADED = "import json, sys, {file}; print(json.dumps([name for name in {names} if name in sys.modules]))"


@pytest.mark.parametrize(
    ("file", "also"),
    [
        ("ai.cli", ("rich", "pydantic", "httpx2", "ai.settings", "ai.brain")),
        ("ai.cli.look", ("rich", "structlog", "uvicorn", "ai.brain", "ai.gateway", "ai.observer")),
        ("ai.cli.programs", ("ai.brain", "ai.observer", "ai.world", "ai.life", "ai.actions")),
        ("ai.cli.keys", ("rich", "httpx2", "ai.llm", "ai.life")),
        ("ai.cli.care", ("ai.brain", "ai.gateway")),
    ],
)
def test_a_command_is_not_kept_waiting_by_rooms_that_it_never_enters(file: str, also: tuple[str, ...]) -> None:
    code = LOADED.format(file=file, names=(*SLOW, *also))
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert json.loads(told.stdout) == []


def test_who_asks_how_it_goes_loads_no_database_server_and_no_templates(tmp_path: Path) -> None:
    person = Person(tmp_path)
    assert "Beat 1 lived" in person.types("run", "1").out
    asked = person.types("status", "--json", PYTHONPROFILEIMPORTTIME="1")
    loaded = {line.rpartition("|")[2].strip() for line in asked.err.splitlines() if line.startswith("import time:")}
    assert asked.document["alive"] is True
    assert "pydantic" in loaded
    assert not loaded & {*SLOW, "jinja2"}


def test_help_says_of_each_command_what_the_command_itself_says() -> None:
    told = {
        name: (command.help or "").split("\n\n", 1)[0].replace("\n", " ")
        for name, command in whole(app).commands.items()
    }
    assert told == {name: line for name, (_, line) in COMMANDS.items()}
