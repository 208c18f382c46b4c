"""What the Observer may ask of the app: one small Protocol that the daemon fills, and the shapes of its answers."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NotRequired, Protocol

from typing_extensions import TypedDict  # pydantic reads typing's own from Python 3.12 on only

from ai.clock import Clock
from ai.mind.database import MindDatabase
from ai.model_config.row import ModelRow
from ai.people.votes import Vote
from ai.settings import Settings


class BudgetLine(TypedDict):
    """The budget line inside `State`; money as USD text with 9 places."""

    available: str | None  # None, all three: the purse is out of reach, and was so from the start
    granted: str | None
    band: str | None


class State(TypedDict):
    """CONTRACT §3 `status --json`, and what only the page shows beside it (may be left out)."""

    alive: bool
    life: int | None
    name: str | None
    pronoun: str | None
    born_at: str | None
    beats: int
    model: str | None
    tier: str | None
    last_beat_at: str | None
    next_beat_at: str | None
    paused: bool
    budget: BudgetLine
    intelligence: NotRequired[int | None]  # 1–10, of `model`
    mood: NotRequired[str | None]
    next_birth_at: NotRequired[str | None]  # while nobody lives: when the next birth is due
    mind_arriving: NotRequired[str | None]  # while nobody lives: the model that its birth waits for, and how far it is
    held_unknown: NotRequired[str | None]  # USD: part of what is held whose outcome nobody knows yet
    purse_away: NotRequired[bool]  # what is told of the money is what was last known
    free_left: NotRequired[int | None]  # requests to free models left today
    free_quota: NotRequired[int | None]
    posts_left: NotRequired[int | None]


class ByModel(TypedDict):
    """One model's (or `x/post`'s) share of what the month spent."""

    model: str
    calls: int
    prompt_tokens: int
    completion_tokens: int
    cost: str


class ByPurpose(TypedDict):
    """One purpose's share of what the month spent."""

    purpose: str
    calls: int
    cost: str


class ByLife(TypedDict):
    """One life's share of what the month spent; `life` is None for what no life asked for."""

    life: int | None
    cost: str


class ByDay(TypedDict):
    """What one UTC day cost, from the books; `cost` in USD with 9 places."""

    day: str
    calls: int
    prompt_tokens: int
    completion_tokens: int
    cost: str


class Budget(TypedDict):
    """CONTRACT §3 `budget --json`."""

    period: str
    granted: str
    donated: str
    spent: str
    held: str
    available: str
    band: str
    resets_at: str
    runway_days: float | None
    by_model: Sequence[ByModel]
    by_purpose: Sequence[ByPurpose]
    by_life: Sequence[ByLife]


class Delivery(TypedDict):
    """A post on one network."""

    network: str
    state: str
    remote_id: str | None
    price: str
    posted_at: str | None
    problem: str | None


class Tweet(TypedDict):
    """CONTRACT §3 `tweets --json`, one post."""

    id: int
    text: str
    state: str
    remote_id: str | None
    price: str
    created_at: str
    posted_at: str | None
    deliveries: NotRequired[Sequence[Delivery]]
    life: NotRequired[int | None]


class Fragment(TypedDict):
    """What a past life left behind in a new one."""

    text: str
    from_life: int | None


class LifeRow(TypedDict):
    """One life of the chronicle; what is not known is None, never 0."""

    number: int
    name: str
    pronoun: str | None
    born_at: str
    died_at: str | None
    cause: str | None
    last_words: str | None
    beats: int
    thoughts: int | None
    cost: str | None  # USD over the whole life
    first_thought: NotRequired[str | None]
    bootstrap_mode: NotRequired[str | None]
    fragments: NotRequired[Sequence[Fragment]]
    self_page: NotRequired[str | None]


@dataclass(frozen=True, slots=True)
class Donation:
    """Money that a person gave, as a payment service told it; `id` names the transaction for good."""

    id: str
    donor: str
    amount_nanos: int | None  # None: not in dollars
    amount_told: str  # "3.00 EUR", for people
    message: str
    problem: str | None = None  # why a person has to look at it; then it is not booked


