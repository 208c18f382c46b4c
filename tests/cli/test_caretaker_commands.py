"""Commands of the caretaker where no daemon lives: each done once, none waits for nobody, none shows a traceback."""

import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from ai.operations.lock import DaemonLock
from tests.brain.lived import thinker
from tests.cli.commands import Person, one_line
from tests.world.openrouter import FakeOpenRouter
from tests.world.waiting import wait_until

SECONDS = 60


@pytest.fixture
def person(tmp_path: Path) -> Person:
    return Person(tmp_path, LOCAL_MODEL="off", EMBEDDINGS="off")


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Person:
    """Return a person whose purse was given a dollar already; the tests that share it change nothing."""
    person = Person(tmp_path_factory.mktemp("known"), LOCAL_MODEL="off", EMBEDDINGS="off")
    assert "added" in person.types("topup", "1", "--from", "Ada").out
    return person


def given(person: Person) -> str:
    return str(person.types("budget", "--json").document["donated"])


def test_money_given_after_the_lives_were_lost_is_in_the_books(person: Person, tmp_path: Path) -> None:
    assert "added" in person.types("topup", "2.50", "--from", "Ada").out
    for file in (tmp_path / "data").glob("mind.db*"):
        file.unlink()
    assert "added" in person.types("topup", "2.50", "--from", "Ada").out
    assert given(person) == "5.000000000"


def test_a_command_where_no_daemon_lives_tells_of_its_own_doing_alone(tmp_path: Path) -> None:
    """Each said that the life goes on, and readers of the page saw a mind resume that slept."""
    with FakeOpenRouter(reply=thinker(3)) as provider:
        person = Person(tmp_path, provider)
        assert person.types("run", "1").status == 0
    before = journal(tmp_path)
    asked = [("topup", "1", "--from", "Ada"), ("say", "hello"), ("pause",), ("resume",), ("reconcile",)]
    assert [person.types(*words).status for words in asked] == [0] * len(asked)
    told = ["caretaker.command", "caretaker.message", "brain.paused", "brain.resumed"]
    assert journal(tmp_path) == [*before, *told]
    person.types("run", "1")
    assert "life.woke" in journal(tmp_path)


def journal(tmp_path: Path) -> list[str]:
    with closing(sqlite3.connect(tmp_path / "data" / "mind.db")) as mind:
        return [kind for (kind,) in mind.execute("SELECT kind FROM events ORDER BY seq")]


def test_two_minds_of_one_name_lose_no_gift_to_each_other(person: Person, tmp_path: Path) -> None:
    purse = f"sqlite:///{tmp_path}/purse.db"
    for folder in ("one", "two"):
        assert person.types("topup", "1", "--from", "Ada", DATA_DIR=str(tmp_path / folder), DATABASE_URL=purse).out
    assert (
        person.types("budget", "--json", DATABASE_URL=purse, DATA_DIR=str(tmp_path / "one")).document["donated"]
        == "2.000000000"
    )


def waits(tmp_path: Path, commands: int = 1) -> None:
    """Return once that many commands wait in the mind's database."""

    def waiting() -> int:
        if not (tmp_path / "data" / "mind.db").exists():
            return 0
        with closing(sqlite3.connect(tmp_path / "data" / "mind.db")) as mind:
            try:
                return int(mind.execute("SELECT count(*) FROM commands WHERE finished_at IS NULL").fetchone()[0])
            except sqlite3.OperationalError:  # its tables are being made
                return 0

    wait_until(lambda: waiting() == commands)


def test_a_command_that_met_another_one_goes_on_when_that_one_is_done(person: Person, tmp_path: Path) -> None:
    (tmp_path / "data" / "credits").mkdir(parents=True)
    lock = DaemonLock(tmp_path / "data")
    with lock, person.starts("topup", "1", "--from", "Ada") as first:
        waits(tmp_path)
        lock.__exit__(None, None, None)
        out, _ = first.communicate(timeout=SECONDS)
        assert "added" in out
    assert given(person) == "1.000000000"


