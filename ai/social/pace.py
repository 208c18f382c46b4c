"""When the next post may leave: the gap between two posts, counted from timestamps, and the day's number."""

from datetime import datetime, timedelta

from ai.clock import Clock
from ai.settings import Settings
from ai.social.rows import OutboxRows


class PostPace:
    """TWEET_MIN_GAP_SECONDS and TWEETS_PER_DAY (UTC), from the outbox's own times; the purse counts the day again."""

    def __init__(self, rows: OutboxRows, clock: Clock, settings: Settings) -> None:
        self._rows = rows
        self._clock = clock
        self._gap = timedelta(seconds=settings.tweet_min_gap_seconds)
        self._a_day = settings.tweets_per_day

    def next_at(self) -> datetime:
        """Return when the next post may leave; now or earlier where it may leave now.

        A clock that was set back silences posts for one gap at most.
        """
        now = self._clock.now()
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        last = self._rows.last_out()
        after_gap = now if last is None else min(last + self._gap, now + self._gap)
        tomorrow = midnight + timedelta(days=1)
        if self._a_day == 0 or self._rows.out_between(midnight, tomorrow) >= self._a_day:
            return max(after_gap, tomorrow)
        return after_gap
