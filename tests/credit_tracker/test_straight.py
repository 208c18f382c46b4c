"""The straight way of a call asks nothing, and whatever changed behind its back binds the next call all the same."""

import asyncio
import secrets
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest

from ai.credit_tracker import Caller, CallerBooks, Expense, KeyEnded, KeyTerms, NotAffordable, Usage, open_credit_ledger
from ai.credit_tracker.calls import get_call
from ai.credit_tracker.months import note_restore, sweep_month
from ai.credit_tracker.records import CallState, Category
from ai.ledger.errors import HoldEnded, TransferConflict
from ai.settings import Settings
from tests.credit_tracker.conftest import BOTH_STORES, CENT, USD
from tests.world.road import Road


def call(amount=CENT, *, key="", run="", **fields):
    caller = Caller(key, run) if key or run else None
    given = {"subject": "lab/model", "purpose": "thought", "life": None, "beat": None} | fields
    return Expense(secrets.token_hex(8), amount_nanos=amount, caller=caller, **given)


@pytest.fixture
async def books(purse):
    """Somebody else at the same purse, as the command line is."""
    ledger = open_credit_ledger(purse.url, purse.clock)
    yield CallerBooks(ledger, Settings(), purse.clock)
    ledger.close()


@pytest.fixture
async def elsewhere(purse):
    """Another daemon on the same purse."""
    other = replace(purse, ledger=open_credit_ledger(purse.url, purse.clock))
    yield other
    other.ledger.close()


