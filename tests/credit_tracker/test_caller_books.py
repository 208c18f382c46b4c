"""What programs, statements and the gateway's page read of the purse: each cap whole, and who spent what."""

import secrets
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from ai.credit_tracker import Caller, CallerBooks, Expense, KeyEnded, KeyTerms, TooManyRequests
from ai.credit_tracker.callers import ensure_run
from ai.credit_tracker.records import CapState
from ai.credit_tracker.statement import CallerSpending, Use, look_at_all_keys
from ai.settings import Cap, Settings
from tests.credit_tracker.conftest import BOTH_STORES, CENT, USD, Overheard, spend

pytestmark = BOTH_STORES
DECEMBER = datetime(2026, 12, 1, tzinfo=UTC)


def call(amount=CENT, *, key="", run="", model="lab/model"):
    return Expense(secrets.token_hex(8), model, "gateway", amount, None, None, caller=Caller(key, run))


async def left_unknown(tracker, expense):
    await tracker.hold(expense)
    await tracker.leave_unknown(expense.id, "cut")


async def test_a_program_sees_every_cap_whole_before_its_first_call(purse):
    some = Cap(name="some", amount=Decimal("0.01"), period="month", covers=("gateway",))
    daily = {"monthly_budget_usd": "0.30", "daily_budget_usd": "0.10", "budgets": (some,)}
    books = CallerBooks(purse.ledger, Settings(**daily), purse.clock)
    tomorrow = datetime(2026, 11, 11, tzinfo=UTC)
    assert await books.caps() == (
        CapState("month", 30 * CENT, 0, 0, DECEMBER),
        CapState("day", 10 * CENT, 0, 0, tomorrow),
    ), "no month was opened yet"
    tracker = await purse.tracker(mind="genesis/gateway", **daily | {"budgets": ()})
    await tracker.topup(2 * CENT, "Ada", "gift")
    await books.create_key("bob", KeyTerms(budget=4 * CENT))
    await books.set_run_budget("town", 3 * CENT)
    await spend(tracker, call(2 * CENT, key="bob", run="town"), CENT)
    await tracker.hold(call(CENT, key="bob", run="town"))
    assert await books.caps("bob", "town") == (
        CapState("month", 30 * CENT, CENT, CENT, DECEMBER),
        CapState("day", 8 * CENT, CENT, CENT, tomorrow),
        CapState("key bob", 2 * CENT, CENT, CENT, DECEMBER),
        CapState("run town", CENT, CENT, CENT, None),
    )
    assert len(await books.caps("nobody", "nowhere")) == 2


async def test_callers_see_what_a_mind_leaves_them(purse, books):
    mind = await purse.tracker()
    await mind.open(lives=True)
    await mind.topup(1, "Ada", "a nano-dollar")
    month, shared = await books.caps()
    assert (month.name, month.available) == ("month", 5 * USD + 1)
    assert shared == CapState("month", 5 * USD // 2, 0, 0, DECEMBER), (
        "of an odd nano-dollar the mind has the larger half"
    )
    nothing = CallerBooks(purse.ledger, Settings(mind_share="1"), purse.clock)
    assert (await nothing.caps())[1].available == 0
    assert len(await CallerBooks(purse.ledger, Settings(mind_share="0"), purse.clock).caps()) == 1


