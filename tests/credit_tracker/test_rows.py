"""The rows an end leaves: each nano-dollar that moves says from where, to where and why; nothing moved, no row."""

from datetime import UTC, datetime

import pytest

from ai.credit_tracker import Usage
from ai.ledger.errors import TransferConflict

USD = 1_000_000_000
NOVEMBER, SPENT, DAY = "month:2026-11", "spent:2026-11", "day:2026-11-10"


def rows(purse, *prefixes):
    """Return the transfers whose ids begin so: id, debit, credit, posted, memo."""
    found = purse.ledger.read_now(lambda tx: list(tx.execute("SELECT * FROM transfers ORDER BY seq")))
    return [
        (row["id"], row["debit"], row["credit"], row["posted"], row["memo"])
        for row in found
        if row["id"].startswith(prefixes)
    ]


async def settled(purse, tracker, cost, *, held=USD, **fields):
    expense = purse.expense(held)
    await tracker.hold(expense)
    await tracker.settle(expense.id, cost, **fields)
    return expense.id


async def test_a_charge_above_the_hold_says_what_it_is_and_whom_it_took_from(purse):
    tracker = await purse.tracker(daily_budget_usd="4")
    call = await settled(purse, tracker, USD + 1)
    assert rows(purse, "charge/") == [(f"charge/{call}/beyond/{NOVEMBER}", NOVEMBER, SPENT, 1, "above the hold")]
    assert rows(purse, "use/") == [(f"use/{DAY}/2", DAY, "used:usd", 1, f"{call}/beyond")]
    assert await settled(purse, tracker, USD)
    assert len(rows(purse, "charge/", "use/")) == 2


async def test_a_nano_dollar_of_overrun_is_a_row_too(purse):
    tracker = await purse.tracker(monthly_budget_usd="1")
    call = await settled(purse, tracker, USD + 1)
    assert rows(purse, "charge/") == [(f"charge/{call}/beyond/overrun", "overrun", SPENT, 1, "above the hold")]