async def spend(tracker, expense, cost=CENT // 2):
    await tracker.hold(expense)
    return await tracker.settle(expense.id, cost, Usage(10, 5))


async def left_after(tracker, expense):
    await tracker.hold(expense)
    return await tracker.left(expense.id)


def state(purse, call_id):
    return purse.ledger.read_now(lambda tx: get_call(tx, call_id)).state


def no_careful_way(monkeypatch):
    """From now on whatever is asked about, and not held or booked straight, fails."""

    def asked(tx, *_, **__):
        raise AssertionError("this call was asked about")

    for careful in ("place_hold", "book_cost"):
        monkeypatch.setattr(f"ai.credit_tracker.tracker.{careful}", asked)


@BOTH_STORES
async def test_ordinary_calls_are_held_for_and_booked_without_a_question(purse, books, monkeypatch):
    """Each question is a way to the database and back, which the callers of a distant PostgreSQL all wait for."""
    tracker = await purse.tracker()
    await books.create_key("bob", KeyTerms(budget=USD, max_call=CENT))
    await books.create_key("ann", KeyTerms())
    await books.set_run_budget("town", USD)
    callers = [Caller("bob", "town", max_cost=CENT), Caller("ann", "town"), Caller("bob", ""), Caller("", "farm")]
    for caller in callers:
        await tracker.hold(replace(call(), caller=caller))
    unknown, held = call(1), replace(call(), caller=callers[0])
    for one in (unknown, held):
        await tracker.hold(one)
    no_careful_way(monkeypatch)
    for one in (call(), call(0), call(1)):
        await tracker.hold(one)
        await tracker.settle(one.id, one.amount_nanos, Usage(10, 5))
    await tracker.leave_unknown(unknown.id, "cut")  # of the mind's own, which is no callers' affair
    for caller in callers:
        for one in (replace(call(), caller=caller), replace(call(0), caller=caller)):
            await tracker.hold(one)
            await tracker.settle(one.id, one.amount_nanos, Usage(10, 5))
    await tracker.settle(held.id, 1)
    monkeypatch.undo()
    assert purse.sound()


@BOTH_STORES
async def test_a_call_that_was_asked_about_is_booked_without_a_question(purse, monkeypatch):
    tracker, again = await purse.tracker(), await purse.tracker()
    first, known = call(run="farm"), call(run="town")
    await tracker.hold(first)
    await again.hold(known)
    await tracker.hold(known)  # held for already: the same hold
    no_careful_way(monkeypatch)
    for one in (first, known):
        await tracker.settle(one.id, CENT, Usage(10, 5))
    rows = purse.ledger.read_now(lambda tx: tx.execute("SELECT mind, period, day FROM calls"))
    assert {tuple(row) for row in rows} == {("genesis", "2026-11", "2026-11-10")}
    memos = purse.ledger.read_now(lambda tx: tx.execute("SELECT DISTINCT memo FROM transfers WHERE kind = 'hold'"))
    assert [row["memo"] for row in memos] == ["lab/model"]


@BOTH_STORES
async def test_a_clock_found_wrong_stops_those_who_are_known(purse):
    tracker = await purse.tracker()
    await spend(tracker, call())
    await spend(tracker, call(run="town"))
    purse.clock.set(purse.clock.now() + timedelta(days=3))
    for one in (call(), call(run="town")):
        with pytest.raises(NotAffordable, match="more than a day apart") as refusal:
            await tracker.hold(one)
        assert refusal.value.cap == "clock"


@BOTH_STORES
async def test_a_key_that_is_revoked_elsewhere_buys_nothing_more(purse, books):
    tracker = await purse.tracker()
    await books.create_key("bob", KeyTerms(budget=USD))
    for _ in range(3):
        await spend(tracker, call(key="bob"))
    await books.revoke_key("bob")
    with pytest.raises(KeyEnded, match="was revoked"):
        await tracker.hold(call(key="bob"))
    await books.create_key("bob", KeyTerms(budget=CENT))
    assert (await spend(tracker, call(key="bob"))).available == CENT // 2
    with pytest.raises(NotAffordable) as refusal:
        await tracker.hold(call(key="bob"))
    assert refusal.value.cap == "key bob"


@BOTH_STORES
async def test_a_budget_that_is_set_elsewhere_binds_the_next_call_of_a_run(purse, books):
    tracker = await purse.tracker()
    for _ in range(3):
        await spend(tracker, call(run="smallville"))
    await books.set_run_budget("smallville", CENT)
    assert await left_after(tracker, call(run="smallville")) == 0
    for _ in range(2):
        with pytest.raises(NotAffordable) as refusal:
            await tracker.hold(call(1, run="smallville"))
        assert refusal.value.cap == "run smallville"
    await books.set_run_budget("smallville", 5 * CENT)
    assert await left_after(tracker, call(run="smallville")) == 4 * CENT


@BOTH_STORES
async def test_callers_leave_the_mind_its_share_whatever_the_month_is_given_meanwhile(purse, elsewhere):
    mind = await elsewhere.tracker()
    await mind.open(lives=True)
    gateway = await purse.tracker(mind="genesis/gateway", mind_share="0.5")
    for _ in range(3):
        await spend(gateway, call(run="r"), 0)
    await mind.topup(USD, "a friend", "gift")
    assert await left_after(gateway, call(3 * USD - CENT, run="r")) == CENT  # half of what there is now
    with pytest.raises(NotAffordable):
        await gateway.hold(call(2 * CENT, run="r"))
    await mind.hold(call(2 * USD))


@BOTH_STORES
async def test_what_stands_against_paying_is_found_by_who_did_not_ask(purse, elsewhere):
    tracker, other = await purse.tracker(), await elsewhere.tracker(mind="bob")
    await spend(tracker, call())
    unknown = [call(1) for _ in range(3)]
    for one in unknown:
        await other.hold(one)
        await other.leave_unknown(one.id, "cut")
    with pytest.raises(NotAffordable, match="3 calls of unknown outcome"):
        await tracker.hold(call())
    await tracker.hold(call(0))
    await tracker.hold(call(subject="x/read", category=Category.POST))
    await tracker.hold(call(run="r"))  # no caller of the gateway is stopped by the mind's unknowns
    for one in unknown:
        await other.settle(one.id, 0)
    await spend(tracker, call())

    dear = call(1)
    await other.hold(dear)
    await other.settle(dear.id, 6 * USD)
    with pytest.raises(NotAffordable, match="more than there was"):
        await tracker.hold(call())
    await other.topup(2 * USD, "a friend", "gift")
    await spend(tracker, call())

    elsewhere.ledger.transact_now(lambda tx: note_restore(tx, "r1", datetime(2026, 11, 9, tzinfo=UTC)))
    with pytest.raises(NotAffordable, match="the purse is a backup"):
        await tracker.hold(call())
    with pytest.raises(NotAffordable, match="the purse is a backup"):
        await tracker.hold(call(run="r"))


@BOTH_STORES
async def test_a_month_that_another_closed_is_entered_again(purse, elsewhere):
    tracker = await purse.tracker()
    await spend(tracker, call())
    elsewhere.ledger.transact_now(lambda tx: sweep_month(tx, "2026-11"))
    await spend(tracker, call())
    assert purse.available("month:2026-11") == 5 * USD - CENT
    assert purse.sound()


@BOTH_STORES
async def test_the_end_of_a_call_that_another_ended_already_is_told_apart(purse, elsewhere):
    """The reconciliation of another process may settle a call that this one still knows as held."""
    tracker, other = await purse.tracker(), await elsewhere.tracker()
    same, wrong, void, better = calls = [call() for _ in range(4)]
    for one in calls:
        await tracker.hold(one)
    await other.settle(same.id, 5)
    await other.settle(wrong.id, 5)
    await other.void(void.id)
    await other.settle(better.id, CENT, estimated=True)
    assert (await tracker.settle(same.id, 5)).cost == 5
    with pytest.raises(TransferConflict):
        await tracker.settle(wrong.id, 6)
    with pytest.raises(HoldEnded):
        await tracker.settle(void.id, 5)
    await tracker.settle(better.id, 7)
    assert purse.available("month:2026-11") == 5 * USD - 5 - 5 - 7
    assert state(purse, void.id) is CallState.VOIDED
    assert purse.sound()


@BOTH_STORES
async def test_the_same_hold_again_is_the_same_and_settles_on_its_own_day(purse):
    tracker = await purse.tracker()
    night = call()
    await tracker.hold(night)
    purse.clock.advance(86_400)
    again = await purse.tracker()
    await again.hold(night)
    with pytest.raises(TransferConflict):
        await again.hold(replace(night, amount_nanos=2 * CENT))
    await again.settle(night.id, 5)
    days = purse.ledger.read_now(lambda tx: tx.execute("SELECT DISTINCT day FROM rollups"))
    assert [row["day"] for row in days] == ["2026-11-10"]
    assert purse.sound()


@BOTH_STORES
async def test_a_crowd_at_its_caps_gets_what_fits_and_the_books_are_whole(purse, books):
    tracker = await purse.tracker()
    await books.create_key("bob", KeyTerms(budget=20 * CENT))
    for name in ("warm", "bob"):
        await spend(tracker, call(0, key="" if name == "warm" else name), 0)

    async def one(n):
        expense = call(CENT, key="bob" if n % 2 else "")
        try:
            await tracker.hold(expense)
        except NotAffordable as refusal:
            return refusal.cap
        await tracker.sent(expense.id, f"gen-{n}")
        await tracker.settle(expense.id, CENT, Usage(10, 5))
        return "done"

    ends = await asyncio.gather(*[one(n) for n in range(80)])
    assert (ends.count("done"), ends.count("key bob")) == (60, 20)
    assert purse.available("month:2026-11") == 5 * USD - 60 * CENT
    assert purse.sound()
    rows = purse.ledger.read_now(lambda tx: tx.execute("SELECT remote_id FROM calls WHERE state = 'captured'"))
    assert len({row["remote_id"] for row in rows if row["remote_id"]}) == 60


@pytest.mark.postgres
@pytest.mark.parametrize("store", ["postgres"])
@pytest.mark.parametrize("key", ["", "bob"])
async def test_the_calls_of_many_take_no_more_messages_than_those_of_few(purse, key):
    with closing(Road(urlsplit(purse.url).port)) as road:
        url = urlsplit(purse.url)._replace(netloc=f"genesis@127.0.0.1:{road.port}").geturl()
        far = replace(purse, url=url, ledger=open_credit_ledger(url, purse.clock))
        tracker = await far.tracker()
        await CallerBooks(far.ledger, Settings(), purse.clock).create_key("bob", KeyTerms(budget=USD))
        sent = []
        for callers in (64, 1, 64):  # the first learn what there is to know
            before = road.asked
            await asyncio.gather(*[spend(tracker, call(key=key)) for _ in range(callers)])
            sent.append(road.asked - before)
        far.ledger.close()
    assert sent[2] < 4 * sent[1], sent
    assert purse.sound()
