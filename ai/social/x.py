"""What X can say and what it takes to reach it; tweepy itself is loaded only where something may leave."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from ai.clock import Clock
from ai.settings import X_KEYS, Settings

TIMELINE_PAGE = 5  # the least that X gives; each post read is charged
USER_READ_FACTOR = 2  # reading a user costs $0.010, twice a post (X's price list, 2026)


class Outcome(StrEnum):
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

    outcome: Outcome
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


def missing_keys(settings: Settings) -> str | None:
    """Return one line on which keys posting lacks, or None where it has all, or needs none (TWEETS=dry-run)."""
    missing = [name.upper() for name in X_KEYS if getattr(settings, name) is None]
    if settings.tweets == "dry-run" or not missing:
        return None
    return f"TWEETS={settings.tweets} needs {', '.join(missing)}; set them, or set TWEETS=dry-run"


def open_x(settings: Settings, clock: Clock) -> X | None:
    """Return a client for the settings' keys, or None where nothing may leave (TWEETS=dry-run).

    Raises ValueError with one line where a key is missing.
    """
    problem = missing_keys(settings)
    if problem is not None:
        raise ValueError(problem)
    if settings.tweets == "dry-run":
        return None
    from ai.social.x_client import XClient  # noqa: PLC0415 - 8 MB that a dry run never needs

    keys = {name: getattr(settings, name).get_secret_value() for name in X_KEYS}
    return XClient(keys, settings.x_api_base_url, clock)
