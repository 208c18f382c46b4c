"""kill -9 while lives end and begin and are paid for; `python -m benchmarks.lives_crash` does it for 200 of them."""

from benchmarks.lives_crash import check, strike, world_for
from tests.life.conftest import seeded

LIVES, KILLS_AT_MOST = 12, 40  # in the suite; a kill may come before a life has ended


def test_exactly_one_lives_after_each_kill_and_the_purse_equals_the_records(tmp_path):
    rng, living, kills, spent = seeded(5), 0, 0, 0
    with world_for(tmp_path, 5) as world:
        while living < LIVES and kills < KILLS_AT_MOST:
            kills += 1
            strike(world, rng, most_lives=4)
            before, (living, books) = living, check(world, kills)
            assert living >= max(1, before)
            assert books.money.spent_nanos >= max(spent, books.money.billed_nanos)
            spent = books.money.spent_nanos
    assert living >= LIVES
    assert kills > 2
    assert books.money.bills > 10 * LIVES
    assert books.posts_billed_nanos > 0
