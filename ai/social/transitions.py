"""What a post's row and the journal say after each step: post, request and event change together."""

from datetime import timedelta

from ai.clock import Clock
from ai.mind.journal import Journal
from ai.social.post import Post, PostState
from ai.social.rows import OutboxRows, RequestEnd

ATTEMPTS = 8  # requests for one post in its life
ATTEMPTS_WHILE_LATER = 48  # where X says "later": not never, so long as the post is not stale
SEND_AGAIN = (1, 5, 15, 60)  # minutes, where X could not be reached
WAIT_BEFORE_ASKING = timedelta(minutes=2)  # X may still be publishing a post whose connection broke


class PostTransitions:
    """Writes down where a post stands."""

    def __init__(self, rows: OutboxRows, journal: Journal, clock: Clock) -> None:
        self._rows = rows
        self._journal = journal
        self._clock = clock

    def posted(self, post: Post, call_id: str, remote_id: str | None, note: str | None) -> None:
        """Note that a request published the post: its hold is what it cost, and the rest is history."""
        with self._rows.transaction():
            call = self._rows.call(call_id)
            cost = call.held_nanos if call is not None else post.price_nanos
            self._rows.end_call(call_id, RequestEnd.CAPTURED, cost)
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

    def again(self, post: Post, call_id: str, fate: RequestEnd, problem: str, *, most: int = ATTEMPTS) -> None:
        """Put a post that X did not take back into the queue, for later; after `most` attempts it is given up."""
        with self._rows.transaction():
            self._rows.end_call(call_id, fate)
            if post.attempts >= most:
                self.refuse(post, f"given up after {post.attempts} attempts; the last: {problem}")
                return
            minutes = SEND_AGAIN[min(post.attempts, len(SEND_AGAIN)) - 1]
            self.wait(post, problem, timedelta(minutes=minutes))

    def again_at_once(self, post: Post) -> None:
        """Send a post again that the timeline does not have; from now on a "duplicate" means that it is there."""
        if post.attempts >= ATTEMPTS:
            self.refuse(post, f"X did not publish it in {post.attempts} attempts")
            return
        with self._rows.transaction():
            self._rows.change(post.id, state=PostState.QUEUED, due_at=self._clock.now(), problem=None, doubted=1)
            self._journal.append("post.waiting", id=post.id, problem="X's timeline does not have it; it is sent again")

    def wait(self, post: Post, problem: str, delay: timedelta) -> None:
        """Leave a post in the queue for `delay`."""
        due = self._clock.now() + delay
        with self._rows.transaction():
            self._rows.change(post.id, state=PostState.QUEUED, problem=problem, due_at=due)
            if problem != post.problem:
                self._journal.append("post.waiting", id=post.id, problem=problem)

    def unknown(self, post: Post, problem: str) -> None:
        """Note that nobody knows whether the post is published; the timeline is asked a little later."""
        sent = min(post.sent_at or self._clock.now(), self._clock.now())
        with self._rows.transaction():
            self._rows.change(
                post.id, state=PostState.UNKNOWN, problem=problem, asked=0, due_at=sent + WAIT_BEFORE_ASKING
            )
            self._journal.append("post.unknown", id=post.id, text=post.text, problem=problem)

    def refuse(self, post: Post, problem: str) -> None:
        """Note that a post will not leave."""
        with self._rows.transaction():
            self._rows.change(post.id, state=PostState.REFUSED, problem=problem, price_nanos=0, due_at=None)
            self._journal.append("post.refused", id=post.id, text=post.text, problem=problem)

    def await_approval(self, post: Post) -> None:
        """Leave a post to the decision of a person."""
        with self._rows.transaction():
            self._rows.change(post.id, state=PostState.AWAITING_APPROVAL, due_at=None)
            self._journal.append("post.awaiting_approval", id=post.id, text=post.text)

    def stand_on_timeline(self, post: Post) -> None:
        """Note that a post ended in the local timeline."""
        now = self._clock.now()
        with self._rows.transaction():
            self._rows.change(post.id, state=PostState.DRY_RUN, sent_at=now, posted_at=now, price_nanos=0, due_at=None)
            self._journal.append("post.dry_run", id=post.id, text=post.text, source=post.source)
