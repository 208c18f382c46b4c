"""When the next beat is due, kept in mind.db so that a restart neither doubles a beat nor skips one."""

from datetime import datetime, timedelta

from ai.clock import Clock, parse_rfc3339, rfc3339
from ai.mind.database import MindDatabase

PAUSE_SECONDS = 30.0  # after a beat that is followed soon: on a slow machine thinking would never end


def due_at(stored: datetime | None, now: datetime, interval: timedelta) -> datetime:
    """Return when the next beat is due: what was stored, but never later than one `interval` from `now`.

    So a clock that was set back by a year silences the mind for one interval at most. Nothing stored: now.
    """
    return now if stored is None else min(stored, now + interval)


class Schedule:
    """The timer's memory: next beat, rest, pause, and the beat that is being lived."""

    def __init__(self, mind: MindDatabase, clock: Clock, interval_seconds: int) -> None:
        self._mind = mind
        self._clock = clock
        self._interval = timedelta(seconds=interval_seconds)

    def next_beat_at(self) -> datetime:
        """Return when the next beat is due; in the past where it is overdue.

        A rest that the mind asked for may be longer than the interval, and is bounded by its own length.
        """
        stored = self._time("next_beat_at")
        rest = timedelta(seconds=float(str(self._mind.recall("rest_seconds", 0))))
        return due_at(stored, self._clock.now(), max(self._interval, rest))

    def last_beat_at(self) -> datetime | None:
        """Return when the last beat began, or None before the first."""
        return self._time("last_beat_at")

    def open_beat(self, number: int) -> None:
        """Commit, before a beat begins, that it began and when the next one is due."""
        now = self._clock.now()
        with self._mind.transaction():
            self._mind.remember("beat_open", number)
            self._mind.remember("last_beat_at", rfc3339(now))
            self._mind.remember("rest_seconds", 0)
            self._mind.remember("next_beat_at", rfc3339(now + self._interval))

    def close_beat(self) -> None:
        """Commit that the open beat ended."""
        self._mind.remember("beat_open", None)

    def interrupted_beat(self) -> int | None:
        """Return the number of a beat that a crash left open, and close it; it is not lived again."""
        number = self._mind.recall("beat_open")
        if number is None:
            return None
        self.close_beat()
        return int(str(number))

    def rest(self, seconds: float) -> datetime:
        """Put the next beat off to `seconds` from now; returns when that is."""
        when = self._clock.now() + timedelta(seconds=seconds)
        with self._mind.transaction():
            self._mind.remember("rest_seconds", seconds)
            self._mind.remember("next_beat_at", rfc3339(when))
        return when

    def hasten(self, seconds: float) -> None:
        """Bring the next beat forward to `seconds` after the last one began, but for PAUSE_SECONDS from now.

        Never later than it was due, and not at all where a rest was asked for.
        """
        last, due = self.last_beat_at(), self._time("next_beat_at")
        if last is None or due is None or float(str(self._mind.recall("rest_seconds", 0))) > 0:
            return
        soon = max(last + timedelta(seconds=seconds), self._clock.now() + timedelta(seconds=PAUSE_SECONDS))
        self._mind.remember("next_beat_at", rfc3339(min(due, soon)))

    @property
    def paused(self) -> bool:
        """Say whether a person paused the mind."""
        return bool(self._mind.recall("paused", default=False))

    def pause(self) -> None:
        """Live no beats until `resume`."""
        self._mind.remember("paused", value=True)

    def resume(self) -> None:
        """Live beats again; one is due at once where its time passed."""
        self._mind.remember("paused", value=False)

    def _time(self, name: str) -> datetime | None:
        stored = self._mind.recall(name)
        return None if stored is None else parse_rfc3339(str(stored))
