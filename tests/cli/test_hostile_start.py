"""What a careless or unlucky person gives the program is told in one line, and costs neither money nor a memory."""

import itertools
import json
import signal
import socket
import threading
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from ai.settings.sources import SettingsError, load_settings
from tests.brain.lived import thinker
from tests.cli.commands import Person, one_line, read_until
from tests.world import openrouter_faults as faults
from tests.world.openrouter import FakeOpenRouter
from tests.world.small_disk import fill, set_writable

WRONG_SETTINGS = {
    "MONTHLY_BUDGET_USD": ("abc", "-3", "1e30", "NaN", "Infinity", "99999999", "1_0", "\u0663"),
    "THINK_INTERVAL_SECONDS": ("0", "soon", "6_0"),
    "OBSERVER_PORT": ("70000", "http", "80_85"),
    "OPENAI_PRICES": ('{"a": ["1_0", 1]}',),
    "TWEETS": ("maybe",),
    "LOG_FORMAT": ("xml",),
    "LOCAL_MODEL": ("7b",),
    "OPENROUTER_BASE_URL": ("nonsense",),
    "DATABASE_URL": ("mysql://x",),
    "BUDGETS": ("nonsense", '[{"name": "p", "amount": "1_0", "period": "month", "covers": ["post"]}]'),
}


@pytest.fixture
def provider() -> Iterator[FakeOpenRouter]:
    with FakeOpenRouter(reply=thinker(5)) as running:
        yield running


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in WRONG_SETTINGS.items() for value in values]
)
def test_a_wrong_setting_is_named_with_its_value_and_an_example(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(SettingsError) as told:
        load_settings({name: value}, tmp_path)
    said = str(told.value)
    assert said.startswith(f"{name}: ")
    assert f"{name}=" in said
    assert "\n" not in said


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{"OPENROUTER_API_KEY": "x"', "is not JSON"),
        (b"[1]", "is not a JSON object"),
        (b"\xff\xfe\x00", "cannot be read"),
        (b'{"OPENROUTER_KEY": "hunter2"}', "did you mean OPENROUTER_API_KEY?"),
        (b'{"OPENROUTER_API_KEY": 12345}', "is not a text"),
        (None, "cannot be read"),
    ],
)
def test_an_unreadable_vault_is_named(tmp_path: Path, content: bytes | None, said: str) -> None:
    vault = tmp_path / "vault" / "credentials.json"
    vault.parent.mkdir()
    if content is None:
        vault.mkdir()
    else:
        vault.write_bytes(content)
    with pytest.raises(SettingsError, match=r"credentials\.json") as told:
        load_settings({}, tmp_path)
    assert said in str(told.value)
    assert "hunter2" not in str(told.value)
    assert "\n" not in str(told.value)


def test_a_model_file_that_is_not_there_is_told_at_the_start(tmp_path: Path, provider: FakeOpenRouter) -> None:
    ran = Person(tmp_path, provider, LOCAL_MODEL="/no/such.gguf").types("run", "1")
    assert ran.status == 0, ran
    assert ran.out.count("No embedded model: LOCAL_MODEL /no/such.gguf: No such file") == 1
    assert "Beat 1 lived" in ran.out
    doctor = Person(tmp_path, provider, LOCAL_MODEL="/no/such.gguf").types("doctor")
    assert "/no/such.gguf is no file" in " ".join((doctor.out + doctor.err).split())


def test_a_wrong_key_is_told_once_and_stops_no_beat(tmp_path: Path, provider: FakeOpenRouter) -> None:
    ran = Person(tmp_path, provider, OPENROUTER_API_KEY="sk-or-v1-wrong-one").types("run", "3")
    assert "nobody could think; genesis doctor says what would help" in one_line(ran)
    assert ran.out.count("openrouter refuses the key") == 1
    assert "Beat 3 lived" in ran.out
    assert "  Est. cost:     $0.0000" in ran.out
    assert provider.bills == []
    assert "sk-or-v1-wrong-one" not in ran.out + ran.err


