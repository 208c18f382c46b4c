"""Grants, gifts and debts at their edges: a clock set back, a budget changed twice, a refund of what was repaid."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from ai.clock import VirtualClock
from ai.credit_tracker import CreditTracker, NotAffordable, ProviderClock
from ai.credit_tracker.months import find_month, topup
from ai.ledger.errors import TransferConflict
from ai.settings import Settings
from tests.credit_tracker.conftest import Purse

USD = 1_000_000_000
UNPAID = {"openrouter_api_key": None, "dated": False}  # without a paid provider every clock is believed


async def unopened(purse, **settings):
    """A tracker that was made and not opened yet, as between a daemon's start and its first look at the provider."""
    settings = {"openrouter_api_key": "sk-or-test"} | settings
    clock = ProviderClock(purse.clock, required=False)
    return CreditTracker(purse.ledger, Settings(**settings), purse.clock, mind_name="ada", provider_clock=clock)


async def gone_back(purse):
    """Four dollars of gifts, two of them spent in December, on a clock that then goes back to November."""
    tracker = await purse.tracker(**UNPAID)
    await tracker.topup(4 * USD, "Ada", "gift")
    purse.clock.set(datetime(2026, 12, 1, tzinfo=UTC))
    await tracker.open()
    for _ in range(7):
        await purse.spend(tracker, USD)
    purse.clock.set(datetime(2026, 11, 10, tzinfo=UTC))
    return tracker


async def test_a_month_left_too_early_is_shown_as_it_will_be_when_it_is_entered_again(purse):
    """Else a clock that ran ahead shows an empty purse, and a mind that could go on takes itself for bankrupt."""
    tracker = await gone_back(purse)
    shown = await tracker.balance()
    assert (shown.granted, shown.available) == (5 * USD, 5 * USD)
    await tracker.open()
    entered = await tracker.balance()
    assert (entered.available, entered.donated) == (7 * USD, 2 * USD)


async def test_gifts_that_went_on_to_another_month_are_neither_foretold_twice_nor_taken_back(purse):
    tracker = await gone_back(purse)
    await tracker.open()
    poorer = await purse.tracker(monthly_budget_usd="0", **UNPAID)
    balance = await poorer.balance()
    assert (balance.granted, balance.donated, balance.available) == (0, 2 * USD, 2 * USD)
    richer = await purse.tracker(**UNPAID)
    purse.clock.set(datetime(2027, 1, 1, tzinfo=UTC))
    foretold = await richer.balance()
    assert (foretold.donated, foretold.available) == (2 * USD, 7 * USD)
    await richer.open()
    assert (await richer.balance()).available == 7 * USD


async def test_nothing_is_foretold_where_nothing_will_be_given(purse):
    balance = await (await unopened(purse, monthly_budget_usd="0")).balance()
    assert (balance.granted, balance.donated, balance.available, balance.overrun) == (0, 0, 0, 0)


