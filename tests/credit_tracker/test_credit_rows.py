"""The rows an end leaves: each nano-dollar that moves says from where, to where and why; nothing moved, no row."""

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
