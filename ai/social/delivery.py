"""Sends what is due: hold, send, mark; and where nobody knows what became of a post, asks before it sends again."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import TypeVar

from ai.clock import Clock
from ai.credit_tracker.records import NotAffordable
from ai.journal import Journal
from ai.ledger.errors import LedgerError
from ai.ledger.money import nanos
from ai.settings import Settings
from ai.social.account import XAccount
from ai.social.books import Books
from ai.social.pace import Pace
from ai.social.post import Post, PostState
from ai.social.rows import Fate, OutboxRows
from ai.social.text import has_link, same_post
from ai.social.x import TIMELINE_PAGE, USER_READ_FACTOR, Answer, Outcome, X

T = TypeVar("T")
SENT_A_RUN = 5  # posts one delivery sends at most: a beat waits for it
CALL_SECONDS = 60.0  # a request in all, beyond X's own time-outs: a server that drips bytes ends here
WAIT_BEFORE_ASKING = timedelta(minutes=2)  # X may still be publishing a post whose connection broke
ASK_AGAIN = (2, 10, 60, 240, 720)  # minutes between askings that told nothing
GIVE_UP_AFTER = timedelta(hours=24)  # DESIGN: what stays unknown for a day is captured in full
MAX_PAGES = 3  # of the timeline, an asking
CLOCKS_APART = timedelta(minutes=15)  # OAuth refuses more than five between X's clock and ours; thrice that
STALE_AFTER = timedelta(days=2)  # news older than this is not news
SEND_AGAIN = (1, 5, 15, 60)  # minutes, where X could not be reached
ATTEMPTS = 8  # requests for one post in its life
NO_MONEY_WAIT = timedelta(hours=1)


class Delivery:
    """One sending at a time, by one process: the daemon, or a command that has its lock."""

    def __init__(  # noqa: PLR0913, PLR0917 - the rooms it joins, each by its name
        self,
        rows: OutboxRows,
        books: Books,
        account: XAccount,
        pace: Pace,
        journal: Journal,
        clock: Clock,
        settings: Settings,
        x: X | None,
    ) -> None:
        self._rows = rows
        self._books = books
        self._account = account
        self._pace = pace
        self._journal = journal
        self._clock = clock
        self._settings = settings
        self._x = x if settings.tweets != "dry-run" else None  # the one gate: without a client nothing can leave

    async def recover(self) -> None:
        """Take up what a crash cut short: nothing is sent again before it was asked for."""
        for call in self._rows.calls_under_way():
            post = self._rows.get(call.tweet)
            with self._rows.transaction():
                if call.kind == "read":
                    self._rows.end_call(call.id, Fate.CAPTURED, call.held_nanos)  # X may have charged all of it
                elif post is not None and post.state is PostState.SENDING:
                    self._rows.end_call(call.id, Fate.UNKNOWN)
                    self._mark_unknown(post, "this program stopped while it was being sent")
                else:
                    self._rows.end_call(call.id, Fate.VOID)
            await self._books.book(call.id)
        await self._books.agree()

    async def send_due(self) -> None:
        """Send what is queued and due, oldest first, as far as pace, money and X allow."""
        for post in self._rows.due(PostState.QUEUED)[:SENT_A_RUN]:
            if not post.approved and self._clock.now() - post.created_at > STALE_AFTER:
                self._refuse(post, f"it waited for more than {STALE_AFTER.days} days and is stale")
            elif self._settings.tweets == "approve" and not post.approved:
                self._await_approval(post)
            elif self._pace.next_at() > self._clock.now():
                return
            elif self._x is None:
                self._stand_on_timeline(post)
            elif self._account.obstacle() or not await self._send(post, self._x):
                return

    async def _send(self, post: Post, x: X) -> bool:
        """Hold, send and mark one post; return whether a further one may follow now."""
        price = price_of(post.text, self._settings)
        try:
            call_id = await self._books.hold(post, "post", price)
        except NotAffordable as refusal:
            self._wait(post, str(refusal), NO_MONEY_WAIT)
            return True  # a cheaper one may fit
        except LedgerError as error:
            self._wait(post, str(error), NO_MONEY_WAIT)
            return False
        now = self._clock.now()
        post = self._rows.change(
            post.id,
            state=PostState.SENDING,
            price_nanos=price,
            attempts=post.attempts + 1,
            after_id=self._rows.last_remote_id() if post.attempts == 0 else post.after_id,
            sent_at=now,
            problem=None,
        )
        try:
            await self._books.leaving(call_id)
        except LedgerError as error:
            answer = Answer(Outcome.NOT_SENT, detail=str(error))
        else:
            answer = await self._in_thread(lambda: x.post(post.text))
        await self._mark(post, call_id, answer)
        return answer.outcome is Outcome.DONE

    async def _mark(self, post: Post, call_id: str, answer: Answer) -> None:
        """Write down what became of a request that left, post and money in one, then tell the purse."""
        match answer.outcome:
            case Outcome.DONE:
                self._posted(post, call_id, answer.remote_id, None)
                self._account.took()
            case Outcome.DUPLICATE if post.doubted:  # an earlier sending, which the timeline did not show, did arrive
                self._posted(post, call_id, None, answer.detail)
            case Outcome.UNKNOWN:
                with self._rows.transaction():
                    self._rows.end_call(call_id, Fate.UNKNOWN)
                    self._mark_unknown(post, answer.detail)
            case Outcome.NOT_SENT:
                self._again(post, call_id, Fate.VOID, answer.detail)
            case Outcome.RATE_LIMITED:
                if answer.retry_at is not None:
                    self._account.rate_limited(answer.detail, answer.retry_at)
                self._again(post, call_id, Fate.REFUSED, answer.detail)
            case Outcome.ACCOUNT:
                self._account.refused(answer.detail)
                self._again(post, call_id, Fate.REFUSED, answer.detail)
            case Outcome.DUPLICATE | Outcome.REFUSED:
                with self._rows.transaction():
                    self._rows.end_call(call_id, Fate.REFUSED)
                    self._refuse(post, answer.detail)
        await self._books.book(call_id)

    def _posted(self, post: Post, call_id: str, remote_id: str | None, note: str | None) -> None:
        with self._rows.transaction():
            call = self._rows.call(call_id)
            cost = call.held_nanos if call is not None else post.price_nanos
            self._rows.end_call(call_id, Fate.CAPTURED, cost)
            self._rows.change(
                post.id,
                state=PostState.POSTED,
                remote_id=remote_id,
                price_nanos=cost,
                posted_at=post.sent_at or self._clock.now(),
                due_at=None,
                problem=note,
            )
            self._journal.append(
                "post.posted", id=post.id, text=post.text, remote_id=remote_id, price_nanos=cost, source=post.source
            )

    def _again(self, post: Post, call_id: str, fate: Fate, problem: str) -> None:
        """Put a post that X did not take back into the queue, for later."""
        with self._rows.transaction():
            self._rows.end_call(call_id, fate)
            if post.attempts >= ATTEMPTS:
                self._refuse(post, f"given up after {post.attempts} attempts; the last: {problem}")
                return
            minutes = SEND_AGAIN[min(post.attempts, len(SEND_AGAIN)) - 1]
            self._wait(post, problem, timedelta(minutes=minutes))

    def _wait(self, post: Post, problem: str, delay: timedelta) -> None:
        due = self._clock.now() + delay
        self._rows.change(post.id, state=PostState.QUEUED, problem=problem, due_at=due)
        if problem != post.problem:
            self._journal.append("post.waiting", id=post.id, problem=problem)

    def _mark_unknown(self, post: Post, problem: str) -> None:
        sent = min(post.sent_at or self._clock.now(), self._clock.now())
        self._rows.change(post.id, state=PostState.UNKNOWN, problem=problem, asked=0, due_at=sent + WAIT_BEFORE_ASKING)
        self._journal.append("post.unknown", id=post.id, text=post.text, problem=problem)

    def _refuse(self, post: Post, problem: str) -> None:
        self._rows.change(post.id, state=PostState.REFUSED, problem=problem, price_nanos=0, due_at=None)
        self._journal.append("post.refused", id=post.id, text=post.text, problem=problem)

    def _await_approval(self, post: Post) -> None:
        self._rows.change(post.id, state=PostState.AWAITING_APPROVAL, due_at=None)
        self._journal.append("post.awaiting_approval", id=post.id, text=post.text)

    def _stand_on_timeline(self, post: Post) -> None:
        now = self._clock.now()
        self._rows.change(post.id, state=PostState.DRY_RUN, sent_at=now, posted_at=now, price_nanos=0, due_at=None)
        self._journal.append("post.dry_run", id=post.id, text=post.text, source=post.source)

    # --- posts whose outcome nobody knows ---------------------------------------------------------------
    async def ask_due(self) -> None:
        """Ask the timeline about every post of unknown outcome whose time has come."""
        for post in self._rows.due(PostState.UNKNOWN)[:SENT_A_RUN]:
            if post.sent_at is not None and self._clock.now() - post.sent_at >= GIVE_UP_AFTER:
                await self._give_up(post)
            elif self._x is not None:
                found = await self._ask_about(post, self._x)
                await self._conclude(post, found)

    async def _ask_about(self, post: Post, x: X) -> Answer:
        """Return DONE with the post's id where it is on the timeline, REFUSED where it is not, UNKNOWN otherwise."""
        user = await self._whose_timeline(post, x)
        if isinstance(user, Answer):
            return user
        page = None
        for _ in range(MAX_PAGES):
            answer = await self._read(post, partial(x.timeline, user, since_id=post.after_id, page=page), TIMELINE_PAGE)
            if answer.outcome is not Outcome.DONE:
                return Answer(Outcome.UNKNOWN, detail=answer.detail, retry_at=answer.retry_at)
            for seen in answer.posts:
                if same_post(post.text, seen.text):
                    return Answer(Outcome.DONE, remote_id=seen.id)
            oldest = min((seen.created_at for seen in answer.posts if seen.created_at), default=None)
            earlier = oldest is not None and post.sent_at is not None and oldest < post.sent_at - CLOCKS_APART
            if earlier or answer.next_page is None:
                return Answer(Outcome.REFUSED, detail="X's timeline does not have it")
            page = answer.next_page
        return Answer(Outcome.UNKNOWN, detail="the timeline is too busy to tell")

    async def _whose_timeline(self, post: Post, x: X) -> str | Answer:
        known = x.user_id or self._account.user_id
        if isinstance(known, str):
            return known
        answer = await self._read(post, x.me, USER_READ_FACTOR)
        if answer.outcome is not Outcome.DONE or answer.remote_id is None:
            return Answer(Outcome.UNKNOWN, detail=answer.detail)
        self._account.keep_user_id(answer.remote_id)
        return answer.remote_id

    async def _read(self, post: Post, request: Callable[[], Answer], most: int) -> Answer:
        """Hold for reading up to `most` posts' worth, read, and book what X charges; never raises."""
        price = nanos(self._settings.tweet_read_price_usd)
        try:
            call_id = await self._books.hold(post, "read", most * price)
        except (NotAffordable, LedgerError) as refusal:
            return Answer(Outcome.UNKNOWN, detail=str(refusal))
        try:
            await self._books.leaving(call_id)
        except LedgerError as error:
            self._rows.end_call(call_id, Fate.VOID)
            await self._books.book(call_id)
            return Answer(Outcome.UNKNOWN, detail=str(error))
        answer = await self._in_thread(request)
        if answer.outcome is Outcome.DONE:
            fresh = self._rows.first_reads(answer_resources(answer))
            cost = fresh * price if answer.remote_id is None else fresh * most * price
            self._rows.end_call(call_id, Fate.CAPTURED, cost)
        elif answer.outcome is Outcome.NOT_SENT:
            self._rows.end_call(call_id, Fate.VOID)
        elif answer.outcome is Outcome.UNKNOWN:
            self._rows.end_call(call_id, Fate.CAPTURED, most * price)  # nothing will ever tell what it cost
        else:
            self._rows.end_call(call_id, Fate.REFUSED)
        await self._books.book(call_id)
        if answer.outcome is Outcome.ACCOUNT:
            self._account.refused(answer.detail)
        return answer

    async def _conclude(self, post: Post, found: Answer) -> None:
        calls = self._rows.unknown_calls(post.id)
        if found.outcome is Outcome.DONE:
            if calls:
                self._posted(post, calls[-1].id, found.remote_id, None)
        elif found.outcome is Outcome.REFUSED:
            with self._rows.transaction():
                for call in calls:
                    self._rows.end_call(call.id, Fate.REFUSED)
                self._again_at_once(post)
        else:
            minutes = ASK_AGAIN[min(post.asked, len(ASK_AGAIN) - 1)]
            due = found.retry_at or self._clock.now() + timedelta(minutes=minutes)
            if post.sent_at is not None:
                due = min(due, post.sent_at + GIVE_UP_AFTER)
            self._rows.change(post.id, asked=post.asked + 1, due_at=due, problem=found.detail)
        for call in calls:
            await self._books.book(call.id)

    def _again_at_once(self, post: Post) -> None:
        if post.attempts >= ATTEMPTS:
            self._refuse(post, f"X did not publish it in {post.attempts} attempts")
            return
        self._rows.change(post.id, state=PostState.QUEUED, due_at=self._clock.now(), problem=None, doubted=1)
        self._journal.append("post.waiting", id=post.id, problem="X's timeline does not have it; it is sent again")

    async def _give_up(self, post: Post) -> None:
        """After a day the price is booked in full, and the post stays unknown: a duplicate is never risked."""
        calls = self._rows.unknown_calls(post.id)
        with self._rows.transaction():
            for call in calls:
                self._rows.end_call(call.id, Fate.CAPTURED, call.held_nanos)
            problem = "nobody could say within a day whether it was published; it is not sent again"
            self._rows.change(post.id, due_at=None, problem=problem)
            self._journal.append("post.unknown", id=post.id, text=post.text, problem=problem)
        for call in calls:
            await self._books.book(call.id)

    async def _in_thread(self, request: Callable[[], Answer]) -> Answer:
        try:
            return await asyncio.wait_for(asyncio.to_thread(request), CALL_SECONDS)
        except TimeoutError:
            return Answer(Outcome.UNKNOWN, detail=f"X did not finish its answer within {CALL_SECONDS:.0f} seconds")


def answer_resources(answer: Answer) -> list[str]:
    """Return what a read returned, by X's ids: each is charged once a UTC day."""
    return [f"user/{answer.remote_id}"] if answer.remote_id else [seen.id for seen in answer.posts]


def price_of(text: str, settings: Settings) -> int:
    """Return what X charges for this text, in nano-dollars; in doubt about a link, the dearer price."""
    return nanos(settings.tweet_with_url_price_usd if has_link(text) else settings.tweet_price_usd)
