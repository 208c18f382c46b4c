"""Asks a network about posts whose outcome nobody knows, before anything is sent again."""

from collections.abc import Mapping
from datetime import timedelta
from functools import partial

from ai.credit_tracker.records import NotAffordable
from ai.ledger.errors import LedgerError
from ai.social.network import Answer, Result
from ai.social.post import Delivery, Post, PostState
from ai.social.reaching import reach
from ai.social.request_rows import RequestEnd
from ai.social.sending import Channel, Desk, draft_of

ASKED_A_RUN = 5  # posts one run asks a network about at most: a beat waits for it
ASK_AGAIN = (2, 10, 60, 240, 720)  # minutes between askings that told nothing
GIVE_UP_AFTER = timedelta(hours=24)  # DESIGN: what stays unknown for a day is captured in full
MAX_LOOKS = 6  # requests of one asking; a network says itself when it is too busy to tell


class OutcomeCheck:
    """Settles deliveries of unknown outcome: there, not there, or never to be known."""

    def __init__(self, desk: Desk, channels: Mapping[str, Channel]) -> None:
        self._desk = desk
        self._channels = channels

    async def ask_due(self) -> None:
        """Ask about every delivery of unknown outcome whose time has come."""
        for network in self._desk.rows.networks_waiting():
            for delivery in self._desk.rows.due(PostState.UNKNOWN, network)[:ASKED_A_RUN]:
                post, channel = self._desk.rows.get(delivery.post), self._channels.get(network)
                if post is None:
                    continue
                if delivery.sent_at is not None and self._desk.clock.now() - delivery.sent_at >= GIVE_UP_AFTER:
                    await self._give_up(post, delivery)
                elif channel is not None:
                    await self._conclude(post, delivery, channel, await self._ask_about(post, delivery, channel))

    async def _ask_about(self, post: Post, delivery: Delivery, channel: Channel) -> Answer:
        """Return DONE, with the network's id where the post is there; UNKNOWN where that could not be told."""
        page: str | None = None
        for _ in range(MAX_LOOKS):
            answer = await self._look(post, delivery, channel, page)
            if answer.result is not Result.DONE:
                return Answer(Result.UNKNOWN, detail=answer.detail, retry_at=answer.retry_at)
            if answer.remote_id is not None or answer.next_page is None:
                return answer
            page = answer.next_page
        return Answer(Result.UNKNOWN, detail=f"{channel.network.title} has too much to look through")

    async def _look(self, post: Post, delivery: Delivery, channel: Channel, page: str | None) -> Answer:
        """Hold for one look, look, and book what it costs; never raises."""
        payments, requests = self._desk.payments, self._desk.requests
        most = channel.network.look_nanos(page)
        try:
            call_id = await payments.hold(post, delivery, "read", most)
        except (NotAffordable, LedgerError) as refusal:
            return Answer(Result.UNKNOWN, detail=str(refusal))
        try:
            await payments.leaving(call_id)
        except LedgerError as error:
            requests.end(call_id, RequestEnd.VOID)
            await payments.book(call_id)
            return Answer(Result.UNKNOWN, detail=str(error))
        answer = await reach(partial(channel.network.look, draft_of(post, delivery), page), channel.network.title)
        if answer.result is Result.DONE or answer.read:
            requests.end(call_id, RequestEnd.CAPTURED, requests.first_reads(answer.read))
        elif answer.result is Result.NOT_SENT:
            requests.end(call_id, RequestEnd.VOID)
        elif answer.result is Result.UNKNOWN:
            requests.end(call_id, RequestEnd.CAPTURED, most)  # nothing will ever tell what it cost
        else:
            requests.end(call_id, RequestEnd.REFUSED)
        await payments.book(call_id)
        if answer.result is Result.ACCOUNT:
            channel.account.refused(answer.detail)
        return answer

    async def _conclude(self, post: Post, delivery: Delivery, channel: Channel, found: Answer) -> None:
        calls = self._desk.requests.unknown(delivery.id)
        if found.result is Result.DONE and found.remote_id is not None:
            if calls:
                self._desk.marks.posted(post, delivery, calls[-1].id, found.remote_id, None)
        elif found.result is Result.DONE:
            with self._desk.rows.transaction():
                for call in calls:
                    self._desk.requests.end(call.id, RequestEnd.REFUSED)
                self._desk.marks.again_at_once(post, delivery, channel.network)
        else:
            minutes = ASK_AGAIN[min(delivery.asked, len(ASK_AGAIN) - 1)]
            due = found.retry_at or self._desk.clock.now() + timedelta(minutes=minutes)
            if delivery.sent_at is not None:
                due = min(due, delivery.sent_at + GIVE_UP_AFTER)
            self._desk.rows.change(delivery.id, asked=delivery.asked + 1, due_at=due, problem=found.detail)
        for call in calls:
            await self._desk.payments.book(call.id)

    async def _give_up(self, post: Post, delivery: Delivery) -> None:
        """After a day the price is booked in full, and the post stays unknown: a duplicate is never risked."""
        calls = self._desk.requests.unknown(delivery.id)
        problem = "nobody could say within a day whether it was published; it is not sent again"
        with self._desk.rows.transaction():
            for call in calls:
                self._desk.requests.end(call.id, RequestEnd.CAPTURED, call.held_nanos)
            self._desk.marks.given_up(post, delivery, problem)
        for call in calls:
            await self._desk.payments.book(call.id)
