"""What the ledger does when PostgreSQL fails it: away, restarted, cut off, frozen, full; nothing lost or doubled."""

import asyncio
import contextlib
import itertools
from datetime import UTC, datetime
from functools import partial
from urllib.parse import urlsplit

import psycopg
import pytest

from ai.clock import VirtualClock
from ai.ledger import Leg, audit, open_ledger
from ai.ledger.circuit_breaker import QUIET_SECONDS, CircuitBreaker
from ai.ledger.errors import InsufficientFunds, NewerSchema, StoreUnavailable
from ai.ledger.postgres_store import PostgresStore
from tests.ledger.conftest import begin as begin_with
from tests.world.postgres import running_server
from tests.world.road import Road

_numbers = itertools.count()

pytestmark = pytest.mark.postgres


begin = partial(begin_with, granted=1000)


def hold(number):
    return lambda tx: tx.hold(f"call-{number}", [Leg("month", "spent", 1)])


@pytest.fixture(scope="module")
def server():
    """A server of this file's own, because its tests stop it."""
    with running_server() as server:
        yield server


@pytest.fixture
def url(server):
    return server.database(f"faults_{next(_numbers)}")


@pytest.fixture
def ledger(url):
    ledger = open_ledger(url, lambda: 1)
    ledger.transact_now(begin)
    yield ledger
    ledger.close()


def test_a_server_that_is_away_is_named_and_used_when_it_is_back(server, ledger):
    ledger.transact_now(hold(1))
    server.stop(at_once=True)
    for _ in range(2):
        with pytest.raises(
            StoreUnavailable, match=r"the purse at 127\.0\.0\.1:\d+/.* (is away|cannot be used)"
        ) as caught:
            ledger.transact_now(hold(2))
        assert (caught.value.transient, caught.value.outcome_unknown) == (True, False)
        assert "\n" not in str(caught.value)
        with pytest.raises(StoreUnavailable):
            ledger.read_now(audit)
    server.start()
    ledger.transact_now(hold(2))
    assert ledger.read_now(lambda tx: tx.account("month")).available == 998
    assert ledger.read_now(audit).ok


def test_a_restart_between_two_calls_is_not_noticed(server, ledger):
    ledger.transact_now(hold(1))
    ledger.read_now(audit)
    server.stop()
    server.start()
    ledger.transact_now(hold(2))
    assert ledger.read_now(audit).holds_open == 2


def test_a_ledger_may_be_opened_before_its_server(server, url):
    server.stop()
    ledger = open_ledger(url, lambda: 1)
    with pytest.raises(StoreUnavailable):
        ledger.transact_now(begin)
    server.start()
    ledger.transact_now(begin)
    assert ledger.read_now(audit).ok
    ledger.close()


async def test_a_server_restarted_under_load_loses_and_doubles_nothing(server, ledger):
    answered, asked = [], 40

    async def caller(number):
        for _ in range(2000):  # a caller that asks again under the same id until it is answered
            with contextlib.suppress(StoreUnavailable):
                await ledger.transact(hold(number))
                answered.append(number)
                return

    async def restart():
        await ledger.transact(hold(1000))
        await asyncio.to_thread(server.stop, at_once=True)
        await asyncio.to_thread(server.start)

    restarting = asyncio.ensure_future(restart())
    for wave in range(10):
        await asyncio.gather(*[caller(number) for number in range(wave * 4, wave * 4 + 4)])
    await restarting
    assert len(answered) == asked
    report = await ledger.read(audit)
    assert (report.ok, report.holds_open) == (True, asked + 1)


@pytest.fixture
def road(server):
    road = Road(server.port)
    yield road
    road.close()


def through(road, url):
    return f"postgresql://genesis@127.0.0.1:{road.port}{urlsplit(url).path}"


@pytest.mark.parametrize("cut_after", ["request", "nothing"])
def test_a_commit_whose_answer_is_lost_is_resolved_by_the_same_id(server, url, road, cut_after):
    ledger = open_ledger(through(road, url), lambda: 1)
    ledger.transact_now(begin)
    road.cut_after = cut_after
    with pytest.raises(StoreUnavailable) as caught:
        ledger.transact_now(hold(1))
    assert caught.value.outcome_unknown
    ledger.transact_now(hold(1))  # done already or not: afterwards it is there once
    report = ledger.read_now(audit)
    ledger.close()
    assert (report.ok, report.holds_open) == (True, 1)


