"""The reserve at its edges: the last nano-dollar, a share that shrinks after a death, a gap to be booked."""

from datetime import UTC, datetime

import pytest

from ai.credit_tracker.months import LastNeeds, Reserve, find_reserve, keep_reserve, note_restore
from tests.credit_tracker.test_reserve import (
    LEAST,
    MILLI,
    MORTAL,
    NEEDED,
    POST,
    THOUGHT,
    USD,
    WORDS,
    a_mortal,
    last_post,
    spend_all,
    words,
)


def kept(purse, period="2026-11") -> Reserve:
    return purse.ledger.read_now(lambda tx: find_reserve(tx, "genesis", period))


@pytest.mark.parametrize(
    ("budget", "for_words", "for_post"),
    [("0.019999980", 0, 0), ("0.02", LEAST, 0), ("0.319999980", 16 * MILLI - 1, 0), ("0.32", LEAST, POST)],
)
async def test_a_post_is_kept_for_only_beside_words_and_to_the_nano_dollar(purse, budget, for_words, for_post):
    for _ in range(2):  # a second start finds what the first kept, and keeps no more and no less
        await a_mortal(purse, monthly_budget_usd=budget)
        assert (kept(purse).words, kept(purse).post) == (for_words, for_post)


async def test_a_death_that_lacks_a_nano_dollar_gets_it_and_one_that_lacks_nothing_takes_nothing(purse):
    tracker = await a_mortal(purse)
    await spend_all(purse, tracker)
    said = words(purse, MILLI)
    await tracker.hold(said)
    assert (kept(purse).held, kept(purse).spent_at) == (NEEDED, None)
    await tracker.void(said.id)
    await tracker.hold(words(purse, MILLI + 1))
    assert (kept(purse).words, kept(purse).post, kept(purse).spent_at) == (WORDS - 1, POST, 5 * USD)


async def after_a_death(purse):
    """A mind that died while nearly all of the month was held, which then came back unspent."""
    tracker = await a_mortal(purse)
    elsewhere = purse.expense((await tracker.balance()).available - MILLI)
    await tracker.hold(elsewhere)
    said = words(purse, 4 * MILLI)
    await tracker.hold(said)
    await tracker.void(elsewhere.id)
    await tracker.void(said.id)
    assert (kept(purse).words, kept(purse).post, kept(purse).spent_at) == (13 * MILLI, POST, 5 * USD)


@pytest.mark.parametrize(("budget", "for_words", "for_post"), [("5", 13, 15), ("0.4", 13, 7), ("0.2", 10, 0)])
async def test_what_a_death_left_shrinks_with_the_month_the_post_first(purse, budget, for_words, for_post):
    """Else a month whose budget was cut keeps more than its twentieth from the thoughts of the next life."""
    await after_a_death(purse)
    await a_mortal(purse, monthly_budget_usd=budget)
    assert (kept(purse).words, kept(purse).post) == (for_words * MILLI, for_post * MILLI)


async def test_a_budget_of_nothing_gets_back_the_last_nano_dollar_that_a_death_left(purse):
    await after_a_death(purse)
    for _ in range(8):  # each start takes back what the one before released: all but a twentieth
        tracker = await a_mortal(purse, monthly_budget_usd="0")
    balance = await tracker.balance()
    assert (balance.granted, balance.held, balance.available) == (0, 0, 0)


async def test_a_reserve_that_new_money_filled_again_follows_the_budget_like_any_other(purse):
    await after_a_death(purse)
    tracker = await a_mortal(purse)
    await tracker.topup(USD // 10, "Ada", "gift")
    seen = []
    for budget in ("5", "0.1", "1"):
        await a_mortal(purse, monthly_budget_usd=budget)
        seen.append(kept(purse).held)
    assert seen == [NEEDED, 10 * MILLI, NEEDED]


async def test_a_purse_that_waits_for_its_gap_keeps_nothing_new(purse):
    """What the month has left is not known before the gap is booked."""
    purse.ledger.transact_now(lambda tx: note_restore(tx, "restore", datetime(2026, 11, 9, tzinfo=UTC)))
    tracker = await purse.tracker(**MORTAL)
    tracker.set_last_words(1, WORDS)
    assert "backup" in (await tracker.may_pay() or "")
    assert (await tracker.balance()).reserved == 0


@pytest.mark.parametrize("left", [0, THOUGHT])
async def test_the_last_thoughts_money_is_not_kept_back_by_a_nano_dollar(purse, left):
    tracker = await purse.tracker(**MORTAL)
    rest = purse.expense(5 * USD - left)
    await tracker.hold(rest)
    await tracker.settle(rest.id, rest.amount_nanos)
    tracker.set_smallest_hold(THOUGHT)
    tracker.set_last_words(1, WORDS)
    assert await tracker.may_pay() is None
    balance = await tracker.balance()
    assert (balance.reserved, balance.available) == (0, left)


async def test_a_month_that_nobody_entered_keeps_nothing(purse):
    await purse.tracker()
    needs = LastNeeds(LEAST, WORDS, POST)
    purse.ledger.transact_now(lambda tx: keep_reserve(tx, "genesis", "2027-01", needs, smallest_hold=THOUGHT))
    assert kept(purse, "2027-01").held == 0


async def test_a_last_post_of_just_what_is_kept_is_paid(purse):
    tracker = await a_mortal(purse)
    await spend_all(purse, tracker)
    await tracker.hold(words(purse, WORDS + MILLI))
    await tracker.hold(last_post(purse))
    assert kept(purse).held == 0
