"""Months under a virtual clock: funding, rollover with calls under way, donations, a changed budget, jumping clocks."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from ai.credit_tracker import Band, CreditTracker, NotAffordable, ProviderClock
from ai.settings import Settings
from tests.credit_tracker.conftest import BOTH_STORES

pytestmark = BOTH_STORES
USD = 1_000_000_000
DECEMBER = datetime(2026, 12, 1, 0, 5, tzinfo=UTC)


def advance_to(purse, when):
    purse.clock.advance((when - purse.clock.now()).total_seconds())


async def test_a_new_month_has_its_grant_and_the_old_one_ends(purse):
    tracker = await purse.tracker()
    await purse.spend(tracker, USD)
    advance_to(purse, DECEMBER)
    foretold = await tracker.balance()
    await purse.spend(tracker, USD)
    balance = await tracker.balance()
    assert (foretold.period, foretold.available) == ("2026-12", 5 * USD)
    assert (balance.granted, balance.spent, balance.available) == (5 * USD, USD, 4 * USD)
    assert purse.available("month:2026-11") == 0
    assert purse.available("treasury") == -6 * USD
    report = await tracker.budget_report("2026-11")
    assert (report["spent"], report["band"], report["available"]) == ("1.000000000", None, "0.000000000")


async def test_a_call_over_midnight_stays_with_its_month(purse):
    purse.clock.set(DECEMBER - timedelta(minutes=6))
    tracker = await purse.tracker()
    under_way = purse.expense(2 * USD)
    await tracker.hold(under_way)
    advance_to(purse, DECEMBER)
    await purse.spend(tracker, USD)
    assert purse.available("month:2026-11") == 3 * USD
    settlement = await tracker.settle(under_way.id, USD)
    assert settlement.balance.spent == USD
    assert settlement.balance.available == 4 * USD
    assert purse.available("month:2026-11") == 0
    assert (await tracker.budget_report("2026-11"))["spent"] == "1.000000000"


@pytest.mark.parametrize("end", ["refuse", "void"])
async def test_a_month_closes_with_its_last_hold_however_that_ends(purse, end):
    tracker = await purse.tracker()
    under_way = purse.expense(2 * USD)
    await tracker.hold(under_way)
    advance_to(purse, DECEMBER)
    await tracker.open()
    assert purse.available("month:2026-11") == 3 * USD
    await getattr(tracker, end)(under_way.id)
    assert purse.available("month:2026-11") == 0
    assert purse.available("treasury") == -5 * USD


async def test_grants_end_with_their_month_and_donations_roll_over(purse):
    tracker = await purse.tracker()
    await tracker.topup(2 * USD, "Ada", "gift")
    await tracker.topup(2 * USD, "Ada", "gift")
    await purse.spend(tracker, 2 * USD)
    await purse.spend(tracker, 2 * USD)
    advance_to(purse, DECEMBER)
    assert (await tracker.balance()).donated == 2 * USD
    await tracker.open()
    balance = await tracker.balance()
    assert (balance.granted, balance.donated, balance.available) == (5 * USD, 2 * USD, 7 * USD)
    for _ in range(6):
        await purse.spend(tracker, USD // 2)
        await purse.spend(tracker, USD // 2)
    advance_to(purse, datetime(2027, 1, 1, tzinfo=UTC))
    await tracker.open()
    assert (await tracker.balance()).donated == USD


async def test_a_donation_held_at_midnight_follows_when_its_hold_ends(purse):
    tracker = await purse.tracker()
    await tracker.topup(2 * USD, "Ada", "gift")
    under_way = purse.expense(6 * USD)
    await tracker.hold(under_way)
    advance_to(purse, DECEMBER)
    await tracker.open()
    assert (await tracker.balance()).donated == USD
    await tracker.settle(under_way.id, 5 * USD)
    await tracker.open()
    balance = await tracker.balance()
    assert (balance.donated, balance.available) == (2 * USD, 7 * USD)


async def test_a_changed_budget_moves_the_difference_at_the_next_start(purse):
    tracker = await purse.tracker()
    await purse.spend(tracker, 2 * USD)
    richer = await purse.tracker(monthly_budget_usd="8")
    assert (await richer.balance()).available == 6 * USD
    poorer = await purse.tracker(monthly_budget_usd="3")
    balance = await poorer.balance()
    assert (balance.granted, balance.available) == (3 * USD, USD)
    await poorer.topup(USD, "Ada", "gift")
    poorest = await purse.tracker(monthly_budget_usd="0")
    balance = await poorest.balance()
    assert (balance.granted, balance.donated, balance.available) == (2 * USD, USD, USD)
    assert (await (await purse.tracker()).balance()).available == 4 * USD


async def test_the_next_grant_repays_an_overrun(purse):
    tracker = await purse.tracker()
    expense = purse.expense(5 * USD)
    await tracker.hold(expense)
    await tracker.settle(expense.id, 6 * USD)
    advance_to(purse, DECEMBER)
    assert (await tracker.balance()).available == 4 * USD
    await tracker.open()
    balance = await tracker.balance()
    assert (balance.available, balance.overrun, balance.spent) == (4 * USD, 0, 0)
    await purse.spend(tracker, USD)


async def test_a_bill_after_its_month_was_closed_is_corrected_in_the_right_month(purse):
    tracker = await purse.tracker()
    await tracker.topup(2 * USD, "Ada", "gift")
    expense = purse.expense(6 * USD)
    await tracker.hold(expense)
    await tracker.sent(expense.id, "gen-1")
    await tracker.leave_unknown(expense.id, "time-out")
    purse.clock.advance(25 * 3600)
    assert [call.id for call in await tracker.capture_overdue()] == [expense.id]
    assert await tracker.capture_overdue() == []
    advance_to(purse, DECEMBER)
    await tracker.open()
    assert (await tracker.balance()).donated == USD
    await tracker.settle(expense.id, USD)
    await tracker.open()
    assert (await tracker.balance()).donated == 2 * USD
    assert (await tracker.budget_report("2026-11"))["spent"] == "1.000000000"
    assert purse.available("month:2026-11") == 0


async def test_no_month_opens_on_a_clock_more_than_a_day_off(purse):
    tracker = await purse.tracker()
    purse.clock.set(purse.clock.now() + timedelta(days=31))
    with pytest.raises(NotAffordable, match=r"^clock: this machine's clock says 2026-12-11 12:00 UTC"):
        await tracker.hold(purse.expense(1))
    assert "more than a day apart" in await tracker.may_pay()
    free = purse.expense(0, free_requests=1)
    await tracker.hold(free)
    await tracker.settle(free.id, 0)
    purse.clock.set(purse.clock.now() - timedelta(days=31))
    await purse.spend(tracker, USD)
    assert (await tracker.balance()).available == 4 * USD
    assert purse.available("treasury") == -5 * USD


async def test_no_paid_hold_before_the_provider_was_heard_of(purse):
    tracker = await purse.tracker(dated=False)
    balance = await tracker.balance()
    assert (balance.available, balance.band) == (5 * USD, Band.COMFORTABLE)
    with pytest.raises(NotAffordable, match=r"^clock: no Date"):
        await tracker.hold(purse.expense(1))
    await tracker.hold(purse.expense(0, free_requests=1))


async def test_a_topup_before_the_month_opened_waits_for_it(purse):
    tracker = await purse.tracker(dated=False)
    assert (await tracker.topup(USD, "Ada", "gift")).donated == USD
    assert (await (await purse.tracker()).balance()).available == 6 * USD


async def test_without_a_paid_provider_a_clock_set_back_finds_its_month_as_it_left_it(purse):
    tracker = await purse.tracker(openrouter_api_key=None, dated=False)
    await purse.spend(tracker, USD)
    await tracker.topup(USD, "Ada", "gift")
    purse.clock.set(datetime(2030, 1, 1, tzinfo=UTC))
    await tracker.open()
    assert (await tracker.balance()).available == 6 * USD
    assert purse.available("month:2030-01") == 6 * USD
    purse.clock.set(datetime(2026, 11, 10, tzinfo=UTC))
    await tracker.open()
    balance = await tracker.balance()
    assert (balance.granted, balance.available) == (5 * USD, 5 * USD)
    assert (await (await purse.tracker(openrouter_api_key=None, dated=False)).balance()).available == 5 * USD


async def test_the_provider_clock_judges_by_the_last_date_it_saw(purse):
    clock = ProviderClock(purse.clock)
    assert not clock.trusted(purse.clock.now())
    clock.observe("nonsense")
    clock.observe(None)
    assert not clock.trusted(purse.clock.now())
    clock.observe(format_datetime(purse.clock.now() - timedelta(hours=23), usegmt=True))
    assert clock.trusted(purse.clock.now())
    purse.clock.advance(40 * 86_400)
    assert clock.trusted(purse.clock.now())
    purse.clock.set(purse.clock.now() + timedelta(hours=2))
    assert not clock.trusted(purse.clock.now())
    assert ProviderClock(purse.clock, required=False).trusted(purse.clock.now())


async def test_settings_are_read_from_the_real_thing(purse):
    tracker = CreditTracker(
        purse.ledger,
        Settings(monthly_budget_usd="0.1"),
        purse.clock,
        mind_name="genesis",
        provider_clock=ProviderClock(purse.clock, required=False),
    )
    assert (await tracker.balance()).granted == USD // 10
    await tracker.hold(purse.expense(USD // 10))
    assert (await tracker.balance()).available == 0
