"""Many callers, one writer: shared commits, works that fail alone, answers only after durability."""

import asyncio
import sqlite3
import subprocess
import sys
import threading
from contextlib import suppress

import psycopg
import pytest

from ai.ledger import Leg, audit, open_ledger
from ai.ledger.errors import ConstraintBroken, InsufficientFunds, LedgerError, StoreUnavailable
from ai.ledger.ledger import MAX_WAITING
from tests.ledger.conftest import SlowWork, begin, spend


async def test_exactly_what_fits_is_admitted(ledger):
    answers = await asyncio.gather(*[ledger.transact(spend(n, 3)) for n in range(64)], return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, InsufficientFunds)]
    assert answers.count(None) == 33
    assert len(refused) == 31
    assert (await ledger.read(lambda tx: tx.account("month"))).available == 1
    assert (await ledger.read(audit)).ok


async def test_a_work_that_fails_is_undone_alone_and_wholly(ledger):
    def half(tx):
        tx.transfer("half", debit="month", credit="spent", amount=50)
        raise RuntimeError("changed my mind")

    first, second, third = await asyncio.gather(
        ledger.transact(spend(1)), ledger.transact(half), ledger.transact(spend(2)), return_exceptions=True
    )
    assert (first, third) == (None, None)
    assert isinstance(second, RuntimeError)
    assert (await ledger.read(lambda tx: tx.account("month"))).available == 98


def spend_and_look(number, amount=1):
    """Return a work that holds so much of the month, and what is left then of it and of an account that is none."""

    def work(tx):
        spend(number, amount)(tx)
        return tx.left_then(["month", "nowhere"])

    return work


async def test_who_looks_at_the_commit_sees_what_all_in_it_wrote(ledger):
    held, go = threading.Event(), threading.Event()

    def slow(tx):
        held.set()
        assert go.wait(30)

    first = asyncio.ensure_future(ledger.transact(slow))
    await asyncio.to_thread(held.wait, 30)
    together = [spend_and_look(1), spend(2, 5), spend(3, 1000), spend_and_look(4)]
    waiting = [asyncio.ensure_future(ledger.transact(work)) for work in together]
    await asyncio.sleep(0)
    go.set()
    await first
    one, _, refused, four = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(refused, InsufficientFunds)
    assert one == four == {"month": 93}
    assert await ledger.transact(spend_and_look(5)) == {"month": 92}
    assert ledger.transact_now(spend_and_look(6)) == {"month": 91}


async def test_works_that_wait_together_share_a_commit(store_url, ledger):
    def mark(tx):
        return tx.execute("SELECT count(*) FROM transfers WHERE kind = 'hold'")[0][0]

    slow = SlowWork()
    first = asyncio.ensure_future(ledger.transact(slow))
    await slow.begun()
    together = [asyncio.ensure_future(ledger.transact(spend(n))) for n in range(10)]
    beside = asyncio.ensure_future(ledger.transact(lambda _: ledger.read_now(mark)))
    last = asyncio.ensure_future(ledger.transact(mark))
    await asyncio.sleep(0)
    assert (await ledger.read(mark)) == 0  # readers neither wait nor see what is not committed
    slow.go_on()
    await first
    assert await last == 10
    assert await beside == 0  # ten works were done by then, and none was committed alone
    await asyncio.gather(*together)


async def test_the_result_of_a_work_comes_back(ledger):
    assert await ledger.transact(lambda tx: tx.account("month").available) == 100
    assert ledger.transact_now(lambda tx: tx.at) > 0


async def test_what_is_answered_is_seen_by_others(ledger, store_url):
    other = open_ledger(store_url, lambda: 0, read_only=True)
    for number in range(5):
        await ledger.transact(spend(number))
        assert (await other.read(lambda tx: tx.account("month"))).available == 99 - number
    with pytest.raises(LedgerError, match="opened for reading"):
        await other.transact(begin)
    other.close()


