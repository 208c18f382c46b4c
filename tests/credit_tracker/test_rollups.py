"""How fast money goes: a pace read from too few days or too many lets a mind starve or squander."""

from datetime import UTC, datetime, timedelta

import pytest

from ai.credit_tracker import Usage
from ai.credit_tracker.rollups import (
    average_tokens,
    burn_per_day,
    cost_of_lives,
    moments_per_day,
    observed_days,
    spent_on_day,
)
from tests.credit_tracker.conftest import BOTH_STORES

pytestmark = BOTH_STORES
FIRST = datetime(2026, 11, 10, 13, 14, 15, 678_901, tzinfo=UTC)
DAY = timedelta(days=1)


async def spending_at(purse, when, cost, **fields):
    purse.clock.set(when)
    tracker = await purse.tracker(mind=fields.pop("mind", "genesis"), monthly_budget_usd="1")
    return await purse.spend(tracker, cost, **fields)


def asked(purse, question, *given):
    return purse.ledger.read_now(lambda tx: question(tx, *given))


async def test_the_days_looked_back_on_are_those_since_the_first_call_up_to_the_window(purse):
    assert asked(purse, observed_days, FIRST, 7) is None
    call = await spending_at(purse, FIRST, 1)
    first = (await (await purse.tracker()).call(call)).held_at
    await spending_at(purse, FIRST + timedelta(hours=30), 1)
    microsecond = timedelta(microseconds=1)
    assert asked(purse, observed_days, first + DAY - microsecond, 7) is None
    assert asked(purse, observed_days, first + DAY, 7) == 1.0
    assert asked(purse, observed_days, first + 36 * timedelta(hours=1), 7) == 1.5
    into_today = ((13 * 60 + 14) * 60 + 15.678_901) / 86_400
    for window in (7, 30):
        found = asked(purse, observed_days, FIRST + 60 * DAY, window)
        assert found == pytest.approx(window - 1 + into_today, abs=1e-12)


async def test_the_pace_is_that_of_the_last_seven_days_with_today(purse):
    assert asked(purse, burn_per_day, FIRST) is None
    assert asked(purse, moments_per_day, FIRST) == {}
    for days_ago, cost, purpose in ((8, 1000, "thought"), (7, 100, "thought"), (6, 10, "thought"), (0, 1, "crisis")):
        await spending_at(purse, FIRST + (10 - days_ago) * DAY, cost, purpose=purpose)
    now = FIRST + 10 * DAY
    days = asked(purse, observed_days, now, 7)
    assert asked(purse, burn_per_day, now) == pytest.approx(11 / days)
    assert asked(purse, moments_per_day, now) == {
        "thought": pytest.approx(1 / days), "crisis": pytest.approx(1 / days),
    }  # fmt: skip
    assert asked(purse, burn_per_day, now + 90 * DAY) == 0.0
    assert asked(purse, moments_per_day, now + 90 * DAY) == {}


async def test_tokens_a_call_are_averaged_over_thirty_days_of_calls_that_told_them(purse):
    for days_ago, usage, purpose in (
        (30, Usage(1000, 1000), "thought"), (29, Usage(10, 4), "thought"), (0, Usage(5, 2), "thought"),
        (0, None, "thought"), (0, None, "crisis"),
    ):  # fmt: skip
        await spending_at(purse, FIRST + (30 - days_ago) * DAY, 1, usage=usage, purpose=purpose)
    assert asked(purse, average_tokens, FIRST + 30 * DAY) == {"thought": (7.5, 3.0)}


async def test_a_day_and_a_life_have_what_was_spent_on_them(purse):
    for when, cost, fields in (
        (FIRST, 3, {"life": 1}), (FIRST, 4, {"life": 2}), (FIRST + DAY, 5, {"life": 2}), (FIRST, 6, {"life": None}),
        (FIRST, 7, {"life": 2, "mind": "other"}),
    ):  # fmt: skip
        await spending_at(purse, when, cost, **fields)
    assert asked(purse, spent_on_day, "2026-11-10") == 20
    assert asked(purse, spent_on_day, "2026-11-12") == 0
    assert asked(purse, cost_of_lives, "genesis", (1, 2, 3)) == {1: 3, 2: 9}
    assert asked(purse, cost_of_lives, "other", (1, 2)) == {2: 7}
    assert asked(purse, cost_of_lives, "other", ()) == {}