async def test_what_callers_hold_as_a_mind_moves_in_is_of_their_share(purse, tracker):
    await spend(tracker, call(USD, run="x"))
    await tracker.hold(call(USD // 2, run="x"))
    mind = await purse.tracker()
    await mind.open(lives=True)
    last = call(USD, run="x")
    await tracker.hold(last)
    assert await tracker.left(last.id) == 0, "2.50 in all: 1 spent, 0.50 held before, 1 now"
    await mind.topup(2 * USD, "Ada", "gift")
    more = call(USD, run="x")
    await tracker.hold(more)
    assert await tracker.left(more.id) == 0, "half of a gift is added, and what was taken before is not taken again"


async def test_what_callers_leave_a_mind_is_counted_once_a_call_and_anew_each_month(purse, tracker, books):
    mind = await purse.tracker()
    await mind.open(lives=True)
    for _ in range(3):
        await spend(tracker, call(USD // 2, run="x"))
        await purse.spend(mind, CENT)
    free = call(0, run="x")
    await spend(tracker, free, USD // 4)
    shared = (await books.caps())[1]
    assert (shared.available, shared.spent) == (3 * USD // 4, 7 * USD // 4), (
        "2.50 less 1.50, less what a free call cost"
    )
    purse.clock.advance(30 * 86_400)
    await (await purse.tracker()).open(lives=True)
    tracker = await purse.tracker(mind="genesis/gateway")
    last = call(2 * USD, run="x")
    await tracker.hold(last)
    assert await tracker.left(last.id) == USD // 2


async def test_a_key_that_expired_while_its_program_lives_is_renewed(tracker, books, purse):
    until = purse.clock.now() + timedelta(minutes=5)
    _, secret = await books.create_key("exec", KeyTerms(budget=CENT, expires_at=until))
    purse.clock.advance(301)
    assert await books.key_of(secret) is None
    renewed = await books.renew_key("exec", until + timedelta(minutes=5))
    assert renewed.terms.expires_at == until + timedelta(minutes=5)
    assert await books.key_of(secret) == renewed
    await spend(tracker, call(key="exec"))
    await books.revoke_key("exec")
    for name in ("exec", "nobody"):
        with pytest.raises(KeyEnded, match=name):
            await books.renew_key(name, purse.clock.now() + timedelta(days=1))
    assert await books.key_of(secret) is None, "what was taken back stays taken back"


async def test_who_spent_what_is_told_for_this_month_dearest_first(tracker, books, purse):
    await books.create_key("bob", KeyTerms())
    await spend(tracker, call(9 * CENT, run="past"))
    purse.clock.advance(30 * 86_400)
    tracker = await purse.tracker(mind="genesis/gateway")
    await spend(tracker, call(CENT, key="bob", run="town"))
    await spend(tracker, call(CENT, key="bob", run="town", model="lab/other"))
    await spend(tracker, call(CENT, key="bob"))
    await spend(tracker, call(5 * CENT, run="dear"))
    dear = CallerSpending("", "dear", 1, 5 * CENT)
    town, plain = CallerSpending("bob", "town", 2, 2 * CENT), CallerSpending("bob", "", 1, CENT)
    assert await books.spending(10) == [dear, town, plain]
    assert await books.spending(3) == [dear, town, plain]
    assert await books.spending(2) == [dear, town, CallerSpending("(others)", "(others)", 1, CENT)], "the month's sum"


async def test_a_key_is_shown_with_what_it_spent_however_many_spent_more(books, purse):
    """Beyond a thousand keys and runs that were dearer it stood there with $0.00 and no calls."""
    await books.create_key("ann", KeyTerms())
    many = [*((f"dear-{n}", f"run-{n}", 2 * CENT) for n in range(1001)), ("ann", "small", CENT), ("ann", "", CENT)]

    def spent(tx):
        for key, run, cost in many:
            values = (key, run, "2026-11", "lab/model", 1, 10, 10, cost)
            tx.execute("INSERT INTO caller_rollups VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)
        for run in ("run-7", "small"):
            ensure_run(tx, run)

    await purse.ledger.transact(spent)
    keys, runs = await books.looks(2000)
    assert [(look.who.name, look.use) for look in keys] == [("ann", Use(calls=2, cost=2 * CENT))]
    assert {look.who.name: look.use.cost for look in runs} == {"run-7": 2 * CENT, "small": CENT}
    await purse.ledger.transact(lambda tx: tx.execute("DELETE FROM caller_rollups"))  # there were no calls behind them


async def test_an_old_key_that_is_busy_or_dear_is_shown_among_many_new_ones(tracker, books, purse):
    """It was the newest alone that were shown, so a key of last year spent unseen."""
    for name in ("dear", "busy"):
        await books.create_key(name, KeyTerms(budget=9 * CENT))
    await spend(tracker, call(5 * CENT, key="dear", run="dear"))
    await tracker.hold(call(CENT, key="busy", run="busy"))
    for n in range(9):
        purse.clock.advance(1)
        await books.create_key(f"new-{n}", KeyTerms())
        await books.set_run_budget(f"new-{n}", None)
    keys, runs = await books.looks(4)
    assert [look.who.name for look in keys] == ["busy", "dear", "new-7", "new-8"]
    assert [look.who.name for look in runs] == ["busy", "new-8", "dear", "new-7"]


async def test_a_good_key_is_shown_however_many_ended_ones_hold_more_or_are_newer(tracker, books, purse):
    """Ended keys with calls of unknown outcome, and expired ones of `exec`, pushed those off that can still spend."""
    await books.create_key("good", KeyTerms(budget=9 * CENT))
    for n in range(5):
        purse.clock.advance(1)
        await books.create_key(f"revoked-{n}", KeyTerms())
        await tracker.hold(call(CENT, key=f"revoked-{n}"))
        await books.revoke_key(f"revoked-{n}")
        await books.create_key(f"expired-{n}", KeyTerms(expires_at=purse.clock.now() + timedelta(seconds=1)))
    purse.clock.advance(2)
    assert [look.who.name for look in (await books.looks(3))[0]] == ["good", "revoked-0", "revoked-1"]


async def test_all_keys_are_read_in_as_few_reads_as_two_of_them(tracker, books, purse):
    """Each was asked for twice: 10,000 keys took the list seven seconds."""

    def reads():
        seen = []

        def query(tx):
            return look_at_all_keys(Overheard(tx, lambda sql, _: seen.append(sql)), purse.clock.now())

        return purse.ledger.read_now(query), len(seen)

    await books.create_key("ann", KeyTerms(budget=2 * CENT))
    await books.topup_key("ann", CENT, "one")
    await books.create_key("bob", KeyTerms())
    await spend(tracker, call(key="ann"))
    few, before = reads()
    assert [(key.name, cap and (cap.available, cap.spent), spent) for key, cap, spent in few] == [
        ("ann", (2 * CENT, CENT), CENT),
        ("bob", None, 0),
    ]
    for n in range(60):
        await books.create_key(f"more-{n}", KeyTerms(budget=CENT))
    many, after = reads()
    assert (len(many), after) == (62, before)


async def test_the_calls_behind_a_statement_are_those_of_its_run_and_month_in_pages(tracker, books, purse):
    await spend(tracker, call(run="town"))
    await spend(tracker, call(run="other"))
    purse.clock.advance(30 * 86_400)
    tracker = await purse.tracker(mind="genesis/gateway")
    await spend(tracker, call(2 * CENT, run="town"))
    both = await books.statement_calls(run="town")
    assert [row.cost for row in both] == [CENT, 2 * CENT]
    assert [row.cost for row in await books.statement_calls(run="town", period="2026-11")] == [CENT]
    assert [row.cost for row in await books.statement_calls(run="town", after_seq=both[0].seq)] == [2 * CENT]


async def test_a_look_sums_all_that_a_key_and_a_run_have_and_counts_the_unknown(tracker, books, purse):
    until = purse.clock.now() + timedelta(hours=1)
    await books.create_key("ann", KeyTerms(expires_at=until))
    for name in ("bob", "cid"):
        await books.create_key(name, KeyTerms())
    for run in ("town", "farm"):
        await spend(tracker, call(CENT, key="bob", run=run))
        await left_unknown(tracker, call(2 * CENT, key="bob", run=run))
    await spend(tracker, call(CENT, key="cid", run="town"))
    await tracker.hold(call(3 * CENT, key="cid", run="town"))
    for n in range(2):
        await spend(tracker, call((n + 1) * CENT, run=f"idle-{n}"))
    purse.clock.advance(3601)
    keys, runs = await books.looks(10)
    assert [(look.who.name, look.use) for look in keys] == [
        ("bob", Use(calls=2, cost=2 * CENT, under_way=2, held=4 * CENT, unknown=2)),
        ("cid", Use(calls=1, cost=CENT, under_way=1, held=3 * CENT, unknown=0)),
        ("ann", Use()),
    ], "who expired comes last"
    uses = {look.who.name: look.use for look in runs}
    assert uses["town"] == Use(calls=2, cost=2 * CENT, under_way=2, held=5 * CENT, unknown=1)
    assert uses["farm"] == Use(calls=1, cost=CENT, under_way=1, held=2 * CENT, unknown=1)
    assert [look.who.name for look in runs[:2]] == ["town", "farm"], "busy runs first, the dearest before"


async def test_good_keys_are_looked_at_dearest_first(tracker, books):
    for name, cost in (("ann", CENT), ("bob", 3 * CENT), ("cid", 2 * CENT)):
        await books.create_key(name, KeyTerms())
        await spend(tracker, call(cost, key=name))
    assert [look.who.name for look in (await books.looks(10))[0]] == ["bob", "cid", "ann"]


async def test_calls_a_minute_are_counted_over_a_months_end_and_a_refusal_says_whose_limit_it_is(purse, books):
    purse.clock.advance((DECEMBER - purse.clock.now()).total_seconds() - 20)
    tracker = await purse.tracker(mind="genesis/gateway")
    await books.create_key("bob", KeyTerms(requests_per_minute=3))
    for _ in range(3):
        await spend(tracker, call(key="bob"))
        purse.clock.advance(15)
    with pytest.raises(TooManyRequests) as refusal:
        await tracker.hold(call(key="bob"))
    no = refusal.value
    assert (no.cap, no.needed, no.available) == ("key bob", 1, 0)
    assert timedelta(seconds=14) < no.resets_at - purse.clock.now() <= timedelta(seconds=15), "as the oldest falls out"
    purse.clock.advance(15)
    await spend(tracker, call(key="bob"))
