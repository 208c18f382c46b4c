"""A post and where it stands; a refusal to take one."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class PostState(StrEnum):
    """Where a post stands (CONTRACT §3)."""

    QUEUED = "queued"
    AWAITING_APPROVAL = "awaiting_approval"
    SENDING = "sending"
    POSTED = "posted"
    DRY_RUN = "dry_run"
    UNKNOWN = "unknown"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class PostRefusal:
    """The outbox did not take a post; `reason` is one line that says what would be right."""

    reason: str


@dataclass(frozen=True, slots=True)
class Post:
    """One row of the outbox; `price_nanos` is what it will cost or did cost, in nano-dollars."""

    id: int
    text: str
    source: str
    life: int | None
    beat: int | None
    state: PostState
    price_nanos: int
    approved: bool
    attempts: int
    asked: int
    doubted: bool
    after_id: str | None
    remote_id: str | None
    problem: str | None
    created_at: datetime
    due_at: datetime | None
    sent_at: datetime | None
    posted_at: datetime | None

    def told(self) -> str:
        """Return what became of it, in one line for the mind that wrote it."""
        return _TOLD[self.state].format(id=self.id, problem=self.problem or "no reason given")


_TOLD = {
    PostState.QUEUED: "post {id} is written down and leaves as soon as it may",
    PostState.AWAITING_APPROVAL: "post {id} is written down and waits for a person's approval",
    PostState.SENDING: "post {id} is on its way",
    PostState.POSTED: "post {id} is published",
    PostState.DRY_RUN: "post {id} stands on your local timeline (a dry run: it did not leave the house)",
    PostState.UNKNOWN: "post {id} was sent, but whether it arrived is not known yet; it is being asked for",
    PostState.REFUSED: "post {id} was refused: {problem}",
}
