"""A charge that cannot be right: a person settles it, the books say so, and thinking goes on."""

import pytest

from ai.credit_tracker import Usage
from ai.ledger.errors import TransferConflict
from tests.credit_tracker.conftest import BOTH_STORES, USD

pytestmark = BOTH_STORES
ABSURD = 100_000 * USD


async def test_an_absurd_bill_no_longer_stops_paid_thinking_once_it_is_settled(purse):
    tracker = await purse.tracker()
    expense = purse.expense(USD // 10)
    await tracker.hold(expense)
    await tracker.settle(expense.id, ABSURD, Usage(10, 2))
    assert "calls cost" in (await tracker.may_pay() or "")
    assert [call.id for call in await tracker.dear_calls(5)] == [expense.id]
    for _ in range(2):
        balance = await tracker.settle_disputed(expense.id, USD // 20, "caretaker: refunded by the provider")
        assert (balance.available, balance.overrun) == (5 * USD - USD // 20, 0)
    assert (balance.spent, await tracker.may_pay()) == (USD // 20, None)
    memos = purse.ledger.read_now(lambda tx: [row["memo"] for row in tx.execute("SELECT memo FROM transfers")])
    assert memos.count("disputed by caretaker: refunded by the provider") == 2, "of the overrun and of the month, once"
    call = await tracker.call(expense.id)
    assert (call.cost, call.problem) == (USD // 20, "settled by caretaker: refunded by the provider")
    with pytest.raises(TransferConflict):
        await tracker.settle(expense.id, ABSURD)


async def test_a_charge_of_an_earlier_month_gives_the_new_one_back_what_it_repaid(purse):
    tracker = await purse.tracker()
    expense = purse.expense(USD)
    await tracker.hold(expense)
    await tracker.settle(expense.id, 7 * USD)
    purse.clock.advance(30 * 86_400)
    tracker = await purse.tracker()
    assert (await tracker.balance()).available == 3 * USD
    balance = await tracker.settle_disputed(expense.id, USD, "caretaker: a slip")
    assert (balance.available, balance.overrun) == (5 * USD, 0)


async def test_a_charge_may_turn_out_higher_and_a_call_never_charged_is_none(purse):
    tracker = await purse.tracker()
    call = await purse.spend(tracker, USD // 10)
    assert (await tracker.settle_disputed(call, USD // 5, "caretaker: the invoice")).spent == USD // 5
    under_way = purse.expense(5)
    await tracker.hold(under_way)
    with pytest.raises(ValueError, match="was not charged: it is held"):
        await tracker.settle_disputed(under_way.id, 0, "caretaker: x")
    with pytest.raises(KeyError, match="no call"):
        await tracker.settle_disputed("nothing", 0, "caretaker: x")
    with pytest.raises(ValueError, match="negative"):
        await tracker.settle_disputed(call, -1, "caretaker: x")


async def test_a_charge_settled_up_and_down_again_and_again_leaves_the_month_with_the_difference(purse):
    tracker = await purse.tracker()
    expense = purse.expense(USD // 10)
    await tracker.hold(expense)
    await tracker.settle(expense.id, 7 * USD)
    left = []
    for dollars in (9, 1, 6, 6, 0, 5):
        balance = await tracker.settle_disputed(expense.id, dollars * USD, f"caretaker: it was {dollars}")
        left.append((balance.available // USD, -balance.overrun // USD, balance.spent // USD))
    assert left == [(0, 4, 9), (4, 0, 1), (0, 1, 6), (0, 1, 6), (5, 0, 0), (0, 0, 5)]


async def test_what_an_estimate_said_too_much_goes_back_as_a_refund_and_its_tokens_are_counted_once(purse):
    tracker = await purse.tracker()
    expense = purse.expense(USD)
    await tracker.hold(expense)
    await tracker.settle(expense.id, USD, estimated=True)
    for _ in range(2):
        await tracker.settle(expense.id, USD // 4, Usage(10, 2))
    moved = purse.ledger.read_now(lambda tx: tx.execute("SELECT memo, posted FROM transfers WHERE memo = 'refund'"))
    assert [(row["memo"], row["posted"]) for row in moved] == [("refund", 3 * USD // 4)]
    call = await tracker.call(expense.id)
    assert (call.cost, call.prompt_tokens, call.completion_tokens) == (USD // 4, 10, 2)


async def test_what_later_months_repaid_of_a_charge_settled_twice_goes_back_to_the_current_one(purse):
    tracker = await purse.tracker()
    expense = purse.expense(USD)
    await tracker.hold(expense)
    await tracker.settle(expense.id, 7 * USD)
    await tracker.settle_disputed(expense.id, 8 * USD, "caretaker: the invoice")
    purse.clock.advance(30 * 86_400)
    tracker = await purse.tracker()
    assert (await tracker.balance()).available == 2 * USD
    balance = await tracker.settle_disputed(expense.id, USD, "caretaker: a slip")
    assert (balance.available, balance.overrun) == (5 * USD, 0)


async def test_a_refund_of_what_an_estimate_overdrew_says_that_it_is_one(purse):
    tracker = await purse.tracker()
    expense = purse.expense(USD)
    await tracker.hold(expense)
    await tracker.settle(expense.id, 7 * USD, estimated=True)
    await tracker.settle(expense.id, USD, Usage(10, 2))
    moved = purse.ledger.read_now(lambda tx: tx.execute("SELECT posted FROM transfers WHERE memo = 'refund'"))
    assert sorted(row["posted"] for row in moved) == [2 * USD, 4 * USD]
