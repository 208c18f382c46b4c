"""What the mind perceives at the start of a beat: what this beat is for, what waits, and what may be said."""

from datetime import datetime, timedelta

from ai.asking import Purpose
from ai.clock import Clock
from ai.credit_tracker import Balance, Band, CreditTracker
from ai.life import Life
from ai.memory import clean
from ai.mind.database import MindDatabase
from ai.mind.journal import Journal
from ai.people import Letters
from ai.settings import Settings
from ai.social import Outbox

POST_CHARS = 300
WROTE, VISITED = "your caretaker wrote to you", "a visitor wrote to you"
DRAFTS_PER_POST = 2  # facts/pacing: eight drafts a day for four posts
SAID_FROM_NANOS = 5_000_000  # half a cent: less does not show in dollars and cents


class Senses:
    """Looks at purse, clock and mail; `band` is what it last saw of the purse."""

    def __init__(  # noqa: PLR0913 - the senses are where all rooms are looked at
        self,
        *,
        tracker: CreditTracker,
        mind: MindDatabase,
        journal: Journal,
        letters: Letters,
        outbox: Outbox,
        clock: Clock,
        settings: Settings,
    ) -> None:
        self._tracker = tracker
        self._mind = mind
        self._journal = journal
        self._letters = letters
        self._outbox = outbox
        self._clock = clock
        self._settings = settings
        self.band = Band.MODERATE

    async def occasion(self) -> tuple[Purpose, str]:
        """Return what this beat is for and why, and remember that it was met.

        A crisis is the first beat in the critical band or below; important are a message of the caretaker and the
        first beat of a UTC day; social is a beat in which a post could go out, a few times a day; else a thought.
        A letter of a visitor makes a thought of its own, and no dearer one: strangers must not choose who thinks.
        """
        balance = await self._tracker.balance()
        self.band = band = balance.band
        was = self._mind.recall("band_at_last_beat")
        self._mind.remember("band_at_last_beat", band.value)
        if band in {Band.CRITICAL, Band.BANKRUPT} and was not in {None, Band.CRITICAL.value, Band.BANKRUPT.value}:
            return Purpose.CRISIS, f"your budget is {band.value}"
        if self._letters.unread("caretaker", "donor"):
            return Purpose.IMPORTANT, WROTE
        now = self._clock.now()
        today = now.date().isoformat()
        if self._mind.recall("important_day") != today:
            self._mind.remember("important_day", today)
            return Purpose.IMPORTANT, "a new day begins"
        visited = self._letters.unread("visitor") > 0
        if not visited and self._may_post(balance, now) and self._draft_due(now):
            self._mind.remember("last_draft_at", now.timestamp())
            return Purpose.SOCIAL, "a post could go out now"
        return Purpose.THOUGHT, VISITED if visited else ""

    def _draft_due(self, now: datetime) -> bool:
        last = float(str(self._mind.recall("last_draft_at", 0)))
        gap = timedelta(days=1) / max(1, self._settings.tweets_per_day * DRAFTS_PER_POST)
        return abs(now.timestamp() - last) >= gap.total_seconds()

    def _may_post(self, balance: Balance, now: datetime) -> bool:
        return self._posts_left(balance, now) > 0 and self._outbox.next_at(now) <= now

    def _posts_left(self, balance: Balance, now: datetime) -> int:
        """Return what the purse and the outbox have left for today: dry runs cost nothing and count all the same."""
        return min(balance.posts_left, self._outbox.left_today(now))

    def cannot(self, balance: Balance, now: datetime) -> frozenset[str]:
        """Return the actions that would be refused now: a small mind chooses them all the same."""
        owed = self._letters.unread() or self._letters.unanswered(1)
        post = () if self._may_post(balance, now) else ("post_tweet",)
        return frozenset((*post, *(() if owed else ("reply",))))

    def unread(self) -> int:
        """Return how many letters wait."""
        return self._letters.unread()

    def posting_line(self, balance: Balance, now: datetime) -> str:
        """Return whether a post may go out now, or when."""
        left = self._posts_left(balance, now)
        if left <= 0:
            return "You have posted as often as you may today."
        if self._may_post(balance, now):
            return f"You may post now ({left} left today)."
        minutes = max(1, round((self._outbox.next_at(now) - now).total_seconds() / 60))
        return f"Your next post may go out in {minutes} minutes."

    def posted_line(self, life: Life) -> str | None:
        """Return what it said to the world last, and what became of it."""
        post = self._outbox.last_of(life.number)
        if post is None:
            return None
        which = "The post that told of your birth" if post.source == "birth" else "Your last post"
        return f"{which}: “{clean(post.text, POST_CHARS)}” ({post.told()})."


def purse_in_words(balance: Balance) -> str:
    """Return what the purse holds as a small mind is shown it, a thing to think about."""
    if balance.away is not None:
        return "Your purse is out of reach."
    return f"Your purse holds ${balance.available / 1e9:.2f} of ${(balance.granted + balance.donated) / 1e9:.2f}."


def budget_in_words(balance: Balance) -> str:
    """Return the month's money in one line for a model; dollars with cents, the runway where it is known."""
    if balance.away is not None:
        return "your purse is out of reach for the moment; you think on what is free"
    total = balance.granted + balance.donated
    runway = "" if balance.runway_days is None else f", enough for {balance.runway_days:.0f} days at this pace"
    held = "".join(
        f"; ${amount / 1e9:.2f} more is held {what}" for amount, what in balance.held_for if amount >= SAID_FROM_NANOS
    )
    return (
        f"${balance.available / 1e9:.2f} of ${total / 1e9:.2f} left this month ({balance.band.value}{runway}){held}; "
        f"renewed on {balance.resets_at:%d %B}"
    )
