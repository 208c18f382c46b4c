"""Whether the machine's clock may be believed: it is compared with the `Date` header of the paid provider."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from ai.clock import Clock

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
