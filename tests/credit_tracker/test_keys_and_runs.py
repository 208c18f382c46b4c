"""Keys and runs to the letter: what is kept of each, what a period's turn and an end leave, how a refusal names it."""

import secrets
from dataclasses import replace
from datetime import timedelta

import pytest

from ai.credit_tracker import Caller, Expense, Key, KeyEnded, KeyTerms, NotAffordable
from ai.credit_tracker.callers import Run, ensure_run, hash_of
from ai.credit_tracker.months import sweep_month
from ai.credit_tracker.records import Category
from ai.ledger.errors import TransferConflict
from tests.credit_tracker.conftest import BOTH_STORES, CENT, USD, spend

pytestmark = BOTH_STORES
DAY = 86_400


def call(amount=CENT, *, key="", run="", **more):
    caller = Caller(key, run, **more)
    return Expense(secrets.token_hex(8), "lab/model", "gateway", amount, None, None, caller=caller)


def free(purse, account):
    return purse.ledger.read_now(lambda tx: tx.account(account)).available


async def refused(tracker, expense):
    with pytest.raises(NotAffordable) as refusal:
        await tracker.hold(expense)
    return refusal.value


# --- keys ------------------------------------------------------------------------------------------------


async def test_a_key_is_kept_with_all_its_terms(books, purse):
    now = purse.clock.now()
    terms = KeyTerms(5 * CENT, "week", "lab/model", ("lab/*", "other/*"), 2 * CENT, 3, now + timedelta(days=9))
    made, secret = await books.create_key("bob", terms)
    assert made == Key("bob", hash_of(secret), terms, 1, made.account, made.created_at, None)
    assert now <= made.created_at <= purse.clock.now()
    assert await books.keys() == [made]
    assert await books.key_of(secret) == made
    assert await books.key_of("gk-nobodys") is None


async def test_a_secret_of_any_bytes_is_nobodys_and_no_error(books):
    assert await books.key_of("gk-\udcff") is None


async def test_a_key_is_good_until_its_moment_and_not_at_it(purse, books):
    until = purse.clock.now() + timedelta(hours=1)
    key, _ = await books.create_key("bob", KeyTerms(expires_at=until))
    assert key.ended(until - timedelta(microseconds=1)) is None
    assert key.ended(until) == "expired on 2026-11-10 13:00 UTC"


async def test_a_name_is_refused_as_what_it_was_to_be(books, tracker):
    with pytest.raises(ValueError, match=r"^key 'a b' is no name; write 1 to 64 letters"):
        await books.create_key("a b", KeyTerms())
    with pytest.raises(ValueError, match=r"^run 'a b' is no name; write 1 to 64 letters"):
        await tracker.hold(call(run="a b"))


async def test_whoever_takes_an_ended_keys_name_gets_nothing_of_its_budget(purse, books, tracker):
    """A name used three times is three budgets: what one had is neither given to the next nor taken from it."""
    accounts = []
    for budget in (5 * CENT, 4 * CENT, 3 * CENT):
        terms = KeyTerms(budget=budget, per="ever", expires_at=purse.clock.now() + timedelta(hours=1))
        key, _ = await books.create_key("bob", terms)
        accounts.append(key.account)
        assert free(purse, key.account) == budget
        if len(accounts) == 1:
            await tracker.hold(call(key="bob"))
        purse.clock.advance(3600)
    await books.create_key("bob", KeyTerms(budget=CENT))
    assert len(set(accounts)) == 3
    assert [free(purse, account) for account in accounts] == [0, 0, 0]


async def test_a_revoked_keys_account_is_emptied_to_the_last_nano_dollar(purse, books):
    key, _ = await books.create_key("bob", KeyTerms(budget=CENT))
    await books.revoke_key("bob")
    assert free(purse, key.account) == 0


async def test_a_period_that_is_over_leaves_nothing_in_its_account(purse, books, tracker):
    key, _ = await books.create_key("bob", KeyTerms(budget=CENT, per="day"))
    purse.clock.advance(DAY)
    await tracker.hold(call(1, key="bob"))
    assert free(purse, key.account) == 0


async def test_a_topup_is_of_its_period_and_is_seen_before_the_first_call(purse, books, tracker):
    await books.create_key("bob", KeyTerms(budget=CENT, per="day"))
    purse.clock.advance(DAY)
    topped = await books.topup_key("bob", 1, "a-nano-dollar")
    assert free(purse, topped.account) == CENT + 1
    assert {cap.name: cap.available for cap in await books.caps("bob")}["key bob"] == CENT + 1
    purse.clock.advance(DAY)
    assert {cap.name: cap.available for cap in await books.caps("bob")}["key bob"] == CENT
    await tracker.hold(call(1, key="bob"))
    purse.clock.advance(-DAY)  # a clock set back: the day that was topped up is as it was
    await tracker.hold(call(CENT + 1, key="bob"))
    assert (await refused(tracker, call(1, key="bob"))).available == 0