class CallerRow(TypedDict):
    """What a key of the gateway spent for a run ('': for none) this month; `cost` in dollars, nine places."""

    key: str
    run: str
    calls: int
    cost: str


class CallerLook(TypedDict):
    """A key or a run as it stands: calls and cost of this month, what has not ended, and its cap where it has one.

    Money is in dollars with nine places; `ended` says why nothing is spent with it any more, None where it is good.
    """

    name: str
    ended: str | None
    terms: str  # what else binds it, in words; '' where nothing does
    budget: str | None
    available: str | None
    resets_at: str | None
    calls: int
    cost: str
    under_way: int
    held: str
    unknown: int


class GatewayLook(TypedDict):
    """Some of the gateway's keys and runs, those that are busy first, and how many there are in all.

    `good` keys may spend; `live` runs have calls under way or of unknown outcome.
    """

    keys: Sequence[CallerLook]
    runs: Sequence[CallerLook]
    keys_in_all: int
    good: int
    runs_in_all: int
    live: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a donation: `new` is True the first time only, `refused` says why it was not booked."""

    new: bool
    refused: str | None


class ObserverSources(Protocol):
    """The app as the Observer sees it: reads, and one way to ask for something (a row in `commands`)."""

    @property
    def settings(self) -> Settings:
        """Return the settings of this daemon."""
        ...

    @property
    def clock(self) -> Clock:
        """Return the daemon's clock; ages, countdowns and limits are counted on it."""
        ...

    @property
    def mind_path(self) -> Path:
        """Return where mind.db is; the Observer opens connections of its own with query_only."""
        ...

    async def state(self) -> State:
        """Return who lives and how it goes."""
        ...

    async def budget(self) -> Budget:
        """Return the month's money; raises StoreUnavailable while the purse is away."""
        ...

    async def callers(self) -> Sequence[CallerRow]:
        """Return who spent what through the gateway this month, the dearest first."""
        ...

    async def gateway(self) -> GatewayLook:
        """Return how the gateway's keys and runs stand; raises StoreUnavailable while the purse is away."""
        ...

    async def revoke_key(self, name: str, by: str) -> str:
        """End a key of the gateway at once; return what was done. Raises ValueError."""
        ...

    async def topup_key(self, name: str, amount: str, id: str, by: str) -> str:  # noqa: A002 - what it is called
        """Raise what a key may spend in its period by dollars, once for each `id`. Raises ValueError."""
        ...

    async def days(self) -> Sequence[ByDay]:
        """Return what each day of the current month cost, oldest first; days without spending may be left out."""
        ...

    async def models(self) -> Sequence[ModelRow]:
        """Return the catalogue, best first."""
        ...

    async def tweets(self, limit: int) -> Sequence[Tweet]:
        """Return up to `limit` posts, newest first."""
        ...

    def lives(self, mind: MindDatabase, limit: int, before: int | None) -> Sequence[LifeRow]:
        """Return up to `limit` lives below number `before`, newest first, `cost` left open.

        Called in a readers' thread with its own connection: a life is as long as its memories are many.
        """
        ...

    async def costs_of_lives(self, numbers: Collection[int]) -> Mapping[int, str]:
        """Return what these lives cost in USD, 9 places; raises StoreUnavailable while the purse is away."""
        ...

    async def ready(self) -> Sequence[str]:
        """Return what is wrong (database, scheduler, overdue beat), one line each; empty means ready."""
        ...

    def command(self, kind: str, data: Mapping[str, Any]) -> int:
        """Ask the daemon for something (a row in `commands`); return the row's id. Called on the daemon's loop."""
        ...

    def donate(self, donation: Donation) -> Receipt:
        """Record a donation once, however often it is told (see `Donations`). Called on the daemon's loop."""
        ...

    def letter(self, name: str, text: str) -> int:
        """Take a visitor's letter and return its number; raises LetterRefused. Called on the daemon's loop."""
        ...

    def vote(self, address: str, vote: Vote) -> int | None:
        """Take a vote; return in how many seconds it is counted, None where nobody lives; raises AlreadyVoted."""
        ...

    def listen(self, callback: Callable[[], None]) -> None:
        """Call `callback`, which must not block, whenever the journal has grown."""
        ...
