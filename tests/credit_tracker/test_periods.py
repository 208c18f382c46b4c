"""Periods and bands, which are pure: no gap between two periods, no band that less money would better."""

import time
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai.credit_tracker.books import band_of
from ai.credit_tracker.periods import (
    day_of,
    day_start,
    days_of,
    month_end,
    month_of,
    month_start,
    period_end,
    period_of,
    week_of,
    whole_months_in,
)
from ai.credit_tracker.records import Band

TIMES = st.timedeltas(timedelta(), timedelta(days=36_500)).map(lambda age: datetime(1990, 1, 1, tzinfo=UTC) + age)
KINDS = st.sampled_from(["day", "week", "month"])


@given(KINDS, TIMES)
def test_a_period_ends_where_the_next_begins(kind, when):
    end = period_end(kind, when)
    assert when < end
    assert period_of(kind, end - timedelta(microseconds=1)) == period_of(kind, when)
    assert period_of(kind, end) != period_of(kind, when)


@given(TIMES)
def test_a_months_days_are_its_days(when):
    first, last = days_of(month_of(when))
    assert first <= day_of(when) <= last
    assert (month_start(month_of(when)), month_end(month_of(when))) == (
        datetime.fromisoformat(first).replace(tzinfo=UTC),
        datetime.fromisoformat(last).replace(tzinfo=UTC) + timedelta(days=1),
    )


@given(TIMES, st.integers(-40, 800))
def test_a_span_is_its_whole_months_and_the_days_around_them(when, days):
    first = when.date()
    last = first + timedelta(days=days)
    before, (opens, ends), after = whole_months_in(first, last)
    in_days = [
        n for n in range(days + 1)
        if any(part[0] <= (first + timedelta(days=n)).isoformat() <= part[1] for part in (before, after))
    ]  # fmt: skip
    in_months = [n for n in range(days + 1) if opens <= (first + timedelta(days=n)).isoformat()[:7] <= ends]
    assert sorted(in_days + in_months) == list(range(days + 1))
    if opens:
        assert first.isoformat() <= days_of(opens)[0] <= days_of(ends)[1] <= last.isoformat()
        assert len(in_days) <= 60


def test_weeks_begin_on_monday_and_years_by_iso():
    assert [week_of(datetime(2026, 12, day, tzinfo=UTC)) for day in (27, 28)] == ["2026-W52", "2026-W53"]
    assert week_of(datetime(2027, 1, 3, tzinfo=UTC)) == "2026-W53"


@pytest.mark.parametrize("text", ["2026-13", "2026", "", "2026-11-01", "now"])
def test_what_is_no_month_is_named(text):
    with pytest.raises(ValueError, match="write it like 2026-11"):
        month_start(text)


AMOUNTS = st.integers(0, 10**12)


@given(AMOUNTS, AMOUNTS, AMOUNTS, st.integers(1, 10**9), st.booleans())
def test_less_money_is_never_a_better_band(available, less, given_nanos, smallest, paid):
    order = list(Band)

    def rank(amount):
        return order.index(
            band_of(available=amount, given=given_nanos, held_unknown=0, paid_provider=paid, smallest_hold=smallest)
        )

    assert rank(max(0, available - less)) >= rank(available)


@pytest.mark.parametrize(
    ("available", "band"),
    [(600, "comfortable"), (599, "moderate"), (200, "moderate"), (199, "cautious"), (100, "cautious"),
     (99, "critical"), (1, "critical"), (0, "critical")],
)  # fmt: skip
def test_the_edges_of_the_bands(available, band):
    found = band_of(available=available, given=1000, held_unknown=0, paid_provider=False, smallest_hold=50)
    assert found.value == band


def test_bankrupt_is_less_than_the_smallest_hold_of_a_paid_thought():
    def band(available, unknown=0, *, paid=True):
        return band_of(available=available, given=1000, held_unknown=unknown, paid_provider=paid, smallest_hold=50)

    assert (band(50), band(49)) == (Band.CRITICAL, Band.BANKRUPT)
    assert band(0, unknown=50) is Band.CRITICAL
    assert band(0, paid=False) is Band.CRITICAL


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago"])
def test_a_day_and_a_month_are_utcs_wherever_the_machine_stands(monkeypatch, zone):
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        for when in (datetime(2026, 11, 30, 23, 59, tzinfo=UTC), datetime(2026, 11, 30, tzinfo=UTC)):
            for seen in (when, when.astimezone(timezone(timedelta(hours=14))), when.astimezone(None)):
                assert (day_of(seen), month_of(seen), week_of(seen)) == ("2026-11-30", "2026-11", "2026-W49")
                assert day_start(seen) == datetime(2026, 11, 30, tzinfo=UTC)
    finally:
        monkeypatch.undo()
        time.tzset()


def test_one_nano_dollar_of_one_is_comfortable():
    found = band_of(available=1, given=1, held_unknown=0, paid_provider=True, smallest_hold=1)
    assert found is Band.COMFORTABLE


def test_a_span_of_whole_months_reads_no_single_day():
    """A year is twelve sums, not three hundred and sixty-five."""
    first, last = date(2026, 1, 1), date(2026, 12, 31)
    for before in (0, 1):
        for after in (0, 1):
            days = whole_months_in(first - timedelta(days=before), last + timedelta(days=after))
            assert days[1] == ("2026-01", "2026-12")
            assert days[0] == (("2025-12-31", "2025-12-31") if before else ("", ""))
            assert days[2] == ("2027-01-01", "2027-01-01" if after else "2026-12-31")
