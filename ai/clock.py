"""Time as something handed in: the system's clock, and a virtual one that lets a month be lived in seconds."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Clock(Protocol):
    """What every room knows of time."""

    def now(self) -> datetime:
        """Return the wall time, aware, in UTC; it may jump either way."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never run backwards, from an arbitrary start."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait for `seconds`."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """Return the machine's time in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return the machine's monotonic seconds."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait for `seconds` of real time."""
        await asyncio.sleep(seconds)


class VirtualClock:
    """A clock that moves when told to or slept on, and by LOOK_SECONDS with each look; for simulations and tests.

    No two looks see the same time, as on a real clock: what compares two looks for "now" fails here too.
    """

    LOOK_SECONDS = 1e-6  # the least that is told apart: times are kept to the microsecond

    def __init__(self, start: datetime) -> None:
        self._now = start.astimezone(UTC)
        self._monotonic = 0.0

    def now(self) -> datetime:
        """Return the virtual time in UTC."""
        self._move(self.LOOK_SECONDS)
        return self._now

    def monotonic(self) -> float:
        """Return virtual seconds since this clock was made; `set` does not touch them."""
        self._move(self.LOOK_SECONDS)
        return self._monotonic

    async def sleep(self, seconds: float) -> None:
        """Advance by `seconds` at once and let other tasks run."""
        self.advance(max(0.0, seconds))
        await asyncio.sleep(0)

    def advance(self, seconds: float) -> None:
        """Move both clocks forward by `seconds`."""
        self._move(seconds)

    def _move(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)
        self._monotonic += seconds

    def set(self, when: datetime) -> None:
        """Jump the wall clock to `when`, as an administrator or NTP may do."""
        self._now = when.astimezone(UTC)


def rfc3339(when: datetime) -> str:
    """Return `when` as RFC 3339 in UTC with microseconds and `Z`: fixed width, so text order is time order."""
    return when.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def parse_rfc3339(text: str) -> datetime:
    """Return the aware UTC time that `text` says; raises ValueError where it is not RFC 3339 with an offset."""
    when = datetime.fromisoformat(text)
    if when.tzinfo is None:
        raise ValueError(f"time {text!r} has no offset; write it like 2026-11-22T05:00:00Z")
    return when.astimezone(UTC)


def microseconds(when: datetime) -> int:
    """Return whole microseconds since 1970 in UTC, the purse's way of keeping time."""
    return (when - EPOCH) // timedelta(microseconds=1)


def instant(microseconds_since_1970: int) -> datetime:
    """Return the aware UTC time that `microseconds` was made of."""
    return EPOCH + timedelta(microseconds=microseconds_since_1970)


def instant_or_none(microseconds_since_1970: int | None) -> datetime | None:
    """Return the time that `microseconds` was made of, None for none."""
    return None if microseconds_since_1970 is None else instant(microseconds_since_1970)


def length_in_words(length: timedelta) -> str:
    """Return a length of time the way people say it: `1 minute` (or less), `90 minutes`, `3 hours`, `2 days`."""
    minutes = max(1, int(length.total_seconds() // 60))
    if minutes < 120:  # noqa: PLR2004 - two hours
        return f"{minutes} minute{'s' if minutes != 1 else ''}"
    hours = minutes // 60
    return f"{hours} hours" if hours < 48 else f"{hours // 24} days"  # noqa: PLR2004 - two days


def span_in_words(length: timedelta) -> str:
    """Return a length of time to the minute: `10 min`, `2 h 10 min`, `3 d 2 h`."""
    minutes = max(1, int(length.total_seconds() // 60))
    hours, days = minutes // 60, minutes // (24 * 60)
    parts = (days, "d", hours % 24, "h") if days else (hours, "h", minutes % 60, "min")
    return " ".join(f"{number} {unit}" for number, unit in zip(parts[::2], parts[1::2], strict=True) if number)


def ago(age: timedelta) -> str:
    """Return an age the way people say it: `just now`, `20 minutes ago`, `3 hours ago`, `2 days ago`."""
    return "just now" if age < timedelta(minutes=1) else f"{length_in_words(age)} ago"
