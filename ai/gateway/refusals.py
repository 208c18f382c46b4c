"""What the gateway cannot do, with its status, its words and its figures; each dialect gives it its own shape."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ai.clock import rfc3339
from ai.ledger.money import usd9

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ai.credit_tracker import NotAffordable

MAX_MESSAGE_CHARS = 500
LONGEST_WAIT_SECONDS = 3600
NO_MONEY_CAPS = frozenset({"free requests", "overrun", "clock", "restore"})  # what is no cap on money


class Refusal(Exception):
    """A request that is not served; the message is one line that says what would be right.

    `status` is HTTP's, `type` and `code` OpenAI's, `param` the field that is wrong; `more` stands in the error object
    beside them, `headers` in the answer.
    """

    def __init__(  # noqa: PLR0913 - the parts of an error, each by its name
        self,
        status: int,
        message: str,
        *,
        type: str = "invalid_request_error",  # noqa: A002 - what every client calls it
        code: str | None = None,
        param: str | None = None,
        more: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message[:MAX_MESSAGE_CHARS]
        self.type = type
        self.code = code
        self.param = param
        self.more = dict(more or {})
        self.headers = dict(headers or {})


def insufficient(short: NotAffordable, fits_max_tokens: int) -> Refusal:
    """Return the refusal of a call that a cap has no room for: 402, or 429 where it fits once others have ended.

    `fits_max_tokens` is the output limit that would fit on that cap, 0 where none would.
    """
    if short.cap in NO_MONEY_CAPS:
        return _no_money_at_all(short)
    available = max(0, short.available)
    figures = {
        "cap": short.cap,
        "needed": usd9(short.needed),
        "available": usd9(available),
        "held": usd9(short.held),
        "spent": usd9(short.spent),
        "resets_at": None if short.resets_at is None else rfc3339(short.resets_at),
        "fits_max_tokens": fits_max_tokens,
    }
    said = f"{short.cap}: this call may cost ${usd9(short.needed)} and ${usd9(available)} is available"
    if short.in_flight:
        return Refusal(
            429,
            f"{said}; ${usd9(short.held)} is held by calls under way, so it will fit when they end",
            type="rate_limit_error",
            code="budget_in_flight",
            more=figures,
            headers={"Retry-After": "1"},
        )
    if fits_max_tokens:
        said += f"; an output limit of {fits_max_tokens} tokens would fit"
    return Refusal(402, said, type="insufficient_budget", code="insufficient_budget", more=figures)


def _no_money_at_all(short: NotAffordable) -> Refusal:
    """Return the refusal where no cap is short, but nothing paid may start, or a quota of requests is used up."""
    if short.cap == "free requests":
        wait = {} if short.resets_at is None else {"Retry-After": str(LONGEST_WAIT_SECONDS)}
        return Refusal(429, f"no free request is left today: {short}", type="rate_limit_error", headers=wait)
    if short.cap == "overrun":
        return Refusal(402, str(short), type="insufficient_budget", code="insufficient_budget", more={"cap": "month"})
    return purse_away(str(short))


def unknown_key() -> Refusal:
    """Return the refusal of a request without a key of this gateway, or with one that was revoked or has expired."""
    return Refusal(
        401,
        "this key is not one of this gateway's, was revoked or has expired; give one that `genesis keys create` made, "
        "as `Authorization: Bearer gk-…` or `x-api-key`",
        type="authentication_error",
        code="invalid_api_key",
    )


def too_many(message: str, wait_seconds: float) -> Refusal:
    """Return the refusal of a request that came too early."""
    return Refusal(
        429, message, type="rate_limit_error", code="rate_limit_exceeded", headers={"Retry-After": whole(wait_seconds)}
    )


def purse_away(problem: str) -> Refusal:
    """Return the refusal while the books cannot be reached: nothing is sent that cannot be booked."""
    return Refusal(
        503,
        f"the purse is away, so nothing is sent: {problem}",
        type="api_error",
        code="purse_away",
        headers={"Retry-After": "5"},
    )


def stopping(*, sent: bool = True) -> Refusal:
    """Return what is told of a call that was under way as the gateway was stopped.

    Who had `sent` it may have been billed: clients that try again by themselves are told not to, for they would pay
    twice. `x-should-retry` is what OpenAI's and Anthropic's SDKs heed.
    """
    return Refusal(
        503,
        "the gateway was stopped before the answer was whole; what was sent is booked, or asked for",
        type="api_error",
        code="stopping",
        headers={"X-Should-Retry": "false"} if sent else {"Retry-After": "5"},
    )


def whole(seconds: float) -> str:
    """Return seconds as a Retry-After: whole, at least one, at most an hour."""
    return str(min(LONGEST_WAIT_SECONDS, max(1, math.ceil(seconds))))
