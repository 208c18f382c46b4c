"""What a request's headers ask of the gateway, and what its answers tell in theirs; pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from ai.gateway.refusals import Refusal
from ai.ledger.money import nanos, usd9

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
TRACEPARENT = re.compile(r"[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}(?:-.*)?")
LONGEST_WAIT_SECONDS = 60.0
LEAST_WEIGHT, MOST_WEIGHT = Decimal("0.01"), Decimal(100)
MAX_IDEMPOTENCY_CHARS = 255
MAX_USD = Decimal(1_000_000)
ON, OFF = frozenset({"on", "1", "true", "yes"}), frozenset({"off", "0", "false", "no", ""})


@dataclass(frozen=True, slots=True)
class CallOptions:
    """What one request asks for beside its body; `max_cost` is in nano-dollars, `wait_seconds` at most 60.

    `trace` is the trace and the span that it is part of, where its program tells them.
    """

    run: str | None = None
    max_cost: int | None = None
    fit: bool = False
    wait_seconds: float = 0.0
    keep: bool = False
    weight: float = 1.0
    idempotency_key: str | None = None
    trace: tuple[str, str] | None = None


def read_options(headers: Mapping[str, str], path_run: str | None) -> CallOptions:
    """Return the options; `headers` by lower-case names, the run in the path before the one in a header.

    Raises Refusal with status 400 for a header that cannot be meant so.
    """
    named = path_run if path_run is not None else headers.get("x-genesis-run")
    cost = _number(headers, "x-genesis-max-cost", Decimal(0), MAX_USD, "dollars, like 0.05")
    wait = _number(headers, "x-genesis-wait", Decimal(0), Decimal(10**6), "seconds, like 20")
    weight = _number(headers, "x-genesis-weight", LEAST_WEIGHT, MOST_WEIGHT, "a number, like 8")
    return CallOptions(
        run=None if named is None else checked_name(named, "run"),
        max_cost=None if cost is None else nanos(cost),
        fit=_switch(headers, "x-genesis-fit"),
        wait_seconds=min(LONGEST_WAIT_SECONDS, float(wait or 0)),
        keep=_switch(headers, "x-genesis-keep"),
        weight=float(weight or 1),
        idempotency_key=_idempotency_key(headers),
        trace=trace_of(headers),
    )


def trace_of(headers: Mapping[str, str]) -> tuple[str, str] | None:
    """Return trace and span of the caller's `traceparent`, None where there is none that can be meant."""
    found = TRACEPARENT.fullmatch(headers.get("traceparent", "").strip())
    return None if found is None else (found[1], found[2])


def secret_of(headers: Mapping[str, str]) -> str | None:
    """Return the key that a request bears, None where it bears none."""
    scheme, _, given = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and given.strip():
        return given.strip()
    return headers.get("x-api-key", "").strip() or None


def checked_name(name: str, of: str) -> str:
    """Return the name of a run or a key. Raises Refusal."""
    if NAME.fullmatch(name) is None or set(name) <= {"."}:
        raise Refusal(
            400, f"a {of}'s name has 1 to 64 of letters, digits, `.`, `_` and `-`, not {name[:80]!r}", param=of
        )
    return name


def answer_headers(  # noqa: PLR0913 - each header by its name
    call_id: str, model_id: str, *, cost: int | None, available: int | None, max_output: int | None, note: str | None
) -> dict[str, str]:
    """Return the headers of an answer; what is not known, or did not change, is left out."""
    told = {
        "X-Genesis-Call": call_id,
        "X-Genesis-Model": model_id,
        "X-Genesis-Cost": None if cost is None else usd9(cost),
        "X-Genesis-Available": None if available is None else usd9(max(0, available)),
        "X-Genesis-Max-Tokens": None if max_output is None else str(max_output),
        "X-Genesis-Note": None if note is None else note.encode("ascii", "replace").decode(),
    }
    return {name: value for name, value in told.items() if value is not None}


def _switch(headers: Mapping[str, str], name: str) -> bool:
    value = headers.get(name, "").strip().lower()
    if value in ON:
        return True
    if value in OFF:
        return False
    raise Refusal(400, f"{name}: {value[:40]!r} is neither on nor off", param=name)


def _number(headers: Mapping[str, str], name: str, least: Decimal, most: Decimal, right: str) -> Decimal | None:
    text = headers.get(name)
    if text is None:
        return None
    try:  # Decimal would read `1_0` as ten dollars, and digits of other scripts
        value = Decimal(text.strip() if text.isascii() and "_" not in text else "NaN")
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite() or not least <= value <= most:
        raise Refusal(400, f"{name}: {text[:40]!r} cannot be meant; write {right}, from {least} to {most}", param=name)
    return value


def _idempotency_key(headers: Mapping[str, str]) -> str | None:
    key = headers.get("idempotency-key")
    if key is None:
        return None
    if not 0 < len(key) <= MAX_IDEMPOTENCY_CHARS or not key.isprintable():
        raise Refusal(
            400, f"Idempotency-Key must have 1 to {MAX_IDEMPOTENCY_CHARS} printable characters", param="idempotency-key"
        )
    return key
