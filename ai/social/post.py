"""A post, its delivery to each network, and where both stand; a refusal to take one."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class PostState(StrEnum):
    """Where a delivery stands, and the post as a whole (CONTRACT §3)."""

    QUEUED = "queued"
    AWAITING_APPROVAL = "awaiting_approval"
    SENDING = "sending"
    POSTED = "posted"
    DRY_RUN = "dry_run"
    UNKNOWN = "unknown"
    REFUSED = "refused"


# What a post as a whole is, where its deliveries differ: the first of these that one of them is.
_WHOLE = (
    PostState.AWAITING_APPROVAL,
    PostState.SENDING,
    PostState.POSTED,
    PostState.DRY_RUN,
    PostState.UNKNOWN,
    PostState.QUEUED,
    PostState.REFUSED,
)
WAITING = frozenset({PostState.QUEUED, PostState.AWAITING_APPROVAL, PostState.SENDING})
OUT = frozenset({PostState.SENDING, PostState.POSTED, PostState.UNKNOWN, PostState.DRY_RUN})


@dataclass(frozen=True, slots=True)
class PostRefusal:
    """The outbox did not take a post; `reason` is one line that says what would be right."""

    reason: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """A post on its way to one network; `price_nanos` is what it will cost or did cost, in nano-dollars.

    `key` is the same at every attempt. A delivery of unknown state whose `due_at` is None was given up on.
    """

    id: int
    post: int
    network: str
    key: str
    state: PostState
    price_nanos: int
    attempts: int
    asked: int
    doubted: bool
    after_id: str | None
    remote_id: str | None
    problem: str | None
    due_at: datetime | None
    sent_at: datetime | None
    posted_at: datetime | None

    @property
    def goes_on(self) -> bool:
        """Whether something is still to become of it."""
        return self.state in WAITING or (self.state is PostState.UNKNOWN and self.due_at is not None)

    def told(self) -> str:
        """Return what became of it, in a few words."""
        return _TOLD[self.state].format(problem=self.problem or "no reason given")


@dataclass(frozen=True, slots=True)
class Post:
    """What was said, to whom it goes, and as a whole how far that is."""

    id: int
    text: str
    source: str
    life: int | None
    beat: int | None
    approved: bool
    created_at: datetime
    deliveries: tuple[Delivery, ...]

    @property
    def state(self) -> PostState:
        """Where it stands: published once one network has it."""
        found = {delivery.state for delivery in self.deliveries}
        return next((state for state in _WHOLE if state in found), PostState.REFUSED)

    @property
    def price_nanos(self) -> int:
        """What it costs on all networks together."""
        return sum(delivery.price_nanos for delivery in self.deliveries)

    @property
    def remote_id(self) -> str | None:
        """What the first network that has it calls it."""
        return next((delivery.remote_id for delivery in self.deliveries if delivery.remote_id is not None), None)

    @property
    def posted_at(self) -> datetime | None:
        """When the first network had it, or it stood on the local timeline."""
        return min((delivery.posted_at for delivery in self.deliveries if delivery.posted_at), default=None)

    @property
    def problem(self) -> str | None:
        """What is wrong with it, on the first network where something is."""
        return next((delivery.problem for delivery in self.deliveries if delivery.problem is not None), None)

    @property
    def waits(self) -> bool:
        """Whether it goes on, and has reached nobody yet."""
        reached = any(one.state in {PostState.POSTED, PostState.DRY_RUN} for one in self.deliveries)
        return not reached and any(one.goes_on for one in self.deliveries)

    def told(self) -> str:
        """Return what became of it, in one line for the mind that wrote it."""
        different = {delivery.told() for delivery in self.deliveries}
        if len(different) == 1:
            return f"post {self.id} {different.pop()}"
        return f"post {self.id}: " + "; ".join(f"{one.network}: {one.told()}" for one in self.deliveries)


_TOLD = {
    PostState.QUEUED: "is written down and leaves as soon as it may",
    PostState.AWAITING_APPROVAL: "is written down and waits for a person's approval",
    PostState.SENDING: "is on its way",
    PostState.POSTED: "is published",
    PostState.DRY_RUN: "stands on your local timeline (a dry run: it did not leave the house)",
    PostState.UNKNOWN: "was sent, but whether it arrived is not known yet; it is being asked for",
    PostState.REFUSED: "was refused: {problem}",
}