async def test_a_budget_of_nothing_is_one(books, tracker):
    await books.create_key("bob", KeyTerms(budget=0))
    assert (await refused(tracker, call(1, key="bob"))).cap == "key bob"
    await books.set_run_budget("town", 0)
    assert (await refused(tracker, call(1, run="town"))).cap == "run town"


async def test_a_refusal_says_which_key_has_ended_and_how(purse, books, tracker):
    until = purse.clock.now() + timedelta(hours=1)
    old, _ = await books.create_key("bob", KeyTerms(budget=CENT, expires_at=until))
    purse.clock.advance(3600)
    ended = r"^key bob expired on 2026-11-10 13:00 UTC$"
    with pytest.raises(KeyEnded, match=ended):
        await tracker.hold(call(key="bob"))
    with pytest.raises(KeyEnded, match=ended):
        await books.topup_key("bob", CENT, "gift")
    await books.revoke_key("bob")
    revoked = r"^key bob was revoked on 2026-11-10 13:00 UTC$"
    with pytest.raises(KeyEnded, match=revoked):
        await books.renew_key("bob", until)
    await books.create_key("bob", KeyTerms())
    with pytest.raises(KeyEnded, match=r"^key bob was revoked; another key has its name now$"):
        await tracker.hold(call(key="bob", secret_hash=old.secret_hash))
    with pytest.raises(KeyEnded, match=r"^key nobody is unknown; `genesis keys list` shows which there are$"):
        await tracker.hold(call(key="nobody"))


async def test_a_topups_id_is_used_for_one_key_and_amount(books):
    for name in ("ada", "bob"):
        await books.create_key(name, KeyTerms(budget=CENT))
    await books.topup_key("ada", CENT, "gift")
    with pytest.raises(TransferConflict) as another:
        await books.topup_key("bob", CENT, "gift")
    assert str(another.value) == "topup gift exists with name 'ada'; 'bob' was given now"
    with pytest.raises(TransferConflict) as more:
        await books.topup_key("ada", 2, "gift")
    assert str(more.value) == "topup gift exists with amount 10000000; 2 was given now"


# --- runs ------------------------------------------------------------------------------------------------


async def test_a_run_is_what_was_last_said_of_it(purse, books):
    assert purse.ledger.transact_now(lambda tx: ensure_run(tx, "town")) == Run("town", None, 0, "")
    first = await books.set_run_budget("town", 3 * CENT)
    assert first == Run("town", 3 * CENT, 1, first.account)
    second = await books.set_run_budget("town", CENT)
    assert second == Run("town", CENT, 2, second.account)
    assert first.account != second.account
    assert await books.set_run_budget("town", None) == Run("town", None, 2, "")


async def test_what_a_free_call_costs_after_all_is_taken_from_its_run(books, tracker, purse):
    run = await books.set_run_budget("town", 3 * CENT)
    await spend(tracker, call(0, run="town"), CENT)
    assert free(purse, run.account) == 2 * CENT


# --- what a call may cost ----------------------------------------------------------------------------------


@pytest.mark.parametrize("bound", ["header", "key"])
async def test_a_call_may_cost_what_it_may_and_not_a_nano_dollar_more(books, tracker, bound):
    await books.create_key("bob", KeyTerms(max_call=CENT if bound == "key" else None))
    caller = {"key": "bob"} | ({"max_cost": CENT} if bound == "header" else {})
    for _ in range(2):  # the first learns who it is, the second knows
        no = await refused(tracker, call(CENT + 1, **caller))
        assert (no.cap, no.needed, no.available, no.resets_at) == ("call", CENT + 1, CENT, None)
        await tracker.hold(call(CENT, **caller))


async def test_what_is_kept_for_last_words_does_not_come_free_for_a_caller(purse, books):
    mind = await purse.tracker(on_bankruptcy="die", mind_share="0")
    mind.set_smallest_hold(CENT)
    mind.set_last_words(CENT, USD)
    assert await mind.may_pay() is None
    kept = (await mind.balance()).reserved
    assert kept == USD // 4
    gateway = await purse.tracker(mind="genesis/gateway", mind_share="0")
    await gateway.hold(call(USD, run="x"))
    most = 5 * USD - kept
    assert (await refused(gateway, call(most, run="x"))).in_flight, "one dollar of it may come back"
    assert not (await refused(gateway, call(most + 1, run="x"))).in_flight
    await books.create_key("bob", KeyTerms(budget=10 * CENT))
    await gateway.hold(call(4 * CENT, key="bob"))
    assert (await refused(gateway, call(8 * CENT, key="bob"))).in_flight, "a key's budget keeps nothing for last words"


