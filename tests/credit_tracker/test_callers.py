"""Keys and runs at the purse: what a caller of the gateway may spend, what refuses it, and what its statement says."""

import asyncio
import secrets
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ai.credit_tracker import (
    Caller,
    Expense,
    KeyEnded,
    KeyTerms,
    NotAffordable,
    TooManyRequests,
    Usage,
    open_credit_ledger,
    statement_json,
)
from ai.credit_tracker.audit import check_records
from ai.ledger.errors import TransferConflict
from tests.credit_tracker.conftest import BOTH_STORES, CENT, USD, spend

pytestmark = BOTH_STORES


def call(amount=CENT, *, key="", run="", **more):
    caller = Caller(key, run, **more)
    return Expense(secrets.token_hex(8), "lab/model", "gateway", amount, None, None, caller=caller)


async def refused(tracker, expense):
    with pytest.raises(NotAffordable) as refusal:
        await tracker.hold(expense)
    return refusal.value


async def left_after(tracker, expense):
    await tracker.hold(expense)
    return await tracker.left(expense.id)


async def test_a_keys_cap_binds_and_says_what_is_left(tracker, books):
    await books.create_key("bob", KeyTerms(budget=10 * CENT))
    assert await left_after(tracker, call(4 * CENT, key="bob")) == 6 * CENT
    settled = await spend(tracker, call(4 * CENT, key="bob"), 3 * CENT)
    assert settled.available == 3 * CENT
    no = await refused(tracker, call(8 * CENT, key="bob"))
    assert (no.cap, no.needed, no.available, no.held, no.spent) == ("key bob", 8 * CENT, 3 * CENT, 4 * CENT, 3 * CENT)
    assert no.resets_at == datetime(2026, 12, 1, tzinfo=UTC)
    assert not no.in_flight, "what was spent does not come back"
    assert (await refused(tracker, call(5 * CENT, key="bob"))).in_flight, "what is held for may"


async def test_a_keys_cap_is_its_periods(tracker, books, purse):
    await books.create_key("daily", KeyTerms(budget=CENT, per="day"))
    await books.create_key("once", KeyTerms(budget=CENT, per="ever"))
    for _ in range(2):
        await spend(tracker, call(key="daily"))
        tomorrow = purse.clock.now().replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(1)
        assert (await refused(tracker, call(key="daily"))).resets_at == tomorrow
        purse.clock.advance(86_400)
    await spend(tracker, call(key="once"))
    purse.clock.advance(40 * 86_400)
    tracker = await purse.tracker(mind="genesis/gateway")
    no = await refused(tracker, call(key="once"))
    assert (no.cap, no.resets_at) == ("key once", None)


async def test_a_clock_set_back_gives_no_day_twice(tracker, books, purse):
    await books.create_key("daily", KeyTerms(budget=2 * CENT, per="day"))
    await spend(tracker, call(key="daily"))
    purse.clock.advance(86_400)
    await spend(tracker, call(2 * CENT, key="daily"))
    purse.clock.advance(-86_400)
    assert await left_after(tracker, call(key="daily")) == 0
    await refused(tracker, call(1, key="daily"))


async def test_a_topup_holds_from_the_next_call_on_and_once(tracker, books):
    await books.create_key("bob", KeyTerms(budget=CENT))
    await spend(tracker, call(key="bob"))
    for _ in range(2):
        await books.topup_key("bob", CENT, "gift")
    assert (await spend(tracker, call(key="bob"))).available == 0
    await refused(tracker, call(1, key="bob"))
    with pytest.raises(TransferConflict, match="amount"):
        await books.topup_key("bob", 2 * CENT, "gift")
    with pytest.raises(ValueError, match="not positive"):
        await books.topup_key("bob", 0, "nothing")
    await books.create_key("free", KeyTerms())
    with pytest.raises(ValueError, match="has no budget"):
        await books.topup_key("free", CENT, "gift")
    with pytest.raises(KeyEnded, match="unknown"):
        await books.topup_key("nobody", CENT, "gift")


