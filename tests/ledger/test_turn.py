"""Writers of one purse take turns: nobody starves, nobody waits for ever, and a turn ends with whoever had it."""

import asyncio
import fcntl
import signal
import subprocess
import sys
import threading

import pytest

from ai.ledger import audit, open_ledger
from ai.ledger.errors import StoreUnavailable
from ai.ledger.turn import Turn
from tests.ledger.conftest import SlowWork, begin, spend
from tests.world.waiting import wait_until

HAVING = "import sys, time; from pathlib import Path; from ai.ledger.turn import Turn; \
turn = Turn(Path(sys.argv[1])); turn.take(1); print('mine', flush=True); time.sleep(600)"


@pytest.fixture
def turns(tmp_path):
    three = [Turn(tmp_path) for _ in range(3)]
    yield three
    for turn in three:
        turn.close()


def test_a_turn_is_one_writers_until_it_is_given(turns):
    mine, other, _ = turns
    assert mine.take(0)
    assert not other.take(0.01)
    assert not other.take(0.01), "asking again waits on in the same place"
    mine.give()
    assert other.take(10)
    assert not mine.take(0.01)


def test_who_gave_up_waiting_gives_the_turn_on(turns):
    mine, other, third = turns
    assert mine.take(0)
    assert not other.take(0.01)
    other.close()
    mine.give()
    assert third.take(10)
    third.give()
    assert other.take(10), "and whoever was closed can begin again"


def test_a_turn_that_came_to_nobody_goes_on_to_the_next(turns):
    """A worker that gave up once and is idle since must not keep everybody else from paying."""
    mine, other, third = turns
    assert mine.take(0)
    assert not other.take(0.01)
    mine.give()
    wait_until(lambda: all(thread.name != "ledger-turn" for thread in threading.enumerate()))  # it has come, and gone
    assert third.take(1)
    third.give()
    assert other.take(1), "nor itself"


def test_a_writer_that_waits_does_not_give_what_it_has_not(turns):
    mine, other, third = turns
    assert mine.take(0)
    assert not other.take(0.01)
    other.give()
    assert not third.take(0.01)


def test_a_turn_ends_with_its_process(turns, tmp_path):
    mine, *_ = turns
    process = subprocess.Popen([sys.executable, "-c", HAVING, str(tmp_path)], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"mine\n"
    assert not mine.take(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert mine.take(10)


def test_where_there_are_no_turns_the_database_judges_alone(tmp_path, monkeypatch):
    """A file system without such locks, or a folder that may not be opened, must not keep anybody from paying."""
    assert Turn(tmp_path / "none").take(0)

    def refuses(handle, how):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", refuses)
    turn = Turn(tmp_path)
    assert turn.take(0)
    turn.give()
    turn.close()


@pytest.fixture
def ledger(tmp_path):
    ledger = open_ledger(f"sqlite:///{tmp_path}/purse.db", iter(range(10**6)).__next__)
    ledger.transact_now(begin)
    yield ledger
    ledger.close()


async def test_a_turn_that_never_comes_is_named_to_all_who_wait(ledger, turns, monkeypatch):
    """A writer that was stopped in its turn must not hang the mind, nor make its callers wait one after the other."""
    mine, *_ = turns
    monkeypatch.setattr("ai.ledger.sqlite_store.BUSY_TIMEOUT_SECONDS", 0.05)
    assert mine.take(0)
    answers = await asyncio.gather(*[ledger.transact(spend(n)) for n in range(8)], return_exceptions=True)
    for answer in answers:
        assert isinstance(answer, StoreUnavailable)
        assert "purse.db cannot be used: another process keeps it locked" in str(answer)
        assert (answer.transient, answer.outcome_unknown) == (True, False)
    assert (await ledger.read(audit)).ok, "a writer elsewhere stops no reader"
    mine.give()
    monkeypatch.undo()
    await ledger.transact(spend(1))


async def test_what_comes_while_the_turn_is_another_s_goes_in_with_the_first(ledger, turns):
    """Under load a commit must carry more, not follow sooner: each one waits for the disk."""

    def holds(tx):
        return tx.execute("SELECT count(*) FROM transfers WHERE kind = 'hold'")[0][0]

    mine, *_ = turns
    assert mine.take(0)
    first = asyncio.ensure_future(ledger.transact(spend(0)))
    await asyncio.sleep(0)
    more = [asyncio.ensure_future(ledger.transact(spend(n))) for n in range(1, 10)]
    beside = asyncio.ensure_future(ledger.transact(lambda _: ledger.read_now(holds)))
    await asyncio.sleep(0)
    mine.give()
    assert await beside == 0, "ten works were done by then, and none was committed alone"
    await asyncio.gather(first, *more)
    assert await ledger.read(holds) == 10


async def test_who_waits_for_the_next_turn_is_not_told_of_a_commit_that_was_not_its_own(ledger, monkeypatch):
    """After a failed commit nobody knows what is on disk of it; whoever was not in it must not be told so as well."""
    slow = SlowWork()

    def fails(_looked_at):
        monkeypatch.undo()
        raise StoreUnavailable("the disk failed")

    first = asyncio.ensure_future(ledger.transact(slow))
    await slow.begun()
    monkeypatch.setattr(ledger._store, "commit", fails)
    second = asyncio.ensure_future(ledger.transact(spend(1)))
    await asyncio.sleep(0)
    slow.go_on()
    with pytest.raises(StoreUnavailable, match="the disk failed"):
        await first
    await second
    assert (await ledger.read(lambda tx: tx.account("month"))).available == 99


async def test_a_ledger_that_is_closed_finishes_what_waits_for_its_turn(ledger, turns):
    mine, *_ = turns
    assert mine.take(0)
    spending = [asyncio.ensure_future(ledger.transact(spend(n))) for n in range(3)]
    await asyncio.sleep(0)
    closing = asyncio.ensure_future(asyncio.to_thread(ledger.close))
    await asyncio.sleep(0)
    mine.give()
    assert await asyncio.gather(*spending) == [None] * 3
    await closing
