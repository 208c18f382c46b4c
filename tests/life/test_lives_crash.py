"""kill -9 while lives end and begin; `python -m benchmarks.lives_crash` does it for 200 of them."""

from benchmarks.lives_crash import check, strike
from tests.life.conftest import seeded


def test_exactly_one_lives_after_each_kill(tmp_path):
    rng = seeded(5)
    last = 0
    for number in range(4):
        strike(tmp_path, number, rng, most_lives=3)
        living = check(tmp_path, number)
        assert living >= max(1, last)
        last = living
