"""The reserve: without it a mind that dies of bankruptcy has nothing left to pay its last words and its last post."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from ai.cli.budget_tables import render_budget
from ai.credit_tracker import Band, Expense, NotAffordable, open_credit_ledger
from ai.credit_tracker.calls import find_call
from ai.ledger.audit import audit
from ai.ledger.errors import HoldEnded
from tests.credit_tracker.conftest import BOTH_STORES
from tests.credit_tracker.test_spending import shown
from tests.social.conftest import KEYS

pytestmark = BOTH_STORES
USD = 1_000_000_000
MILLI = USD // 1000
WORDS, LEAST, POST, THOUGHT = 16 * MILLI, MILLI, 15 * MILLI, 2 * MILLI
NEEDED = WORDS + POST
MORTAL = {"on_bankruptcy": "die", "tweets": "live"} | KEYS
DECEMBER = datetime(2026, 12, 1, 0, 5, tzinfo=UTC)


async def a_mortal(purse, **given):
    """A tracker that was told what thoughts and last words must hold, as the rotation tells it."""
    tracker = await purse.tracker(**(MORTAL | given))
    tracker.set_smallest_hold(THOUGHT)
    tracker.set_last_words(LEAST, WORDS)
    assert await tracker.may_pay() is None
    return tracker


def words(purse, amount=WORDS, **fields):
    return purse.expense(amount, purpose="death", last=True, **fields)


def last_post(purse, **fields):
    return purse.expense(POST, subject="x/post", purpose="post", posts=1, last=True, **fields)


async def spend_all(purse, tracker):
    """Spend the month on thoughts until none can be paid any more."""
    rest = purse.expense((await tracker.balance()).available - MILLI)
    await tracker.hold(rest)
    await tracker.settle(rest.id, rest.amount_nanos)


def holds_open(purse):
    return purse.ledger.read_now(audit).holds_open


async def test_it_is_held_from_the_start_and_adds_up(purse):
    tracker = await a_mortal(purse)
    balance = await tracker.balance()
    assert (balance.held, balance.reserved, balance.held_unknown) == (NEEDED, NEEDED, 0)
    assert balance.granted == balance.spent + balance.held + balance.available
    report = await tracker.budget_report()
    assert (report["held"], report["by_model"], report["by_purpose"]) == ("0.031000000", [], [])
    assert await tracker.open_holds() == [] == await tracker.unknowns() == await tracker.calls(10)
    assert holds_open(purse) == 1


async def test_the_tables_say_what_is_kept(purse):
    tracker = await a_mortal(purse)
    await tracker.hold(purse.expense(USD))
    text = shown(
        render_budget(await tracker.balance(), await tracker.caps(), await tracker.spending(), await tracker.pace())
    )
    assert "$1.0310 ($0.0310 kept for last words)" in text


async def test_nothing_but_a_death_can_spend_it(purse):
    tracker = await a_mortal(purse)
    left = (await tracker.balance()).available
    for expense in (
        purse.expense(left + 1),
        purse.expense(left + 1, purpose="death"),
        purse.expense(left + 1, subject="x/post", purpose="post", posts=1),
    ):
        with pytest.raises(NotAffordable, match=r"^month: "):
            await tracker.hold(expense)
    await spend_all(purse, tracker)
    balance = await tracker.balance()
    assert (balance.band, balance.reserved, balance.available) == (Band.BANKRUPT, NEEDED, MILLI)
    assert await tracker.room("death") == WORDS + MILLI
    assert await tracker.room("thought") == MILLI


async def test_a_bankrupt_death_is_paid_out_of_it_and_the_books_agree(purse):
    tracker = await a_mortal(purse)
    await spend_all(purse, tracker)
    said, posted = words(purse), last_post(purse)
    await tracker.hold(said)
    balance = await tracker.balance()
    assert (balance.reserved, balance.held, balance.available) == (POST + MILLI, NEEDED + MILLI, 0)
    await tracker.settle(said.id, 3 * MILLI)
    await tracker.hold(posted)
    await tracker.settle(posted.id, POST)
    balance = await tracker.balance()
    assert balance.granted == balance.spent + balance.held + balance.available
    assert balance.overrun == 0
    assert purse.sound()


async def test_where_the_month_has_enough_a_death_leaves_it_alone(purse):
    tracker = await a_mortal(purse)
    await tracker.hold(words(purse))
    assert (await tracker.balance()).reserved == NEEDED


async def test_the_same_id_again_takes_nothing_twice(purse):
    tracker = await a_mortal(purse)
    await spend_all(purse, tracker)
    said = words(purse, 4 * MILLI)
    for _ in range(3):
        await tracker.hold(said)
    assert (await tracker.balance()).reserved == NEEDED - 3 * MILLI
    await tracker.void(said.id)
    with pytest.raises(HoldEnded):
        await tracker.hold(said)
    assert (await tracker.balance()).reserved == NEEDED - 3 * MILLI
    before = purse.ledger.read_now(audit).transfers
    for _ in range(3):
        await a_mortal(purse)
    assert purse.ledger.read_now(audit).transfers == before


async def test_a_hold_that_another_cap_refuses_leaves_it_whole(purse):
    tracker = await a_mortal(purse, tweets_per_day=1)
    await tracker.hold(purse.expense(POST, subject="x/post", purpose="post", posts=1))
    await spend_all(purse, tracker)
    with pytest.raises(NotAffordable, match=r"^posts: "):
        await tracker.hold(last_post(purse))
    assert (await tracker.balance()).reserved == NEEDED


async def test_words_do_not_take_what_is_kept_for_the_post(purse):
    tracker = await a_mortal(purse)
    await spend_all(purse, tracker)
    with pytest.raises(NotAffordable, match=r"^month: \$0\.018"):
        await tracker.hold(words(purse, 18 * MILLI))
    await tracker.hold(words(purse, 17 * MILLI))
    await tracker.hold(last_post(purse))
    with pytest.raises(NotAffordable, match=r"^month: "):
        await tracker.hold(last_post(purse))


async def test_after_a_death_only_new_money_fills_it_again(purse):
    tracker = await a_mortal(purse)
    await spend_all(purse, tracker)
    said = words(purse)
    await tracker.hold(said)
    await tracker.settle(said.id, MILLI)
    left = (await tracker.balance()).reserved
    assert left == POST + MILLI
    reborn = await a_mortal(purse)
    assert (await reborn.balance()).available > THOUGHT
    assert (await reborn.balance()).reserved == left
    await reborn.topup(USD, "Ada", "gift")
    assert (await reborn.balance()).reserved == NEEDED


async def test_it_never_makes_a_bankrupt_by_itself(purse):
    """A month that is nearly empty keeps its last thoughts; the reserve takes what lies above them."""
    tracker = await purse.tracker(**MORTAL)
    rest = purse.expense(5 * USD - THOUGHT - LEAST - MILLI)
    await tracker.hold(rest)
    await tracker.settle(rest.id, rest.amount_nanos)
    tracker = await a_mortal(purse)
    balance = await tracker.balance()
    assert (balance.available, balance.reserved, balance.band) == (THOUGHT, LEAST + MILLI, Band.CRITICAL)


@pytest.mark.parametrize(
    ("budget", "kept"),
    [("0", 0), ("0.019", 0), ("0.1", 5 * MILLI), ("0.319", 15_950_000), ("0.32", LEAST + POST), ("1", NEEDED)],
)
async def test_it_is_a_twentieth_of_the_month_at_most(purse, budget, kept):
    tracker = await a_mortal(purse, monthly_budget_usd=budget)
    assert (await tracker.balance()).reserved == kept


async def test_a_topup_first_makes_it_possible(purse):
    tracker = await a_mortal(purse, monthly_budget_usd="0")
    assert (await tracker.balance()).reserved == 0
    await tracker.topup(USD, "Ada", "gift")
    assert (await tracker.balance()).reserved == NEEDED


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"tweets": "dry-run"}, WORDS),
        ({"tweets": "approve"}, NEEDED),
        ({"tweets_per_day": 0}, WORDS),
        ({"on_bankruptcy": "survive"}, 0),
        ({"openrouter_api_key": None}, 0),
        ({"openrouter_api_key": None, "openai_api_key": "sk-test"}, NEEDED),
    ],
)
async def test_it_is_kept_for_what_a_death_would_pay(purse, given, kept):
    tracker = await a_mortal(purse, **given)
    assert (await tracker.balance()).reserved == kept


async def test_set_back_to_survive_it_is_released_at_the_next_start(purse):
    await a_mortal(purse)
    tracker = await purse.tracker(**(MORTAL | {"on_bankruptcy": "survive"}))
    balance = await tracker.balance()
    assert (balance.held, balance.available) == (0, 5 * USD)
    assert (await (await a_mortal(purse)).balance()).reserved == NEEDED


async def test_it_ends_with_its_month_and_the_next_keeps_its_own(purse):
    tracker = await a_mortal(purse)
    await tracker.topup(USD, "Ada", "gift")
    await spend_all(purse, tracker)
    purse.clock.advance((DECEMBER - purse.clock.now()).total_seconds())
    assert await tracker.may_pay() is None
    assert purse.available("month:2026-11") == 0
    balance = await tracker.balance()
    assert (balance.period, balance.held, balance.reserved) == ("2026-12", NEEDED, NEEDED)
    assert balance.donated == NEEDED + MILLI, "what was kept of a donation rolls over"
    assert (await tracker.budget_report("2026-11"))["held"] == "0.000000000"
    assert holds_open(purse) == 1


async def test_a_month_with_a_death_under_way_closes_when_that_ends(purse):
    tracker = await a_mortal(purse)
    await spend_all(purse, tracker)
    said = words(purse)
    await tracker.hold(said)
    purse.clock.advance((DECEMBER - purse.clock.now()).total_seconds())
    assert await tracker.may_pay() is None
    await tracker.settle(said.id, MILLI)
    assert purse.available("month:2026-11") == 0
    assert (await tracker.balance()).reserved == NEEDED


async def test_an_unknown_end_of_last_words_is_not_the_reserves(purse):
    tracker = await a_mortal(purse)
    await spend_all(purse, tracker)
    said = words(purse)
    await tracker.hold(said)
    await tracker.leave_unknown(said.id, "cut")
    balance = await tracker.balance()
    assert (balance.held_unknown, balance.reserved) == (WORDS, POST + MILLI)
    purse.clock.advance(25 * 3600)
    assert [call.id for call in await tracker.capture_overdue()] == [said.id]
    assert (await tracker.balance()).reserved == POST + MILLI


async def test_every_mind_of_a_purse_has_its_own_and_all_of_them_a_twentieth(purse):
    minds = [await a_mortal(purse, mind=name, monthly_budget_usd="1.5") for name in ("ada", "bob", "cleo")]
    assert (await minds[0].balance()).reserved == 75 * MILLI == 1500 * MILLI // 20
    await spend_all(purse, minds[0])
    assert [await mind.room("death") for mind in minds] == [WORDS + MILLI, WORDS + MILLI, 13 * MILLI + MILLI]
    await minds[0].hold(words(purse, WORDS))
    with pytest.raises(NotAffordable):
        await minds[0].hold(words(purse, WORDS))
    assert await minds[1].room("death") == WORDS


async def test_who_posts_where_it_costs_nothing_keeps_nothing_for_its_last_post(purse):
    sky = {"networks": "bluesky", "bluesky_handle": "me.test", "bluesky_app_password": "abcd-efgh"}
    tracker = await a_mortal(purse, **sky)
    assert (await tracker.balance()).reserved == WORDS


async def test_nobody_takes_it_while_it_changes_hands(purse):
    """While one dies others on the purse grab all they can; in between release and hold there is nothing to grab."""
    second = replace(purse, ledger=open_credit_ledger(purse.url, purse.clock))
    ada = await a_mortal(purse, mind="ada")
    bob = await second.tracker(mind="bob")
    await spend_all(purse, ada)
    said, posted = words(purse), last_post(purse)

    async def grab(number):
        for amount in (WORDS, POST, MILLI, MILLI // 7):
            try:
                await bob.hold(Expense(f"bob-{number}-{amount}", "lab/model", "thought", amount, 1, 1))
            except NotAffordable:
                continue

    async def die():
        await ada.hold(said)
        await ada.hold(posted)

    await asyncio.gather(*(grab(n) for n in range(20)), die(), *(grab(n) for n in range(20, 40)))
    records = [purse.ledger.read_now(lambda tx, n=n: find_call(tx, n)) for n in (said.id, posted.id)]
    assert [record.held for record in records if record is not None] == [WORDS, POST]
    balance = await ada.balance()
    assert balance.held + balance.available + balance.spent == balance.granted
    second.ledger.close()
