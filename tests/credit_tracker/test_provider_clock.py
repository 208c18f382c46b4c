"""A clock that is believed a minute too long opens a month too early; one that is doubted too soon stops the mind."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from ai.clock import VirtualClock
from ai.credit_tracker import ProviderClock

NOON = datetime(2026, 11, 10, 12, tzinfo=UTC)


A_LOOK = timedelta(milliseconds=1)  # more than the clock moves while it is looked at


def test_a_day_apart_is_believed_and_no_more_in_either_direction():
    clock = ProviderClock(VirtualClock(NOON))
    clock.observe("Tue, 10 Nov 2026 12:00:00 GMT")
    for way in (1, -1):
        assert clock.problem(NOON + way * (timedelta(days=1) - A_LOOK)) is None
        late = NOON + way * (timedelta(days=1) + A_LOOK)
        assert not clock.trusted(late)
        assert clock.problem(late) == (
            f"this machine's clock says {late:%Y-%m-%d %H:%M} UTC, the paid provider's 2026-11-10 12:00 UTC, "
            "more than a day apart; set the clock"
        )


@pytest.fixture(params=["UTC", "Pacific/Kiritimati"])
def zone(request, monkeypatch):
    """Stand in another part of the world."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_a_date_is_read_in_its_own_zone_and_without_one_as_utc_wherever_the_machine_stands(zone):
    for header in ("Tue, 10 Nov 2026 18:00:00 +0600", "Tue, 10 Nov 2026 12:00:00 -0000"):
        clock = ProviderClock(VirtualClock(NOON))
        clock.observe(header)
        assert clock.trusted(NOON + timedelta(days=1) - A_LOOK)
        assert clock.trusted(NOON - timedelta(days=1) + A_LOOK)
        assert not clock.trusted(NOON + timedelta(days=1, seconds=1))
        assert not clock.trusted(NOON - timedelta(days=1, seconds=1))
        assert "provider's 2026-11-10 12:00 UTC" in clock.problem(NOON + timedelta(days=2))


def test_the_providers_time_goes_on_with_the_machine_and_what_is_unreadable_changes_nothing():
    machine = VirtualClock(NOON)
    machine.advance(2 * 86_400)
    clock = ProviderClock(machine)
    assert clock.problem(NOON) == (
        "no Date of the paid provider has been seen yet, so the month cannot be told for certain"
    )
    clock.observe("Tue, 10 Nov 2026 12:00:00 GMT")
    machine.advance(3 * 86_400)
    for header in (None, "", "yesterday"):
        clock.observe(header)
    assert clock.trusted(NOON + timedelta(days=4))
    assert not clock.trusted(NOON + timedelta(days=4, seconds=1))


def test_where_nobody_is_paid_no_date_is_needed_and_one_that_was_seen_counts():
    clock = ProviderClock(VirtualClock(NOON), required=False)
    assert clock.problem(NOON) is None
    assert not clock.required
    clock.observe("Tue, 10 Nov 2026 12:00:00 GMT")
    assert not clock.trusted(NOON + timedelta(days=2))
    assert ProviderClock(VirtualClock(NOON)).required