async def test_a_revoked_key_spends_nothing_more_and_its_name_is_free(tracker, books, purse):
    key, secret = await books.create_key("bob", KeyTerms(budget=10 * CENT))
    assert secret.startswith("gk-")
    assert (await books.key_of(secret)) == key
    with pytest.raises(ValueError, match="there is a key bob already"):
        await books.create_key("bob", KeyTerms())
    under_way = call(key="bob")
    await tracker.hold(under_way)
    await books.revoke_key("bob")
    await books.revoke_key("bob")
    with pytest.raises(KeyEnded, match="revoked"):
        await tracker.hold(call(key="bob"))
    assert await books.key_of(secret) is None
    assert purse.available(key.account) == 0
    await tracker.settle(under_way.id, CENT // 2)
    again, other = await books.create_key("bob", KeyTerms(budget=3 * CENT))
    assert other != secret
    assert await left_after(tracker, call(key="bob", secret_hash=again.secret_hash)) == 2 * CENT
    with pytest.raises(KeyEnded, match="another key has its name"):
        await tracker.hold(call(key="bob", secret_hash=key.secret_hash))


async def test_an_expired_key_is_none(tracker, books, purse):
    _, secret = await books.create_key("bob", KeyTerms(expires_at=purse.clock.now() + timedelta(hours=1)))
    await tracker.hold(call(key="bob"))
    purse.clock.advance(3600)
    with pytest.raises(KeyEnded, match="expired on 2026-11-10 13:00 UTC"):
        await tracker.hold(call(key="bob"))
    assert await books.key_of(secret) is None


@pytest.mark.parametrize("name", ["", "a" * 65, "a b", "a/b", "ü", "a\n"])
async def test_a_name_that_fits_no_address_is_refused(tracker, books, name):
    with pytest.raises(ValueError, match="1 to 64 letters"):
        await books.create_key(name, KeyTerms())
    with pytest.raises(ValueError, match="1 to 64 letters"):
        await books.set_run_budget(name, None)
    if name:
        with pytest.raises(ValueError, match="1 to 64 letters"):
            await tracker.hold(call(run=name))


async def test_a_runs_budget_binds_every_key_and_is_set_anew(tracker, books):
    await books.create_key("bob", KeyTerms(budget=USD))
    await books.set_run_budget("town", 3 * CENT)
    await spend(tracker, call(2 * CENT, key="bob", run="town"))
    under_way = call(key="", run="town")
    await tracker.hold(under_way)
    no = await refused(tracker, call(key="bob", run="town"))
    assert (no.cap, no.available, no.held, no.spent, no.resets_at) == ("run town", 0, CENT, 2 * CENT, None)
    await books.set_run_budget("town", 2 * CENT)
    await spend(tracker, call(2 * CENT, key="bob", run="town"))
    await tracker.settle(under_way.id, 0)
    await refused(tracker, call(1, run="town"))
    await books.set_run_budget("town", None)
    await spend(tracker, call(5 * CENT, run="town"))
    await spend(tracker, call(5 * CENT, run="made-by-its-path"))
    assert {one.who.name for one in (await books.looks(10))[1]} == {"made-by-its-path", "town"}
    with pytest.raises(ValueError, match="negative"):
        await books.set_run_budget("town", -1)


async def test_the_narrowest_cap_is_named_and_never_beats_early(tracker, books):
    await books.create_key("bob", KeyTerms(budget=10 * CENT, max_call=9 * CENT))
    await books.set_run_budget("town", 6 * CENT)
    await tracker.hold(call(5 * CENT, key="bob", run="town"))
    # the run would have room once the call has ended, the key would not for 9: 402 wins, by the key's name
    no = await refused(tracker, call(11 * CENT, key="bob"))
    assert (no.cap, no.in_flight) == ("key bob", False)
    no = await refused(tracker, call(6 * CENT, key="bob", run="town"))
    assert (no.cap, no.in_flight, no.available) == ("run town", True, CENT)
    no = await refused(tracker, call(3 * CENT, key="bob", run="town", max_cost=2 * CENT))
    assert (no.cap, no.available, no.in_flight, no.resets_at) == ("call", 2 * CENT, False, None)
    no = await refused(tracker, call(10 * CENT, key="bob"))
    assert (no.cap, no.available) == ("call", 9 * CENT)


async def test_the_month_and_the_day_bind_callers_as_well(purse):
    tracker = await purse.tracker(monthly_budget_usd="0.10", daily_budget_usd="0.05")
    no = await refused(tracker, call(6 * CENT, key=""))
    assert (no.cap, no.available) == ("day", 5 * CENT)
    await spend(tracker, call(5 * CENT, run="x"))
    purse.clock.advance(86_400)
    await spend(tracker, call(3 * CENT, run="x"))
    no = await refused(tracker, call(4 * CENT, run="x"))
    assert (no.cap, no.available, no.spent) == ("month", 2 * CENT, 8 * CENT)


async def test_callers_leave_a_mind_its_share_of_the_month(purse):
    gateway = await purse.tracker(mind="genesis/gateway")
    await spend(gateway, call(USD, run="x"))
    mind = await purse.tracker()
    await mind.open(lives=True)
    no = await refused(gateway, call(2 * USD, run="x"))
    assert (no.cap, no.available, no.spent) == ("month", 3 * USD // 2, USD)
    await mind.topup(2 * USD, "Ada", "gift")
    assert await left_after(gateway, call(2 * USD, run="x")) == USD // 2, "half of a gift is the callers'"
    assert (await refused(gateway, call(USD, run="x"))).in_flight
    await spend(mind, purse.expense(USD))
    spoilt = await purse.tracker(mind="genesis/other", mind_share="0")
    await spend(spoilt, call(3 * USD, run="x"))


async def test_unknown_outcomes_of_callers_stop_nobody(purse, tracker, books):
    mind = await purse.tracker()
    await books.create_key("bob", KeyTerms(budget=USD))
    for _ in range(5):
        expense = call(10 * CENT, key="bob")
        await tracker.hold(expense)
        await tracker.leave_unknown(expense.id, "cut")
    assert await left_after(tracker, call(50 * CENT, key="bob")) == 0
    assert await mind.may_pay() is None
    assert (await refused(tracker, call(1, key="bob"))).held == USD
    assert (await books.statement(key="bob")).unknown == 5


async def test_calls_a_minute_are_counted_over_every_replica(purse, books):
    await books.create_key("bob", KeyTerms(requests_per_minute=2))
    second = replace(purse, ledger=open_credit_ledger(purse.url, purse.clock))
    trackers = [await one.tracker(mind="genesis/gateway") for one in (purse, second)]
    for tracker in trackers:
        purse.clock.advance(10)
        await tracker.hold(call(key="bob"))
    with pytest.raises(TooManyRequests, match="2 calls a minute") as refusal:
        await trackers[0].hold(call(key="bob"))
    assert timedelta(seconds=49) < refusal.value.resets_at - purse.clock.now() <= timedelta(seconds=50)
    unsent = call(key="bob")
    purse.clock.advance(50)
    await trackers[1].hold(unsent)
    await trackers[1].void(unsent.id)
    await trackers[0].hold(call(key="bob"))
    second.ledger.close()


async def test_a_call_above_its_bound_is_charged_to_key_and_run_too(tracker, books, purse):
    key, _ = await books.create_key("bob", KeyTerms(budget=10 * CENT))
    run = await books.set_run_budget("town", 4 * CENT)
    assert (await spend(tracker, call(CENT, key="bob", run="town"), 6 * CENT)).overrun
    assert (purse.available(key.account), purse.available(run.account)) == (4 * CENT, 0)
    free = call(0, key="bob")
    await spend(tracker, free, CENT)
    assert purse.available(key.account) == 3 * CENT
    assert (await books.statement(run="town")).cost == 6 * CENT


async def test_a_statement_is_exact_by_key_run_and_month(tracker, books):
    for key in ("ada", "bob"):
        await books.create_key(key, KeyTerms(budget=USD))
    await spend(tracker, call(CENT, key="ada", run="town"))
    await spend(tracker, call(CENT, key="bob", run="town"), 3)
    await spend(tracker, replace(call(CENT, key="bob"), subject="lab/other"), 5)
    held, cut = call(7, key="bob"), call(9, key="bob")
    for expense in (held, cut):
        await tracker.hold(expense)
    await tracker.leave_unknown(cut.id, "cut")
    await spend(tracker, Expense("mind", "lab/model", "thought", 11, 1, 1))
    found = await books.statement(key="bob", period="2026-11")
    assert statement_json(found) == {
        "period": "2026-11", "run": None, "key": "bob", "calls": 2, "prompt_tokens": 20, "completion_tokens": 10,
        "cost": "0.000000008", "held": "0.000000016", "unknown": 1,
        "by_model": [
            {"model": "lab/other", "calls": 1, "prompt_tokens": 10, "completion_tokens": 5, "cost": "0.000000005"},
            {"model": "lab/model", "calls": 1, "prompt_tokens": 10, "completion_tokens": 5, "cost": "0.000000003"},
        ],
    }  # fmt: skip
    assert (await books.statement(run="town")).cost == CENT + 3
    both = await books.statement(run="town", key="ada")
    assert (both.run, both.key, both.cost) == ("town", "ada", CENT)
    assert (await books.statement()).cost == CENT + 8
    assert (await books.statement(key="bob", period="2026-10")).calls == 0
    rows = await books.statement_calls(key="bob")
    assert [row.state for row in rows] == ["captured", "captured", "held", "unknown"]
    assert (await books.usage_of_run("town", datetime(2026, 11, 1, tzinfo=UTC))).requests == 2
    with pytest.raises(ValueError, match="write it like 2026-11"):
        await books.statement(period="9999-99")


async def test_a_correction_reaches_the_statement_and_the_caps(tracker, books, purse):
    key, _ = await books.create_key("bob", KeyTerms(budget=10 * CENT))
    expense = call(6 * CENT, key="bob")
    await tracker.hold(expense)
    await tracker.settle(expense.id, 6 * CENT, estimated=True)
    await tracker.settle(expense.id, CENT, Usage(1, 2))
    found = await books.statement(key="bob")
    assert (found.cost, found.calls, found.prompt_tokens) == (CENT, 1, 1)
    assert purse.available(key.account) == 9 * CENT


async def test_the_caps_of_a_caller_can_be_seen_before_it_calls(tracker, books, purse):
    await books.create_key("bob", KeyTerms(budget=10 * CENT, per="day"))
    await books.set_run_budget("town", 2 * CENT)
    await spend(tracker, call(CENT, key="bob", run="town"))
    caps = {cap.name: cap for cap in await books.caps("bob", "town")}
    assert {name: cap.available for name, cap in caps.items()} == {
        "month": 5 * USD - CENT, "key bob": 9 * CENT, "run town": CENT,
    }  # fmt: skip
    purse.clock.advance(86_400)
    caps = {cap.name: cap for cap in await books.caps("bob", "town")}
    key = caps["key bob"]
    assert (key.available, key.held, key.spent, caps["run town"].spent) == (10 * CENT, 0, 0, CENT)


async def test_replicas_admit_together_exactly_what_fits(purse, books):
    await books.create_key("bob", KeyTerms(budget=10 * CENT))
    purses = [purse, replace(purse, ledger=open_credit_ledger(purse.url, purse.clock))]
    trackers = [await one.tracker(mind="genesis/gateway") for one in purses]

    async def one(n):
        expense = call(3 * CENT, key="bob", run="town")
        try:
            await trackers[n % 2].hold(expense)
        except NotAffordable as no:
            return no.cap
        await trackers[n % 2].settle(expense.id, CENT)
        return "held"

    outcomes = [outcome for _ in range(6) for outcome in await asyncio.gather(*(one(n) for n in range(6)))]
    spent = (await books.statement(key="bob")).cost
    assert outcomes.count("held") * CENT == spent <= 10 * CENT
    assert spent >= 8 * CENT, "room that came free is used"
    purses[1].ledger.close()


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (
            "UPDATE caller_rollups SET cost = cost + 1 WHERE key = 'bob'",
            ["key bob, run -, month 2026-11: calls cost $0.010000000 and its statement says $0.010000001"],
        ),
        (
            "UPDATE caller_rollups SET cost = cost + 1 WHERE run = 'free'",
            ["key -, run free, month 2026-11: calls cost $0.000000000 and its statement says $0.000000001"],
        ),
        (
            "UPDATE calls SET key = 'ada', run = 'town' WHERE key = 'bob'",
            [
                "key ada, run town, month 2026-11: calls cost $0.010000000 and its statement says $0.000000000",
                "key bob, run -, month 2026-11: calls cost $0.000000000 and its statement says $0.010000000",
            ],
        ),
        ("UPDATE calls SET legs = '[]' WHERE state = 'held'", ["is pending and calls hold $0.000000000"]),
        ("UPDATE caps SET filled = 0 WHERE name = 'key bob'", ["has more than the $0.000000000 it was filled with"]),
        ("DELETE FROM caps WHERE name = 'key bob'", ["has more than the $0.000000000 it was filled with"]),
    ],
)
async def test_the_audit_names_a_key_whose_books_do_not_match(tracker, books, purse, damage, named):
    await books.create_key("bob", KeyTerms(budget=10 * CENT))
    await spend(tracker, call(CENT, key="bob"))
    await tracker.hold(call(CENT, key="bob"))
    await spend(tracker, call(0, run="free"))
    assert purse.sound()

    def damaged(tx):
        tx.execute(damage)
        raise Look(check_records(tx))

    with pytest.raises(Look) as found:
        purse.ledger.transact_now(damaged)
    for name in named:
        assert any(name in line for line in found.value.args[0]), found.value.args[0]


