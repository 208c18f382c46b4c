"""What a person types must work, say in one line what is wrong, and never show a traceback or lose anything."""

import contextlib
import os
import pty
import re
import select
import signal
import sqlite3
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from ai.cli.setup import ASKED
from ai.settings import X_KEYS
from ai.settings.sources import load_settings
from tests.brain.lived import thinker
from tests.cli.commands import Person, one_line, read_until
from tests.world.openrouter import FakeOpenRouter

SUMMARY = re.compile(
    r"={50}\nLLM Usage Summary\n={50}\n  Requests:      ([\d,]+)\n  Input tokens:  ([\d,]+)\n"
    r"  Output tokens: ([\d,]+)\n  Est\. cost:     \$(\d+\.\d{4})\n={50}\n$"
)


@pytest.fixture
def provider() -> Iterator[FakeOpenRouter]:
    with FakeOpenRouter(reply=thinker(11)) as running:
        yield running


def test_a_run_ends_with_its_summary_and_the_books_can_be_read(tmp_path: Path, provider: FakeOpenRouter) -> None:
    person = Person(tmp_path, provider)
    ran = person.types("run", "3")
    assert ran.status == 0, ran.err
    found = SUMMARY.search(ran.out)
    assert found, ran.out[-500:]
    assert int(found[1].replace(",", "")) == len(provider.calls)
    assert found[4] == f"{provider.billed_nanos / 1e9:.4f}"
    for line in ("Using OpenRouter API (model: ", "♻️ Life #1 beginning...", "🎭 Identity: ", "💬 Response: "):
        assert line in ran.out
    assert provider.key not in ran.out + ran.err

    budget = person.types("budget", "--json").document
    assert budget["spent"] == f"{provider.billed_nanos // 10**9}.{provider.billed_nanos % 10**9:09d}"
    assert person.types("audit", "--json").document["ok"] is True
    state = person.types("status", "--json").document
    assert (state["alive"], state["life"], state["beats"]) == (True, 1, 3)
    assert person.types("models", "--json").document[0]["tier"]
    assert person.types("tweets", "--json").document[0]["state"] == "dry_run"
    assert "💭" in person.types("logs", "--kind", "thought").out

    with sqlite3.connect(tmp_path / "data" / "credits" / "ledger.db") as connection:
        connection.execute("UPDATE rollups SET cost = cost + 1 WHERE dimension = 'life'")
    assert "the sums by life say" in one_line(person.types("audit"))


def test_mistakes_are_told_in_one_line_and_change_nothing(tmp_path: Path) -> None:
    person = Person(tmp_path)
    assert "OPENROUTER_API_KEY" in one_line(person.types("status", OPENROUTER_KEY="x"))
    assert "MONTHLY_BUDGET_USD" in one_line(person.types("up", MONTHLY_BUDGET_USD="-3"))
    assert "hunter2" not in one_line(person.types("up", OPENROUTER_API_KEY="sk\nhunter2"))
    assert "nobody has lived" in one_line(person.types("status"))
    assert "2.50" in one_line(person.types("topup", "lots", "--from", "Ada"))
    assert not (tmp_path / "data" / "credits" / "ledger.db").exists()
    wrong = person.types("run", "many")
    assert wrong.status == 2
    (tmp_path / "file").write_text("x")
    assert "DATA_DIR" in one_line(person.types("run", "1", DATA_DIR=str(tmp_path / "file" / "data")))


def test_a_daemon_takes_commands_and_ends_on_a_signal_with_nothing_lost(
    tmp_path: Path, provider: FakeOpenRouter
) -> None:
    person = Person(tmp_path, provider, THINK_INTERVAL_SECONDS="600")
    with person.wakes() as daemon:
        read_until(daemon, "Beat 1 lived")
        assert "another Genesis" in one_line(person.types("up"))
        assert "added" in person.types("topup", "2.50", "--from", "Ada").out
        assert person.types("say", "Good morning").status == 0
        ran = person.types("run", "2")
        assert SUMMARY.search(ran.out), ran
        assert "read" in person.types("logs", "--kind", "beat.started").out or person.types("status").status == 0
        assert person.types("pause").out.startswith("paused")
        assert "paused" in one_line(person.types("run", "1"))
        daemon.send_signal(signal.SIGTERM)
        read_until(daemon, "Stopped; everything is kept")
        assert daemon.wait(10) == 0
    state = person.types("status", "--json").document
    assert (state["beats"], state["paused"]) == (3, True)
    budget = person.types("budget", "--json").document
    assert budget["donated"] == "2.500000000"


def test_a_life_ends_by_command_and_the_next_begins(tmp_path: Path, provider: FakeOpenRouter) -> None:
    person = Person(tmp_path, provider)
    assert person.types("run", "1").status == 0
    assert "nobody lives" not in person.types("kill", "--cause", "a test of courage").out
    assert person.types("status", "--json").document["alive"] is False
    assert "nobody lives" in one_line(person.types("kill", "--cause", "again"))


