"""Unknown outcomes, quotas of the day, run usage, and several minds on one purse."""

from datetime import timedelta

import pytest

from ai.credit_tracker import Band, CallState, NotAffordable, RunUsage, Usage
from ai.ledger.errors import TransferConflict
from tests.credit_tracker.conftest import BOTH_STORES

pytestmark = BOTH_STORES
USD = 1_000_000_000


async def unknown(purse, tracker, amount=1, **fields):
    expense = purse.expense(amount, **fields)
    await tracker.hold(expense)
    await tracker.sent(expense.id, f"gen-{expense.id}")
    await tracker.leave_unknown(expense.id, "time-out after 60 s")
    return expense.id


async def test_an_unknown_outcome_stays_held_until_it_is_known(purse):
    tracker = await purse.tracker()
    call = await unknown(purse, tracker, USD // 10)
    balance = await tracker.balance()
    assert (balance.held, balance.held_unknown) == (USD // 10, USD // 10)
    (record,) = await tracker.unknowns()
    assert (record.remote_id, record.problem) == (f"gen-{call}", "time-out after 60 s")
    assert timedelta() <= purse.clock.now() - record.unknown_since < timedelta(milliseconds=1)
    await tracker.settle(call, 3, Usage(1, 1))
    assert await tracker.unknowns() == []
    assert (await tracker.balance()).spent == 3


async def test_after_a_day_an_unknown_is_captured_in_full_and_corrected_by_better_news(purse):
    tracker = await purse.tracker(daily_budget_usd="2")
    call = await unknown(purse, tracker, USD // 10)
    purse.clock.advance(86_399)
    assert await tracker.capture_overdue() == []
    purse.clock.advance(1)
    await tracker.capture_overdue()
    record = await tracker.call(call)
    assert (record.state, record.cost, record.estimated) == (CallState.CAPTURED, USD // 10, True)
    settlement = await tracker.settle(call, USD // 100, Usage(7, 3))
    record = await tracker.call(call)
    assert (record.cost, record.estimated, record.prompt_tokens) == (USD // 100, False, 7)
    assert settlement.balance.available == 5 * USD - USD // 100
    assert purse.available("day:2026-11-10") == 2 * USD - USD // 100
    report = await tracker.budget_report()
    assert report["by_model"][0]["cost"] == report["spent"] == "0.010000000"
    assert report["by_model"][0]["calls"] == 1


async def test_tokens_told_late_are_counted_once(purse):
    tracker = await purse.tracker()
    expense = purse.expense(USD)
    await tracker.hold(expense)
    await tracker.settle(expense.id, USD // 2, estimated=True)
    assert await tracker.averages() == {}
    await tracker.settle(expense.id, USD // 4, Usage(70, 30), estimated=True)
    await tracker.settle(expense.id, USD // 5, Usage(70, 30))
    (model,) = (await tracker.budget_report())["by_model"]
    assert (model["prompt_tokens"], model["completion_tokens"], model["calls"]) == (70, 30, 1)
    assert model["cost"] == "0.200000000"
    assert await tracker.averages() == {"thought": (70.0, 30.0)}


async def test_an_estimate_that_the_provider_confirms_is_one_no_more(purse):
    tracker = await purse.tracker()
    expense = purse.expense(USD)
    await tracker.hold(expense)
    for estimated in (True, True, False):
        await tracker.settle(expense.id, USD // 2, Usage(1, 1), estimated=estimated)
        assert (await tracker.call(expense.id)).estimated is estimated
    with pytest.raises(TransferConflict, match=rf"{expense.id} exists with cost 500000000; 3 was given"):
        await tracker.settle(expense.id, 3)


async def test_a_refund_below_a_charge_beyond_the_hold_comes_back_whole(purse):
    tracker = await purse.tracker(daily_budget_usd="4")
    expense = purse.expense(USD)
    await tracker.hold(expense)
    await tracker.settle(expense.id, 2 * USD, estimated=True)
    assert purse.available("day:2026-11-10") == 2 * USD
    settlement = await tracker.settle(expense.id, USD // 2)
    assert (settlement.balance.spent, settlement.balance.available) == (USD // 2, 9 * USD // 2)
    assert purse.available("day:2026-11-10") == 5 * USD // 2


async def test_worse_news_is_charged_too(purse):
    tracker = await purse.tracker(monthly_budget_usd="1")
    expense = purse.expense(USD)
    await tracker.hold(expense)
    await tracker.settle(expense.id, USD // 2, estimated=True)
    settlement = await tracker.settle(expense.id, 2 * USD)
    assert (settlement.balance.spent, settlement.balance.overrun) == (2 * USD, -USD)


async def test_three_unknowns_stop_paid_thinking_but_neither_free_thoughts_nor_x(purse):
    tracker = await purse.tracker(monthly_budget_usd="100")
    calls = [await unknown(purse, tracker) for _ in range(3)]
    assert "3 calls of unknown outcome" in await tracker.may_pay()
    with pytest.raises(NotAffordable, match=r"^unknown outcomes: 3 calls"):
        await tracker.hold(purse.expense(1))
    await tracker.hold(purse.expense(0, free_requests=1))
    await tracker.hold(purse.expense(5, subject="x/read", purpose="post"))
    await tracker.settle(calls[0], 0)
    assert await tracker.may_pay() is None
    await tracker.hold(purse.expense(1))


async def test_five_percent_of_the_month_held_by_unknowns_stop_it_as_well(purse):
    tracker = await purse.tracker()
    call = await unknown(purse, tracker, USD // 4 - 1)
    assert await tracker.may_pay() is None
    await tracker.void(call)
    await unknown(purse, tracker, USD // 4)
    assert await tracker.may_pay() == "calls of unknown outcome hold $0.250000000, 5 % of the month or more"
    with pytest.raises(NotAffordable, match=r"^unknown outcomes: calls of unknown outcome hold") as refusal:
        await tracker.hold(purse.expense(7))
    assert (refusal.value.needed, refusal.value.available) == (7, 0)
    assert refusal.value.reason == await tracker.may_pay()
    assert str(refusal.value) == f"unknown outcomes: {refusal.value.reason}"


async def test_a_purse_of_nothing_is_no_obstacle_in_itself(purse):
    tracker = await purse.tracker(monthly_budget_usd="0")
    assert await tracker.may_pay() is None
    with pytest.raises(NotAffordable, match=r"^month: "):
        await tracker.hold(purse.expense(1))


async def test_unknowns_never_make_a_bankrupt(purse):
    tracker = await purse.tracker()
    tracker.set_smallest_hold(10)
    call = await unknown(purse, tracker, 5 * USD)
    assert (await tracker.balance()).band is Band.CRITICAL
    assert (await tracker.settle(call, 5 * USD - 10)).balance.band is Band.CRITICAL
    await purse.spend(tracker, 1)
    assert (await tracker.balance()).band is Band.BANKRUPT


async def test_bands_are_shares_of_what_the_month_was_given(purse):
    tracker = await purse.tracker(monthly_budget_usd="80")
    await tracker.topup(20 * USD, "Ada", "gift")
    seen = []
    for cost in (40, 1, 40, 9, 9, 1):
        expense = purse.expense(cost * USD)
        await tracker.hold(expense)
        seen.append((await tracker.settle(expense.id, cost * USD)).balance.band)
    assert seen == [
        Band.COMFORTABLE, Band.MODERATE, Band.CAUTIOUS, Band.CAUTIOUS, Band.CRITICAL, Band.BANKRUPT,
    ]  # fmt: skip
    assert [band.health for band in Band] == ["OK", "OK", "LOW_BALANCE", "CRITICAL", "BANKRUPT"]


async def test_the_free_quota_follows_the_account_and_the_day(purse):
    tracker = await purse.tracker()
    await tracker.hold(purse.expense(0, free_requests=1))
    await tracker.set_free_quota(1000)
    balance = await tracker.balance()
    assert (balance.free_left, balance.free_quota) == (999, 1000)
    await tracker.set_free_quota(1000, remaining=700)
    await tracker.set_free_quota(1000, remaining=700)
    assert (await tracker.balance()).free_left == 700
    restarted = await purse.tracker()
    assert (await restarted.balance()).free_left == 700
    purse.clock.advance(86_400)
    assert (await tracker.balance()).free_left == 1000
    fixed = await purse.tracker(free_requests_per_day=20)
    await fixed.set_free_quota(1000)
    assert (await fixed.balance()).free_left == 20


async def test_a_day_cap_set_at_noon_counts_the_morning(purse):
    await purse.spend(await purse.tracker(), USD // 2)
    tracker = await purse.tracker(daily_budget_usd="0.75")
    with pytest.raises(NotAffordable, match=r"^day: .*\$0\.250000000 left"):
        await tracker.hold(purse.expense(USD // 2))
    purse.clock.advance(86_400)
    await tracker.hold(purse.expense(USD // 2))


async def test_run_usage_counts_what_was_billed_or_could_have_been(purse):
    tracker = await purse.tracker()
    await purse.spend(tracker, 5, usage=Usage(1, 1))
    marker = await tracker.marker()
    await purse.spend(tracker, 7, usage=Usage(100, 20))
    await purse.spend(tracker, 2, usage=Usage(50, 0), purpose="embedding")
    await purse.spend(tracker, 1000, subject="x/post", purpose="post")
    await unknown(purse, tracker)
    for end in (tracker.refuse, tracker.void):
        expense = purse.expense(3)
        await tracker.hold(expense)
        await end(expense.id)
    assert await tracker.usage_since(marker) == RunUsage(3, 100, 20, 50, 9)
    other = await purse.tracker(mind="other")
    assert await other.usage_since(0) == RunUsage(0, 0, 0, 0, 0)


async def test_two_minds_share_the_month_and_keep_their_posts_apart(purse):
    ada, bob = await purse.tracker(mind="ada"), await purse.tracker(mind="bob")
    await ada.hold(purse.expense(3 * USD, posts=1))
    with pytest.raises(NotAffordable, match="month"):
        await bob.hold(purse.expense(3 * USD))
    await purse.spend(bob, USD, life=1)
    assert ((await ada.balance()).posts_left, (await bob.balance()).posts_left) == (3, 4)
    assert len(await ada.open_holds()) == 1
    assert await bob.open_holds() == []
    call = (await ada.open_holds())[0].id
    await ada.settle(call, USD)
    report = await bob.budget_report()
    assert report["by_life"] == [
        {"life": 1, "cost": "1.000000000", "mind": "ada"},
        {"life": 1, "cost": "1.000000000", "mind": "bob"},
    ]


async def test_runway_averages_and_moments_need_a_day_to_be_known(purse):
    tracker = await purse.tracker()
    await purse.spend(tracker, USD // 10, usage=Usage(100, 30))
    assert (await tracker.balance()).runway_days is None
    assert await tracker.moments() == {}
    assert await tracker.averages() == {"thought": (100.0, 30.0)}
    purse.clock.advance(86_400)
    await purse.spend(tracker, USD // 10, usage=Usage(300, 10))
    balance = await tracker.balance()
    assert balance.runway_days == pytest.approx(24.0)
    assert await tracker.moments() == {"thought": pytest.approx(2.0)}
    assert await tracker.averages() == {"thought": (200.0, 20.0)}
    purse.clock.advance(timedelta(days=8).total_seconds())
    assert (await tracker.balance()).runway_days is None


async def test_the_budget_document_is_the_contracts(purse):
    tracker = await purse.tracker()
    for purpose, life in (("thought", 1), ("thought", 1), ("post", None)):
        subject = "x/post" if purpose == "post" else "lab/model"
        await purse.spend(tracker, 4_000_000, purpose=purpose, life=life, subject=subject, usage=Usage(1023, 297))
    await tracker.hold(purse.expense(USD))
    report = await tracker.budget_report()
    model = {"model": "lab/model", "calls": 2, "prompt_tokens": 2046, "completion_tokens": 594, "cost": "0.008000000"}
    post = {"model": "x/post", "calls": 1, "prompt_tokens": 1023, "completion_tokens": 297, "cost": "0.004000000"}
    assert report == {
        "period": "2026-11",
        "granted": "5.000000000",
        "donated": "0.000000000",
        "spent": "0.012000000",
        "held": "1.000000000",
        "available": "3.988000000",
        "band": "comfortable",
        "resets_at": "2026-12-01T00:00:00Z",
        "runway_days": None,
        "by_model": [model, post],
        "by_purpose": [
            {"purpose": "thought", "calls": 2, "cost": "0.008000000"},
            {"purpose": "post", "calls": 1, "cost": "0.004000000"},
        ],
        "by_life": [{"life": 1, "cost": "0.008000000"}, {"life": None, "cost": "0.004000000"}],
    }
    with pytest.raises(ValueError, match="2026-13"):
        await tracker.budget_report("2026-13")
    newest = (await tracker.calls(1))[0]
    assert (newest["state"], newest["held"], newest["cost"]) == ("held", "1.000000000", None)
