"""What comes next when a call fails: one table from the kind of failure to the next step (DESIGN, "Models")."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from ai.llm.calls import Shape

if TYPE_CHECKING:
    from ai.llm.calls import Outcome, ProviderError

MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0
# A longer wait than this costs a beat more than another model's answer would.
LONGEST_RETRY_HERE_SECONDS = 5.0


class Failure(StrEnum):
    """The kinds of failure; each has its row in TABLE."""

    REFUSED_CONNECTION = "refused_connection"
    RATE_LIMITED = "rate_limited"
    IN_FLIGHT = "in_flight"
    FREE_QUOTA = "free_quota"
    NO_CREDITS = "no_credits"
    KEY_WRONG = "key_wrong"
    KEY_LIMIT = "key_limit"
    NOT_FOUND = "not_found"
    DATA_POLICY = "data_policy"
    MODERATION = "moderation"
    TOO_LONG = "too_long"
    BAD_REQUEST = "bad_request"
    TIMEOUT = "timeout"
    CUT = "cut"
    SERVER = "server"
    OVERLOADED = "overloaded"
    BROKEN = "broken"
    EMPTY = "empty"
    UNUSABLE = "unusable"


class Next(StrEnum):
    """What is done next."""

    RETRY_HERE = "retry_here"  # the same model once more after a delay; else as NEXT_MODEL
    NEXT_MODEL = "next_model"
    NEXT_TIER = "next_tier"  # this provider's models of this kind (free, or paid) have gone for now
    PROVIDER_OFF = "provider_off"  # no call to this provider until a probe succeeds; told once


@dataclass(frozen=True, slots=True)
class Remedy:
    """The next step; `cooldown_seconds` is the first pause of what failed, doubled at each further failure.

    `delay_seconds` is the wait before a retry here where the provider named none.
    """

    following: Next
    cooldown_seconds: float
    delay_seconds: float = 0.0


# Cooldowns: seconds for what passes by itself, minutes for a provider in trouble, an hour for what only a person or
# another day changes. A reply that cannot be used says little of the next one, so its model rests only briefly.
TABLE: dict[Failure, Remedy] = {
    Failure.REFUSED_CONNECTION: Remedy(Next.RETRY_HERE, MINUTE, delay_seconds=0.5),
    Failure.RATE_LIMITED: Remedy(Next.RETRY_HERE, MINUTE, delay_seconds=LONGEST_RETRY_HERE_SECONDS + 1),
    Failure.IN_FLIGHT: Remedy(Next.RETRY_HERE, MINUTE, delay_seconds=1.0),
    Failure.FREE_QUOTA: Remedy(Next.NEXT_TIER, HOUR),
    Failure.NO_CREDITS: Remedy(Next.NEXT_TIER, 15 * MINUTE),
    Failure.KEY_WRONG: Remedy(Next.PROVIDER_OFF, 15 * MINUTE),
    Failure.KEY_LIMIT: Remedy(Next.PROVIDER_OFF, 15 * MINUTE),
    Failure.NOT_FOUND: Remedy(Next.NEXT_MODEL, HOUR),
    Failure.DATA_POLICY: Remedy(Next.NEXT_TIER, HOUR),
    Failure.MODERATION: Remedy(Next.NEXT_MODEL, 0.0),
    Failure.TOO_LONG: Remedy(Next.NEXT_MODEL, 0.0),
    Failure.BAD_REQUEST: Remedy(Next.NEXT_MODEL, 5 * MINUTE),
    Failure.TIMEOUT: Remedy(Next.NEXT_MODEL, 5 * MINUTE),
    Failure.CUT: Remedy(Next.NEXT_MODEL, MINUTE),
    Failure.SERVER: Remedy(Next.NEXT_MODEL, 2 * MINUTE),
    Failure.OVERLOADED: Remedy(Next.NEXT_MODEL, 2 * MINUTE),
    Failure.BROKEN: Remedy(Next.NEXT_MODEL, MINUTE),
    Failure.EMPTY: Remedy(Next.NEXT_MODEL, MINUTE),
    Failure.UNUSABLE: Remedy(Next.NEXT_MODEL, 0.0),
}

# What says something of the request rather than of the model: a program that wrote it so made the mistake itself.
CALLERS_OWN = frozenset(
    {Failure.BAD_REQUEST, Failure.NOT_FOUND, Failure.MODERATION, Failure.TOO_LONG, Failure.EMPTY, Failure.UNUSABLE}
)

_BY_CODE: dict[int, Failure] = {
    400: Failure.BAD_REQUEST,
    401: Failure.KEY_WRONG,
    402: Failure.NO_CREDITS,
    403: Failure.MODERATION,
    404: Failure.NOT_FOUND,
    408: Failure.TIMEOUT,
    413: Failure.TOO_LONG,
    422: Failure.BAD_REQUEST,
    429: Failure.RATE_LIMITED,
    504: Failure.TIMEOUT,
    524: Failure.TIMEOUT,
    503: Failure.OVERLOADED,
    529: Failure.OVERLOADED,
}
_BY_TYPE: dict[str, Failure] = {
    "rate_limit_exceeded": Failure.RATE_LIMITED,
    "insufficient_quota": Failure.NO_CREDITS,  # OpenAI's word, sent with 429
    "provider_overloaded": Failure.OVERLOADED,
    "provider_unavailable": Failure.OVERLOADED,
    "payment_required": Failure.NO_CREDITS,
    "permission_denied": Failure.MODERATION,
    "context_length_exceeded": Failure.TOO_LONG,
    "content_policy_violation": Failure.MODERATION,
    "refusal": Failure.MODERATION,
    "timeout": Failure.TIMEOUT,
    "not_found": Failure.NOT_FOUND,
    "server": Failure.SERVER,
}
_OURS: dict[str, Failure] = {
    "refused": Failure.REFUSED_CONNECTION,
    "timeout": Failure.TIMEOUT,
    "cut": Failure.CUT,
    "broken": Failure.BROKEN,
    "too_large": Failure.BROKEN,
}
_LIMITS: dict[str, Failure] = {
    "openrouter_credits": Failure.NO_CREDITS,
    "openrouter_key_limit": Failure.KEY_LIMIT,
    "openrouter_in_flight_budget": Failure.IN_FLIGHT,
}
# As OpenRouter words them, in messages under 403, 429, 404 and 400.
_BY_WORDS: tuple[tuple[str, Failure], ...] = (
    ("key limit exceeded", Failure.KEY_LIMIT),
    ("free-models-per-", Failure.FREE_QUOTA),  # "-day", "-day-high-balance", "-min"
    ("free model requests per day", Failure.FREE_QUOTA),
    ("data policy", Failure.DATA_POLICY),
    ("context length", Failure.TOO_LONG),
    ("maximum context", Failure.TOO_LONG),
    ("context_length", Failure.TOO_LONG),
)
LOWEST_SERVER_CODE = 500


def classify(outcome: Outcome) -> Failure | None:
    """Return what kind of failure this outcome is; None where it has an answer: words, or calls of tools."""
    if outcome.error is not None:
        return _of_error(outcome.error)
    return None if outcome.answered else Failure.EMPTY


def _of_error(error: ProviderError) -> Failure:
    if error.shape in (Shape.CONNECTION, Shape.READING):
        return _OURS.get(error.type or "", Failure.BROKEN)
    said = error.message.lower()
    return (
        _LIMITS.get(error.limit_source or "")
        or next((kind for words, kind in _BY_WORDS if words in said), None)
        or _BY_TYPE.get(error.type or "")
        or _of_code(error.code)
    )


def _of_code(code: int | None) -> Failure:
    if code is None:
        return Failure.BROKEN
    return _BY_CODE.get(code, Failure.SERVER if code >= LOWEST_SERVER_CODE else Failure.BROKEN)


def hint(failure: Failure, endpoint: str) -> str | None:
    """Return what a person can do about this failure, where only a person can; told once."""
    return {
        Failure.KEY_WRONG: f"{endpoint} refuses the key: put a working one in; beats go on without it",
        Failure.KEY_LIMIT: f"{endpoint} says the key's own limit is used up: raise it or wait for its reset",
        Failure.NO_CREDITS: f"{endpoint} says there are no credits left: buy some; beats go on without it",
        Failure.DATA_POLICY: f"{endpoint} has no free endpoint under your privacy settings: allow them there",
    }.get(failure)


def retry_delay(failure: Failure, error: ProviderError | None) -> float | None:
    """Return the seconds after which the same model is asked again, or None where another is better."""
    remedy = TABLE[failure]
    if remedy.following is not Next.RETRY_HERE:
        return None
    asked = error.retry_after_seconds if error is not None else None
    delay = remedy.delay_seconds if asked is None else asked
    return delay if delay <= LONGEST_RETRY_HERE_SECONDS else None


def cooldown(failure: Failure, error: ProviderError | None) -> float:
    """Return the seconds that what failed rests: the table's, or longer where the provider asked for it."""
    asked = error.retry_after_seconds if error is not None else None
    if asked is None:
        return TABLE[failure].cooldown_seconds
    return min(asked, DAY if failure is Failure.FREE_QUOTA else HOUR)
