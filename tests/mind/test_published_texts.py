"""What is kept for people to read holds no secret of ours and nothing that a terminal obeys, whoever wrote it."""

import ast
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ai.clock import VirtualClock
from ai.mind.commands import Commands
from ai.mind.database import open_mind
from ai.mind.journal import Journal
from ai.mind.redaction import HIDDEN, Redactor

SECRET = "Zm9v/Yg+h0nter2=="
NOW = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.fixture
def mind(tmp_path: Path):
    opened = open_mind(tmp_path / "mind.db", secrets=[SECRET])
    yield opened
    opened.close()


@pytest.mark.parametrize(
    "spelt",
    [
        SECRET,
        f"my key is {SECRET}, keep it",
        json.dumps(SECRET)[1:-1],
        " ".join(SECRET),
        SECRET[:6] + "\n" + SECRET[6:],
        "\u200b".join(SECRET),
        SECRET[:4] + "\u00a0\u2060" + SECRET[4:],
    ],
)
def test_a_secret_is_published_in_no_spelling(mind, spelt: str) -> None:
    event = Journal(mind, VirtualClock(NOW)).append("thought", text=spelt, params={"deep": [{spelt: spelt}]})
    row = mind.connection.execute("SELECT data FROM events").fetchone()[0]
    assert HIDDEN in row
    for said in (row, json.dumps(dict(event.data))):
        assert "h0nter2" not in said.replace(" ", "").replace("\u200b", "").replace("\\n", "")


@pytest.mark.parametrize(
    "key", ["sk-or-v1-0123456789abcdef", "gk-0123456789abcdef", "Bearer abcdefghijklmnop", "ghp_" + "a1" * 18]
)
def test_what_looks_like_a_key_is_no_less_a_secret(mind, key: str) -> None:
    commands = Commands(mind, VirtualClock(NOW))
    commands.put("say", text=f"use {key} please")
    assert key not in commands.pending()[0].data["text"]


def test_whoever_asks_a_command_is_written_without_secrets_and_escapes(mind) -> None:
    commands = Commands(mind, VirtualClock(NOW))
    row = commands.put("kill", cause=f"\x1b]0;owned\x07\x1b[31m{SECRET}\u202eevil\r", **{"from": "A\x9bnn"})
    data = commands.pending()[0].data
    assert data == {"cause": f"�]0;owned��[31m{HIDDEN}�evil\n", "from": "A�nn"}
    commands.finish(row, ok=True, result=f"done \x1b[2J {SECRET}")
    assert commands.answer(row).result == f"done �[2J {HIDDEN}"


def test_lines_and_emoji_are_kept(mind) -> None:
    text = "two\nlines\tand 👩‍🚀 ❤️ ünïcödé 漢字"
    commands = Commands(mind, VirtualClock(NOW))
    commands.put("say", text=text)
    assert commands.pending()[0].data["text"] == text


def test_no_text_makes_redaction_slow(mind) -> None:
    redact, letters = Redactor([SECRET, "correct horse battery staple"]), SECRET[:-1]
    for text in (letters * 40_000, (letters + " ") * 40_000, "Z" + " " * 400_000, "c o r r " * 50_000):
        assert HIDDEN not in redact(text)
    assert redact("sk-" * 200_000) == HIDDEN


def test_every_room_that_opens_the_mind_to_write_names_the_secrets() -> None:
    writers = []
    for path in Path("ai").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "open_mind":
                names = {word.arg for word in node.keywords}
                if "read_only" not in names:
                    writers.append((str(path), "secrets" in names))
    assert len(writers) >= 3
    assert [path for path, named in writers if not named and "restore" not in path] == []
