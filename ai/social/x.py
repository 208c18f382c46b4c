"""What X can say, and what can be asked of it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

TIMELINE_PAGE = 5  # the least that X gives; each post read is charged
USER_READ_FACTOR = 2  # reading a user costs $0.010, twice a post (X's price list, 2026)


class XResult(StrEnum):
    """What is known after a request to X."""

    DONE = "done"
    DUPLICATE = "duplicate"  # the text is there already, says X
    REFUSED = "refused"  # this request will never be taken
    RATE_LIMITED = "rate_limited"  # taken later
    ACCOUNT = "account"  # keys revoked, account suspended, no credits: nothing will be taken until a person acts
    NOT_SENT = "not_sent"  # no connection: X never saw it
    UNKNOWN = "unknown"  # it left, and nobody knows what became of it


@dataclass(frozen=True, slots=True)
class XPost:
    """A post on the timeline."""

    id: str
    text: str
    created_at: datetime | None


@dataclass(frozen=True, slots=True)
class Answer:
    """What X said: `remote_id` of a new post or user, `posts` of a timeline, `detail` for people, `retry_at`."""

    outcome: XResult
    remote_id: str | None = None
    posts: tuple[XPost, ...] = ()
    next_page: str | None = None
    detail: str = ""
    retry_at: datetime | None = None


class X(Protocol):
    """X for one account; its methods block, and never raise for X. `XClient` is one."""

    user_id: str | None

    def post(self, text: str) -> Answer:
        """Publish `text`; DONE has the post's id."""
        ...

    def me(self) -> Answer:
        """Ask whose keys these are; DONE has the user's id. X charges USER_READ_FACTOR posts read."""
        ...

    def timeline(self, user_id: str, *, since_id: str | None, page: str | None) -> Answer:
        """Return up to TIMELINE_PAGE posts of a user, newest first, only those after `since_id`."""
        ...
