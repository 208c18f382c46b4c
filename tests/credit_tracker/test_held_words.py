"""What is held is always said with what it is for: seven cents without a word became the goal of a life."""

from dataclasses import replace

import pytest

from ai.brain.senses import budget_in_words
from tests.credit_tracker.conftest import CENT, USD

WORDS = ("for calls under way", "for calls whose cost is not known yet", "for last words")


@pytest.mark.parametrize(("unknown", "reserved"), [(0, 0), (7 * CENT, 0), (0, 7 * CENT), (2 * CENT, 3 * CENT)])
async def test_each_part_of_what_is_held_has_its_words(purse, unknown, reserved):
    balance = replace(await (await purse.tracker()).balance(), held=7 * CENT, held_unknown=unknown, reserved=reserved)
    parts = dict(zip(WORDS, (7 * CENT - unknown - reserved, unknown, reserved), strict=True))
    assert sum(amount for amount, _ in balance.held_for) == balance.held
    told = budget_in_words(balance)
    for words, amount in parts.items():
        assert (f"${amount / USD:.2f} more is held {words}" in told) == (amount > 0), told
    assert "held" not in budget_in_words(replace(balance, held=0, held_unknown=0, reserved=0))
