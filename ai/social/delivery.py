"""Sends what is due: hold, send, mark; what a crash cut short is taken up first."""

from datetime import timedelta

from ai.clock import Clock
from ai.credit_tracker.records import NotAffordable
from ai.ledger.errors import LedgerError
from ai.ledger.money import nanos
from ai.settings import Settings
from ai.social.account import XAccount
from ai.social.pace import PostPace
from ai.social.post import Post, PostState
from ai.social.post_payments import PostPayments
from ai.social.reaching import reach
from ai.social.rows import OutboxRows, RequestEnd
from ai.social.text import has_link
from ai.social.transitions import ATTEMPTS_WHILE_LATER, PostTransitions
from ai.social.x import Answer, X, XResult

SENT_A_RUN = 5  # posts one delivery sends at most: a beat waits for it
STALE_AFTER = timedelta(days=2)  # news older than this is not news
NO_MONEY_WAIT = timedelta(hours=1)


class Delivery:
    """One sending at a time, by one process: the daemon, or a command that has its lock."""

    def __init__(  # noqa: PLR0913, PLR0917 - the rooms it joins, each by its name
        self,
        rows: OutboxRows,
        marks: PostTransitions,
        books: PostPayments,
        account: XAccount,
        pace: PostPace,
        clock: Clock,
        settings: Settings,
        x: X | None,
    ) -> None:
        self._rows = rows
        self._marks = marks
        self._books = books
        self._account = account
        self._pace = pace
        self._clock = clock
        self._settings = settings
        self._x = x

    async def recover(self) -> None:
        """Take up what a crash cut short: nothing is sent again before it was asked for."""
        for call in self._rows.calls_under_way():
            post = self._rows.get(call.tweet)
            with self._rows.transaction():
                if call.kind == "read":
                    self._rows.end_call(call.id, RequestEnd.CAPTURED, call.held_nanos)  # X may have charged all of it
                elif post is not None and post.state is PostState.SENDING:
                    self._rows.end_call(call.id, RequestEnd.UNKNOWN)
                    self._marks.unknown(post, "this program stopped while it was being sent")
                else:
                    self._rows.end_call(call.id, RequestEnd.VOID)
            await self._books.book(call.id)
        await self._books.agree()

    async def send_due(self) -> None:
        """Send what is queued and due, oldest first, as far as pace, money and X allow."""
        for post in self._rows.due(PostState.QUEUED)[:SENT_A_RUN]:
            now = self._clock.now()
            if not post.approved and now - post.created_at > STALE_AFTER:
                self._marks.refuse(post, f"it waited for more than {STALE_AFTER.days} days and is stale")
            elif self._settings.tweets == "approve" and not post.approved:
                self._marks.await_approval(post)
            elif self._pace.next_at(now) > now:
                return
            elif self._x is None:
                self._marks.stand_on_timeline(post)
            elif self._account.obstacle(now) or not await self._send(post, self._x):
                return

    async def _send(self, post: Post, x: X) -> bool:
        """Hold, send and mark one post; return whether a further one may follow now."""
        price = price_of(post.text, self._settings)
        try:
            call_id = await self._books.hold(post, "post", price)
        except NotAffordable as refusal:
            self._marks.wait(post, str(refusal), NO_MONEY_WAIT)
            return True  # a cheaper one may fit
        except LedgerError as error:
            self._marks.wait(post, str(error), NO_MONEY_WAIT)
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
            answer = Answer(XResult.NOT_SENT, detail=str(error))
        else:
            answer = await reach(lambda: x.post(post.text))
        await self._mark(post, call_id, answer)
        return answer.outcome is XResult.DONE

    async def _mark(self, post: Post, call_id: str, answer: Answer) -> None:
        """Write down what became of a request that left, post and money in one, then tell the purse."""
        match answer.outcome:
            case XResult.DONE:
                self._marks.posted(post, call_id, answer.remote_id, None)
                self._account.took()
            case XResult.DUPLICATE if post.doubted:  # an earlier sending, which the timeline did not show, did arrive
                self._marks.posted(post, call_id, None, answer.detail)
            case XResult.UNKNOWN:
                with self._rows.transaction():
                    self._rows.end_call(call_id, RequestEnd.UNKNOWN)
                    self._marks.unknown(post, answer.detail)
            case XResult.NOT_SENT:
                self._marks.again(post, call_id, RequestEnd.VOID, answer.detail)
            case XResult.RATE_LIMITED:
                if answer.retry_at is not None:
                    self._account.rate_limited(answer.detail, answer.retry_at)
                self._marks.again(post, call_id, RequestEnd.REFUSED, answer.detail, most=ATTEMPTS_WHILE_LATER)
            case XResult.ACCOUNT:
                self._account.refused(answer.detail)
                self._marks.again(post, call_id, RequestEnd.REFUSED, answer.detail)
            case XResult.DUPLICATE | XResult.REFUSED:
                with self._rows.transaction():
                    self._rows.end_call(call_id, RequestEnd.REFUSED)
                    self._marks.refuse(post, answer.detail)
        await self._books.book(call_id)


def price_of(text: str, settings: Settings) -> int:
    """Return what X charges for this text, in nano-dollars; in doubt about a link, the dearer price."""
    return nanos(settings.tweet_with_url_price_usd if has_link(text) else settings.tweet_price_usd)