def test_a_run_in_which_nobody_could_think_fails_and_its_life_is_told_without_a_question_mark(tmp_path: Path) -> None:
    person = Person(tmp_path)
    ran = person.types("run", "2")
    assert "nobody could think; genesis doctor says what would help: nobody can be asked" in one_line(ran)
    assert SUMMARY.search(ran.out), "a script that ran it took beats without a thought for a success"
    assert "thinks with: nobody yet\n" in person.types("status").out


def test_a_newer_or_torn_database_is_named_and_left_alone(tmp_path: Path, provider: FakeOpenRouter) -> None:
    person = Person(tmp_path, provider)
    assert person.types("run", "1").status == 0
    ledger = tmp_path / "data" / "credits" / "ledger.db"
    with sqlite3.connect(ledger) as connection:
        connection.execute("INSERT INTO schema_versions (component, version) VALUES ('ledger', 999)")
    connection.close()
    before = ledger.read_bytes()
    assert "999" in one_line(person.types("run", "1"))
    assert ledger.read_bytes() == before
    mind = tmp_path / "data" / "mind.db"
    mind.write_bytes(b"torn" * 1000)
    assert "damaged" in one_line(person.types("run", "1"))
    assert mind.read_bytes() == b"torn" * 1000


def test_init_writes_a_private_file_and_keeps_an_old_one(tmp_path: Path) -> None:
    person = Person(tmp_path)
    ran = person.types("init", typing="\n3.00\n\n")
    assert ran.status == 0, ran
    dotenv = tmp_path / ".env"
    assert "MONTHLY_BUDGET_USD=3.00" in dotenv.read_text()
    assert dotenv.stat().st_mode & 0o777 == 0o600
    assert "exists already" in one_line(person.types("init", typing="\n4.00\n\n"))
    assert "nothing was written" in one_line(person.types("init", "--force", typing="\n-4\n\n"))
    assert "MONTHLY_BUDGET_USD=3.00" in dotenv.read_text()


def test_init_on_a_terminal_says_at_once_what_cannot_be_and_asks_again(tmp_path: Path) -> None:
    person = Person(tmp_path)
    env = {name: value for name, value in person.variables.items() if name not in ASKED}
    process, terminal = pty.fork()
    if process == 0:  # pragma: no cover - the child
        os.chdir(tmp_path)
        os.execve(sys.executable, [sys.executable, "-m", "ai", "init"], env)  # noqa: S606
    said = b""
    for question, answer in (
        (b"OpenRouter key", b"sk or v1"), (b"OpenRouter key", b""), (b"Dollars a month", b"lots"),
        (b"Dollars a month", b"2.50"), (b"Admin token", b"short"), (b"Admin token", b"none"),
    ):  # fmt: skip
        asked = b""
        while question not in asked or not asked.rstrip(b"\r\n").endswith(b": "):
            assert select.select([terminal], [], [], 60)[0], asked
            asked += os.read(terminal, 1024)
        said += asked
        os.write(terminal, answer + b"\n")
    with contextlib.suppress(OSError):  # how a terminal says that nobody has its other end any more
        while select.select([terminal], [], [], 60)[0] and (piece := os.read(terminal, 1024)):
            said += piece
    os.close(terminal)
    os.waitpid(process, 0)
    for told in (b"U+0020 (space) as letter 3", b"'lots' is wrong", b"shorter than 16 characters"):
        assert told in said
    assert b"sk or v1" not in said
    assert (tmp_path / ".env").read_text().count("MONTHLY_BUDGET_USD=2.50") == 1


def test_init_keeps_every_other_setting_and_what_an_answer_says_to_the_letter(tmp_path: Path) -> None:
    """Else a new key costs a person TWEETS and BUDGETS, or a token with a # in it is cut."""
    person, dotenv = Person(tmp_path), tmp_path / ".env"
    cap = '[{"name": "posts", "amount": "1", "period": "day", "covers": ["post"]}]'
    others = f"TWEETS=approve\nBUDGETS='{cap}'\n"
    keys = "".join(f"{name.upper()}=k\n" for name in X_KEYS)
    dotenv.write_text(f"MONTHLY_BUDGET_USD=3.00\n{others}{keys}")
    token = "two-words#and'quotes'\\$HOME"
    assert "wrote" in person.types("init", "--force", typing=f"\n7.50\n{token}\n").out
    chosen = load_settings({}, tmp_path)
    assert (chosen.monthly_budget_usd, chosen.tweets, chosen.budgets[0].name) == (Decimal("7.50"), "approve", "posts")
    assert chosen.admin_token is not None
    assert chosen.admin_token.get_secret_value() == token
    assert "MONTHLY_BUDGET_USD=3.00" in (tmp_path / ".env.before").read_text()
    assert (tmp_path / ".env.before").stat().st_mode & 0o777 == 0o600