async def test_a_query_cannot_write(ledger):
    with pytest.raises((StoreUnavailable, sqlite3.OperationalError), match=r"read-?only"):
        await ledger.read(spend(1))
    assert (await ledger.read(audit)).transfers == 1


async def test_a_statement_that_the_schema_refuses_undoes_the_work_even_if_caught(ledger):
    def stubborn(tx):
        tx.transfer("first", debit="month", credit="spent", amount=1)
        with pytest.raises(ConstraintBroken):
            tx.execute("UPDATE accounts SET credits_posted = 10000 WHERE id = 'month'")
        with pytest.raises(ConstraintBroken):
            tx.execute("SELECT 1")

    with pytest.raises(ConstraintBroken, match="by a transfer, and by nothing else"):
        await ledger.transact(stubborn)
    assert (await ledger.read(lambda tx: tx.account("month"))).available == 100


async def test_wrong_sql_that_is_caught_harms_no_neighbour(ledger):
    def wrong(tx):
        with suppress(sqlite3.Error, psycopg.Error):
            tx.execute("SELECT no_such_column FROM accounts")

    first, second, third = await asyncio.gather(
        ledger.transact(spend(1)), ledger.transact(wrong), ledger.transact(spend(2)), return_exceptions=True
    )
    assert (first, third) == (None, None)
    assert isinstance(second, sqlite3.OperationalError | psycopg.ProgrammingError)
    assert (await ledger.read(lambda tx: tx.account("month"))).available == 98


async def test_a_refused_verb_lets_the_work_go_on(ledger):
    def second_choice(tx):
        with pytest.raises(InsufficientFunds):
            tx.hold("dear", [Leg("month", "spent", 60), Leg("month", "spent", 60)])
        tx.hold("cheap", [Leg("month", "spent", 60)])

    await ledger.transact(second_choice)
    assert (await ledger.read(lambda tx: tx.account("month"))).available == 40


async def test_a_refused_verb_harms_neither_its_work_nor_its_neighbours(ledger):
    """Refused as the first verb of a work and as a later one, many times, amid works that share its commits."""

    def stubborn(number):
        def work(tx):
            with pytest.raises(InsufficientFunds):
                tx.hold(f"dear-{number}", [Leg("month", "spent", 101)])
            tx.hold(f"cheap-{number}", [Leg("month", "spent", 2)])
            with pytest.raises(InsufficientFunds):
                tx.transfer(f"dear-{number}", debit="month", credit="spent", amount=101)
            tx.capture(f"cheap-{number}", [1])

        return work

    for turn in range(10):  # a driver that plans by itself does so after some repeats
        await asyncio.gather(*[ledger.transact(work(2 * turn)) for work in (spend, stubborn)])
        with pytest.raises(InsufficientFunds):
            ledger.transact_now(spend(f"{turn}-dear", 101))
    assert (await ledger.read(lambda tx: tx.account("month"))).available == 100 - 10 - 10
    assert (await ledger.read(audit)).ok


async def test_a_cancelled_caller_stops_nobody(ledger):
    tasks = [asyncio.ensure_future(ledger.transact(spend(n))) for n in range(3)]
    await asyncio.sleep(0)
    tasks[1].cancel()
    await asyncio.gather(tasks[0], tasks[2])
    with pytest.raises(asyncio.CancelledError):
        await tasks[1]
    ledger.transact_now(spend(1))  # whether it was done or not, the same id is the same hold
    assert (await ledger.read(lambda tx: tx.account("month"))).available == 97


async def test_whatever_a_work_raises_reaches_its_caller_and_the_writer_lives_on(ledger):
    for raised, reaches in ((StopIteration, RuntimeError), (SystemExit, SystemExit), (KeyError, KeyError)):

        def work(tx, raised=raised):
            tx.transfer("undone", debit="month", credit="spent", amount=1)
            raise raised

        with pytest.raises(reaches):
            await ledger.transact(work)
    assert (await ledger.read(lambda tx: tx.account("month"))).available == 100
    await ledger.transact(spend(1))


