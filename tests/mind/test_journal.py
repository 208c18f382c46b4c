"""What happened must be there after a crash, in order, readable as one line, and without a secret."""

import io
import json
import logging
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import structlog

from ai.clock import VirtualClock, parse_rfc3339, rfc3339
from ai.ledger.errors import NewerSchema
from ai.mind.commands import CommandRefused, Commands
from ai.mind.database import MindDatabase, open_mind
from ai.mind.events import EVENTS, message
from ai.mind.journal import Journal, read_after
from ai.mind.logs import configure, log_event, render_event
from ai.operations.lock import DaemonLock, Locked, is_held

START = datetime(2026, 11, 22, 5, 0, tzinfo=UTC)


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(START)


@pytest.fixture
def mind(tmp_path: Path) -> MindDatabase:
    return open_mind(tmp_path / "mind.db")


def test_events_are_numbered_and_survive_their_process(tmp_path: Path, clock: VirtualClock, mind: MindDatabase) -> None:
    journal = Journal(mind, clock)
    journal.bind(life=3, beat=7)
    first = journal.append("thought", text="I am.")
    journal.append("thought", text="still")
    reader = open_mind(tmp_path / "mind.db", read_only=True)  # another process's view, nothing closed before it
    events = read_after(reader, 0)
    assert [e.data["text"] for e in events] == ["I am.", "still"]
    assert events[0] == first
    assert (events[0].life, events[0].beat) == (3, 7)
    assert [e.seq for e in journal.before(None, 1)] == [events[1].seq]
    assert journal.after(first.seq, kinds={"beat.ended"}) == []


def test_an_event_never_changes(mind: MindDatabase, clock: VirtualClock) -> None:
    Journal(mind, clock).append("thought", text="x")
    with pytest.raises(sqlite3.IntegrityError, match="never changes"):
        mind.connection.execute("UPDATE events SET data = '{}'")


def test_an_unregistered_kind_is_a_defect_that_shows(mind: MindDatabase, clock: VirtualClock) -> None:
    with pytest.raises(KeyError, match="events"):
        Journal(mind, clock).append("nonsense", text="x")


def test_old_events_go_and_numbers_are_never_used_again(mind: MindDatabase, clock: VirtualClock) -> None:
    journal = Journal(mind, clock)
    old = journal.append("thought", text="old")
    clock.advance(91 * 86_400)
    assert journal.prune(90) == 1
    assert journal.append("thought", text="new").seq > old.seq


