"""What a delivery's row and the journal say after each step: delivery, request and event change together."""

from datetime import timedelta

from ai.clock import Clock
from ai.mind.journal import Journal
from ai.social.network import Network
from ai.social.post import Delivery, Post, PostState
from ai.social.request_rows import RequestEnd, RequestRows
from ai.social.rows import OutboxRows

ATTEMPTS = 8  # requests for one delivery in its life
ATTEMPTS_WHILE_LATER = 48  # where the network says "later": not never, so long as the post is not stale
SEND_AGAIN = (1, 5, 15, 60)  # minutes, where the network could not be reached
WAIT_BEFORE_ASKING = timedelta(minutes=2)  # a network may still be publishing a post whose connection broke


class DeliveryTransitions:
    """Writes down where the delivery of a post stands."""

    def __init__(self, rows: OutboxRows, requests: RequestRows, journal: Journal, clock: Clock) -> None:
        self._rows = rows
        self._requests = requests
        self._journal = journal
        self._clock = clock

    def posted(self, post: Post, delivery: Delivery, call_id: str, remote_id: str | None, note: str | None) -> None:
        """Note that a request published the post: its hold is what it cost, and the rest is history."""
        with self._rows.transaction():
            request = self._requests.get(call_id)
            cost = request.held_nanos if request is not None else delivery.price_nanos
            self._requests.end(call_id, RequestEnd.CAPTURED, cost)
            self._rows.change(
                delivery.id,
                state=PostState.POSTED,
                remote_id=remote_id,
                price_nanos=cost,
                posted_at=delivery.sent_at or self._clock.now(),
                due_at=None,
                problem=note,
            )
            self._tell("posted", post, delivery, remote_id=remote_id, price_nanos=cost, source=post.source)

    def again(  # noqa: PLR0913 - what is known of an attempt, each by its name
        self,
        post: Post,
        delivery: Delivery,
        call_id: str,
        fate: RequestEnd,
        problem: str,
        *,
        most: int = ATTEMPTS,
    ) -> None:
        """Put a delivery that the network did not take back into the queue; after `most` attempts it is given up."""
        with self._rows.transaction():
            self._requests.end(call_id, fate)
            if delivery.attempts >= most:
                self.refuse(post, delivery, f"given up after {delivery.attempts} attempts; the last: {problem}")
                return
            minutes = SEND_AGAIN[min(delivery.attempts, len(SEND_AGAIN)) - 1]
            self.wait(post, delivery, problem, timedelta(minutes=minutes))

    def again_at_once(self, post: Post, delivery: Delivery, network: Network) -> None:
        """Send again what the network does not have; from now on a "duplicate" means that it is there."""
        if delivery.attempts >= ATTEMPTS:
            problem = f"{network.title} did not publish it in {delivery.attempts} attempts"
            self.refuse(post, delivery, problem)
            return
        with self._rows.transaction():
            self._rows.change(delivery.id, state=PostState.QUEUED, due_at=self._clock.now(), problem=None, doubted=1)
            self._tell("waiting", post, delivery, problem=f"{network.title} does not have it; it is sent again")

    def wait(self, post: Post, delivery: Delivery, problem: str, delay: timedelta) -> None:
        """Leave a delivery in the queue for `delay`."""
        due = self._clock.now() + delay
        with self._rows.transaction():
            self._rows.change(delivery.id, state=PostState.QUEUED, problem=problem, due_at=due)
            if problem != delivery.problem:
                self._tell("waiting", post, delivery, problem=problem)

    def unknown(self, post: Post, delivery: Delivery, problem: str) -> None:
        """Note that nobody knows whether the post is published; the network is asked a little later."""
        now = self._clock.now()
        due = min(delivery.sent_at or now, now) + WAIT_BEFORE_ASKING
        with self._rows.transaction():
            self._rows.change(delivery.id, state=PostState.UNKNOWN, problem=problem, asked=0, due_at=due)
            self._tell("unknown", post, delivery, problem=problem)

    def given_up(self, post: Post, delivery: Delivery, problem: str) -> None:
        """Note that nobody will ever know whether the post is published; it is not sent again."""
        with self._rows.transaction():
            self._rows.change(delivery.id, due_at=None, problem=problem)
            self._tell("unknown", post, delivery, problem=problem)

    def refuse(self, post: Post, delivery: Delivery, problem: str) -> None:
        """Note that a post will not leave for this network."""
        with self._rows.transaction():
            self._rows.change(delivery.id, state=PostState.REFUSED, problem=problem, price_nanos=0, due_at=None)
            self._tell("refused", post, delivery, problem=problem)

    def await_approval(self, post: Post, delivery: Delivery) -> None:
        """Leave a delivery to the decision of a person."""
        with self._rows.transaction():
            self._rows.change(delivery.id, state=PostState.AWAITING_APPROVAL, due_at=None)
            self._tell("awaiting_approval", post, delivery)

    def stand_on_timeline(self, post: Post, delivery: Delivery) -> None:
        """Note that a post ended in the local timeline; told once, whatever networks it was for."""
        now = self._clock.now()
        told = any(other.state is PostState.DRY_RUN for other in post.deliveries)
        with self._rows.transaction():
            self._rows.change(
                delivery.id, state=PostState.DRY_RUN, sent_at=now, posted_at=now, price_nanos=0, due_at=None
            )
            if not told:
                self._journal.append("post.dry_run", id=post.id, text=post.text, source=post.source)

    def _tell(self, what: str, post: Post, delivery: Delivery, **data: object) -> None:
        self._journal.append(f"post.{what}", id=post.id, network=delivery.network, text=post.text, **data)
