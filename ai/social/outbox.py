"""The outbox: takes a post or says why not, and delivers what is due; every path to X leads through here."""

import asyncio
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Protocol

from ai.clock import Clock, rfc3339
from ai.ledger.money import usd9
from ai.mind.database import MindDatabase
from ai.mind.journal import Journal
from ai.settings import Settings
from ai.social.account import XAccount
from ai.social.delivery import Delivery, price_of
from ai.social.near import NearSame, same_letters
from ai.social.outcome_check import OutcomeCheck
from ai.social.pace import PostPace
from ai.social.post import Post, PostRefusal, PostState
from ai.social.post_payments import PostPayments, Purse
from ai.social.rows import OutboxRows
from ai.social.text import MAX_WEIGHT, clean, mention, weighted_length
from ai.social.transitions import PostTransitions
from ai.social.x import X

OWN_WISH = "action"  # a post the mind wishes for; births and deaths are told in any case
WAITING_AT_MOST = 20  # posts in the outbox that did not leave: more could not leave within their two days
APPEAL_OF_A_WISH = 4.0  # of 1 for any draft: the mind chose this one of many; only a clear waste is refused
WISH_AGAIN = timedelta(hours=1)  # while an earlier wish waits for a person, for X or for money
COMPARED = 100  # last posts that a new one must differ from
SECRET_CHARS = 8  # a configured secret shorter than this could be an ordinary word


class Worth(Protocol):
    """Says whether a draft is worth its price (publish when (3 - 1) × quality × appeal > λ × price)."""

    async def __call__(self, price_nanos: int, *, appeal: float) -> bool:
        """Return whether posting for `price_nanos` does more than the same money spent on thoughts."""
        ...