async def test_a_cap_that_has_just_enough_is_not_the_one_that_refuses(purse):
    tracker = await purse.tracker(tweets_per_day=1)
    await tracker.hold(purse.expense(3 * USD))
    no = await refused(tracker, purse.expense(4 * USD, posts=1))
    assert (no.cap, no.in_flight) == ("month", True)


async def test_the_same_hold_for_another_caller_is_a_conflict_that_says_in_what(tracker, books):
    for name in ("ada", "bob"):
        await books.create_key(name, KeyTerms())
    first = call(key="ada", run="town")
    await tracker.hold(first)
    for field, other in (
        ("key", replace(first, caller=Caller("bob", "town"))),
        ("run", replace(first, caller=Caller("ada", "farm"))),
        ("category", replace(first, category=Category.POST)),
    ):
        with pytest.raises(TransferConflict, match=f" exists with {field} "):
            await tracker.hold(other)


async def test_what_is_unknown_of_callers_is_told_with_the_months_unknown(tracker):
    cut = call(7, run="town")
    await tracker.hold(cut)
    await tracker.leave_unknown(cut.id, "cut")
    assert (await tracker.balance()).held_unknown == 7


async def test_the_tokens_of_a_call_above_its_hold_are_in_its_row(tracker, books):
    await spend(tracker, call(CENT, run="town"), 2 * CENT)
    (row,) = await books.statement_calls(run="town")
    assert (row.cost, row.prompt_tokens, row.completion_tokens) == (2 * CENT, 10, 5)
    found = await books.statement(run="town")
    assert (found.prompt_tokens, found.completion_tokens) == (10, 5)


# --- what a call leaves -------------------------------------------------------------------------------------


async def test_the_providers_id_of_a_call_is_kept_however_it_is_booked(tracker, books):
    for cost in (CENT, 2 * CENT):  # within its hold, and above it
        one = call(CENT, run="town")
        await tracker.hold(one)
        await tracker.settle(one.id, cost, remote_id=f"gen-{cost}")
    assert {row.remote_id for row in await books.statement_calls(run="town")} == {f"gen-{CENT}", f"gen-{2 * CENT}"}


@pytest.mark.parametrize(("key", "run"), [("bob", ""), ("", "town"), ("bob", "town")])
async def test_a_caller_is_told_what_it_has_left_also_above_its_hold(tracker, books, key, run):
    await books.create_key("bob", KeyTerms(budget=10 * CENT))
    await books.set_run_budget("town", 10 * CENT)
    settled = await spend(tracker, call(CENT, key=key, run=run), 3 * CENT)
    assert (settled.available, settled.overrun, settled.balance.period) == (7 * CENT, True, "2026-11")
    free_one = replace(call(0, key=key, run=run), free_requests=1)
    await tracker.hold(free_one)
    assert await tracker.left(free_one.id) == 7 * CENT


async def test_nothing_is_left_of_a_call_that_has_ended_or_never_was(tracker, books):
    await books.create_key("bob", KeyTerms(budget=10 * CENT))
    refused_one, voided = call(key="bob"), call(key="bob")
    for one in (refused_one, voided):
        await tracker.hold(one)
    await tracker.refuse(refused_one.id)
    await tracker.void(voided.id)
    assert [await tracker.left(name) for name in (refused_one.id, voided.id, "none")] == [None, None, None]


async def test_a_call_in_a_month_that_is_closed_has_no_cap_to_tell_of(tracker, purse):
    await spend(tracker, call(1, run="town"))
    purse.ledger.transact_now(lambda tx: sweep_month(tx, "2026-11"))
    gift = call(0, run="farm")
    await tracker.hold(gift)
    assert await tracker.left(gift.id) is None


async def test_a_free_request_counts_though_its_call_was_asked_about_and_cost_nothing(purse, monkeypatch):
    tracker = await purse.tracker()
    before = (await tracker.balance()).free_left
    one = purse.expense(0, free_requests=1)
    await tracker.hold(one)
    await (await purse.tracker()).settle(one.id, 0)
    assert (await tracker.balance()).free_left == before - 1


async def test_more_calls_may_be_under_way_than_are_kept_in_mind(tracker, books, monkeypatch):
    monkeypatch.setattr("ai.credit_tracker.tracker.MAX_REMEMBERED", 2)
    calls = [call(CENT, run=f"run-{number}") for number in range(5)]
    for one in calls:
        await tracker.hold(one)
    for one in calls:
        await tracker.settle(one.id, CENT)
    assert (await books.statement()).cost == 5 * CENT


async def test_a_refusal_that_no_cap_made_tells_of_nothing_held_or_spent(tracker, purse):
    await tracker.hold(call(1, run="town"))
    purse.clock.set(purse.clock.now() + timedelta(days=3))
    no = await refused(tracker, call(1, run="town"))
    assert (no.cap, no.held, no.spent) == ("clock", 0, 0)
