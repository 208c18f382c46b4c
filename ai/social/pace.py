"""When the next post may leave: the gap between two posts, counted from timestamps, and the day's number."""

from datetime import datetime, timedelta

from ai.settings import Settings
from ai.social.rows import OutboxRows


class PostPace:
    """TWEET_MIN_GAP_SECONDS and TWEETS_PER_DAY (UTC), from the outbox's own times; the purse counts the day again.

    The gap is kept on each network; a post that goes to several is one post of the day.
    """

    def __init__(self, rows: OutboxRows, settings: Settings) -> None:
        self._rows = rows
        self._gap = timedelta(seconds=settings.tweet_min_gap_seconds)
        self._a_day = settings.tweets_per_day

    def next_at(self, now: datetime, network: str | None = None, *, post: int | None = None) -> datetime:
        """Return when the next post may leave for a network (None: for all); `now` or earlier: it may at `now`.

        `now` is handed in, so that what it is compared with is the same look at the clock. `post` is the one that is to
        leave: the day has counted it already where another network has it. A clock that was ahead and is corrected
        silences posts for one gap at most.
        """
        self._rows.bring_back(now)
        last = self._rows.last_out(network)
        after_gap = now if last is None else last + self._gap
        if self.left_today(now, but=post) == 0:
            return max(after_gap, _midnight(now) + timedelta(days=1))
        return after_gap

    def left_today(self, now: datetime, *, but: int | None = None) -> int:
        """Return how many posts may still leave, or stand on the local timeline, on the UTC day of `now`."""
        midnight = _midnight(now)
        return max(0, self._a_day - self._rows.out_between(midnight, midnight + timedelta(days=1), but=but))


def _midnight(now: datetime) -> datetime:
    return now.replace(hour=0, minute=0, second=0, microsecond=0)
