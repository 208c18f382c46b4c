"""Reads what providers report (JSON, usage, costs, errors) without trusting a byte of it; pure."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from ai.credit_tracker import Usage
from ai.llm.calls import ProviderError, Shape

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_COST_USD = Decimal(1_000_000)  # far above any call; a larger figure is a fault in the answer, not a price
MAX_TOKENS = 10**9  # likewise
MAX_MESSAGE_CHARS = 300  # one readable line
MAX_RETRY_AFTER_SECONDS = 86_400.0
MAX_LOOKED_AT_CHARS = 20_000  # of an error's words, which may be a page of megabytes
RATE_LIMITED = 429
# Providers echo keys in their messages ("Incorrect API key provided: sk-…"); what looks like one never passes.
SECRET = re.compile(r"(?i)\b(sk|pk|key|bearer)[-_ ][\w.*+/=-]{6,}|\bBearer\s+\S+")


_READ = json.JSONDecoder(parse_float=Decimal).decode  # `loads` makes one for each event of a stream


def parse_json(text: str) -> Any:
    """Return the JSON value with every fraction as Decimal; raises ValueError, also for absurd nesting or numbers."""
    try:
        return _READ(text)
    except (RecursionError, InvalidOperation):
        raise ValueError("nested too deeply, or a number beyond all bounds") from None


def whole_letters(text: str) -> str:
    """Return the text with halves of a letter (lone surrogates, which no file or database takes) joined or replaced."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def as_cost(value: Any) -> Decimal | None:
    """Return USD from a number or its text; None for anything that is no amount of money."""
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        return None
    try:
        cost = Decimal(value)
    except (InvalidOperation, ValueError):
        return None
    return cost if cost.is_finite() and 0 <= cost <= MAX_COST_USD else None


def as_count(value: Any) -> int | None:
    """Return a count of tokens; None for anything that is none."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or not 0 <= value <= MAX_TOKENS:
        return None
    return int(value)


def as_mapping(value: Any) -> Mapping[str, Any]:
    """Return the object, or an empty one where something else stands."""
    return value if isinstance(value, dict) else {}


def read_usage(usage: Mapping[str, Any]) -> Usage | None:
    """Return the token counts of a `usage` object; None where the two that matter cannot be known from it.

    Where it tells no cost, a price will be made of its counts: then thinking that stands in the total alone, or beside
    the completion instead of in it, counts as completion, as it is billed.
    """
    prompt, completion, total = (
        as_count(usage.get(name)) for name in ("prompt_tokens", "completion_tokens", "total_tokens")
    )
    beyond = None if prompt is None or total is None else max(0, total - prompt)
    completion = beyond if completion is None else completion
    if prompt is None or completion is None:
        return None
    cached = as_count(as_mapping(usage.get("prompt_tokens_details")).get("cached_tokens")) or 0
    reasoning = as_count(as_mapping(usage.get("completion_tokens_details")).get("reasoning_tokens")) or 0
    if as_cost(usage.get("cost")) is None:
        completion = max(completion + (reasoning if reasoning > completion else 0), beyond or 0)
    return Usage(prompt, completion, cached, reasoning)


def read_cost(usage: Mapping[str, Any]) -> Decimal | None:
    """Return what a `usage` object says was billed, in USD; None where it does not say.

    The upstream's cost is the user's own bill and comes on top only where `is_byok` is true; where that figure is
    missing, the whole is unknown.
    """
    cost = as_cost(usage.get("cost"))
    if cost is None or usage.get("is_byok") is not True:
        return cost
    upstream = as_cost(as_mapping(usage.get("cost_details")).get("upstream_inference_cost"))
    return None if upstream is None else cost + upstream


def one_line(text: str, secrets: tuple[str, ...] = ()) -> str:
    """Return a provider's words as one bounded line with keys struck out."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, "[key]")
    text = SECRET.sub("[key]", text[:MAX_LOOKED_AT_CHARS])
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= MAX_MESSAGE_CHARS else line[: MAX_MESSAGE_CHARS - 1] + "…"


