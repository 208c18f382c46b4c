"""Sends what is due: hold, send, mark; what a crash cut short is taken up first."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from ai.clock import Clock
from ai.credit_tracker.records import NotAffordable
from ai.ledger.errors import LedgerError
from ai.settings import Settings
from ai.social.account import NetworkAccount
from ai.social.network import Answer, Draft, Network, Result
from ai.social.pace import PostPace
from ai.social.post import Delivery, Post, PostState
from ai.social.post_payments import PostPayments
from ai.social.reaching import reach
from ai.social.request_rows import RequestEnd, RequestRows
from ai.social.rows import OutboxRows
from ai.social.transitions import ATTEMPTS_WHILE_LATER, DeliveryTransitions

SENT_A_RUN = 5  # posts one run sends to a network at most: a beat waits for it
STALE_AFTER = timedelta(days=2)  # news older than this is not news
NO_MONEY_WAIT = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Channel:
    """The way out to a network, and whether it takes anything now."""

    network: Network
    account: NetworkAccount


@dataclass(frozen=True, slots=True)
class Desk:
    """What sending and asking write with."""

    rows: OutboxRows
    requests: RequestRows
    marks: DeliveryTransitions
    payments: PostPayments
    clock: Clock


def draft_of(post: Post, delivery: Delivery) -> Draft:
    """Return what a network is handed."""
    return Draft(
        post_id=post.id,
        text=post.text,
        key=delivery.key,
        source=post.source,
        life=post.life,
        written_at=post.created_at,
        sent_at=delivery.sent_at,
        after_id=delivery.after_id,
    )


class Sending:
    """One sending at a time, by one process: the daemon, or a command that has its lock."""

    def __init__(self, desk: Desk, pace: PostPace, settings: Settings, channels: Mapping[str, Channel]) -> None:
        """Take the ways out by network's name; with TWEETS=dry-run there are none, and nothing can leave."""
        self._desk = desk
        self._pace = pace
        self._settings = settings
        self._channels = channels

    async def recover(self) -> None:
        """Take up what a crash cut short: nothing is sent again before it was asked for."""
        requests, marks = self._desk.requests, self._desk.marks
        for request in requests.under_way():
            delivery = self._desk.rows.delivery(request.delivery)
            post = None if delivery is None else self._desk.rows.get(delivery.post)
            with self._desk.rows.transaction():
                if request.kind == "read":
                    requests.end(request.id, RequestEnd.CAPTURED, request.held_nanos)  # all of it may have been charged
                elif post is not None and delivery is not None and delivery.state is PostState.SENDING:
                    requests.end(request.id, RequestEnd.UNKNOWN)
                    marks.unknown(post, delivery, "this program stopped while it was being sent")
                else:
                    requests.end(request.id, RequestEnd.VOID)
            await self._desk.payments.book(request.id)
        await self._desk.payments.agree()

    async def send_due(self) -> None:
        """Send what is queued and due, as far as pace, money and networks allow; none waits for another."""
        for network in self._desk.rows.networks_waiting():
            for delivery in self._desk.rows.due(PostState.QUEUED, network)[:SENT_A_RUN]:
                post = self._desk.rows.get(delivery.post)
                if post is not None and not await self._let_go(post, delivery):
                    break

    async def _let_go(self, post: Post, delivery: Delivery) -> bool:
        """Bring one queued delivery on; return whether a further one may follow to its network now."""
        now, marks, dry = self._desk.clock.now(), self._desk.marks, self._settings.tweets == "dry-run"
        channel = self._channels.get(delivery.network)
        if not post.approved and now - post.created_at > STALE_AFTER:
            marks.refuse(post, delivery, f"it waited for more than {STALE_AFTER.days} days and is stale")
        elif channel is None and not dry:
            marks.refuse(post, delivery, f"{delivery.network} is not in NETWORKS any more")
        elif self._settings.tweets == "approve" and not post.approved:
            marks.await_approval(post, delivery)
        elif self._pace.next_at(now, delivery.network, post=post.id) > now:
            return False
        elif channel is None:
            marks.stand_on_timeline(post, delivery)
        else:
            return channel.account.obstacle(now) is None and await self._send(post, delivery, channel)
        return True

    async def _send(self, post: Post, delivery: Delivery, channel: Channel) -> bool:
        """Hold, send and mark one delivery; return whether a further one may follow now."""
        price = channel.network.price_nanos(post.text)
        marks, payments = self._desk.marks, self._desk.payments
        try:
            call_id = await payments.hold(post, delivery, "post", price)
        except NotAffordable as refusal:
            marks.wait(post, delivery, str(refusal), NO_MONEY_WAIT)
            return True  # a cheaper one may fit
        except LedgerError as error:
            marks.wait(post, delivery, str(error), NO_MONEY_WAIT)
            return False
        rows, first = self._desk.rows, delivery.attempts == 0
        delivery = rows.change(
            delivery.id,
            state=PostState.SENDING,
            price_nanos=price,
            attempts=delivery.attempts + 1,
            after_id=rows.last_remote_id(delivery.network) if first else delivery.after_id,
            sent_at=self._desk.clock.now(),
            problem=None,
        )
        try:
            await payments.leaving(call_id)
        except LedgerError as error:
            answer = Answer(Result.NOT_SENT, detail=str(error))
        else:
            answer = await reach(partial(channel.network.post, draft_of(post, delivery)), channel.network.title)
        await self._mark(post, delivery, call_id, answer, channel)
        return answer.result is Result.DONE

    async def _mark(self, post: Post, delivery: Delivery, call_id: str, answer: Answer, channel: Channel) -> None:
        """Write down what became of a request that left, post and money in one, then tell the purse."""
        marks = self._desk.marks
        match answer.result:
            case Result.DONE:
                marks.posted(post, delivery, call_id, answer.remote_id, None)
                channel.account.took()
            case Result.DUPLICATE if delivery.doubted:  # an earlier sending, which the network did not show, did arrive
                marks.posted(post, delivery, call_id, None, answer.detail)
            case Result.UNKNOWN:
                with self._desk.rows.transaction():
                    self._desk.requests.end(call_id, RequestEnd.UNKNOWN)
                    marks.unknown(post, delivery, answer.detail)
            case Result.NOT_SENT:
                marks.again(post, delivery, call_id, RequestEnd.VOID, answer.detail)
            case Result.RATE_LIMITED:
                if answer.retry_at is not None:
                    channel.account.rate_limited(answer.detail, answer.retry_at)
                marks.again(post, delivery, call_id, RequestEnd.REFUSED, answer.detail, most=ATTEMPTS_WHILE_LATER)
            case Result.ACCOUNT:
                channel.account.refused(answer.detail)
                marks.again(post, delivery, call_id, RequestEnd.REFUSED, answer.detail)
            case Result.DUPLICATE | Result.REFUSED:
                with self._desk.rows.transaction():
                    self._desk.requests.end(call_id, RequestEnd.REFUSED)
                    marks.refuse(post, delivery, answer.detail)
        await self._desk.payments.book(call_id)