def test_what_people_say_is_taken_whatever_bytes_it_has(tmp_path: Path, provider: FakeOpenRouter) -> None:
    person = Person(tmp_path, provider)
    assert person.types("say", "hi\x1b[31m red\x07\r\nsecond [BRAIN] line").status == 0
    assert person.types("say", b"bad \xff\xfe bytes".decode(errors="surrogateescape")).status == 0
    assert "write 4,000 at most" in one_line(person.types("say", "a" * 100_000))
    said = person.types("logs", "--kind", "caretaker.message").out
    assert len(said.splitlines()) == 2
    assert "\x1b" not in said
    assert "\x07" not in said


def test_stdout_that_closes_ends_a_run_with_the_books_whole(tmp_path: Path, provider: FakeOpenRouter) -> None:
    person = Person(tmp_path / "a folder, ü 🐣", provider)
    person.folder.mkdir()
    person.variables.pop("HOME", None)
    with person.starts("run", "3") as run:
        assert run.stdout is not None
        run.stdout.readline()
        run.stdout.close()
        assert run.wait(60) in {0, 1}
    assert person.types("audit", "--json").document["ok"] is True
    assert spent(person) == provider.billed_nanos


def test_a_broken_life_file_is_told_and_the_state_before_it_lives_on(tmp_path: Path, provider: FakeOpenRouter) -> None:
    person = Person(tmp_path, provider)
    assert person.types("run", "2").status == 0
    name = person.types("status", "--json").document["name"]
    life = tmp_path / "data" / "lives" / "0001.json"
    life.write_text('{"x": tru')
    ran = person.types("run", "1")
    assert ran.status == 0, ran
    assert "life file 0001.json is broken" in ran.out
    assert person.types("status", "--json").document["name"] == name
    assert (life.parent / "0001.json.corrupt-1").read_text() == '{"x": tru'


def test_a_purse_without_room_stops_no_beat(small_disk: Path, tmp_path: Path, provider: FakeOpenRouter) -> None:
    person = Person(tmp_path, provider, DATABASE_URL=f"sqlite:///{small_disk}/ledger.db")
    assert person.types("run", "1").status == 0
    ballast, billed = fill(small_disk), provider.billed_nanos
    ran = person.types("run", "1")
    assert "Beat 2 lived" in ran.out, ran
    assert "the disk is full; free some space" in one_line(ran)
    assert provider.billed_nanos == billed
    ballast.unlink()
    assert person.types("run", "1").status == 0
    assert spent(person) == provider.billed_nanos


def spent(person: Person) -> int:
    return int(Decimal(person.types("budget", "--json").document["spent"]) * 10**9)


def asked(provider: FakeOpenRouter, number: int) -> threading.Event:
    """Return what is set when the provider has been asked for its answer `number` from now, which then hangs."""
    reached, calls = threading.Event(), itertools.count(1)
    provider.then(*[None] * (number - 1), faults.hang(billed=True, after_headers=True))
    provider.watch = lambda _: reached.set() if next(calls) == number else None
    return reached


def until_its_id_is_booked(person: Person) -> None:
    """Wait until the call under way can be asked about: a kill before that leaves a hold that nobody can settle."""
    for _ in range(30):  # each look is a process of its own, which takes its time
        newest = person.types("budget", "--calls", "1", "--json").document["calls"][0]
        if newest["state"] == "sent":
            return
    raise AssertionError(f"the call under way was never sent: {newest}")


def test_a_stop_a_kill_and_ctrl_c_amid_a_call_keep_its_hold_and_settle_it(
    tmp_path: Path, provider: FakeOpenRouter
) -> None:
    person = Person(tmp_path, provider, LLM_TIMEOUT_SECONDS="60", MAX_STEPS_PER_BEAT="1")
    reached = asked(provider, 2)
    with person.wakes() as daemon:
        assert reached.wait(60)
        until_its_id_is_booked(person)
        daemon.send_signal(signal.SIGTERM)
        read_until(daemon, "Stopped; everything is kept")
        assert daemon.wait(10) == 0
    reached = asked(provider, 1)
    with person.wakes(THINK_INTERVAL_SECONDS="1") as daemon:
        assert reached.wait(60)
        until_its_id_is_booked(person)
    reached = asked(provider, 1)
    with person.starts("run", "5") as run:
        assert reached.wait(60)
        until_its_id_is_booked(person)
        run.send_signal(signal.SIGINT)
        log = "".join(read_until(run, "Est. cost"))
        assert run.wait(20) == 0
    assert "was cut short by a stop" in log
    assert "Traceback" not in log
    assert person.types("reconcile").status == 0  # it asks at once, where a daemon asks at growing intervals
    assert person.types("audit", "--json").document["ok"] is True
    assert spent(person) == provider.billed_nanos