def read_error(  # noqa: PLR0913 — an error stands in a place, under a status, beside headers
    shape: Shape,
    error: Any,
    *,
    status: int | None,
    headers: Mapping[str, str],
    now: datetime,
    secrets: tuple[str, ...] = (),
) -> ProviderError:
    """Return what an `error` value says, in any of the forms that OpenRouter and OpenAI use."""
    fields = as_mapping(error)
    metadata = as_mapping(fields.get("metadata"))
    availability = as_mapping(fields.get("availability"))
    code = next((number for key in ("code", "http_status", "status") if (number := _status(fields.get(key)))), status)
    kind = next((k for k in (metadata.get("error_type"), fields.get("error_type"), _word(fields.get("code")),
                             fields.get("type"),
                             availability.get("code")) if isinstance(k, str)), None)  # fmt: skip
    message = fields.get("message") if isinstance(fields.get("message"), str) else None
    raw = metadata.get("raw") if isinstance(metadata.get("raw"), str) else None
    said = message or (error if isinstance(error, str) else "") or f"error {code or 'without a code'}"
    limit = metadata.get("limit_source", fields.get("limit_source"))
    provider = metadata.get("provider_name")
    inner = {str(k).lower(): str(v) for k, v in as_mapping(metadata.get("headers")).items()}
    limited = code == RATE_LIMITED  # other answers may carry the reset of a limit that was not reached
    asked = retry_after(headers, now, with_reset=limited)
    if asked is None:
        asked = retry_after(inner, now, with_reset=limited)
    if asked is None:
        asked = _seconds(availability.get("retry_after"))
    return ProviderError(
        shape,
        code,
        None if kind is None else one_line(kind, secrets),
        one_line(said if raw is None else f"{said}: {raw}", secrets),
        asked,
        limit if isinstance(limit, str) else None,
        one_line(provider, secrets) if isinstance(provider, str) else None,
        _word(availability.get("code")),
    )


def retry_after(headers: Mapping[str, str], now: datetime, *, with_reset: bool) -> float | None:
    """Return the seconds to wait: `Retry-After` (seconds or a date), else `X-RateLimit-Reset` (epoch ms) if asked."""
    lower = {name.lower(): value for name, value in headers.items()}
    asked = lower.get("retry-after")
    if asked is not None:
        seconds = _seconds(asked)
        if seconds is not None:
            return seconds
        try:
            when = parsedate_to_datetime(asked)
            return _bounded((when if when.tzinfo else when.replace(tzinfo=UTC)) - now)
        except (ValueError, TypeError, OverflowError):  # no date, or one in a zone that there is not
            pass
    reset = _plain_number(lower.get("x-ratelimit-reset")) if with_reset else None
    if reset is None:
        return None
    try:
        return _bounded(datetime.fromtimestamp(float(reset) / 1000, UTC) - now)
    except (ValueError, OverflowError, OSError):
        return None


def _bounded(delta: Any) -> float:
    return max(0.0, min(float(delta.total_seconds()), MAX_RETRY_AFTER_SECONDS))


def _seconds(value: Any) -> float | None:
    number = _plain_number(value)
    return None if number is None else max(0.0, min(float(number), MAX_RETRY_AFTER_SECONDS))


def _plain_number(value: Any) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        return None
    try:
        number = Decimal(value)
    except (InvalidOperation, ValueError):
        return None
    return number if number.is_finite() and abs(number) < Decimal(10) ** 15 else None


def _word(value: Any) -> str | None:
    return one_line(value) if isinstance(value, str) and _status(value) is None else None


def _status(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    try:
        number = int(value)
    except ValueError:
        return None
    return number if 100 <= number < 600 else None  # noqa: PLR2004 — the range of HTTP status codes
