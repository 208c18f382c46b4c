"""Limits as accounts: what a changed level takes back, which are new, and the month that is not open."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from ai.clock import VirtualClock
from ai.credit_tracker import NotAffordable, open_credit_ledger
from ai.credit_tracker.holding import MonthClosed, Wallet, place_hold
from ai.credit_tracker.limits import fill, limits_at
from ai.settings import Settings
from tests.credit_tracker.conftest import NOON, Purse

USD = 1_000_000_000


async def test_a_lowered_cap_shows_what_it_was_filled_with_where_less_can_be_taken_back(purse):
    """Two of four dollars are spent when the cap becomes one: the day shows 0 of 2, not a debt and not 0 of 1."""
    await purse.spend(await purse.tracker(daily_budget_usd="4"), 2 * USD)
    tracker = await purse.tracker(daily_budget_usd="1")
    (day,) = [cap for cap in await tracker.caps() if cap.name == "day"]
    assert (day.available, day.filled) == (0, 2 * USD)
    with pytest.raises(NotAffordable, match=r"^day: .*\$0\.000000000 left"):
        await tracker.hold(purse.expense(1))
    raised = await purse.tracker(daily_budget_usd="4")
    (day,) = [cap for cap in await raised.caps() if cap.name == "day"]
    assert (day.available, day.filled) == (2 * USD, 4 * USD)


async def test_a_day_not_begun_shows_its_caps_whole(purse):
    tracker = await purse.tracker(daily_budget_usd="2", tweets_per_day=3)
    await purse.spend(tracker, USD, posts=1)
    purse.clock.advance(86_400)
    assert [(cap.available, cap.filled) for cap in await tracker.caps() if cap.name == "day"] == [(2 * USD, 2 * USD)]
    assert (await tracker.balance()).posts_left == 3


async def test_limits_are_new_once(purse):
    """A cap is charged with what was spent before it was set, and only when it is set."""
    for auto in (True, False):
        settings = Settings(daily_budget_usd="1", free_requests_per_day="auto" if auto else 20)
        limits = limits_at(settings, f"mind-{auto}", NOON, None)
        seen = [[limit.name for limit in purse.ledger.transact_now(lambda tx, of=limits: fill(tx, of))] for _ in "12"]
        assert seen == [["free requests", "posts", "wishes", "reflection", "day"] if auto else ["posts"], []]


def test_each_limit_says_when_it_is_new():
    tomorrow, december = datetime(2026, 11, 11, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)
    resets = {limit.name: limit.resets_at for limit in limits_at(Settings(daily_budget_usd="1"), "ada", NOON, None)}
    assert resets == {
        "free requests": tomorrow, "posts": tomorrow, "day": tomorrow, "wishes": december, "reflection": december,
    }  # fmt: skip


@pytest.mark.parametrize("remaining", [0, -1])
async def test_an_account_with_no_free_requests_left_has_none(purse, remaining):
    tracker = await purse.tracker()
    await tracker.set_free_quota(50, remaining)
    assert (await tracker.balance()).free_left == 0


@pytest.mark.parametrize("amount", [1, USD])
async def test_a_month_that_is_not_open_pays_nothing_not_even_as_a_debt(purse, amount):
    await purse.tracker()
    wallet = Wallet("ada", datetime(2027, 1, 10, tzinfo=UTC), (), None)
    with pytest.raises(MonthClosed) as refusal:
        purse.ledger.transact_now(lambda tx: place_hold(tx, purse.expense(amount), wallet))
    assert (refusal.value.needed, refusal.value.available) == (amount, 0)
    assert purse.available("overrun") == 0


async def test_a_month_closed_by_a_mind_ahead_is_entered_again_for_a_nano_dollar(purse):
    purse.clock.set(datetime(2026, 11, 30, 23, 50, tzinfo=UTC))
    clock = VirtualClock(datetime(2026, 12, 1, 0, 5, tzinfo=UTC))
    ahead: Purse = replace(purse, clock=clock, ledger=open_credit_ledger(purse.url, clock))
    bob = await purse.tracker(mind="bob")
    await ahead.tracker(mind="ada")
    await bob.hold(purse.expense(1))
    balance = await bob.balance()
    assert (balance.held, balance.available) == (1, 5 * USD - 1)
    ahead.ledger.close()
