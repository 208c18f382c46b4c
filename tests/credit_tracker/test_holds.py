"""A hold, and each way it can end: what it does to the balance, to the call's row and to the caps it touches."""

import pytest

from ai.credit_tracker import Band, CallState, NotAffordable, Usage
from ai.credit_tracker.holding import MonthClosed
from ai.ledger.errors import HoldEnded, TransferConflict
from tests.credit_tracker.conftest import BOTH_STORES

pytestmark = BOTH_STORES
USD = 1_000_000_000


async def test_a_hold_and_its_capture_move_the_balance(purse):
    tracker = await purse.tracker()
    expense = purse.expense(2 * USD)
    await tracker.hold(expense)
    held = await tracker.balance()
    assert (held.held, held.available, held.spent) == (2 * USD, 3 * USD, 0)
    settlement = await tracker.settle(expense.id, USD // 2, Usage(100, 20))
    after = settlement.balance
    assert (after.held, after.available, after.spent) == (0, 9 * USD // 2, USD // 2)
    assert settlement.cost == USD // 2
    assert not settlement.overrun
    call = await tracker.call(expense.id)
    assert (call.state, call.cost, call.prompt_tokens, call.completion_tokens) == (
        CallState.CAPTURED, USD // 2, 100, 20,
    )  # fmt: skip


async def test_what_does_not_fit_names_the_cap_what_is_left_and_when_it_resets(purse):
    tracker = await purse.tracker()
    with pytest.raises(NotAffordable) as refusal:
        await tracker.hold(purse.expense(5 * USD + 1))
    assert (refusal.value.cap, refusal.value.needed, refusal.value.available) == ("month", 5 * USD + 1, 5 * USD)
    assert str(refusal.value) == ("month: $5.000000001 needed, $5.000000000 left; resets 2026-12-01 00:00 UTC")
    assert (await tracker.balance()).available == 5 * USD


async def test_the_same_hold_again_is_the_same_hold(purse):
    tracker = await purse.tracker()
    expense = purse.expense(USD)
    await tracker.hold(expense)
    await tracker.hold(expense)
    assert (await tracker.balance()).held == USD
    with pytest.raises(TransferConflict, match="amount_nanos"):
        await tracker.hold(purse.expense(2 * USD, id=expense.id))
    await tracker.settle(expense.id, 1)
    with pytest.raises(HoldEnded, match=f"hold {expense.id} has ended already: captured"):
        await tracker.hold(expense)


async def test_settling_twice_is_settling_once(purse):
    tracker = await purse.tracker()
    call = await purse.spend(tracker, 7)
    await tracker.settle(call, 7)
    assert (await tracker.balance()).spent == 7
    with pytest.raises(TransferConflict, match="cost"):
        await tracker.settle(call, 8)


async def test_a_refused_call_costs_its_free_request_and_nothing_else(purse):
    tracker = await purse.tracker()
    expense = purse.expense(0, free_requests=1)
    await tracker.hold(expense)
    await tracker.refuse(expense.id)
    await tracker.refuse(expense.id)
    balance = await tracker.balance()
    assert (balance.free_left, balance.free_quota, balance.spent, balance.held) == (49, 50, 0, 0)
    with pytest.raises(HoldEnded):
        await tracker.settle(expense.id, 1)


async def test_a_void_gives_everything_back(purse):
    tracker = await purse.tracker()
    expense = purse.expense(USD, free_requests=1, posts=1, wish=True)
    await tracker.hold(purse.expense(USD // 4))
    with pytest.raises(NotAffordable, match=r"^wishes: \$1\.0"):
        await tracker.hold(expense)
    small = purse.expense(USD // 4, free_requests=1, posts=1, wish=True)
    await tracker.hold(small)
    before = await tracker.balance()
    assert (before.free_left, before.posts_left) == (49, 3)
    await tracker.void(small.id)
    await tracker.void(small.id)
    after = await tracker.balance()
    assert (after.free_left, after.posts_left, after.held) == (50, 4, USD // 4)
    assert purse.available("wishes:2026-11") == USD // 2


async def test_zero_amounts_have_their_rows_too(purse):
    tracker = await purse.tracker(monthly_budget_usd="0")
    expense = purse.expense(0, subject="local/model")
    await tracker.hold(expense)
    await tracker.settle(expense.id, 0, Usage(10, 5))
    report = await tracker.budget_report()
    assert report["by_model"] == [
        {"model": "local/model", "calls": 1, "prompt_tokens": 10, "completion_tokens": 5, "cost": "0.000000000"}
    ]


async def test_each_cap_refuses_by_its_name(purse):
    tracker = await purse.tracker(
        daily_budget_usd="1", tweets_per_day=1, free_requests_per_day=1,
        budgets=[{"name": "chatter", "amount": "0.25", "period": "week", "covers": ["social"]},
                 {"name": "haiku", "amount": "0.5", "period": "day", "covers": ["anthropic/*"]}],
    )  # fmt: skip
    for cap, expense in {
        "day": purse.expense(USD + 1),
        "chatter": purse.expense(USD // 4 + 1, purpose="social"),
        "haiku": purse.expense(USD // 2 + 1, subject="anthropic/claude-haiku"),
        "posts": purse.expense(1, subject="x/post", purpose="post", posts=2),
        "free requests": purse.expense(0, free_requests=2),
    }.items():
        with pytest.raises(NotAffordable) as refusal:
            await tracker.hold(expense)
        assert refusal.value.cap == cap
        assert str(refusal.value).startswith(f"{cap}: ")
    resets = {}
    for cap, expense in {
        "day": purse.expense(USD + 1),
        "chatter": purse.expense(USD // 4 + 1, purpose="social"),
    }.items():
        with pytest.raises(NotAffordable) as refusal:
            await tracker.hold(expense)
        resets[cap] = f"{refusal.value.resets_at:%Y-%m-%d}"
    assert resets == {"day": "2026-11-11", "chatter": "2026-11-16"}
    assert (await tracker.balance()).held == 0


async def test_above_the_hold_takes_from_the_month_then_from_overrun(purse):
    tracker = await purse.tracker(daily_budget_usd="4")
    first, second = purse.expense(USD), purse.expense(USD)
    await tracker.hold(first)
    await tracker.hold(second)
    settlement = await tracker.settle(first.id, 3 * USD)
    assert settlement.overrun
    assert (settlement.balance.available, settlement.balance.overrun) == (USD, 0)
    assert purse.available("day:2026-11-10") == 0
    settlement = await tracker.settle(second.id, 4 * USD)
    balance = settlement.balance
    assert (balance.available, balance.overrun, balance.spent) == (0, -2 * USD, 7 * USD)
    assert balance.band is Band.BANKRUPT
    with pytest.raises(NotAffordable) as refusal:
        await tracker.hold(purse.expense(1))
    assert str(refusal.value) == (
        "overrun: calls cost $2.000000000 more than there was; the next grant or top-up repays it; "
        "resets 2026-12-01 00:00 UTC"
    )
    assert "next grant or top-up repays it" in await tracker.may_pay()
    await tracker.hold(purse.expense(0, free_requests=1))
    balance = await tracker.topup(3 * USD, "Ada", "gift-1")
    assert (balance.available, balance.overrun, balance.donated) == (USD, 0, 3 * USD)
    assert await tracker.may_pay() is None


async def test_negative_figures_are_refused(purse):
    tracker = await purse.tracker()
    with pytest.raises(ValueError, match="negative"):
        await tracker.hold(purse.expense(-1))
    expense = purse.expense(5)
    await tracker.hold(expense)
    with pytest.raises(ValueError, match="negative"):
        await tracker.settle(expense.id, -1)
    with pytest.raises(ValueError, match="positive"):
        await tracker.topup(0, "Ada", "nothing")


async def test_an_id_nobody_held_for_is_named(purse):
    tracker = await purse.tracker()
    with pytest.raises(KeyError, match="never-held"):
        await tracker.settle("never-held", 1)


async def test_a_settled_call_uses_up_its_free_request_and_its_post(purse):
    tracker = await purse.tracker()
    expense = purse.expense(0, free_requests=1, posts=1)
    await tracker.hold(expense)
    balance = (await tracker.settle(expense.id, 0)).balance
    assert (balance.free_left, balance.posts_left) == (49, 3)
    other = await purse.tracker(free_requests_per_day=2, tweets_per_day=0)
    with pytest.raises(NotAffordable, match=r"^free requests: 2 needed, 1 left; resets 2026-11-11 00:00 UTC$"):
        await other.hold(purse.expense(0, free_requests=2))


async def test_a_call_ends_once_and_says_how(purse):
    tracker = await purse.tracker()
    refused, voided, settled = purse.expense(5), purse.expense(5), purse.expense(5)
    for expense in (refused, voided, settled):
        await tracker.hold(expense)
    await tracker.refuse(refused.id)
    await tracker.void(voided.id)
    await tracker.settle(settled.id, 5)
    for end, expense, how in (
        (tracker.void, refused, "refused"),
        (tracker.refuse, voided, "voided"),
        (tracker.void, settled, "captured"),
        (tracker.refuse, settled, "captured"),
        (lambda call: tracker.settle(call, 1), voided, "voided"),
    ):
        with pytest.raises(HoldEnded, match=f"hold {expense.id} has ended already: {how}"):
            await end(expense.id)


async def test_a_free_call_that_is_billed_before_the_month_opened_is_overrun(purse):
    tracker = await purse.tracker(dated=False)
    expense = purse.expense(0, free_requests=1)
    await tracker.hold(expense)
    settlement = await tracker.settle(expense.id, 7)
    assert settlement.overrun
    assert (settlement.balance.spent, settlement.balance.overrun) == (7, -7)
    opened = await purse.tracker()
    balance = await opened.balance()
    assert (balance.available, balance.spent, balance.overrun) == (5 * USD - 7, 7, 0)


def test_a_month_that_another_mind_closed_is_a_refusal_like_others(store):
    refusal = MonthClosed("2026-11", 5)
    assert isinstance(refusal, NotAffordable)
    assert (refusal.cap, refusal.needed, refusal.available) == ("month", 5, 0)
    assert str(refusal) == (
        "month: 2026-11 was closed by another mind, whose clock is ahead of this one's; resets 2026-12-01 00:00 UTC"
    )
