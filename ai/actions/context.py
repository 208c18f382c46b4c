"""What an action may reach: small views of the other rooms, so that each can be a real small object in a test."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from ai.clock import Clock
from ai.credit_tracker.records import Balance
from ai.life.own_files import OwnFiles
from ai.memory.memory import Kind, Memory
from ai.mind.journal import Journal
from ai.people import Letters, Persons, Works
from ai.settings import Settings
from ai.social.post import Post, PostRefusal


class Remembering(Protocol):
    """The memory stream, as far as actions know it."""

    def add(self, text: str, kind: Kind, importance: int | None = None) -> Memory:
        """Remember; raises ValueError where there is nothing to see."""
        ...

    def recent(self, n: int, kind: Kind | Collection[Kind] | None = None) -> list[Memory]:
        """Return the last `n` memories of that kind, oldest first."""
        ...

    async def retrieve(self, query: str, k: int) -> list[Memory]:
        """Return what matters most to `query`, best first."""
        ...


class Purse(Protocol):
    """The credit tracker, as far as actions know it."""

    async def balance(self) -> Balance:
        """Return the month at a glance."""
        ...


class Wishes(Protocol):
    """The rotation, as far as actions know it."""

    async def wish(self, model_id: str) -> str:
        """Ask for a model; returns one line on whether it was granted, and why not."""
        ...


class PricedModel(Protocol):
    """A model's prices in USD per token."""

    @property
    def prompt(self) -> Decimal:
        """Of what is read."""
        ...

    @property
    def completion(self) -> Decimal:
        """Of what is written."""
        ...


class ListedModel(Protocol):
    """A model of the catalogue."""

    @property
    def id(self) -> str:
        """Its id, as `switch_model` takes it."""
        ...

    @property
    def tier(self) -> str:
        """Its price tier."""
        ...

    @property
    def intelligence(self) -> int:
        """1 to 10."""
        ...

    @property
    def quality(self) -> float:
        """The same, unrounded."""
        ...

    @property
    def prices(self) -> PricedModel:
        """What it costs."""
        ...

    @property
    def barred(self) -> str | None:
        """Why it may not be used, or None."""
        ...


class Models(Protocol):
    """The catalogue, as far as actions know it."""

    def models(self) -> Mapping[str, ListedModel]:
        """Return every model by id."""
        ...


class Posting(Protocol):
    """The outbox, as far as actions know it."""

    async def queue(self, text: str, *, source: str, life: int | None, beat: int | None = None) -> Post | PostRefusal:
        """Take a post, or say in one line why not."""
        ...

    async def deliver_due(self) -> None:
        """Send what may be sent now."""
        ...

    def post(self, post_id: int) -> Post | None:
        """Return a post as it stands."""
        ...

    def left_today(self, now: datetime) -> int:
        """Return how many posts the day of `now` has left, dry runs counted."""
        ...


@dataclass(frozen=True, slots=True)
class ActionContext:
    """Everything an action may reach in one step of one beat.

    `rest(seconds)` puts the next beat off and returns when it is. `reflect()` looks back over recent memories and
    returns what was understood, or raises Refused where it is too soon. `importance` is the weight that the reply gave
    its moment.
    """

    life: int | None
    beat: int | None
    memory: Remembering
    tracker: Purse
    rotation: Wishes
    catalogue: Models
    outbox: Posting
    workspace: OwnFiles
    letters: Letters
    persons: Persons
    works: Works
    rest: Callable[[float], datetime]
    reflect: Callable[[], Awaitable[str]]
    journal: Journal
    clock: Clock
    settings: Settings
    importance: int | None = None