def test_two_ledgers_one_cut_off_and_back(server, url, road):
    near, far = open_ledger(url, lambda: 1), open_ledger(through(road, url), lambda: 1)
    near.transact_now(begin)
    far.transact_now(hold(1))
    road.cut()
    near.transact_now(hold(2))
    far.transact_now(hold(3))  # on a new connection
    assert far.read_now(lambda tx: tx.account("month")) == near.read_now(lambda tx: tx.account("month"))
    with pytest.raises(InsufficientFunds):
        near.transact_now(lambda tx: tx.hold("dear", [Leg("month", "spent", 998)]))
    near.close()
    far.close()


def test_a_server_that_freezes_is_given_up(server, url):
    clock = VirtualClock(datetime(2026, 11, 10, tzinfo=UTC))
    store = PostgresStore(url, [], read_only=False, breaker=CircuitBreaker(clock.monotonic))
    store._connect().silence_seconds = 0.5  # in place of seven
    store.begin(write=True)
    pid = store.execute("SELECT pg_backend_pid()")[0][0]
    server.freeze(pid)
    try:
        with pytest.raises(StoreUnavailable, match="the server does not answer"):
            store.execute("SELECT 1")
        store.rollback()
        with pytest.raises(StoreUnavailable, match="the server does not answer"):
            store.begin(write=True)  # at once: nobody waits for it again so soon
    finally:
        server.thaw(pid)
    clock.advance(QUIET_SECONDS)
    store.begin(write=True)
    assert store.execute("SELECT 1")[0][0] == 1
    store.rollback()
    store.close()


def test_a_lock_that_another_keeps_is_named(server, url, ledger):
    with psycopg.connect(url) as other:
        other.execute("SELECT pg_advisory_xact_lock(4703242331131506)")
        ledger._store._connection.execute("SET lock_timeout = 50")  # milliseconds, in place of five seconds
        with pytest.raises(StoreUnavailable, match="another process keeps the purse locked"):
            ledger.transact_now(hold(1))
        assert ledger.read_now(audit).ok
    ledger.transact_now(hold(1))


def test_a_read_only_server_is_named(server, url, ledger):
    with psycopg.connect(url, autocommit=True) as other:
        other.execute(f'ALTER DATABASE "{urlsplit(url).path[1:]}" SET default_transaction_read_only = on'.encode())
    ledger.close()
    again = open_ledger(url, lambda: 1)
    with pytest.raises(StoreUnavailable, match="it is read-only; connect to the primary"):
        again.transact_now(hold(1))
    again.close()


def test_no_such_database_and_no_such_user_are_told_apart(server):
    for wrong, says in (
        (server.url("nowhere"), "there is no such database; create it"),
        (server.url().replace("genesis@", "nobody@"), "it refuses the user or the password; check DATABASE_URL"),
    ):
        ledger = open_ledger(wrong, lambda: 1)
        with pytest.raises(StoreUnavailable, match=says) as caught:
            ledger.transact_now(begin)
        assert not caught.value.transient
        ledger.close()


def test_a_password_is_never_in_a_message(server):
    wrong = server.url("nowhere").replace("genesis@", "genesis:hunter2@")
    ledger = open_ledger(wrong, lambda: 1)
    with pytest.raises(StoreUnavailable) as caught:
        ledger.transact_now(begin)
    assert "hunter2" not in repr(caught.value)
    ledger.close()


def test_a_newer_database_is_refused(url, ledger):
    with psycopg.connect(url, autocommit=True) as other:
        other.execute("INSERT INTO schema_versions VALUES ('ledger', 99)")
    with pytest.raises(NewerSchema, match="version 99"):
        open_ledger(url, lambda: 1)


def test_answers_are_durable_whatever_the_database_prefers(url):
    with psycopg.connect(url, autocommit=True) as other:
        other.execute(f'ALTER DATABASE "{urlsplit(url).path[1:]}" SET synchronous_commit = off'.encode())
    ledger = open_ledger(url, lambda: 1)
    assert ledger.transact_now(lambda tx: tx.execute("SHOW synchronous_commit")[0][0]) == "on"
    ledger.close()


def test_sums_are_whole_numbers_and_rows_answer_to_names(ledger):
    row = ledger.read_now(lambda tx: tx.execute("SELECT sum(posted) AS total, count(*) AS n FROM transfers")[0])
    assert (row["total"], row["n"], row[0], list(row), len(row)) == (1000, 1, 1000, [1000, 1], 2)
    assert type(row["total"]) is int
    assert ledger.read_now(lambda tx: tx.execute("SELECT avg(posted) FROM transfers")[0][0]) == 1000.0
