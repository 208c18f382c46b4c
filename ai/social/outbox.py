"""The outbox: takes a post or says why not, and delivers what is due; every path to a network leads through here."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

from ai.clock import Clock, rfc3339
from ai.credit_tracker import CreditTracker
from ai.ledger.money import usd9
from ai.mind.database import MindDatabase
from ai.mind.journal import Journal
from ai.mind.redaction import Redactor
from ai.settings import Settings
from ai.social.account import NetworkAccount
from ai.social.network import Network
from ai.social.outcome_check import OutcomeCheck
from ai.social.pace import PostPace
from ai.social.post import Delivery, Post, PostRefusal, PostState
from ai.social.post_payments import PostPayments
from ai.social.reaching import reach_for_rules
from ai.social.request_rows import RequestRows
from ai.social.rows import OutboxRows
from ai.social.sending import Channel, Desk, Sending
from ai.social.text import clean
from ai.social.transitions import DeliveryTransitions

OWN_WISH = "action"  # a post the mind wishes for; births and deaths are told in any case
WAITING_AT_MOST = 20  # posts in the outbox that did not leave: more could not leave within their two days
APPEAL_OF_A_WISH = 4.0  # of 1 for any draft: the mind chose this one of many; only a clear waste is refused
WISH_AGAIN = timedelta(hours=1)  # while an earlier wish waits for a person, for X or for money
COMPARED = 100  # last posts that a new one must differ from
TOLD_CHARS = 280  # of a refused text in the journal

NearSame = Callable[[str, Sequence[str]], Awaitable[str | None]]  # a text and others: which says nearly the same


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
        tracker: CreditTracker,
        journal: Journal,
        clock: Clock,
        settings: Settings,
        networks: Sequence[Network],
        *,
        near: NearSame | None = None,
        worth: Worth | None = None,
        new_id: Callable[[], str] = lambda: secrets.token_hex(12),
    ) -> None:
        """Join the rooms; `networks` from `ai.social.open_networks`. Without `near` only the very same is refused.

        `worth` is the rule of what a dollar is worth this month (`Rotation.worth_posting`); None: money decides alone.
        """
        if not networks:
            raise ValueError("an outbox needs a network at least; open them with ai.social.open_networks")
        self._rows = OutboxRows(mind, clock)
        self._tracker = tracker
        self._journal = journal
        self._clock = clock
        self._settings = settings
        self._redact = Redactor(settings.secrets())
        self._near = near
        self._worth = worth
        self._new_id = new_id
        self._pace = PostPace(self._rows, settings)
        self._channels = {
            network.name: Channel(network, NetworkAccount(network, mind, journal, clock, settings))
            for network in networks
        }
        requests = RequestRows(mind, clock)
        marks = DeliveryTransitions(self._rows, requests, journal, clock)
        desk = Desk(self._rows, requests, marks, PostPayments(requests, tracker, new_id), clock)
        ways_out: Mapping[str, Channel] = self._channels if self._leaves else {}  # the one gate: no way, no post
        self._asking = OutcomeCheck(desk, ways_out)
        self._sending = Sending(desk, self._pace, settings, ways_out)
        self._one_at_a_time = asyncio.Lock()

    @property
    def _leaves(self) -> bool:
        return self._settings.tweets != "dry-run"

    def compare_by(self, near: NearSame) -> None:
        """Compare posts in this way from now on."""
        self._near = near

    async def queue(self, text: str, *, source: str, life: int | None, beat: int | None = None) -> Post | PostRefusal:
        """Write a post down (`source`: birth, action or death), or say in one line why not; sends nothing.

        The same birth or death again is the same post. What the mind wishes for itself (`action`) must also be
        different from its last posts, affordable, and not before the gap and the day's number allow it.
        """
        text = clean(text)
        if source != OWN_WISH:
            same = self._rows.said_before(text)
            if same is not None and (same.source, same.life) == (source, life):
                return same
        addressed = self._addressed(text, source)
        problem = self._problem(text, addressed)
        if problem is None and source == OWN_WISH:
            problem = await self._problem_with_wish(text, addressed)
        if problem is not None:
            if source != OWN_WISH:  # a wish's refusal is told as the action's
                self._journal.append("post.refused", id=None, text=self._redact(text)[:TOLD_CHARS], problem=problem)
            return PostRefusal(problem)
        return self._write(text, addressed, source=source, life=life, beat=beat)

    def _write(
        self, text: str, addressed: Mapping[str, str | None], *, source: str, life: int | None, beat: int | None
    ) -> Post:
        """Write a post down with its deliveries; `addressed` says for each network what keeps the post from it."""
        waits = self._settings.tweets == "approve"
        state = PostState.AWAITING_APPROVAL if waits else PostState.QUEUED
        with self._rows.transaction():
            post_id = self._rows.add(text, source=source, life=life, beat=beat)
            for name, problem in addressed.items():
                price = self._channels[name].network.price_nanos(text) if self._leaves and problem is None else 0
                self._rows.address(
                    post_id,
                    name,
                    self._new_id(),
                    state=state if problem is None else PostState.REFUSED,
                    price_nanos=price,
                    problem=problem,
                )
            self._journal.append(
                "post.awaiting_approval" if waits else "post.queued", id=post_id, text=text, source=source
            )
            return self._known(post_id)

    async def deliver_due(self) -> None:
        """Take up what a crash left, ask about posts of unknown outcome, and send what may be sent now."""
        async with self._one_at_a_time:
            if self._leaves:
                await asyncio.gather(*(reach_for_rules(channel.network) for channel in self._channels.values()))
            await self._sending.recover()
            await self._asking.ask_due()
            await self._sending.send_due()

    def approve(self, post_id: int) -> Post | PostRefusal:
        """Release a waiting post; it leaves at the next delivery."""
        post = self._rows.get(post_id)
        waiting = _in(post, PostState.AWAITING_APPROVAL)
        if post is None or not waiting:
            return PostRefusal(self._not_waiting(post_id, post))
        with self._rows.transaction():
            self._journal.append("post.approved", id=post_id, text=post.text)
            self._rows.approve(post_id)
            for delivery in waiting:
                self._rows.change(delivery.id, state=PostState.QUEUED, due_at=self._clock.now())
        return self._known(post_id)

    def refuse(self, post_id: int) -> Post | PostRefusal:
        """Keep a waiting post from ever leaving."""
        post = self._rows.get(post_id)
        waiting = _in(post, PostState.AWAITING_APPROVAL, PostState.QUEUED)
        if post is None or not waiting:
            return PostRefusal(self._not_waiting(post_id, post))
        problem = "a person refused it"
        with self._rows.transaction():
            self._journal.append("post.refused", id=post_id, text=post.text, problem=problem)
            for delivery in waiting:
                self._rows.change(delivery.id, state=PostState.REFUSED, problem=problem, price_nanos=0, due_at=None)
        return self._known(post_id)

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

    def closed(self, now: datetime) -> dict[str, str]:
        """Return the networks that take nothing at `now`, each with one line that says why."""
        found = {name: channel.account.obstacle(now) for name, channel in self._channels.items()}
        return {name: obstacle for name, obstacle in found.items() if obstacle is not None}

    def left_today(self, now: datetime) -> int:
        """Return how many posts the day of `now` has left, dry runs counted."""
        return self._pace.left_today(now)

    def next_at(self, now: datetime) -> datetime:
        """Return when the mind may wish for a post again; `now` or earlier: it may at `now`.

        Not before pace and X allow one, and not while an earlier wish waits: the mind is not asked for what would be
        refused.
        """
        waits = [post for post in self._rows.waiting() if post.source == OWN_WISH]
        opens = [self._opens_at(name, now) for name in self._channels]
        return max(min(opens), now + WISH_AGAIN) if waits else min(opens)

    def _opens_at(self, name: str, now: datetime) -> datetime:
        """Return when a network takes the next post, as far as pace and its account decide."""
        return max(self._pace.next_at(now, name), self._channels[name].account.until(now) or now)

    def _addressed(self, text: str, source: str) -> dict[str, str | None]:
        """Return for each network what is wrong with the text there, or None; a wish also needs the account's ear."""
        closed = self.closed(self._clock.now()) if source == OWN_WISH and self._leaves else {}
        found: dict[str, str | None] = {}
        for name, channel in self._channels.items():
            shut = f"{channel.network.title} takes no posts now: {closed[name]}" if name in closed else None
            found[name] = channel.network.problem(text) or shut
        return found

    def _problem(self, text: str, addressed: Mapping[str, str | None]) -> str | None:
        """Return what is wrong with any post of this text, or None."""
        if not text or not any(c.isprintable() and not c.isspace() for c in text):
            return "the post is empty; write what you want to say"
        if None not in addressed.values():
            return "; ".join(dict.fromkeys(problem for problem in addressed.values() if problem is not None))
        if self._redact(text) != text:
            return "the post holds one of this installation's secrets; leave it out"
        if self._rows.said_before(text) is not None:
            return "the same was posted before; say something new"
        waiting = len(self._rows.waiting())
        if waiting >= WAITING_AT_MOST:
            return f"{waiting} posts wait in the outbox already; wait until they have left"
        return None

    async def _problem_with_wish(self, text: str, addressed: dict[str, str | None]) -> str | None:
        """Return what stands against a post the mind wishes for, or None; drop networks that cost too much."""
        if self._settings.tweets_per_day == 0:
            return "posting is off here (TWEETS_PER_DAY=0); keep the thought with remember"
        waiting = [post for post in self._rows.waiting() if post.source == OWN_WISH]
        if waiting:
            return f"{waiting[0].told()}; wait for it before you post again"
        now = self._clock.now()
        next_at = min(self._pace.next_at(now, name) for name in self._channels)
        if next_at > now:
            return f"the next post may leave at {next_at:%Y-%m-%d %H:%M} UTC; keep the thought until then"
        near = None if self._near is None else await self._near(text, self._rows.texts(COMPARED))
        if near is not None:
            return f"this says nearly the same as an earlier post ({near[:80]!r}); say something new"
        return await self._problem_with_paying(text, addressed) if self._leaves else None

    async def _problem_with_paying(self, text: str, addressed: dict[str, str | None]) -> str | None:
        """Return why no network would be paid for this post now, or None; say of each that is too dear why."""
        balance = await self._tracker.balance()
        if balance.away is None and balance.posts_left < 1:
            return "no post is left for today; keep the thought until tomorrow"
        left = balance.available
        for name in [name for name, problem in addressed.items() if problem is None]:
            price = self._channels[name].network.price_nanos(text)
            if price == 0:
                continue
            if balance.away is None and left < price:
                kept = f"${usd9(left)} is left until {balance.resets_at:%d %B}"
                addressed[name] = f"a post costs ${usd9(price)} and {kept}"
            elif self._worth is not None and not await self._worth(price, appeal=APPEAL_OF_A_WISH):
                addressed[name] = (
                    f"a post costs ${usd9(price)}, and what is left this month does more as thoughts; "
                    "keep it with remember"
                )
            else:
                left -= price
        return None if None in addressed.values() else next(iter(addressed.values()))

    def _known(self, post_id: int) -> Post:
        post = self._rows.get(post_id)
        if post is None:
            raise KeyError(f"there is no post {post_id}")
        return post

    def _not_waiting(self, post_id: int, post: Post | None) -> str:
        if post is None:
            return f"there is no post {post_id}; `genesis tweets` lists them"
        return f"post {post_id} is {post.state}, and does not wait for a decision"


def _in(post: Post | None, *states: PostState) -> list[Delivery]:
    return [] if post is None else [delivery for delivery in post.deliveries if delivery.state in states]


def table(posts: Sequence[Post]) -> list[dict[str, Any]]:
    """Return posts as `tweets --json` shows them (CONTRACT §3), with each delivery beside."""
    return [
        {
            "id": post.id,
            "text": post.text,
            "state": post.state.value,
            "remote_id": post.remote_id,
            "price": usd9(post.price_nanos),
            "created_at": rfc3339(post.created_at),
            "posted_at": None if post.posted_at is None else rfc3339(post.posted_at),
            "deliveries": [
                {
                    "network": one.network,
                    "state": one.state.value,
                    "remote_id": one.remote_id,
                    "price": usd9(one.price_nanos),
                    "posted_at": None if one.posted_at is None else rfc3339(one.posted_at),
                    "problem": one.problem,
                }
                for one in post.deliveries
            ],
        }
        for post in posts
    ]
