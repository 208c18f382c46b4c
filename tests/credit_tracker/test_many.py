"""Many at once: tasks and minds against one purse get exactly what fits, and a month is granted once."""

import asyncio
import random
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from ai.clock import VirtualClock
from ai.credit_tracker import Expense, NotAffordable, open_credit_ledger
from ai.ledger.money import nanos
from tests.credit_tracker.conftest import BOTH_STORES, Purse

pytestmark = BOTH_STORES
USD = 1_000_000_000
MINDS = ("ada", "bob")


def another(purse) -> Purse:
    """The same purse through another connection, as another daemon has it."""
    return replace(purse, ledger=open_credit_ledger(purse.url, purse.clock))


async def test_two_minds_that_start_together_are_granted_one_month(purse):
    second = another(purse)
    ada, bob = await asyncio.gather(purse.tracker(mind="ada"), second.tracker(mind="bob"))
    assert (await ada.balance()).granted == (await bob.balance()).granted == 5 * USD
    assert purse.available("treasury") == -5 * USD
    second.ledger.close()


async def test_exactly_what_fits_is_admitted(purse):
    second = another(purse)
    trackers = [
        await one.tracker(mind=mind, daily_budget_usd="1") for one, mind in zip((purse, second), MINDS, strict=True)
    ]
    amount = 7 * USD // 100

    async def try_one(n):
        try:
            await trackers[n % 2].hold(Expense(f"call-{n}", "lab/model", "thought", amount, 1, n))
        except NotAffordable as refusal:
            return refusal.cap
        return "held"

    outcomes = await asyncio.gather(*(try_one(n) for n in range(60)))
    assert (outcomes.count("held"), outcomes.count("day")) == (14, 46)
    assert purse.available("day:2026-11-10") == USD - 14 * amount
    second.ledger.close()


async def test_what_was_billed_is_what_the_books_say(purse):
    """Two minds spend for a while, in every way a call can end; the provider's own record is the judge."""
    second = another(purse)
    rng = random.Random(7)
    trackers = [await one.tracker(mind=mind) for one, mind in zip((purse, second), MINDS, strict=True)]
    billed = {"month": 0}

    async def live(tracker, name):
        for n in range(12):
            call = f"{name}-{n}"
            try:
                await tracker.hold(Expense(call, f"lab/{n % 3}", "thought", USD // 10, n % 2, n))
            except NotAffordable:
                continue
            end = rng.choice(["settle", "refuse", "void", "unknown"])
            cost = rng.randrange(USD // 8)
            if end in ("settle", "unknown"):
                await tracker.sent(call, f"gen-{call}")
                billed["month"] += cost
            if end == "unknown":
                await tracker.leave_unknown(call, "cut")
                await asyncio.sleep(0)
            if end in ("settle", "unknown"):
                await tracker.settle(call, cost)
            else:
                await getattr(tracker, end)(call)

    await asyncio.gather(
        *(live(tracker, f"{mind}-{k}") for tracker, mind in zip(trackers, MINDS, strict=True) for k in range(3))
    )
    balance = await trackers[0].balance()
    assert balance.spent == billed["month"]
    assert balance.held == 0
    report = await trackers[1].budget_report()
    for part in ("by_model", "by_purpose", "by_life"):
        assert sum(nanos(entry["cost"]) for entry in report[part]) == billed["month"]
    second.ledger.close()


async def test_minds_whose_clocks_differ_at_midnight_do_not_close_each_others_month(purse):
    purse.clock.set(datetime(2026, 11, 30, 23, 50, tzinfo=UTC))
    ahead = Purse(purse.url, VirtualClock(datetime(2026, 12, 1, 0, 5, tzinfo=UTC)), purse.ledger)
    ahead.ledger = open_credit_ledger(purse.url, ahead.clock)
    bob = await purse.tracker(mind="bob")
    await bob.topup(USD, "Ada", "gift")
    await bob.hold(Expense("bob-1", "lab/model", "thought", USD, 1, 1))
    await bob.settle("bob-1", USD)
    ada = await ahead.tracker(mind="ada")  # enters December and closes November
    assert (await ada.balance()).available == 6 * USD
    await ada.hold(Expense("ada-1", "lab/model", "thought", USD, 1, 1))
    await bob.hold(Expense("bob-2", "lab/model", "thought", USD, 1, 2))  # November, as it was left
    with pytest.raises(NotAffordable, match=r"month: \$4\.000000000 needed, \$3\.000000000 left"):
        await bob.hold(Expense("bob-3", "lab/model", "thought", 4 * USD, 1, 3))
    await ada.settle("ada-1", USD)
    await ada.hold(Expense("ada-2", "lab/model", "thought", 5 * USD, 1, 2))
    await ada.settle("ada-2", 5 * USD)
    await bob.settle("bob-2", USD)
    purse.clock.set(datetime(2026, 12, 1, 0, 1, tzinfo=UTC))
    await bob.open()
    assert purse.available("month:2026-11") == 0
    assert purse.available("month:2026-12") == 0
    assert (await bob.budget_report("2026-11"))["spent"] == "2.000000000"
    assert (await bob.budget_report())["spent"] == "6.000000000"
    ahead.ledger.close()
