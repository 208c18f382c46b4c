"""What goes into the purse and what comes out of it: small frozen records, money in nano-dollars."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ai.ledger.money import usd9


class Band(StrEnum):
    """From plenty to nothing; its value stands in `budget --json`."""

    COMFORTABLE = "comfortable"
    MODERATE = "moderate"
    CAUTIOUS = "cautious"
    CRITICAL = "critical"
    BANKRUPT = "bankrupt"

    @property
    def health(self) -> str:
        """The word that log lines use: OK, LOW_BALANCE, CRITICAL or BANKRUPT (CONTRACT §6)."""
        return _HEALTH[self]


_HEALTH = {
    Band.COMFORTABLE: "OK",
    Band.MODERATE: "OK",
    Band.CAUTIOUS: "LOW_BALANCE",
    Band.CRITICAL: "CRITICAL",
    Band.BANKRUPT: "BANKRUPT",
}


class CallState(StrEnum):
    """Where a call stands: before its end (held, sent, unknown) or after it."""

    HELD = "held"
    SENT = "sent"
    UNKNOWN = "unknown"
    CAPTURED = "captured"
    REFUSED = "refused"
    VOIDED = "voided"


class Category(StrEnum):
    """What kind of expense a call is."""

    MODEL = "model"
    POST = "post"  # a post on a network, or a look at it


OPEN_STATES = (CallState.HELD, CallState.SENT, CallState.UNKNOWN)


@dataclass(frozen=True, slots=True)
class NamedRequest:
    """A request under the caller's own `name`: `fingerprint` of its body, `token` of this one try to serve it."""

    name: str
    fingerprint: str
    token: str


@dataclass(frozen=True, slots=True)
class Caller:
    """For whom the gateway spends: a key, a run ('' where there is none), and what its request brought.

    `secret_hash` is the key's as it was looked up ('': not checked again), `max_cost` the most that this call may cost
    in nano-dollars, `request` what makes it safe to repeat.
    """

    key: str = ""
    run: str = ""
    secret_hash: str = ""
    max_cost: int | None = None
    request: NamedRequest | None = None


@dataclass(frozen=True, slots=True)
class Expense:
    """What is about to be spent: the most it could cost, and what it is for.

    `id` is chosen by the caller before it acts. `subject` is the model id or, like `x/post`, what is done where.
    `free_requests` and `posts` count against the quotas of the day; `wish` also counts against the AI's own wishes
    (10 % of the grant); `last` says that a life ends with it: it may draw on the reserve; `caller`: it is not the
    mind's own, and held on that one's key and run as well.
    """

    id: str
    subject: str
    purpose: str
    amount_nanos: int
    life: int | None
    beat: int | None
    free_requests: int = 0
    posts: int = 0
    wish: bool = False
    last: bool = False
    client: str = "mind"
    caller: Caller | None = None
    category: Category = Category.MODEL


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call as the provider reports them."""

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0
    reasoning_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Bill:
    """What a call did cost, in nano-dollars; `estimated` where the provider did not say so itself.

    `remote_id` is the id that the provider knows the call by, where it is not in the books yet.
    """

    cost: int
    usage: Usage | None = None
    estimated: bool = False
    problem: str | None = None
    remote_id: str | None = None


@dataclass(frozen=True, slots=True)
class Balance:
    """The month at a glance; amounts in nano-dollars.

    `granted` is the month's allowance alone, `donated` its top-ups and what rolled over from them; `held_unknown`
    is the part of `held` whose outcome nobody knows yet, `reserved` the part that minds keep for their last words;
    `runway_days` is None while less than a day was observed; `overrun` is 0 or below; `away` says why the purse could
    not be read, where the rest is what was last known.
    """

    period: str
    granted: int
    donated: int
    spent: int
    held: int
    held_unknown: int
    available: int
    band: Band
    resets_at: datetime
    runway_days: float | None
    free_left: int
    free_quota: int
    posts_left: int
    overrun: int
    away: str | None = None
    reserved: int = 0

    @property
    def held_for(self) -> tuple[tuple[int, str], ...]:
        """Say what the money that is held is for: parts in nano-dollars, each with its words."""
        parts = (
            (self.held - self.held_unknown - self.reserved, "for calls under way"),
            (self.held_unknown, "for calls whose cost is not known yet; what they did not cost comes back"),
            (self.reserved, "for last words"),
        )
        return tuple((amount, what) for amount, what in parts if amount)


@dataclass(frozen=True, slots=True)
class CapState:
    """How one cap stands, in nano-dollars; `resets_at` None: it never resets, `own`: it was not set by a person.

    Its name is `month`, `day`, `key NAME`, `run NAME`, or a sub-budget's.
    """

    name: str
    available: int
    held: int
    spent: int
    resets_at: datetime | None
    own: bool = False

    @property
    def filled(self) -> int:
        """The whole of it in its current period."""
        return self.spent + self.held + self.available


@dataclass(frozen=True, slots=True)
class Settlement:
    """How a call ended: its cost in nano-dollars, the balance after it, and whether it cost more than its hold.

    Of a caller's call `balance` may be older, and `available` is what the narrowest of its caps has left.
    """

    cost: int
    balance: Balance
    overrun: bool
    available: int | None = None


@dataclass(frozen=True, slots=True)
class CallRecord:
    """One row of the books on a call; amounts in nano-dollars, None where unknown."""

    seq: int
    id: str
    mind: str
    life: int | None
    beat: int | None
    client: str
    purpose: str
    subject: str
    category: Category
    remote_id: str | None
    state: CallState
    period: str
    day: str
    held: int
    cost: int | None
    prompt_tokens: int | None
    completion_tokens: int | None
    cached_tokens: int | None
    reasoning_tokens: int | None
    estimated: bool
    problem: str | None
    held_at: datetime
    sent_at: datetime | None
    unknown_since: datetime | None
    settled_at: datetime | None
    key: str = ""
    run: str = ""


@dataclass(frozen=True, slots=True)
class RunUsage:
    """What the model calls since a marker used; posts are not in it."""

    requests: int
    input_tokens: int
    output_tokens: int
    embedding_tokens: int
    cost_nanos: int


class NotAffordable(Exception):
    """The purse refused a hold; the message is one line: which cap, what is left there, when it resets.

    `reason` stands in the message in place of needed and available nano-dollars. Of several caps the narrowest is
    named; `available`, what its calls hold (`held`) and `spent` are the whole of it. `in_flight`: it would fit, on
    every cap, once the calls that are held for have ended.
    """

    def __init__(  # noqa: PLR0913 - the parts of a refusal, each by its name
        self,
        cap: str,
        *,
        needed: int,
        available: int,
        resets_at: datetime | None,
        reason: str | None = None,
        held: int = 0,
        spent: int = 0,
        in_flight: bool = False,
    ) -> None:
        self.cap = cap
        self.held = held
        self.spent = spent
        self.in_flight = in_flight
        self.needed = needed
        self.available = available
        self.resets_at = resets_at
        self.reason = reason
        until = f"; resets {resets_at:%Y-%m-%d %H:%M} UTC" if resets_at else ""
        said = reason if reason is not None else f"${usd9(needed)} needed, ${usd9(available)} left"
        super().__init__(f"{cap}: {said}{until}")