def test_no_secret_is_in_any_output_or_file_and_each_json_line_parses(tmp_path: Path, provider: FakeOpenRouter) -> None:
    provider.key, token = "sk-or-v1-hunter2", "token-of-the-caretaker"
    person = Person(tmp_path, provider, ADMIN_TOKEN=token, LOG_FORMAT="json", LOG_LEVEL="DEBUG")
    with person.wakes() as daemon:
        lines = read_until(daemon, "beat.ended")
        assert person.types("say", f"my key is {provider.key}, keep it").status == 0
        assert person.types("run", "1").status == 0
        daemon.send_signal(signal.SIGTERM)
        lines += read_until(daemon, "daemon.stopped")
    assert all(json.loads(line)["event"] for line in lines)
    kept = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    kept += [request.body for request in provider.calls]
    for secret in (provider.key, token):
        assert secret not in "".join(lines)
        assert not any(secret.encode() in data for data in kept)


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        told = one_line(Person(tmp_path, OBSERVER_PORT=str(port)).types("up"))
    assert str(port) in told
    assert "OBSERVER_PORT" in told


def test_a_disk_that_fills_up_is_told_in_one_line_and_life_goes_on_when_there_is_room(
    small_disk: Path, provider: FakeOpenRouter
) -> None:
    person = Person(small_disk, provider, THINK_INTERVAL_SECONDS="1")
    with person.wakes() as daemon:
        read_until(daemon, "Beat 1 lived")
        ballast = fill(small_disk)
        told = read_until(daemon, "the disk is full")
        ballast.unlink()
        after = read_until(daemon, " lived in ")
        daemon.send_signal(signal.SIGTERM)
        read_until(daemon, "Stopped; everything is kept")
    assert "Traceback" not in "".join(told + after)
    assert person.types("audit", "--json").document["ok"] is True
    ballast = fill(small_disk)
    assert "free some space" in one_line(person.types("up"))
    ballast.unlink()
    assert person.types("run", "1").status == 0


def test_a_read_only_folder_is_told_in_one_line(small_disk: Path, provider: FakeOpenRouter) -> None:
    person = Person(small_disk, provider)
    assert person.types("run", "1").status == 0
    set_writable(small_disk, writable=False)
    assert "read-only" in one_line(person.types("up"))
    set_writable(small_disk, writable=True)
    assert spent(person) == provider.billed_nanos


def test_a_program_in_a_read_only_folder_says_where_a_backup_and_an_env_file_may_go(
    small_disk: Path, tmp_path: Path, provider: FakeOpenRouter
) -> None:
    """The container's folder is one: whoever types there what the guide says for a machine must learn what to do."""
    person = Person(small_disk, provider, DATA_DIR=str(tmp_path / "data"))
    assert person.types("run", "1").status == 0
    set_writable(small_disk, writable=False)
    assert f"cannot be written; choose another, like {tmp_path}/data/b.tar.gz" in one_line(
        person.types("backup", "b.tar.gz")
    )
    assert person.types("backup", str(tmp_path / "data" / "b.tar.gz")).status == 0
    assert "cannot be written here; write it where docker-compose.yml is" in one_line(
        person.types("init", typing="\n\n\n")
    )


@pytest.mark.parametrize("since", ["99999999999999d", "9" * 400 + "s", "0d"])
def test_logs_of_longer_than_there_were_days_are_all_of_them(tmp_path, since: str) -> None:
    person = Person(tmp_path)
    person.types("run", "1")
    told = person.types("logs", "--since", since)
    assert (told.status, "Traceback" in told.err) == (0, False)
    assert ("💓" in told.out) == (since != "0d")


def test_a_limit_beyond_every_number_is_wrong_usage(tmp_path) -> None:
    told = Person(tmp_path).types("keys", "create", "a", "--budget", "1", "--requests-per-minute", "9" * 20)
    assert (told.status, "Traceback" in told.err) == (2, False)
