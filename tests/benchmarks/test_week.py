"""A day with a window beside one without: figures that mean what they say, and books that agree."""

from pathlib import Path

import pytest

from benchmarks.week import live
from benchmarks.week_figures import Week

INTERVAL = 3600


@pytest.fixture
async def days(tmp_path: Path) -> list[Week]:
    return [(await live(tmp_path / str(window), 1, INTERVAL, 3, window=window))[0] for window in (True, False)]


async def test_a_day_with_a_window_shows_what_one_without_cannot(days: list[Week]) -> None:
    seen, blind = days
    assert seen.observations > 10
    assert blind.observations == 0
    assert seen.scenes_new_outside > blind.scenes_new_outside
    assert blind.cited_observations == 0
    for day in days:
        assert day.beats > 20
        assert (day.letters, day.answered) == (2, 2)
        assert day.billed_nanos == day.booked_nanos > 0
        assert day.closing_share < 0.2, "a deed that is done needs no call of its own to end its beat"
        assert day.tokens <= 3_000
