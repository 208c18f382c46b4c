"""What could be held now: the least that month, day and named caps have left."""

from decimal import Decimal

import pytest

from ai.credit_tracker import NotAffordable
from ai.ledger.transaction import MAX_LEGS
from ai.settings import MAX_SUB_BUDGETS, Cap
from tests.credit_tracker.conftest import BOTH_STORES

USD = 1_000_000_000


@BOTH_STORES
async def test_room_is_the_least_of_what_a_hold_would_touch(purse):
    cap = Cap(name="chatter", amount=Decimal("0.25"), period="month", covers=("social",))
    tracker = await purse.tracker(monthly_budget_usd=Decimal(5), daily_budget_usd=Decimal(1), budgets=(cap,))
    assert await tracker.room("thought") == 1 * USD
    assert await tracker.room("social") == USD // 4
    await purse.spend(tracker, 3 * USD // 10)
    assert await tracker.room("thought") == 7 * USD // 10


async def test_wishes_are_a_tenth_of_the_grant_and_only_wishes_use_them_up(purse):
    tracker = await purse.tracker(monthly_budget_usd=Decimal(5))
    assert await tracker.wishes_left() == USD // 2
    await purse.spend(tracker, USD // 10)
    assert await tracker.wishes_left() == USD // 2
    await purse.spend(tracker, USD // 10, wish=True)
    assert await tracker.wishes_left() == 4 * USD // 10


@BOTH_STORES
async def test_reflection_has_a_quarter_of_the_grant_and_cannot_eat_the_thoughts_money(purse):
    tracker = await purse.tracker(monthly_budget_usd=Decimal(4))
    assert await tracker.room("reflection") == 1 * USD
    await purse.spend(tracker, USD // 2)
    assert await tracker.room("reflection") == 1 * USD
    await purse.spend(tracker, USD // 2, purpose="reflection")
    assert [(cap.name, cap.available, cap.filled) for cap in await tracker.caps()] == [
        ("wishes", 4 * USD // 10, 4 * USD // 10),
        ("reflection", USD // 2, USD),
    ]
    assert await tracker.room("reflection") == USD // 2
    assert await tracker.room("thought") == 3 * USD
    with pytest.raises(NotAffordable) as refusal:
        await tracker.hold(purse.expense(USD // 2 + 1, purpose="reflection"))
    said = "reflection: $0.500000001 needed, $0.500000000 left; resets 2026-12-01 00:00 UTC"
    assert str(refusal.value) == said
    await tracker.hold(purse.expense(0, purpose="reflection", free_requests=1))
    await tracker.hold(purse.expense(0, purpose="reflection", subject="local/model"))
    await tracker.hold(purse.expense(USD // 2 + 1, client="reflection"))


async def test_a_sub_budget_of_the_same_name_is_another_account(purse):
    cap = Cap(name="reflection", amount=Decimal("0.25"), period="day", covers=("reflection",))
    tracker = await purse.tracker(monthly_budget_usd=Decimal(4), budgets=(cap,))
    assert await tracker.room("reflection") == USD // 4
    await purse.spend(tracker, USD // 8, purpose="reflection")
    assert purse.available("cap:reflection:2026-11-10") == USD // 8
    assert purse.available("reflection:2026-11") == USD - USD // 8
    with pytest.raises(NotAffordable, match=r"^reflection: .* \$0\.125000000 left; resets 2026-11-11"):
        await tracker.hold(purse.expense(USD // 4, purpose="reflection"))
    assert await tracker.room("thought") == 4 * USD - USD // 8


async def test_a_hold_that_touches_everything_there_is_has_room_for_its_legs(purse):
    caps = tuple(Cap(name=f"cap-{n}", amount=Decimal(1), period="month", covers=("*",)) for n in range(MAX_SUB_BUDGETS))
    tracker = await purse.tracker(budgets=caps, daily_budget_usd=Decimal(1))
    everything = purse.expense(USD // 4, purpose="reflection", wish=True, posts=1, free_requests=1)
    await tracker.hold(everything)
    legs = purse.ledger.read_now(lambda tx: tx.execute("SELECT COUNT(*) AS legs FROM transfers WHERE kind = 'hold'"))
    assert legs[0]["legs"] == MAX_LEGS
    await tracker.settle(everything.id, 1)
