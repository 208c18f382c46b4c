"""What could be held now: the least that month, day and named caps have left."""

from decimal import Decimal

from ai.settings import Cap
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