class Outbox:
    """Posts from the wish to their end. One per process; sends only in the process that has the daemon's lock."""

    def __init__(  # noqa: PLR0913, PLR0917 - the rooms it joins, each by its name
        self,
        mind: MindDatabase,
        tracker: Purse,
        journal: Journal,
        clock: Clock,
        settings: Settings,
        x: X | None,
        *,
        near: NearSame = same_letters,
        worth: Worth | None = None,
        new_id: Callable[[], str] = lambda: secrets.token_hex(12),
    ) -> None:
        """Join the rooms; `x` from `ai.social.open_x`, None only with TWEETS=dry-run. `near` compares posts.

        `worth` is the rule of what a dollar is worth this month (`Rotation.worth_posting`); None: money decides alone.
        """
        if x is None and settings.tweets != "dry-run":
            raise ValueError(f"TWEETS={settings.tweets} needs a client for X; open it with ai.social.open_x")
        self._rows = OutboxRows(mind, clock)
        self._tracker = tracker
        self._journal = journal
        self._clock = clock
        self._settings = settings
        self._near = near
        self._worth = worth
        self._pace = PostPace(self._rows, settings)
        self.account = XAccount(mind, journal, clock, settings)
        books = PostPayments(self._rows, tracker, new_id)
        marks = PostTransitions(self._rows, journal, clock)
        way_out = x if settings.tweets != "dry-run" else None  # the one gate: without a client nothing can leave
        self._asking = OutcomeCheck(self._rows, marks, books, self.account, journal, clock, settings, way_out)
        self._delivery = Delivery(self._rows, marks, books, self.account, self._pace, clock, settings, way_out)
        self._one_at_a_time = asyncio.Lock()

    def compare_by(self, near: NearSame) -> None:
        """Compare posts in this way from now on: embeddings are there only once a life is."""
        self._near = near

    async def queue(self, text: str, *, source: str, life: int | None, beat: int | None = None) -> Post | PostRefusal:
        """Write a post down (`source`: birth, action or death), or say in one line why not; sends nothing.

        The same birth or death again is the same post. What the mind wishes for itself (`action`) must also be
        different from its last posts, affordable, and not before the gap and the day's number allow it.
        """
        text = clean(text)
        if source != OWN_WISH:
            same = self._rows.same_letters(text)
            if same is not None and (same.source, same.life) == (source, life):
                return same
        problem = self._problem(text)
        if problem is None and source == OWN_WISH:
            problem = await self._problem_with_wish(text)
        if problem is not None:
            if source != OWN_WISH:  # a wish's refusal is told as the action's
                self._journal.append("post.refused", id=None, text=self._redacted(text)[:MAX_WEIGHT], problem=problem)
            return PostRefusal(problem)
        waits = self._settings.tweets == "approve"
        price = 0 if self._settings.tweets == "dry-run" else price_of(text, self._settings)
        state = PostState.AWAITING_APPROVAL if waits else PostState.QUEUED
        with self._rows.transaction():
            post = self._rows.add(text, source=source, life=life, beat=beat, state=state, price_nanos=price)
            self._journal.append(
                "post.awaiting_approval" if waits else "post.queued", id=post.id, text=text, source=source
            )
        return post

    async def deliver_due(self) -> None:
        """Take up what a crash left, ask about posts of unknown outcome, and send what may be sent now."""
        async with self._one_at_a_time:
            await self._delivery.recover()
            await self._asking.ask_due()
            await self._delivery.send_due()

    def approve(self, post_id: int) -> Post | PostRefusal:
        """Release a waiting post; it leaves at the next delivery."""
        post = self._rows.get(post_id)
        if post is None or post.state is not PostState.AWAITING_APPROVAL:
            return PostRefusal(self._not_waiting(post_id, post))
        with self._rows.transaction():
            self._journal.append("post.approved", id=post_id, text=post.text)
            return self._rows.change(post_id, state=PostState.QUEUED, approved=1, due_at=self._clock.now())

    def refuse(self, post_id: int) -> Post | PostRefusal:
        """Keep a waiting post from ever leaving."""
        post = self._rows.get(post_id)
        if post is None or post.state not in {PostState.AWAITING_APPROVAL, PostState.QUEUED}:
            return PostRefusal(self._not_waiting(post_id, post))
        problem = "a person refused it"
        with self._rows.transaction():
            self._journal.append("post.refused", id=post_id, text=post.text, problem=problem)
            return self._rows.change(post_id, state=PostState.REFUSED, problem=problem, price_nanos=0, due_at=None)

    def post(self, post_id: int) -> Post | None:
        """Return a post as it stands."""
        return self._rows.get(post_id)

    def last_of(self, life: int) -> Post | None:
        """Return the last post of a life, its birth's among them, or None."""
        return self._rows.last_of(life)

    def posts(self, limit: int = COMPARED) -> list[Post]:
        """Return the last posts, newest first."""
        return self._rows.newest(limit)

    def table(self, limit: int = COMPARED) -> list[dict[str, Any]]:
        """Return the last posts as `tweets --json` shows them (CONTRACT §3), newest first."""
        return table(self.posts(limit))

    def left_today(self, now: datetime) -> int:
        """Return how many posts the day of `now` has left, dry runs counted."""
        return self._pace.left_today(now)

    def next_at(self, now: datetime) -> datetime:
        """Return when the mind may wish for a post again; `now` or earlier: it may at `now`.

        Not before pace and X allow one, and not while an earlier wish waits: the mind is not asked for what would be
        refused.
        """
        waits = [post for post in self._rows.waiting() if post.source == OWN_WISH]
        times = [self._pace.next_at(now), self.account.until(now), now + WISH_AGAIN if waits else None]
        return max(when for when in times if when is not None)

    def _problem(self, text: str) -> str | None:
        """Return what is wrong with any post of this text, or None."""
        if not text or not any(c.isprintable() and not c.isspace() for c in text):
            return "the post is empty; write what you want to say"
        refused = _problem_for_x(text)
        if refused is not None:
            return refused
        if self._redacted(text) != text:
            return "the post holds one of this installation's secrets; leave it out"
        if self._rows.same_letters(text) is not None:
            return "the same was posted before; say something new"
        waiting = len(self._rows.waiting())
        if waiting >= WAITING_AT_MOST:
            return f"{waiting} posts wait in the outbox already; wait until they have left"
        return None

    async def _problem_with_wish(self, text: str) -> str | None:
        """Return what stands against a post the mind wishes for, or None."""
        if self._settings.tweets_per_day == 0:
            return "posting is off here (TWEETS_PER_DAY=0); keep the thought with remember"
        waiting = [post for post in self._rows.waiting() if post.source == OWN_WISH]
        if waiting:
            return f"{waiting[0].told()}; wait for it before you post again"
        now = self._clock.now()
        next_at = self._pace.next_at(now)
        if next_at > now:
            return f"the next post may leave at {next_at:%Y-%m-%d %H:%M} UTC; keep the thought until then"
        near = await self._near(text, self._rows.texts(COMPARED))
        if near is not None:
            return f"this says nearly the same as an earlier post ({near[:80]!r}); say something new"
        return None if self._settings.tweets == "dry-run" else await self._problem_with_paying(text)

    async def _problem_with_paying(self, text: str) -> str | None:
        """Return why X or the purse would not take this post now, or None."""
        obstacle = self.account.obstacle(self._clock.now())
        if obstacle is not None:
            return f"X takes no posts now: {obstacle}"
        balance, price = await self._tracker.balance(), price_of(text, self._settings)
        if balance.away is None and balance.available < price:
            return f"a post costs ${usd9(price)} and ${usd9(balance.available)} is left until {balance.resets_at:%d %B}"
        if balance.away is None and balance.posts_left < 1:
            return "no post is left for today; keep the thought until tomorrow"
        if self._worth is not None and not await self._worth(price, appeal=APPEAL_OF_A_WISH):
            return (
                f"a post costs ${usd9(price)}, and what is left this month does more as thoughts; keep it with remember"
            )
        return None

    def _redacted(self, text: str) -> str:
        for secret in self._settings.secrets():
            if len(secret) >= SECRET_CHARS:
                text = text.replace(secret, "…")
        return text

    def _not_waiting(self, post_id: int, post: Post | None) -> str:
        if post is None:
            return f"there is no post {post_id}; `genesis tweets` lists them"
        return f"post {post_id} is {post.state}, and does not wait for a decision"


def _problem_for_x(text: str) -> str | None:
    weight, named = weighted_length(text), mention(text)
    if weight > MAX_WEIGHT:
        return f"the post counts {weight:,} and X takes {MAX_WEIGHT} (emoji count 2, links 23); shorten it"
    if named is not None:
        return f"X may refuse a program's post that names others; write {named[1:]!r} without @"
    return None


def table(posts: list[Post]) -> list[dict[str, Any]]:
    """Return posts as `tweets --json` shows them (CONTRACT §3)."""
    return [
        {
            "id": post.id,
            "text": post.text,
            "state": post.state.value,
            "remote_id": post.remote_id,
            "price": usd9(post.price_nanos),
            "created_at": rfc3339(post.created_at),
            "posted_at": None if post.posted_at is None else rfc3339(post.posted_at),
        }
        for post in posts
    ]