def test_beats_asked_of_a_command_that_ends_are_lived_here(tmp_path: Path) -> None:
    with FakeOpenRouter(reply=thinker(11)) as provider:
        person = Person(tmp_path, provider)
        assert "added" in person.types("topup", "1", "--from", "Ada").out
        lock = DaemonLock(tmp_path / "data")
        with lock, person.starts("run", "1") as first:
            waits(tmp_path)
            lock.__exit__(None, None, None)
            out, _ = first.communicate(timeout=SECONDS)
            assert (first.returncode, "LLM Usage Summary" in out) == (0, True), out
    assert person.types("status", "--json").document["beats"] == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_command_that_was_given_up_is_withdrawn(person: Person, tmp_path: Path, number: signal.Signals) -> None:
    (tmp_path / "data" / "credits").mkdir(parents=True)
    with DaemonLock(tmp_path / "data"), person.starts("topup", "1", "--from", "Ada") as first:
        waits(tmp_path)
        first.send_signal(number)
        out, _ = first.communicate(timeout=SECONDS)
        assert first.returncode in {1, 130}, out
        assert "Traceback" not in out
    assert "added" in person.types("topup", "1", "--from", "Ada").out
    assert given(person) == "1.000000000"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_command_given_up_while_it_is_written_down_is_not_left_behind(
    person: Person, tmp_path: Path, number: signal.Signals
) -> None:
    person.types("topup", "1", "--from", "Ada")
    mind = tmp_path / "data" / "mind.db"
    with DaemonLock(tmp_path / "data"), closing(sqlite3.connect(mind, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")  # whoever writes a command down waits here
        with person.starts("topup", "2", "--from", "Ada") as first:
            wait_until(lambda: opened(first.pid, mind))
            first.send_signal(number)
            writer.execute("ROLLBACK")
            out, _ = first.communicate(timeout=SECONDS)
            assert (first.returncode, "Traceback" in out) == (1, False), out
    person.types("topup", "4", "--from", "Bob")  # it carries out whatever waits
    assert given(person) == "5.000000000"


def opened(pid: int, file: Path) -> bool:
    """Return whether a process has that file open."""
    return any(link.is_symlink() and link.resolve() == file for link in Path(f"/proc/{pid}/fd").iterdir())


def test_a_repeat_of_a_waiting_command_is_told_and_done_once(person: Person, tmp_path: Path) -> None:
    (tmp_path / "data" / "credits").mkdir(parents=True)
    lock = DaemonLock(tmp_path / "data")
    lock.__enter__()
    words = ("topup", "1", "--from", "Ada")
    with person.starts(*words) as first:
        waits(tmp_path)
        with person.starts(*words) as second:
            assert second.stdout is not None
            assert "waits already" in second.stdout.readline()
            lock.__exit__(None, None, None)
            for process in (first, second):
                out, _ = process.communicate(timeout=SECONDS)
                assert process.returncode == 0, out
                assert "$1.00 from Ada added" in out
    assert given(person) == "1.000000000"


@pytest.mark.parametrize("usd", ["1e-400", "0.0000000001", "1.0000000005", "nan", "1e999999999", "-1", "0", "１e5"])
def test_what_is_no_gift_is_refused_in_one_line(known: Person, usd: str) -> None:
    one_line(known.types("topup", "--from", "Ada", "--", usd))
    assert given(known) == "1.000000000"


def test_a_gift_of_nobody_and_a_key_that_is_over_are_told(known: Person) -> None:
    """The mind was told of money "from   ", and a key was made that never worked."""
    assert "say who gives" in one_line(known.types("topup", "1", "--from", "  "))
    for day, said in (("2020-01-31", "is over already"), ("9999-12-31T23:59:59-12:00", "is no day")):
        assert said in one_line(known.types("keys", "create", "late", "--budget", "1", "--expires", day))
    assert given(known) == "1.000000000"


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--month", "9999-12"),
        ("--month", "0000-01"),
        ("--month", "2026-13"),
        ("--since", "9999-99-99"),
        ("--since", ""),
    ],
)
def test_a_month_or_day_that_is_none_is_told_in_one_line(known: Person, option: str, value: str) -> None:
    assert option in one_line(known.types("budget", option, value))


@pytest.mark.parametrize("value", ["0001-01-01", "9999-12-31", "2999-01-01"])
def test_a_far_day_is_a_day(known: Person, value: str) -> None:
    for form in ((), ("--json",), ("--csv",)):
        ran = known.types("budget", "--since", value, *form)
        assert (ran.status, ran.err) == (0, ""), ran


def test_a_person_settles_a_disputed_charge(known: Person) -> None:
    assert "no call was charged above" in known.types("settle").out
    assert "settle CALL 0.02" in one_line(known.types("settle", "call-1"))
    assert "there is no call call-1" in one_line(known.types("settle", "call-1", "0.02", "--reason", "refunded"))
    assert "9 places" in one_line(known.types("settle", "call-1", "1e-400", "--reason", "refunded"))
