"""What the page shows of the gateway's keys and runs, and what its caretaker does to a key."""

from datetime import datetime

from ai.clock import rfc3339
from ai.credit_tracker.caller_books import CallerBooks
from ai.credit_tracker.callers import Key, KeyEnded
from ai.credit_tracker.records import CapState
from ai.credit_tracker.statement import Use
from ai.ledger.money import NANOS_PER_USD, exact_nanos, usd9
from ai.observer.sources import CallerLook, GatewayLook

SHOWN = 60  # of keys, and of runs
TOPUP_AT_MOST_NANOS = 10_000 * NANOS_PER_USD  # as of the month's own: more is rather a slip of the finger


async def look(books: CallerBooks, now: datetime) -> GatewayLook:
    """Return how keys and runs stand. Raises StoreUnavailable."""
    keys, runs = await books.looks(SHOWN)
    there = await books.count()
    return {
        "keys": [_row(one.who.name, one.cap, one.use, one.who.ended(now), _terms(one.who, now)) for one in keys],
        "runs": [_row(one.who.name, one.cap, one.use, None, "") for one in runs],
        "keys_in_all": there.keys,
        "good": there.good,
        "runs_in_all": there.runs,
        "live": there.live,
    }


async def revoke(books: CallerBooks, name: str) -> str:
    """End a key and say so. Raises ValueError for an unknown one, StoreUnavailable."""
    try:
        await books.revoke_key(name)
    except KeyEnded as error:
        raise ValueError(str(error)) from error
    return f"key {name} is revoked; nothing more is spent with it"


async def topup(books: CallerBooks, name: str, amount: str, topup_id: str) -> str:
    """Raise what a key may spend in its period by `amount` dollars and say so. Raises ValueError, LedgerError."""
    nanos = exact_nanos(amount)
    if not 0 < nanos <= TOPUP_AT_MOST_NANOS:
        raise ValueError(f"${usd9(nanos)} cannot be added; give an amount above 0 and up to 10,000 dollars")
    try:
        await books.topup_key(name, nanos, topup_id)
    except KeyEnded as error:
        raise ValueError(str(error)) from error
    return f"key {name} may spend ${usd9(nanos)} more in its current period"


def _row(name: str, cap: CapState | None, use: Use, ended: str | None, terms: str) -> CallerLook:
    return {
        "name": name,
        "ended": ended,
        "terms": terms,
        "budget": None if cap is None else usd9(cap.filled),
        "available": None if cap is None else usd9(cap.available),
        "resets_at": None if cap is None or cap.resets_at is None else rfc3339(cap.resets_at),
        "calls": use.calls,
        "cost": usd9(use.cost),
        "under_way": use.under_way,
        "held": usd9(use.held),
        "unknown": use.unknown,
    }


def _terms(key: Key, now: datetime) -> str:
    """Say what else binds a key that is good."""
    terms = key.terms
    if key.ended(now) is not None:
        return ""
    said = (
        terms.model and f"always {terms.model}",
        terms.models and f"only {', '.join(terms.models)}",
        terms.max_call is not None and f"${usd9(terms.max_call)} a call",
        terms.requests_per_minute and f"{terms.requests_per_minute} calls a minute",
        terms.expires_at and f"until {terms.expires_at:%Y-%m-%d}",
    )
    return "; ".join(part for part in said if part)