async def test_a_purse_that_nobody_opened_yet_shows_what_it_will_have(purse):
    tracker = await unopened(purse, daily_budget_usd="2", tweets_per_day=3)
    balance = await tracker.balance()
    assert (balance.donated, balance.available, balance.free_left, balance.posts_left) == (0, 5 * USD, 50, 3)
    assert [(cap.name, cap.available, cap.filled, cap.own) for cap in await tracker.caps()] == [
        ("wishes", USD // 2, USD // 2, True),
        ("reflection", 5 * USD // 4, 5 * USD // 4, True),
        ("day", 2 * USD, 2 * USD, False),
    ]


@pytest.mark.parametrize("beyond", [1, USD])
async def test_a_raised_budget_repays_what_was_spent_beyond_the_month_at_once(purse, beyond):
    tracker = await purse.tracker()
    expense = purse.expense(5 * USD)
    await tracker.hold(expense)
    assert (await tracker.settle(expense.id, 5 * USD + beyond)).balance.overrun == -beyond
    richer = await purse.tracker(monthly_budget_usd="8")
    balance = await richer.balance()
    assert (balance.overrun, balance.available) == (0, 3 * USD - beyond)
    assert await richer.may_pay() is None


async def test_two_minds_of_different_budgets_do_not_undo_each_other_every_day(purse):
    """A budget is changed by a start, not by each midnight: the last who started has the say."""
    ada = await purse.tracker(mind="ada")
    await purse.tracker(mind="bob", monthly_budget_usd="8")
    purse.clock.advance(86_400)
    await ada.hold(purse.expense(1))
    assert (await ada.balance()).granted == 8 * USD


async def test_a_changed_budget_takes_hold_with_the_first_month_entered_however_late_that_is(purse):
    await purse.tracker()
    changed = Settings(openrouter_api_key="sk-or-test", monthly_budget_usd="8")
    clock = ProviderClock(purse.clock)
    tracker = CreditTracker(purse.ledger, changed, purse.clock, mind_name="genesis", provider_clock=clock)
    await tracker.may_pay()  # the provider was not heard of yet
    assert (await tracker.balance()).granted == 5 * USD
    clock.observe(format_datetime(purse.clock.now(), usegmt=True))
    await tracker.hold(purse.expense(6 * USD))
    assert (await tracker.balance()).granted == 8 * USD


@pytest.mark.parametrize(("early", "open_still"), [(timedelta(), True), (timedelta(milliseconds=1), False)])
async def test_a_month_that_another_mind_entered_two_days_ahead_is_not_ended(purse, early, open_still):
    clock = VirtualClock(datetime(2026, 12, 1, tzinfo=UTC))
    await Purse(purse.url, clock, purse.ledger).tracker(mind="ada", openrouter_api_key=None)
    purse.clock.set(datetime(2026, 11, 29, tzinfo=UTC) - early)
    await purse.tracker(mind="bob", openrouter_api_key=None)
    december = purse.ledger.read_now(lambda tx: find_month(tx, "2026-12"))
    assert december is not None
    assert december.closed is not open_still


async def test_a_gift_is_booked_once_and_what_contradicts_it_is_named(purse):
    """Payment services tell of the same gift again and again; another amount under its id is somebody's mistake."""
    tracker = await purse.tracker()
    assert not await tracker.was_given("gift")
    assert (await tracker.topup(1, "Ada", "gift")).donated == 1
    assert await tracker.was_given("gift")
    for amount, donor, field, stored, given in ((2, "Ada", "amount", 1, 2), (1, "Bob", "donor", "Ada", "Bob")):
        with pytest.raises(TransferConflict) as conflict:
            await tracker.topup(amount, donor, "gift")
        error = conflict.value
        assert (error.transfer_id, error.field, error.stored, error.given) == ("topup gift", field, stored, given)
    again = [purse.ledger.transact_now(lambda tx, name=name: topup(tx, name, 1, "Ada")) for name in ("gift", "more")]
    assert again == [False, True]


async def test_a_refund_of_what_a_month_repaid_comes_back_to_the_month(purse):
    """A free call that was billed before the month opened ran over; the month repaid it, and then it cost less."""
    tracker = await purse.tracker(dated=False)
    expense = purse.expense(0, free_requests=1)
    await tracker.hold(expense)
    await tracker.settle(expense.id, 7, estimated=True)
    opened = await purse.tracker()
    assert (await opened.balance()).available == 5 * USD - 7
    balance = (await opened.settle(expense.id, 3)).balance
    assert (balance.spent, balance.overrun, balance.available) == (3, 0, 5 * USD - 3)


async def test_a_refund_of_what_a_later_month_repaid_comes_back_when_that_is_entered_next(purse):
    tracker = await purse.tracker(dated=False)
    expense = purse.expense(0, free_requests=1)
    await tracker.hold(expense)
    await tracker.settle(expense.id, 7, estimated=True)
    purse.clock.set(datetime(2026, 12, 1, 0, 5, tzinfo=UTC))
    december = await purse.tracker()
    balance = (await december.settle(expense.id, 3)).balance
    assert (balance.overrun, balance.available) == (0, 5 * USD - 7), "what was paid too much is no debt"
    assert (await (await purse.tracker()).balance()).available == 5 * USD - 3


async def test_a_gift_refunded_to_a_month_that_is_over_reaches_the_next_though_no_date_was_seen_yet(purse):
    """After a restart better news of an old call may come before the provider's Date, and must not lose the gift."""
    tracker = await purse.tracker()
    await tracker.topup(2 * USD, "Ada", "gift")
    expense = purse.expense(6 * USD)
    await tracker.hold(expense)
    await tracker.leave_unknown(expense.id, "time-out")
    purse.clock.set(datetime(2026, 12, 1, 0, 5, tzinfo=UTC))
    later = await purse.tracker()
    await later.capture_overdue()
    assert purse.available("month:2026-11") == 0
    restarted = await purse.tracker(dated=False)
    await restarted.settle(expense.id, USD)
    assert purse.available("month:2026-11") == 0
    assert (await (await purse.tracker()).balance()).donated == 2 * USD


async def test_what_is_captured_after_its_month_ends_that_month(purse):
    tracker = await purse.tracker()
    expense = purse.expense(2 * USD)
    await tracker.hold(expense)
    await tracker.leave_unknown(expense.id, "time-out")
    purse.clock.set(datetime(2026, 12, 1, 0, 5, tzinfo=UTC))
    december = await purse.tracker()
    assert purse.available("month:2026-11") == 3 * USD, "kept open for its last hold"
    assert [call.id for call in await december.capture_overdue()] == [expense.id]
    assert purse.available("month:2026-11") == 0


async def test_a_call_that_costs_just_its_hold_is_no_overrun(purse):
    tracker = await purse.tracker()
    for cost, overrun in ((5, False), (6, True)):
        expense = purse.expense(5)
        await tracker.hold(expense)
        assert (await tracker.settle(expense.id, cost, problem="the bill says so")).overrun is overrun
        call = await tracker.call(expense.id)
        assert call is not None
        assert call.problem == "the bill says so"


async def test_a_month_of_one_nano_dollar_that_is_in_doubt_stops_thinking_too(purse):
    tracker = await purse.tracker(monthly_budget_usd="0.000000001")
    expense = purse.expense(1)
    await tracker.hold(expense)
    await tracker.leave_unknown(expense.id, "cut")
    assert "unknown outcome" in (await tracker.may_pay() or "")
    with pytest.raises(NotAffordable, match=r"^unknown outcomes: "):
        await tracker.hold(purse.expense(1))