class Look(Exception):
    """Takes what was seen of a damaged purse out of a transaction that is then undone."""


async def test_a_look_shows_busy_runs_and_good_keys_first_with_what_each_holds_and_spent(tracker, books, purse):
    await books.create_key("old", KeyTerms(budget=CENT))
    await books.revoke_key("old")
    await books.create_key("ann", KeyTerms(budget=10 * CENT))
    await books.create_key("abe", KeyTerms(expires_at=purse.clock.now() + timedelta(days=1)))
    await books.create_key("bob", KeyTerms())
    await books.set_run_budget("town", 5 * CENT)
    await spend(tracker, call(2 * CENT, key="ann", run="town"), CENT)
    await spend(tracker, call(3 * CENT, key="bob", run="dear"))
    await tracker.hold(call(CENT, key="ann", run="town"))
    purse.clock.advance(1)
    await books.set_run_budget("idle", None)
    keys, runs = await books.looks(10)
    assert [(one.who.name, one.use.calls, one.use.cost, one.use.held) for one in keys] == [
        ("ann", 1, CENT, CENT),
        ("bob", 1, 3 * CENT, 0),
        ("abe", 0, 0, 0),
        ("old", 0, 0, 0),
    ]
    assert (keys[0].cap.available, keys[1].cap, keys[3].cap) == (8 * CENT, None, None)
    assert [(one.who.name, one.use.under_way, one.use.cost) for one in runs[:2]] == [("town", 1, CENT), ("idle", 0, 0)]
    assert (runs[0].cap.available, runs[0].cap.held, runs[0].cap.spent) == (3 * CENT, CENT, CENT)
    keys, runs = await books.looks(1)
    assert ([one.who.name for one in keys], [one.who.name for one in runs]) == (["ann"], ["town"])
