"""Asks the timeline about posts whose outcome nobody knows, before anything is sent again."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from ai.clock import Clock
from ai.credit_tracker.records import NotAffordable
from ai.ledger.errors import LedgerError
from ai.ledger.money import nanos
from ai.mind.journal import Journal
from ai.settings import Settings
from ai.social.account import XAccount
from ai.social.post import Post, PostState
from ai.social.post_payments import PostPayments
from ai.social.reaching import reach
from ai.social.rows import OutboxRows, RequestEnd
from ai.social.text import same_post
from ai.social.transitions import PostTransitions
from ai.social.x import TIMELINE_PAGE, USER_READ_FACTOR, Answer, X, XResult

ASKED_A_RUN = 5  # posts one delivery asks about at most: a beat waits for it
ASK_AGAIN = (2, 10, 60, 240, 720)  # minutes between askings that told nothing
GIVE_UP_AFTER = timedelta(hours=24)  # DESIGN: what stays unknown for a day is captured in full
MAX_PAGES = 3  # of the timeline, an asking
CLOCKS_APART = timedelta(minutes=15)  # OAuth refuses more than five between X's clock and ours; thrice that


class OutcomeCheck:
    """Settles posts of unknown outcome: there, not there, or never to be known."""

    def __init__(  # noqa: PLR0913, PLR0917 - the rooms it joins, each by its name
        self,
        rows: OutboxRows,
        marks: PostTransitions,
        books: PostPayments,
        account: XAccount,
        journal: Journal,
        clock: Clock,
        settings: Settings,
        x: X | None,
    ) -> None:
        self._rows = rows
        self._marks = marks
        self._books = books
        self._account = account
        self._journal = journal
        self._clock = clock
        self._settings = settings
        self._x = x

    async def ask_due(self) -> None:
        """Ask the timeline about every post of unknown outcome whose time has come."""
        for post in self._rows.due(PostState.UNKNOWN)[:ASKED_A_RUN]:
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
            if answer.outcome is not XResult.DONE:
                return Answer(XResult.UNKNOWN, detail=answer.detail, retry_at=answer.retry_at)
            for seen in answer.posts:
                if same_post(post.text, seen.text):
                    return Answer(XResult.DONE, remote_id=seen.id)
            oldest = min((seen.created_at for seen in answer.posts if seen.created_at), default=None)
            if _past_it(post, oldest) or answer.next_page is None:
                return Answer(XResult.REFUSED, detail="X's timeline does not have it")
            page = answer.next_page
        return Answer(XResult.UNKNOWN, detail="the timeline is too busy to tell")

    async def _whose_timeline(self, post: Post, x: X) -> str | Answer:
        known = x.user_id or self._account.user_id
        if isinstance(known, str):
            return known
        answer = await self._read(post, x.me, USER_READ_FACTOR)
        if answer.outcome is not XResult.DONE or answer.remote_id is None:
            return Answer(XResult.UNKNOWN, detail=answer.detail)
        self._account.keep_user_id(answer.remote_id)
        return answer.remote_id

    async def _read(self, post: Post, request: Callable[[], Answer], most: int) -> Answer:
        """Hold for reading up to `most` posts' worth, read, and book what X charges; never raises."""
        price, own = nanos(self._settings.tweet_read_price_usd), nanos(self._settings.tweet_own_read_price_usd)
        try:
            call_id = await self._books.hold(post, "read", most * price)
        except (NotAffordable, LedgerError) as refusal:
            return Answer(XResult.UNKNOWN, detail=str(refusal))
        try:
            await self._books.leaving(call_id)
        except LedgerError as error:
            self._rows.end_call(call_id, RequestEnd.VOID)
            await self._books.book(call_id)
            return Answer(XResult.UNKNOWN, detail=str(error))
        answer = await reach(request)
        if answer.outcome is XResult.DONE:
            fresh = self._rows.first_reads(_resources(answer))
            cost = fresh * own if answer.remote_id is None else fresh * most * price
            self._rows.end_call(call_id, RequestEnd.CAPTURED, cost)
        elif answer.outcome is XResult.NOT_SENT:
            self._rows.end_call(call_id, RequestEnd.VOID)
        elif answer.outcome is XResult.UNKNOWN:
            self._rows.end_call(call_id, RequestEnd.CAPTURED, most * price)  # nothing will ever tell what it cost
        else:
            self._rows.end_call(call_id, RequestEnd.REFUSED)
        await self._books.book(call_id)
        if answer.outcome is XResult.ACCOUNT:
            self._account.refused(answer.detail)
        return answer

    async def _conclude(self, post: Post, found: Answer) -> None:
        calls = self._rows.unknown_calls(post.id)
        if found.outcome is XResult.DONE:
            if calls:
                self._marks.posted(post, calls[-1].id, found.remote_id, None)
        elif found.outcome is XResult.REFUSED:
            with self._rows.transaction():
                for call in calls:
                    self._rows.end_call(call.id, RequestEnd.REFUSED)
                self._marks.again_at_once(post)
        else:
            minutes = ASK_AGAIN[min(post.asked, len(ASK_AGAIN) - 1)]
            due = found.retry_at or self._clock.now() + timedelta(minutes=minutes)
            if post.sent_at is not None:
                due = min(due, post.sent_at + GIVE_UP_AFTER)
            self._rows.change(post.id, asked=post.asked + 1, due_at=due, problem=found.detail)
        for call in calls:
            await self._books.book(call.id)

    async def _give_up(self, post: Post) -> None:
        """After a day the price is booked in full, and the post stays unknown: a duplicate is never risked."""
        calls = self._rows.unknown_calls(post.id)
        with self._rows.transaction():
            for call in calls:
                self._rows.end_call(call.id, RequestEnd.CAPTURED, call.held_nanos)
            problem = "nobody could say within a day whether it was published; it is not sent again"
            self._rows.change(post.id, due_at=None, problem=problem)
            self._journal.append("post.unknown", id=post.id, text=post.text, problem=problem)
        for call in calls:
            await self._books.book(call.id)


def _past_it(post: Post, oldest: datetime | None) -> bool:
    """Say whether a timeline read back to `oldest` must have shown the post; no after a clock was put right."""
    if oldest is None or post.sent_at is None or post.sent_at < post.created_at:
        return False
    return oldest < post.sent_at - CLOCKS_APART


def _resources(answer: Answer) -> list[str]:
    """Return what a read returned, by X's ids: each is charged once a UTC day."""
    return [f"user/{answer.remote_id}"] if answer.remote_id else [seen.id for seen in answer.posts]
