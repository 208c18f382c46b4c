"""What comes next when a call fails: one table from the kind of failure to the next step (DESIGN, "Models")."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from ai.llm.calls import Shape
from ai.unreached import SIGN_IN_STATUS

if TYPE_CHECKING:
    from ai.llm.calls import Outcome, ProviderError

MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0
# A longer wait than this costs a beat more than another model's answer would.
LONGEST_RETRY_HERE_SECONDS = 5.0
SHORTEST_RETRY_SECONDS = 1.0  # "Retry-After: 0" to a limit of requests a minute only uses it up


class Failure(StrEnum):
    """The kinds of failure; each has its row in TABLE."""

    REFUSED_CONNECTION = "refused_connection"
    RATE_LIMITED = "rate_limited"
    IN_FLIGHT = "in_flight"
    FREE_QUOTA = "free_quota"
    NO_CREDITS = "no_credits"
    KEY_WRONG = "key_wrong"
    KEY_LIMIT = "key_limit"
    BUDGET = "budget"
    NOT_ALLOWED = "not_allowed"
    REGION = "region"
    WRONG_ADDRESS = "wrong_address"
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
    NEXT_MAKER = "next_maker"  # nobody of who made this model is to be had here
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
    Failure.BUDGET: Remedy(Next.NEXT_TIER, HOUR),
    Failure.NOT_ALLOWED: Remedy(Next.NEXT_MODEL, HOUR),
    Failure.REGION: Remedy(Next.NEXT_MAKER, 6 * HOUR),
    Failure.WRONG_ADDRESS: Remedy(Next.PROVIDER_OFF, 15 * MINUTE),
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
    405: Failure.WRONG_ADDRESS,
    408: Failure.TIMEOUT,
    410: Failure.NOT_FOUND,
    412: Failure.BAD_REQUEST,
    413: Failure.TOO_LONG,
    422: Failure.BAD_REQUEST,
    429: Failure.RATE_LIMITED,
    451: Failure.REGION,
    504: Failure.TIMEOUT,
    SIGN_IN_STATUS: Failure.REFUSED_CONNECTION,  # whoever is asked there; and it is over once somebody has signed in
    524: Failure.TIMEOUT,
    503: Failure.OVERLOADED,
    529: Failure.OVERLOADED,
}
# OpenRouter's stable codes of why a model cannot be had, where they say more than the error's type.
_BY_AVAILABILITY: dict[str, Failure] = {
    "region_restricted": Failure.REGION,
    "capacity_exhausted": Failure.OVERLOADED,
}
# OpenRouter's `error_type` and OpenAI's `code`, where one says all.
_BY_TYPE: dict[str, Failure] = {
    "authentication": Failure.KEY_WRONG,
    "invalid_api_key": Failure.KEY_WRONG,
    "insufficient_quota": Failure.NO_CREDITS,  # OpenAI's word, sent with 429
    "provider_overloaded": Failure.OVERLOADED,
    "provider_unavailable": Failure.OVERLOADED,
    "context_length_exceeded": Failure.TOO_LONG,
    "max_tokens_exceeded": Failure.TOO_LONG,
    "token_limit_exceeded": Failure.TOO_LONG,
    "string_too_long": Failure.TOO_LONG,
    "payload_too_large": Failure.TOO_LONG,
    "content_policy_violation": Failure.MODERATION,
    "refusal": Failure.MODERATION,
    "model_not_found": Failure.NOT_FOUND,
    "wrong_endpoint": Failure.NOT_FOUND,
    "unsupported_country_region_territory": Failure.REGION,
    "precondition_failed": Failure.BAD_REQUEST,
    "unprocessable": Failure.BAD_REQUEST,
    "invalid_prompt": Failure.BAD_REQUEST,
    "timeout": Failure.TIMEOUT,
    "server": Failure.SERVER,
    "elsewhere": Failure.WRONG_ADDRESS,  # ours, for a status from where no API is
}
# And where the words beside it may say more.
_BY_BROAD_TYPE: dict[str, Failure] = {
    "rate_limit_exceeded": Failure.RATE_LIMITED,
    "payment_required": Failure.NO_CREDITS,
    "permission_denied": Failure.NOT_ALLOWED,
    "not_found": Failure.NOT_FOUND,
    "invalid_request": Failure.BAD_REQUEST,
}
_OURS: dict[str, Failure] = {
    "refused": Failure.REFUSED_CONNECTION,
    "timeout": Failure.TIMEOUT,
    "cut": Failure.CUT,
    "broken": Failure.BROKEN,
    "too_large": Failure.BROKEN,
    "unsendable": Failure.KEY_WRONG,
}
_LIMITS: dict[str, Failure] = {
    "openrouter_credits": Failure.NO_CREDITS,
    "openrouter_key_limit": Failure.KEY_LIMIT,
    "openrouter_in_flight_budget": Failure.IN_FLIGHT,
}
# As providers word them, last of all; a broad word counts under the statuses alone that may mean it.
_BY_WORDS: tuple[tuple[str, Failure, frozenset[int]], ...] = (
    ("key limit exceeded", Failure.KEY_LIMIT, frozenset()),
    ("free-models-per-", Failure.FREE_QUOTA, frozenset()),  # "-day", "-day-high-balance", "-min"
    ("free model requests per day", Failure.FREE_QUOTA, frozenset()),
    ("data policy", Failure.DATA_POLICY, frozenset()),
    ("context length", Failure.TOO_LONG, frozenset()),
    ("maximum context", Failure.TOO_LONG, frozenset()),
    ("context_length", Failure.TOO_LONG, frozenset()),
    ("budget", Failure.BUDGET, frozenset({402, 403})),  # a workspace's or a guardrail's, until its period ends
    ("spend limit", Failure.BUDGET, frozenset({402, 403})),
    ("guardrail", Failure.NOT_ALLOWED, frozenset({403})),
    ("allowed models", Failure.NOT_ALLOWED, frozenset({403})),
    ("allow-list", Failure.NOT_ALLOWED, frozenset({403})),
    ("allowlist", Failure.NOT_ALLOWED, frozenset({403})),
    ("your region", Failure.REGION, frozenset({403, 404, 451})),
    ("your country", Failure.REGION, frozenset({403, 404, 451})),
)
LOWEST_REDIRECT, LOWEST_CLIENT_CODE = 300, 400
LOWEST_SERVER_CODE = 500


def classify(outcome: Outcome) -> Failure | None:
    """Return what kind of failure this outcome is; None where it has an answer: words, or calls of tools."""
    if outcome.error is not None:
        return _of_error(outcome.error)
    return None if outcome.answered else Failure.EMPTY


def _of_error(error: ProviderError) -> Failure:
    if error.shape in (Shape.CONNECTION, Shape.READING):
        return _OURS.get(error.type or "", Failure.BROKEN)
    kind = error.type or ""
    return (
        _LIMITS.get(error.limit_source or "")
        or _BY_AVAILABILITY.get(error.availability or "")
        or _BY_TYPE.get(kind)
        or _by_words(error)
        or _BY_BROAD_TYPE.get(kind)
        or _of_code(error.code)
    )


def _by_words(error: ProviderError) -> Failure | None:
    said = error.message.lower()
    return next(
        (kind for words, kind, codes in _BY_WORDS if words in said and (not codes or error.code in codes)), None
    )


def _of_code(code: int | None) -> Failure:
    if code is None:
        return Failure.BROKEN
    if LOWEST_REDIRECT <= code < LOWEST_CLIENT_CODE:
        return Failure.WRONG_ADDRESS
    return _BY_CODE.get(code, Failure.SERVER if code >= LOWEST_SERVER_CODE else Failure.BROKEN)


def hint(failure: Failure, endpoint: str) -> str | None:
    """Return what a person can do about this failure, where only a person can; told once."""
    address = f"{endpoint.upper()}_BASE_URL"
    return {
        Failure.KEY_WRONG: f"{endpoint} refuses the key: put a working one in; beats go on without it",
        Failure.KEY_LIMIT: f"{endpoint} says the key's own limit is used up: raise it or wait for its reset",
        Failure.BUDGET: f"{endpoint} says that a budget set there is used up: raise it or wait for its reset",
        Failure.NOT_ALLOWED: f"{endpoint} does not allow this key to ask a model: see its guardrails and allow-lists",
        Failure.REGION: f"{endpoint} does not offer a maker's models where you are; others are asked",
        Failure.NO_CREDITS: f"{endpoint} says there are no credits left: buy some; beats go on without it",
        Failure.DATA_POLICY: f"{endpoint} has no free endpoint under your privacy settings: allow them there",
        Failure.WRONG_ADDRESS: f"{endpoint} is not at this address: set {address} to where it is",
    }.get(failure)


def retry_delay(failure: Failure, error: ProviderError | None) -> float | None:
    """Return the seconds after which the same model is asked again, or None where another is better.

    Never shorter than SHORTEST_RETRY_SECONDS, whatever the provider asks for: it may say 0 to everyone.
    """
    remedy = TABLE[failure]
    if remedy.following is not Next.RETRY_HERE:
        return None
    asked = error.retry_after_seconds if error is not None else None
    delay = remedy.delay_seconds if asked is None else max(asked, SHORTEST_RETRY_SECONDS)
    return delay if delay <= LONGEST_RETRY_HERE_SECONDS else None


def asked_to_wait(failure: Failure, error: ProviderError | None) -> float:
    """Return the seconds that the provider asks to leave it alone, 0 where it asks for nothing; bounded."""
    asked = error.retry_after_seconds if error is not None else None
    return min(asked or 0.0, DAY if failure is Failure.FREE_QUOTA else HOUR)
