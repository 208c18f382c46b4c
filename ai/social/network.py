"""What a network is to the outbox: its price, its rules for a text, sending one, and asking whether one is there."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

CLOCKS_APART = timedelta(minutes=15)  # OAuth refuses more than five between a network's clock and ours; thrice that


class Result(StrEnum):
    """What is known after a request to a network."""

    DONE = "done"
    DUPLICATE = "duplicate"  # the text is there already, says the network
    REFUSED = "refused"  # this request will never be taken
    RATE_LIMITED = "rate_limited"  # taken later
    ACCOUNT = "account"  # keys revoked, account suspended, no credits: nothing will be taken until a person acts
    NOT_SENT = "not_sent"  # no connection: the network never saw it
    UNKNOWN = "unknown"  # it left, and nobody knows what became of it


@dataclass(frozen=True, slots=True)
class Draft:
    """A post on its way to one network.

    `key` is the same at every attempt, for networks that take an idempotency key. `after_id` is the newest of the
    network's ids known when it was first sent, `sent_at` when it last may have left.
    """

    post_id: int
    text: str
    key: str
    source: str
    life: int | None
    written_at: datetime
    sent_at: datetime | None = None
    after_id: str | None = None

    def past_it(self, oldest: datetime | None) -> bool:
        """Say whether a timeline read back to `oldest` must have shown the post; no after a clock was put right."""
        if oldest is None or self.sent_at is None or self.sent_at < self.written_at:
            return False
        return oldest < self.sent_at - CLOCKS_APART


@dataclass(frozen=True, slots=True)
class Answer:
    """What a network said: DONE has a new post's `remote_id`; `detail` is for people, `retry_at` when to come again.

    Of a look: DONE with `remote_id` where the post is there, with `next_page` where nothing is known yet, with neither
    where it is not there. `read` is what the look read, by resource, and what each costs once a UTC day, in
    nano-dollars.
    """

    result: Result
    remote_id: str | None = None
    next_page: str | None = None
    detail: str = ""
    retry_at: datetime | None = None
    read: tuple[tuple[str, int], ...] = ()


class Network(Protocol):
    """One account on one network. What asks the network blocks, is bounded in time, and never raises for it."""

    name: str  # as in NETWORKS, in the books and in the outbox
    title: str  # as people write it

    def problem(self, text: str) -> str | None:
        """Return what is wrong with a text here, in one line that says what would be right, or None."""
        ...

    def price_nanos(self, text: str) -> int:
        """Return what posting this text costs at most, in nano-dollars."""
        ...

    def look_nanos(self, page: str | None) -> int:
        """Return what one look costs at most, in nano-dollars."""
        ...

    def learn(self) -> None:
        """Ask the network for its own rules, where it tells them and it is time again; free."""
        ...

    def post(self, draft: Draft) -> Answer:
        """Publish a post; DONE where it is there."""
        ...

    def look(self, draft: Draft, page: str | None) -> Answer:
        """Make one request to find out whether a post is there; `page` is None or the last answer's `next_page`."""
        ...

    def check(self) -> Answer:
        """Ask, for nothing, whether the keys work: DONE, ACCOUNT or REFUSED with what is wrong, or not known."""
        ...


class FreeNetwork(Network, Protocol):
    """A network that takes no money for a post or a look, and whose rules never change where it does not say so."""

    def price_nanos(self, text: str) -> int:  # noqa: ARG002 - the same for every text
        """Return 0."""
        return 0

    def look_nanos(self, page: str | None) -> int:  # noqa: ARG002 - the same for every page
        """Return 0."""
        return 0

    def learn(self) -> None:
        """Ask for nothing."""
        return
