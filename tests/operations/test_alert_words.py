"""What an alert says, to the word and the figure: a person decides by it, and a webhook computes with it."""

from datetime import UTC, datetime

import pytest

from ai.credit_tracker.reconciliation import Reconciler
from ai.mind.database import open_mind
from ai.mind.journal import Journal
from ai.operations.alerts import Alerts

USD = 1_000_000_000


class Listener:
    """A tracker and who tells its alerts."""

    def __init__(self, purse, tracker, mind):
        self.purse, self.tracker, self.mind = purse, tracker, mind
        self.journal = Journal(mind, purse.clock)
        self.alerts = Alerts(tracker, mind, self.journal, purse.clock)
        self.heard = 0

    async def new(self):
        """Look, and return what is told now: all that an event carries."""
        await self.alerts.look()
        events = self.journal.after(self.heard, 100, kinds=("alert",))
        self.heard = events[-1].seq if events else self.heard
        return [event.data for event in events]

    async def about(self):
        return [data["about"] for data in await self.new()]


@pytest.fixture
def listening(purse, tmp_path):
    """Return a way to open a purse with other settings and to listen to its alerts."""
    mind = open_mind(tmp_path / "mind.db")

    async def listen(**settings):
        return Listener(purse, await purse.tracker(**settings), mind)

    yield listen
    mind.close()


async def spend(listener, cost):
    expense = listener.purse.expense(cost)
    await listener.tracker.hold(expense)
    await listener.tracker.settle(expense.id, cost)


async def test_a_threshold_is_told_with_what_was_spent_of_what_and_when_it_resets(purse, listening):
    listener = await listening(daily_budget_usd="4")
    await listener.tracker.topup(USD, "Ada", "gift")
    await spend(listener, 3 * USD)
    assert await listener.new() == [
        {
            "about": "month_50",
            "problem": "50 % of the budget of 2026-11 is spent: $3.000000000 of $6.000000000, $3.000000000 left; "
            "it resets 2026-12-01 00:00 UTC",
            "percent": 50,
            "spent_nanos": 3 * USD,
            "given_nanos": 6 * USD,
        },
        {
            "about": "day_50",
            "problem": "50 % of the cap of 2026-11-10 is spent: $3.000000000 of $4.000000000; "
            "it resets 2026-11-11 00:00 UTC",
            "percent": 50,
            "spent_nanos": 3 * USD,
            "given_nanos": 4 * USD,
        },
    ]


async def test_a_nano_dollar_below_a_threshold_is_not_told(purse, listening):
    listener = await listening(daily_budget_usd="4", monthly_budget_usd="4")
    await spend(listener, 2 * USD - 1)
    assert await listener.about() == []
    await spend(listener, 1)
    assert await listener.about() == ["month_50", "day_50"]


async def test_a_purse_that_is_bankrupt_is_told_to_be_spent_whatever_is_left(purse, listening):
    listener = await listening()
    listener.tracker.set_smallest_hold(3 * USD)
    await spend(listener, 21 * USD // 10)
    assert await listener.about() == ["month_100"]


async def test_a_threshold_that_money_undid_is_not_told_again(purse, listening):
    listener = await listening(monthly_budget_usd="1")
    await spend(listener, USD)
    assert await listener.about() == ["month_50", "month_80", "month_100"]
    await listener.tracker.topup(9 * USD, "Ada", "gift")
    assert await listener.about() == []
    await spend(listener, 9 * USD)
    assert await listener.about() == []


@pytest.mark.parametrize(("budget", "told"), [("0", []), ("0.000000001", ["month_50", "month_80", "month_100"])])
async def test_no_budget_is_no_reason_to_be_alarmed_and_the_smallest_is(purse, listening, budget, told):
    listener = await listening(monthly_budget_usd=budget)
    if budget != "0":
        await spend(listener, 1)
    assert await listener.about() == told


@pytest.mark.parametrize(("cap", "told"), [("0", []), ("0.000000001", ["day_50", "day_80", "day_100"])])
async def test_no_room_in_the_day_is_no_reason_to_be_alarmed_and_the_smallest_is(purse, listening, cap, told):
    listener = await listening(daily_budget_usd=cap)
    if cap != "0":
        await spend(listener, 1)
    assert await listener.about() == told


async def test_a_month_that_was_not_opened_has_no_thresholds_and_its_overrun_is_told(purse, listening):
    listener = await listening(dated=False, monthly_budget_usd="0.00000001")
    expense = purse.expense(0, free_requests=1)
    await listener.tracker.hold(expense)
    await listener.tracker.settle(expense.id, 7)
    assert await listener.new() == [
        {
            "about": "overrun",
            "problem": "calls cost $0.000000007 more than the month had; nothing paid starts until the next grant or "
            "top-up repays it",
            "overrun_nanos": -7,
        }
    ]


async def test_an_overrun_goes_on_and_is_not_told_again_by_a_day_that_ends(purse, listening):
    listener = await listening(dated=False)
    expense = purse.expense(0, free_requests=1)
    await listener.tracker.hold(expense)
    await listener.tracker.settle(expense.id, 7)
    assert await listener.about() == ["overrun"]
    assert listener.mind.recall("alerts") == ["overrun"]


async def test_an_unknown_outcome_is_told_by_when_it_became_unknown(purse, listening):
    listener = await listening()
    expense = purse.expense(USD // 10)
    await listener.tracker.hold(expense)
    purse.clock.advance(2 * 3600)
    await listener.tracker.leave_unknown(expense.id, "cut")
    purse.clock.advance(3.5 * 3600)
    assert await listener.new() == [
        {
            "about": "unknown",
            "problem": f"the outcome of call {expense.id} to lab/model is unknown for 4 h (cut); $0.100000000 stay "
            "held, and are booked in full after a day",
            "call_id": expense.id,
            "held_nanos": USD // 10,
        }
    ]


async def test_a_drift_is_told_with_its_cause_once_in_each_month_and_only_where_it_warns(purse, listening):
    listener = await listening()
    figure = 5_000_000

    async def month():
        return figure

    async def nothing(_):
        return None

    reconciler = Reconciler(purse.ledger, listener.tracker, purse.clock, ask_month=month, ask_generation=nothing)
    assert (await reconciler.reconcile()).drift == figure
    assert await listener.about() == []
    figure = 3 * USD
    await spend(listener, 5 * USD // 2)
    await reconciler.reconcile()
    assert (await listener.new())[1:] == [
        {
            "about": "drift",
            "problem": "the provider's figure for 2026-11 is off ours by $0.500000000: "
            "$0.500000000 was spent with this key by others, or before this purse began",
            "drift_nanos": USD // 2,
        }
    ]
    purse.clock.set(datetime(2026, 12, 2, tzinfo=UTC))
    await listener.tracker.open()
    await reconciler.reconcile()
    assert await listener.about() == ["drift"]
