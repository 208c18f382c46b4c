"""A restart must neither double a beat nor skip one, and no clock may silence the mind."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai.clock import VirtualClock
from ai.mind.database import open_mind
from ai.mind.schedule import Schedule, due_at

START = datetime(2026, 11, 22, 5, 0, tzinfo=UTC)
INTERVAL = timedelta(seconds=600)
A_FEW_LOOKS = timedelta(milliseconds=1)  # how far the clock moves while it is looked at


def about(when: datetime, wanted: datetime) -> bool:
    """Say whether a time is the one that is wanted, but for a few looks at the clock."""
    return abs(when - wanted) < A_FEW_LOOKS


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(START)


def schedule_in(tmp_path: Path, clock: VirtualClock) -> Schedule:
    return Schedule(open_mind(tmp_path / "mind.db"), clock, 600)


@given(st.none() | st.timedeltas(timedelta(days=-9999), timedelta(days=9999)))
def test_due_is_never_later_than_one_interval_from_now(offset: timedelta | None) -> None:
    stored = None if offset is None else START + offset
    assert due_at(stored, START, INTERVAL) <= START + INTERVAL


def test_the_first_beat_is_due_at_once(tmp_path: Path, clock: VirtualClock) -> None:
    assert about(schedule_in(tmp_path, clock).next_beat_at(), START)


def test_a_crash_in_a_beat_is_seen_once_and_the_beat_is_not_run_again(tmp_path: Path, clock: VirtualClock) -> None:
    schedule_in(tmp_path, clock).open_beat(7)  # and the process ends here
    clock.advance(5)
    woken = schedule_in(tmp_path, clock)
    assert about(woken.next_beat_at(), START + INTERVAL)
    assert woken.interrupted_beat() == 7
    assert woken.interrupted_beat() is None


def test_a_clock_set_back_a_year_delays_by_one_interval_at_most(tmp_path: Path, clock: VirtualClock) -> None:
    schedule = schedule_in(tmp_path, clock)
    schedule.open_beat(1)
    schedule.close_beat()
    clock.set(START - timedelta(days=365))
    assert about(schedule.next_beat_at(), clock.now() + INTERVAL)


def test_a_clock_set_forward_makes_a_beat_due_not_many(tmp_path: Path, clock: VirtualClock) -> None:
    schedule = schedule_in(tmp_path, clock)
    schedule.open_beat(1)
    clock.set(START + timedelta(days=31))
    assert schedule.next_beat_at() < clock.now()
    schedule.open_beat(2)
    assert about(schedule.next_beat_at(), clock.now() + INTERVAL)


def test_a_rest_may_be_longer_than_the_interval_and_ends_with_its_beat(tmp_path: Path, clock: VirtualClock) -> None:
    schedule = schedule_in(tmp_path, clock)
    schedule.open_beat(1)
    schedule.rest(7200)
    assert about(schedule_in(tmp_path, clock).next_beat_at(), START + timedelta(hours=2))
    clock.advance(7200)
    schedule.open_beat(2)
    assert about(schedule.next_beat_at(), clock.now() + INTERVAL)


def test_a_pause_survives_a_restart(tmp_path: Path, clock: VirtualClock) -> None:
    schedule_in(tmp_path, clock).pause()
    assert schedule_in(tmp_path, clock).paused
    schedule_in(tmp_path, clock).resume()
    assert not schedule_in(tmp_path, clock).paused