async def test_a_queue_that_is_full_is_said_at_once(store_url, ledger):
    slow = SlowWork()
    first = asyncio.ensure_future(ledger.transact(slow))
    await slow.begun()
    waiting = [asyncio.ensure_future(ledger.transact(lambda tx: None)) for _ in range(MAX_WAITING)]
    await asyncio.sleep(0)
    with pytest.raises(StoreUnavailable, match="10,000 transactions wait for the purse already; try again later"):
        await ledger.transact(spend(1))
    slow.go_on()
    await asyncio.gather(first, *waiting)
    await ledger.transact(spend(1))


async def test_close_finishes_what_waits(store_url, ledger):
    waiting = [asyncio.ensure_future(ledger.transact(spend(n))) for n in range(20)]
    await asyncio.sleep(0)
    await asyncio.to_thread(ledger.close)
    await asyncio.gather(*waiting)
    with pytest.raises(LedgerError, match="closed"):
        await ledger.transact(spend(99))
    with pytest.raises(LedgerError, match="closed"):
        ledger.read_now(audit)
    again = open_ledger(store_url, lambda: 0)
    assert again.read_now(lambda tx: tx.account("month")).available == 80
    again.close()


@pytest.mark.parametrize("door", ["transact", "read"])
async def test_close_does_not_wait_for_a_store_that_never_answers(ledger, monkeypatch, door):
    """Who stops the daemon beside a purse that hangs must not have to kill it."""
    monkeypatch.setattr("ai.ledger.ledger.CLOSE_SECONDS", 0.05)
    stuck, closed = SlowWork(), threading.Event()

    def close():
        ledger.close()
        closed.set()

    first = asyncio.ensure_future(getattr(ledger, door)(stuck))
    await stuck.begun()
    threading.Thread(target=close).start()
    try:
        assert await asyncio.to_thread(closed.wait, 5)
    finally:
        stuck.go_on()
    assert await first is None  # its caller is told how it ended all the same


def test_a_loop_that_ended_before_its_answer_stops_no_other(ledger):
    slow = SlowWork()

    async def leave():
        left = asyncio.ensure_future(ledger.transact(slow))
        await slow.begun()
        left.cancel()

    asyncio.run(leave())
    slow.go_on()
    assert asyncio.run(asyncio.wait_for(ledger.transact(lambda _: "goes on"), 5)) == "goes on"


def test_a_url_of_another_kind_is_refused():
    for url in ("mysql://x/y", "ledger.db", "sqlite://", "sqlite:///"):
        with pytest.raises(ValueError, match="the purse is sqlite:///path/to/file or postgresql://"):
            open_ledger(url, lambda: 0)
    with pytest.raises(ValueError, match="DATABASE_URL cannot be read"):
        open_ledger("postgresql://host/db?nonsense=1", lambda: 0)
    open_ledger("postgres://127.0.0.1:9/away", lambda: 0).close()  # libpq knows the kind by either name
    with pytest.raises(ValueError, match=r"not 'mysql'$"):  # of the rest, which may hold a password, nothing is said
        open_ledger("mysql://me:secret@x/y", lambda: 1)


UNCLOSED = """
import asyncio, sys
from ai.ledger import open_ledger
ledger = open_ledger(sys.argv[1], lambda: 1)
asyncio.run(ledger.transact(lambda tx: tx.open_account("a", "usd")))
sys.exit(3)
"""


def test_a_program_that_never_came_to_close_its_ledger_ends_all_the_same(store_url):
    """A daemon that fails has to end, so that it is started anew; a writer that waits for more must not keep it."""
    ended = subprocess.run([sys.executable, "-c", UNCLOSED, store_url], timeout=20, check=False)
    assert ended.returncode == 3