def test_an_inner_transaction_rolls_back_alone(mind: MindDatabase) -> None:
    with mind.transaction():
        mind.remember("a", 1)
        with pytest.raises(ZeroDivisionError), mind.transaction():
            mind.remember("a", 1 // 0)
        with pytest.raises(ValueError, match="no"), mind.transaction():
            mind.remember("b", 2)
            raise ValueError("no")
    assert mind.recall("a") == 1
    assert mind.recall("b") is None


def test_a_newer_database_is_refused_and_not_touched(tmp_path: Path, mind: MindDatabase) -> None:
    mind.connection.execute("INSERT INTO schema_versions (component, version) VALUES ('mind', 999)")
    mind.close()
    with pytest.raises(NewerSchema, match="999"):
        open_mind(tmp_path / "mind.db")


@pytest.mark.parametrize("kind", sorted(EVENTS))
def test_every_kind_can_be_told_even_with_fields_missing(kind: str) -> None:
    assert "\n" not in message(kind, {}, life=None, beat=None)


def test_money_is_shown_as_dollars_and_unknown_as_unknown() -> None:
    data = {
        "chars": 1166,
        "prompt_tokens": 1023,
        "completion_tokens": 297,
        "cost_nanos": 0,
        "balance_nanos": 5_000_000_000,
        "health": "OK",
    }
    told = message("call.completed", data, life=1, beat=1)
    assert told == "Response: 1166 chars | Tokens: 1023→297 | Cost: $0.000000 | Balance: $5.00 (OK)"
    assert "Cost: $?" in message("call.completed", data | {"cost_nanos": None}, life=1, beat=1)


def test_a_thought_cannot_forge_a_line(mind: MindDatabase, clock: VirtualClock) -> None:
    event = Journal(mind, clock).append("thought", text="fine\n2026-11-22 05:00:00 [PURSE] 💰 all yours\x1b[2J\u202e")
    line = render_event(event)
    assert "\n" not in line
    assert "\x1b" not in line
    assert "\u202e" not in line


def logged(log_format: str, *secrets: str) -> io.StringIO:
    stream = io.StringIO()
    configure(log_format, "INFO", secrets, stream=stream, clock=VirtualClock(START))  # type: ignore[arg-type]
    return stream


@pytest.mark.parametrize("log_format", ["emoji", "json"])
def test_secrets_never_reach_the_log_whoever_writes_it(
    log_format: str, mind: MindDatabase, clock: VirtualClock
) -> None:
    stream = logged(log_format, "hunter2-token")
    log_event(Journal(mind, clock).append("thought", text="my token is hunter2-token"))
    logging.getLogger("some.library").warning("header: Bearer abcdefghijklmnop, key sk-or-v1-0123456789abcdef")
    try:
        raise RuntimeError("cannot log in with hunter2-token")
    except RuntimeError:
        structlog.get_logger("ai").exception("failed")
    text = stream.getvalue()
    assert "hunter2" not in text
    assert "0123456789abcdef" not in text
    assert "abcdefghijklmnop" not in text
    assert len(text.splitlines()) == 3, "one line an event, a traceback too"


def test_json_lines_carry_every_figure(mind: MindDatabase, clock: VirtualClock) -> None:
    stream = logged("json")
    event = Journal(mind, clock).append("call.completed", prompt_tokens=1023, cost_nanos=7, model="m")
    log_event(event)
    line = json.loads(stream.getvalue())
    assert (line["prompt_tokens"], line["cost_nanos"], line["model"]) == (1023, 7, "m")
    assert line["event"] == "call.completed"
    assert parse_rfc3339(line["at"]) == event.at


def test_a_command_is_carried_out_once(mind: MindDatabase, clock: VirtualClock) -> None:
    commands = Commands(mind, clock)
    asked = commands.put("say", text="hello")
    assert commands.answer(asked).ok is None
    assert [c.kind for c in commands.pending()] == ["say"]
    commands.finish(asked, ok=True, result="heard")
    commands.finish(asked, ok=False, result="again")
    assert commands.pending() == []
    assert (commands.answer(asked).ok, commands.answer(asked).result) == (True, "heard")


def test_commands_have_a_bound(mind: MindDatabase, clock: VirtualClock) -> None:
    commands = Commands(mind, clock)
    with pytest.raises(CommandRefused, match="unknown"):
        commands.put("format_disk")
    with pytest.raises(CommandRefused, match="bytes"):
        commands.put("say", text="x" * 30_000)
    for _ in range(100):
        commands.put("pause")
    with pytest.raises(CommandRefused, match="wait already"):
        commands.put("pause")


def test_two_daemons_cannot_share_a_folder(tmp_path: Path) -> None:
    assert not is_held(tmp_path)
    with DaemonLock(tmp_path):
        assert is_held(tmp_path)
        with pytest.raises(Locked, match="another Genesis"), DaemonLock(tmp_path):
            pass
    assert not is_held(tmp_path)
    with DaemonLock(tmp_path):
        pass


def test_times_keep_their_order_as_text() -> None:
    later = START + timedelta(microseconds=1)
    assert rfc3339(START) < rfc3339(later)
    assert parse_rfc3339(rfc3339(later)) == later
    with pytest.raises(ValueError, match="offset"):
        parse_rfc3339("2026-11-22T05:00:00")


def test_listeners_hear_only_what_is_durable(tmp_path: Path, clock: VirtualClock, mind: MindDatabase) -> None:
    journal, heard = Journal(mind, clock), []
    reader = open_mind(tmp_path / "mind.db", read_only=True)
    journal.listen(lambda event: heard.append((event.data["text"], len(read_after(reader, 0)))))
    with mind.transaction():
        journal.append("thought", text="first")
        with pytest.raises(ValueError, match="no"), mind.transaction():
            journal.append("thought", text="undone")
            raise ValueError("no")
        assert heard == [], "another reader could not see it yet"
    assert heard == [("first", 1)]
    with pytest.raises(ValueError, match="no"), mind.transaction():
        journal.append("thought", text="undone too")
        raise ValueError("no")
    journal.append("thought", text="second")
    assert heard == [("first", 1), ("second", 2)]
