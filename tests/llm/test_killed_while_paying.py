"""A program killed at random moments of paying: nothing billed that the books do not know, and the audit is clean."""

import random

from tests.world.killing import START, acknowledged, kill_at_random
from tests.world.openrouter import FakeOpenRouter

KILLS = 4  # in the suite; `python -m tests.world.killing --kills 50` does more


def test_nothing_is_billed_that_the_books_do_not_know(tmp_path):
    with FakeOpenRouter(date=lambda: START) as provider:
        after = kill_at_random(tmp_path, provider, KILLS, random.Random(11))
        assert after.problems(provider, acknowledged(tmp_path)) == []
    assert after.bills > KILLS
    assert after.spent_nanos >= after.billed_nanos
