"""Names and ends of calendar days, weeks and months in UTC, and whether the clock that tells them may be believed."""

from datetime import UTC, date, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Literal

from ai.clock import Clock

PeriodKind = Literal["day", "week", "month"]


def day_of(when: datetime) -> str:
    """Return the UTC calendar day as `2026-11-22`."""
    return when.astimezone(UTC).date().isoformat()


def month_of(when: datetime) -> str:
    """Return the UTC calendar month as `2026-11`."""
    return when.astimezone(UTC).date().isoformat()[:7]


def week_of(when: datetime) -> str:
    """Return the ISO week, Monday to Sunday in UTC, as `2026-W47`."""
    year, week, _ = when.astimezone(UTC).isocalendar()
    return f"{year:04d}-W{week:02d}"


def period_of(kind: PeriodKind, when: datetime) -> str:
    """Return the name of the day, week or month that `when` falls in."""
    return {"day": day_of, "week": week_of, "month": month_of}[kind](when)


def day_start(when: datetime) -> datetime:
    """Return the midnight, in UTC, that began the day of `when`."""
    return when.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def period_end(kind: PeriodKind, when: datetime) -> datetime:
    """Return the first instant after the day, week or month of `when`: when its account starts anew."""
    midnight = day_start(when)
    if kind == "day":
        return midnight + timedelta(days=1)
    if kind == "week":
        return midnight + timedelta(days=7 - midnight.weekday())
    return (midnight.replace(day=1) + timedelta(days=32)).replace(day=1)


def month_start(month: str) -> datetime:
    """Return the first instant of a month named like `2026-11`; raises ValueError for any other text."""
    try:
        start = datetime.strptime(month, "%Y-%m").replace(tzinfo=UTC)
        period_end("month", start)  # the last month that there is has none
    except (ValueError, OverflowError) as error:
        raise ValueError(f"month {month!r} is not a calendar month; write it like 2026-11") from error
    return start


def month_end(month: str) -> datetime:
    """Return the first instant after a month named like `2026-11`; raises ValueError for any other text."""
    return period_end("month", month_start(month))


def days_of(month: str) -> tuple[str, str]:
    """Return the first and the last day of a month named like `2026-11`, as `2026-11-01` and `2026-11-30`."""
    return day_of(month_start(month)), day_of(month_end(month) - timedelta(days=1))


NO_DAYS = ("", "")  # what no day lies between


def whole_months_in(first: date, last: date) -> tuple[tuple[str, str], tuple[str, str], tuple[str, str]]:
    """Return the days from `first` to `last` as the days before, the whole months among them, and the days after.

    Each part is its first and its last, both included; a part that has nothing is one that nothing lies between.
    """
    if first > last:  # a day to come: nothing was spent since
        return NO_DAYS, NO_DAYS, NO_DAYS
    day = timedelta(days=1)
    opens = first if first.day == 1 else (first.replace(day=1) + 32 * day).replace(day=1)
    ends = last if (last + day).day == 1 else last.replace(day=1) - day
    if opens > ends:
        return (first.isoformat(), last.isoformat()), NO_DAYS, NO_DAYS
    before = (first.isoformat(), (opens - day).isoformat()) if first < opens else NO_DAYS
    after = ((ends + day).isoformat(), last.isoformat())  # begins after its end where the last month is whole
    return before, (opens.isoformat()[:7], ends.isoformat()[:7]), after


TOLERANCE = timedelta(days=1)  # DESIGN, "Money": a month never opens on a clock further from the provider's Date


class ProviderClock:
    """Remembers the provider's last `Date`, carried on by monotonic time so that a later jump is noticed too."""

    def __init__(self, clock: Clock, *, required: bool = True) -> None:
        """Take the clock to judge; `required`: a paid provider is configured, so its Date must have been seen."""
        self.required = required
        self._clock = clock
        self._seen: tuple[datetime, float] | None = None

    def observe(self, date_header: str | None) -> None:
        """Take in a `Date` header; one that is missing or unreadable leaves what is known as it was."""
        try:
            seen = parsedate_to_datetime(date_header or "")
            aware = seen.replace(tzinfo=UTC) if seen.tzinfo is None else seen.astimezone(UTC)
        except (ValueError, TypeError, OverflowError):  # no date, or one in a zone that there is not
            return
        self._seen = (aware, self._clock.monotonic())

    def problem(self, now: datetime) -> str | None:
        """Return why `now` may not be believed, in one line, or None where it may."""
        if self._seen is None:
            if self.required:
                return "no Date of the paid provider has been seen yet, so the month cannot be told for certain"
            return None
        date, at = self._seen
        provider_now = date + timedelta(seconds=self._clock.monotonic() - at)
        if abs(now - provider_now) > TOLERANCE:
            return (
                f"this machine's clock says {now:%Y-%m-%d %H:%M} UTC, the paid provider's {provider_now:%Y-%m-%d %H:%M}"
                " UTC, more than a day apart; set the clock"
            )
        return None

    def trusted(self, now: datetime) -> bool:
        """Return whether a month may be opened, and paid for, at `now`."""
        return self.problem(now) is None