async def test_a_refund_goes_back_where_it_came_from_to_the_nano_dollar(purse):
    tracker = await purse.tracker(daily_budget_usd="4")
    call = await settled(purse, tracker, USD // 2, estimated=True)
    await tracker.settle(call, USD // 2 - 1)
    assert rows(purse, "refund/") == [
        (f"refund/{call}/correction/1/0", SPENT, NOVEMBER, 1, "refund"),
        (f"refund/{call}/correction/1/1", "used:usd", DAY, 1, "refund"),
    ]


async def test_a_refund_of_what_no_cap_was_charged_touches_no_cap(purse):
    tracker = await purse.tracker(daily_budget_usd="1")
    call = await settled(purse, tracker, 3 * USD, estimated=True)
    await tracker.settle(call, 2 * USD)
    assert rows(purse, "refund/") == [(f"refund/{call}/correction/1/0", SPENT, NOVEMBER, USD, "refund")]


async def test_two_calls_can_be_corrected_upwards(purse):
    tracker = await purse.tracker()
    for cost in (1, 2):
        call = await settled(purse, tracker, cost, estimated=True)
        await tracker.settle(call, cost + 5)
        assert rows(purse, f"charge/{call}") == [
            (f"charge/{call}/correction/1/{NOVEMBER}", NOVEMBER, SPENT, 5, "above the hold")
        ]


async def test_a_call_that_cost_nothing_is_settled_once_however_often_it_is_said(purse):
    tracker = await purse.tracker()
    call = await settled(purse, tracker, 0)
    await tracker.settle(call, 0)
    with pytest.raises(TransferConflict, match="exists with cost 0; 1 was given"):
        await tracker.settle(call, 1)


async def test_a_settled_calls_tokens_are_not_told_anew(purse):
    tracker = await purse.tracker()
    call = await settled(purse, tracker, 5, usage=Usage(10, 2))
    await tracker.settle(call, 5, Usage(99, 99))
    record = await tracker.call(call)
    assert (record.prompt_tokens, record.completion_tokens) == (10, 2)


@pytest.mark.parametrize("told", ["at once", "with the correction", "both times"])
async def test_tokens_are_counted_once_whenever_they_are_told(purse, told):
    tracker = await purse.tracker()
    usage = Usage(70, 30, 20, 10)
    call = await settled(
        purse, tracker, USD // 2, usage=None if told == "with the correction" else usage, estimated=True
    )
    await tracker.settle(call, USD // 4, None if told == "at once" else usage)
    (model,) = (await tracker.budget_report())["by_model"]
    assert (model["prompt_tokens"], model["completion_tokens"], model["calls"]) == (70, 30, 1)
    record = await tracker.call(call)
    assert (record.prompt_tokens, record.completion_tokens, record.cached_tokens, record.reasoning_tokens) == (
        70, 30, 20, 10,
    )  # fmt: skip


async def test_a_hold_says_what_it_is_for_and_touches_no_cap_with_nothing(purse):
    tracker = await purse.tracker(daily_budget_usd="1")
    free = purse.expense(0, subject="lab/model:free", purpose="reflection", free_requests=1)
    paid = purse.expense(5, subject="lab/model", purpose="reflection")
    for expense in (free, paid):
        await tracker.hold(expense)
        await tracker.void(expense.id)
    held = [(row[0], row[1], row[4]) for row in rows(purse, free.id, paid.id) if not row[0].endswith("/ended")]
    assert held == [
        (f"{free.id}/0", NOVEMBER, "lab/model:free"),
        (f"{free.id}/1", "free:2026-11-10", "lab/model:free"),
        (f"{paid.id}/0", NOVEMBER, "lab/model"),
        (f"{paid.id}/1", "reflection:2026-11", "lab/model"),
        (f"{paid.id}/2", DAY, "lab/model"),
    ]


async def test_a_months_own_moves_are_numbered_and_say_which_they_are(purse):
    """Whoever reads the transfers of a month sees its grant, its gifts and its end by name, in their order."""
    free = {"openrouter_api_key": None, "dated": False}  # without a paid provider every clock is believed
    tracker = await purse.tracker(**free)
    await tracker.topup(5, "Ada", "gift")
    await settled(purse, tracker, 5 * USD + 7, held=5 * USD)  # beyond the grant and the gift
    await tracker.topup(7, "Ada", "gift-2")
    await purse.tracker(monthly_budget_usd="6", **free)
    poorer = await purse.tracker(monthly_budget_usd="5.5", **free)
    purse.clock.set(datetime(2026, 12, 1, tzinfo=UTC))
    await poorer.open()
    purse.clock.set(datetime(2026, 11, 10, tzinfo=UTC))
    await poorer.open()
    assert rows(purse, "granted/2026-11", "donated/", "repaid/", "rolled/", "expired/2026-11") == [
        ("granted/2026-11/1", "treasury", NOVEMBER, 5 * USD, "granted"),
        ("donated/2026-11/2", "donations", NOVEMBER, 5, "donated"),
        ("donated/2026-11/3", "donations", NOVEMBER, 7, "donated"),
        ("repaid/2026-11/4", NOVEMBER, "overrun", 2, "repaid"),
        ("granted/2026-11/5", "treasury", NOVEMBER, USD, "granted"),
        ("granted/2026-11/6", NOVEMBER, "treasury", USD // 2, "granted"),
        ("rolled/2026-11/7", NOVEMBER, "donations", 12, "rolled"),
        ("expired/2026-11/8", NOVEMBER, "treasury", USD // 2 - 7, "expired"),
        ("donated/2026-12/2", "donations", "month:2026-12", 12, "donated"),
        ("expired/2026-11/9", "treasury", NOVEMBER, USD // 2 - 7, "expired"),
        ("rolled/2026-12/3", "month:2026-12", "donations", 12, "rolled"),
        ("donated/2026-11/10", "donations", NOVEMBER, 12, "donated"),
    ]
    assert rows(purse, "topup/") == [
        ("topup/gift", "donors", "donations", 5, "Ada"),
        ("topup/gift-2", "donors", "donations", 7, "Ada"),
    ]


async def test_what_fills_a_limit_and_what_uses_it_up_without_a_hold_says_why(purse):
    await settled(purse, await purse.tracker(), USD // 2)
    tracker = await purse.tracker(daily_budget_usd="0.75")
    await tracker.set_free_quota(1000, remaining=700)
    assert rows(purse, f"fill/{DAY}", "use/") == [
        (f"fill/{DAY}/1", "allowance:usd", DAY, 3 * USD // 4, "day"),
        (f"use/{DAY}/2", DAY, "used:usd", USD // 2, "spent before the cap was set"),
        ("use/free:2026-11-10/3", "free:2026-11-10", "used:request", 300, "used elsewhere"),
    ]


async def test_the_holds_of_a_reserve_are_numbered_and_say_what_they_are(purse):
    tracker = await purse.tracker(on_bankruptcy="die", tweets="dry-run")
    for words in (5, 7):
        tracker.set_last_words(1, words)
        assert await tracker.may_pay() is None
    assert [(row[0], row[4]) for row in rows(purse, "reserve/") if not row[0].endswith("/ended")] == [
        ("reserve/2026-11/genesis/1/0", "kept for last words"),
        ("reserve/2026-11/genesis/2/0", "kept for last words"),
    ]
