"""What a person types first, and into a folder that takes no writing: each answer says what to do now."""

import asyncio
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ai import __version__
from ai.cli.setup import _wrong
from ai.clock import SystemClock
from ai.credit_tracker import CallerBooks, KeyTerms, open_credit_ledger
from ai.settings import Settings
from tests.cli.commands import Person, one_line


@pytest.mark.parametrize(
    "words", [["status"], ["lives"], ["letters"], ["memory", "search", "rain"], ["memory", "log"], ["lives", "1"]]
)
def test_before_anybody_lived_every_look_says_what_begins(tmp_path: Path, words: list[str]) -> None:
    """Some blamed the database, whose folder was not even missing by a fault."""
    assert "nobody has lived in" in (said := one_line(Person(tmp_path).types(*words)))
    assert "`genesis run 1` begins" in said


def test_a_person_learns_the_version_the_keys_and_what_is_missing_without_a_line_that_breaks(tmp_path: Path) -> None:
    person = Person(tmp_path, COLUMNS="40")
    assert person.types("--version").out == f"genesis {__version__}\n"
    assert "`genesis keys create NAME --budget USD` makes one" in person.types("keys", "list").out
    told = person.types("doctor").out
    assert "provider: no key is set: the embedded model thinks\n   → genesis init adds a key\n" in told
    assert "   → TWEETS=approve or live, with a network's keys, posts\n" in told


def test_a_life_that_ended_is_not_called_paused(tmp_path: Path) -> None:
    person = Person(tmp_path)
    person.types("run", "1")
    assert person.types("topup", "1", "--from", "Ada").out == "$1.00 from Ada added; $6.00 available\n"
    person.types("kill", "--cause", "tried")
    person.types("pause")
    told = person.types("status").out
    assert told.startswith("not alive, paused: life #1, ")
    assert "), 1 beat since " in told
    assert "budget: $6.00 available, $5.00 granted this month" in told


@pytest.fixture
def mounted_read_only(tmp_path: Path) -> Iterator[Path]:
    """Yield a folder that was lived in, as a backup that is mounted read-only shows it; only root can mount one."""
    lived = tmp_path / "lived"
    lived.mkdir()
    person = Person(lived)
    assert "Beat 1 lived" in person.types("run", "1").out
    assert person.types("keys", "create", "agent", "--budget", "1").status == 0
    folder = tmp_path / "mounted"
    folder.mkdir()
    for options in (("--bind", str(lived)), ("-o", "remount,ro,bind")):
        done = subprocess.run(["mount", *options, str(folder)], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            pytest.skip(f"nothing can be mounted here: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_folder_that_takes_no_writing_can_be_looked_into(mounted_read_only: Path) -> None:
    """Whoever mounted a backup to see what a life had been was told that the database cannot be opened."""
    person = Person(mounted_read_only, DATA_DIR=str(mounted_read_only / "data"))
    for words, said in (
        (("status",), "life #1"),
        (("budget",), "granted"),
        (("lives",), "alive"),
        (("letters",), "Nobody has written"),
        (("logs",), "Life #1 beginning"),
        (("audit",), "every balance matches"),
        (("models",), "model"),
        (("keys", "list"), "agent"),
        (("statement",), "in all"),
    ):
        told = person.types(*words)
        assert (told.status, told.err) == (0, ""), words
        assert said in told.out, words
    assert "read-only" in one_line(person.types("run", "1"))


def test_a_purse_that_nobody_has_opened_yet_has_no_keys_and_a_statement_of_nothing(tmp_path: Path) -> None:
    """An empty file, as a server's empty database, was a traceback."""
    person = Person(tmp_path)
    (tmp_path / "data" / "credits").mkdir(parents=True)
    (tmp_path / "data" / "credits" / "ledger.db").touch()
    assert "no keys yet" in person.types("keys", "list").out
    assert "in all" in person.types("statement").out


def test_a_year_of_programs_does_not_bury_the_keys_that_are_good(tmp_path: Path) -> None:
    """Each `exec` leaves a key that ended: the list had them all, by name, and took a second for each thousand."""
    person = Person(tmp_path)
    assert person.types("keys", "create", "zoe", "--budget", "1").status == 0

    async def leave() -> None:
        settings, clock = Settings(data_dir=tmp_path / "data"), SystemClock()
        ledger = open_credit_ledger(settings.purse_url, clock)
        books = CallerBooks(ledger, settings, clock)
        for n in range(120):
            await books.create_key(f"exec-{n:03d}", KeyTerms())
            await books.revoke_key(f"exec-{n:03d}")
        ledger.close()

    asyncio.run(leave())
    few, every = person.types("keys", "list").out, person.types("keys", "list", "--all").out
    assert [name for name in ("zoe", "exec-119", "exec-021", "exec-020") if name in few] == [
        "zoe",
        "exec-119",
        "exec-021",
    ]
    assert few.index("zoe") < few.index("exec-119")
    assert "21 more, all of which ended; --all shows them" in few
    assert "exec-000" in every
    assert "more" not in every
    assert len(person.types("keys", "list", "--json").document) == 121


@pytest.mark.parametrize("mistaken", ["OPENROUTER_KEY", "OPENROUTER_API_KEY_FILE", "MONTHLY_BUDGET"])
def test_another_settings_mistake_is_not_blamed_on_an_answer(monkeypatch: pytest.MonkeyPatch, mistaken: str) -> None:
    """`init` would have asked the same question until it was given up."""
    monkeypatch.setenv(mistaken, "3")
    for name, answer in (("OPENROUTER_API_KEY", "sk-or-v1-good"), ("MONTHLY_BUDGET_USD", "5")):
        assert _wrong(name, answer) is None
