"""What the mind perceives at the start of a beat: the occasion, and the scene put into words."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

from ai.asking import Purpose
from ai.clock import Clock
from ai.credit_tracker import Balance, Band, CreditTracker
from ai.life import Life
from ai.memory import Kind, Memory, clean
from ai.mind.database import MindDatabase
from ai.mind.journal import Journal
from ai.model_config import Model, Tier
from ai.prompts import render
from ai.settings import Settings
from ai.social import Post

THOUGHTS_SHOWN = 5  # enough not to repeat oneself; more crowds a small model's context of 4,096 tokens
DEEDS_SHOWN = 3
MEMORIES_SHOWN = 6
MEMORIES_RETRIEVED = 20  # what is shown apart from thoughts, and from insights to a small model, is among them
MEMORIES_IN_BRIEF = 2  # of an idle beat, which is to cost less
MEMORY_CHARS = 240
SELF_CHARS = 900
DRAFTS_PER_POST = 2  # facts/pacing: eight drafts a day for four posts
OCCASIONS = {
    Purpose.IMPORTANT: "This moment matters: {why}.",
    Purpose.CRISIS: "This is a crisis: {why}.",
    Purpose.SOCIAL: "You may say something to the world now, if you have something worth saying: post_tweet.",
    Purpose.THOUGHT: "",
}
NUDGES = (
    "Think the next thought.",
    "Look at something you have not looked at yet.",
    "Follow one of your thoughts a step further.",
    "Ask yourself a question you cannot answer yet.",
    "Connect two things that you remember.",
    "Be concrete: a thing, a place, a number.",
    "Disagree with your last thought.",
)


class Mailbox(Protocol):
    """Where messages of people wait to be read."""

    def unread(self) -> int:
        """Return how many wait."""
        ...


class PostOffice(Protocol):
    """What the senses know of posting; `ai.social.Outbox` is one."""

    def next_at(self, now: datetime) -> datetime:
        """Return when the next post may go out; `now` or earlier: it may at `now`."""
        ...

    def left_today(self, now: datetime) -> int:
        """Return how many posts the day of `now` has left, dry runs counted."""
        ...

    def last_of(self, life: int) -> Post | None:
        """Return the last post of a life, or None."""
        ...


def with_one_insight(memories: Sequence[Memory]) -> list[Memory]:
    """Return `memories` with the first insight alone: a small model copies several and says nothing else."""
    first = next((memory for memory in memories if memory.kind is Kind.REFLECTION), None)
    return [memory for memory in memories if memory is first or memory.kind is not Kind.REFLECTION]


def worded_for(model: Model | None, prompt: str) -> str:
    """Return the name of the wording of `prompt` that `model` understands best: small local models get few words."""
    return f"{prompt}_local" if model is not None and model.tier is Tier.LOCAL else prompt


class Senses:
    """Looks at purse, clock, memories and mail, and puts them into words; `band` is what it last saw of the purse."""

    def __init__(  # noqa: PLR0913 - the senses are where all rooms are looked at
        self,
        *,
        tracker: CreditTracker,
        mind: MindDatabase,
        journal: Journal,
        mailbox: Mailbox,
        posts: PostOffice,
        clock: Clock,
        settings: Settings,
    ) -> None:
        self._tracker = tracker
        self._mind = mind
        self._journal = journal
        self._mailbox = mailbox
        self._posts = posts
        self._clock = clock
        self._settings = settings
        self.band = Band.MODERATE

    async def occasion(self) -> tuple[Purpose, str]:
        """Return what this beat is for and why, and remember that it was met.

        A crisis is the first beat in the critical band or below; important are a message of the caretaker and the
        first beat of a UTC day; social is a beat in which a post could go out, a few times a day; else a thought.
        """
        balance = await self._tracker.balance()
        self.band = band = balance.band
        was = self._mind.recall("band_at_last_beat")
        self._mind.remember("band_at_last_beat", band.value)
        if band in {Band.CRITICAL, Band.BANKRUPT} and was not in {None, Band.CRITICAL.value, Band.BANKRUPT.value}:
            return Purpose.CRISIS, f"your budget is {band.value}"
        if self._mailbox.unread():
            return Purpose.IMPORTANT, "your caretaker wrote to you"
        now = self._clock.now()
        today = now.date().isoformat()
        if self._mind.recall("important_day") != today:
            self._mind.remember("important_day", today)
            return Purpose.IMPORTANT, "a new day begins"
        if self._may_post(balance, now) and self._draft_due(now):
            self._mind.remember("last_draft_at", now.timestamp())
            return Purpose.SOCIAL, "a post could go out now"
        return Purpose.THOUGHT, ""

    def _draft_due(self, now: datetime) -> bool:
        last = float(str(self._mind.recall("last_draft_at", 0)))
        gap = timedelta(days=1) / max(1, self._settings.tweets_per_day * DRAFTS_PER_POST)
        return abs(now.timestamp() - last) >= gap.total_seconds()

    def _may_post(self, balance: Balance, now: datetime) -> bool:
        return self._posts_left(balance, now) > 0 and self._posts.next_at(now) <= now

    def _posts_left(self, balance: Balance, now: datetime) -> int:
        """Return what the purse and the outbox have left for today: dry runs cost nothing and count all the same."""
        return min(balance.posts_left, self._posts.left_today(now))

    async def scene(self, life: Life, model: Model | None, purpose: Purpose, why: str, *, brief: bool = False) -> str:
        """Return the situation in words, what changes most last, so that a local model's cached prefix stays long.

        `brief` brings fewer memories: for a beat in which nothing new is to be expected.
        """
        memories_shown = MEMORIES_IN_BRIEF if brief else MEMORIES_SHOWN
        now, balance = self._clock.now(), await self._tracker.balance()
        thoughts = [memory.text for memory in life.memory.recent(THOUGHTS_SHOWN, Kind.THOUGHT)]
        about = why or (thoughts[-1] if thoughts else life.first_thought)
        memories = await life.memory.retrieve(about, MEMORIES_RETRIEVED)
        if model is not None and model.tier is Tier.LOCAL:
            memories = with_one_insight(memories)
        shown = [memory.text for memory in memories if memory.text not in thoughts][:memories_shown]
        return render(
            worded_for(model, "beat"),
            briefing=life.briefing,
            feeling=life.feeling,
            self_page=clean(life.self_page, SELF_CHARS),
            plan=clean(life.plan, SELF_CHARS),
            goals=[clean(goal, MEMORY_CHARS) for goal in life.goals],
            memories=[clean(text, MEMORY_CHARS) for text in shown],
            thoughts=[clean(text, MEMORY_CHARS) for text in thoughts],
            deeds=self._deeds(),
            weekday=now.strftime("%A"),
            now=now.strftime("%Y-%m-%d %H:%M"),
            age=age_in_words(now - life.born_at),
            beat=life.beats,
            life=life.number,
            budget=budget_in_words(balance),
            model="whoever answers" if model is None else f"a mind of intelligence {model.intelligence}/10",
            messages=self._mailbox.unread(),
            posting=self._posting_line(balance, now),
            posted=self._posted_line(life),
            mood=life.mood,
            purpose=purpose.value,
            why=why,
            occasion=OCCASIONS[purpose].format(why=why),
            nudge=NUDGES[life.beats % len(NUDGES)],
        )

    def _deeds(self) -> Sequence[str]:
        events = self._journal.before(None, DEEDS_SHOWN, {"action.performed", "action.refused"})
        return [
            clean(f"{event.data['action']}: {event.data['result']}", MEMORY_CHARS)
            for event in reversed(events)
            if "action" in event.data
        ]

    def _posting_line(self, balance: Balance, now: datetime) -> str:
        left = self._posts_left(balance, now)
        if left <= 0:
            return "You have posted as often as you may today."
        if self._may_post(balance, now):
            return f"You may post now ({left} left today)."
        minutes = max(1, round((self._posts.next_at(now) - now).total_seconds() / 60))
        return f"Your next post may go out in {minutes} minutes."

    def _posted_line(self, life: Life) -> str | None:
        post = self._posts.last_of(life.number)
        if post is None:
            return None
        which = "The post that told of your birth" if post.source == "birth" else "Your last post"
        return f"{which}: “{clean(post.text, MEMORY_CHARS)}” ({post.told()})."


def budget_in_words(balance: Balance) -> str:
    """Return the month's money in one line for a model; dollars with cents, the runway where it is known."""
    if balance.away is not None:
        return "your purse is out of reach for the moment; you think on what is free"
    total = balance.granted + balance.donated
    runway = "" if balance.runway_days is None else f", enough for {balance.runway_days:.0f} days at this pace"
    return (
        f"${balance.available / 1e9:.2f} of ${total / 1e9:.2f} left this month ({balance.band.value}{runway}); "
        f"renewed on {balance.resets_at:%d %B}"
    )


def age_in_words(age: timedelta) -> str:
    """Return an age the way people say it."""
    days, hours, minutes = age.days, age.seconds // 3600, age.seconds // 60
    if days:
        return f"{days} day{'s' if days != 1 else ''}"
    if hours:
        return f"{hours} hour{'s' if hours != 1 else ''}"
    return f"{minutes} minute{'s' if minutes != 1 else ''}"
