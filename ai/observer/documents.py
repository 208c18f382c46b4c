"""The shapes of the API's answers that the sources do not give themselves; `sources.py` has the others."""

from collections.abc import Mapping, Sequence
from typing import Any

from typing_extensions import TypedDict  # pydantic reads typing's own from Python 3.12 on only


class Ready(TypedDict):
    """Whether everything is in order, and one line for each thing that is not."""

    ready: bool
    problems: Sequence[str]


class BalanceAt(TypedDict):
    """What was left of the month at the end of an hour, in USD."""

    at: str
    left: str


class MonthDay(TypedDict):
    """One day of the month: what it cost, and what was left at its end (None: nothing was booked that day)."""

    day: str
    calls: int
    prompt_tokens: int
    completion_tokens: int
    cost: str
    left: str | None


class ByTier(TypedDict):
    """What one tier of models cost this month; `post` for posts."""

    tier: str
    calls: int
    cost: str


class Month(TypedDict):
    """What the charts of the money page draw; money in USD."""

    period: str
    starts_at: str
    ends_at: str
    now: str
    given: str
    available: str
    even_pace: str
    projection: Any
    balance: Sequence[BalanceAt]
    days: Sequence[MonthDay]
    by_tier: Sequence[ByTier]


class EventRow(TypedDict):
    """One event of the journal; `line` is the log's line without its head."""

    seq: int
    at: str
    kind: str
    life: int | None
    beat: int | None
    data: Mapping[str, Any]
    line: str


class Events(TypedDict):
    """Some events; `more` says that there are others behind the last of them."""

    newest: int
    more: bool
    events: Sequence[EventRow]


class Accepted(TypedDict):
    """A command was written down under this number; the daemon carries it out between two steps."""

    command: int
    kind: str


class LetterKept(TypedDict):
    """A visitor's letter was taken: `open`, or `awaiting_approval` until the caretaker releases it."""

    id: int
    state: str


class VoteKept(TypedDict):
    """A vote is in the box until the hour is over."""

    vote: str
    counted_at: str


class Refused(TypedDict):
    """One line: what was wrong, and what would be right."""

    error: str


class DonationKept(TypedDict):
    """What became of a donation: `new` the first time only, `refused` says why it was not booked."""

    new: bool
    refused: str | None
