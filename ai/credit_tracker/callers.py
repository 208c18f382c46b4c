"""Callers of the gateway at the purse: what a hold of theirs must fit beside month and day, and what that leaves."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_CEILING, Decimal

from ai.credit_tracker.keys import KeyEnded, get_key, key_limit, turned
from ai.credit_tracker.limits import Limit, fill, use_up
from ai.credit_tracker.months import USD, Month
from ai.credit_tracker.periods import month_end, month_of
from ai.credit_tracker.records import Caller, NotAffordable
from ai.credit_tracker.requests import begin_request
from ai.credit_tracker.runs import ensure_run, run_limit
from ai.ledger.transaction import Transaction

MINUTE = timedelta(minutes=1)


class TooManyRequests(NotAffordable):
    """The key made as many calls in the last minute as it may; `resets_at` says when the next one fits."""


@dataclass(frozen=True, slots=True)
class CallerCaps:
    """What a caller's hold touches beside the purse's own limits, and the most that this one call may cost."""

    limits: tuple[Limit, ...]
    most: int | None


def admit(tx: Transaction, caller: Caller, call_id: str, now: datetime) -> CallerCaps:
    """Return the caps of a call that is about to be held for: its key's, its run's, its own.

    Makes the run where it is new and turns the key's budget to its period. Raises KeyEnded, TooManyRequests, and what
    `begin_request` raises for a request that was made before.
    """
    if caller.request is not None:
        begin_request(tx, caller.key, caller.request, call_id)
    limits: list[Limit | None] = []
    most = [caller.max_cost]
    if caller.key:
        key = get_key(tx, caller.key)
        ended = key.ended(now)
        if ended is not None:
            raise KeyEnded(key.name, ended)
        if caller.secret_hash not in {"", key.secret_hash}:
            raise KeyEnded(key.name, "was revoked; another key has its name now")
        if key.terms.requests_per_minute is not None:
            _refuse_above(tx, key.name, key.terms.requests_per_minute, now)
        limits.append(key_limit(turned(tx, key, now), now))
        most.append(key.terms.max_call)
    if caller.run:
        limits.append(run_limit(ensure_run(tx, caller.run)))
    bounds = [bound for bound in most if bound is not None]
    return CallerCaps(tuple(limit for limit in limits if limit is not None), min(bounds) if bounds else None)


def share_limit(month: Month | None, share: Decimal) -> tuple[Limit, ...]:
    """Return the cap of all callers together, where a mind lives on the purse: the month without the mind's share."""
    if month is None or not month.lived or share == 0:
        return ()
    kept = int((month.given * share).to_integral_value(rounding=ROUND_CEILING))
    account = f"callers:{month.period}"
    return (Limit(account, "month", "money", USD, month.given - kept, month_end(month.period), of_caller=True),)


def keep_share(tx: Transaction, month: Month | None, share: Decimal) -> tuple[Limit, ...]:
    """Fill the cap of all callers together to what it is now, and return it; nothing where there is none."""
    limits = share_limit(month, share)
    for limit in limits:
        rows = tx.execute("SELECT filled FROM caps WHERE account = ?", (limit.account,))
        if not rows or rows[0]["filled"] != limit.level:
            fill(tx, limits)
        if not rows and month is not None:
            use_up(tx, limit.account, USD, _taken(tx, month.period), why="before a mind lived here")
    return limits


def _taken(tx: Transaction, period: str) -> int:
    """Return what callers spent of a month and hold of it."""
    spent = tx.execute("SELECT COALESCE(SUM(cost), 0) AS cost FROM caller_rollups WHERE period = ?", (period,))
    held = tx.execute(
        "SELECT COALESCE(SUM(held), 0) AS held FROM calls WHERE period = ? AND state IN ('held', 'sent', 'unknown') "
        "AND (key <> '' OR run <> '')",
        (period,),
    )
    return int(spent[0]["cost"]) + int(held[0]["held"])


def _refuse_above(tx: Transaction, key: str, most: int, now: datetime) -> None:
    """Raise TooManyRequests where the key made `most` calls in the last minute; those never sent do not count."""
    since = tx.at - MINUTE // timedelta(microseconds=1)
    rows = tx.execute(
        "SELECT held_at FROM calls WHERE key = ? AND key <> '' AND period IN (?, ?) AND held_at > ? AND held_at <= ? "
        "AND state <> 'voided' ORDER BY held_at DESC LIMIT ?",
        (key, month_of(now), month_of(now - MINUTE), since, tx.at, most),
    )
    if len(rows) >= most:
        wait = timedelta(microseconds=rows[-1]["held_at"] - since)
        raise TooManyRequests(
            f"key {key}",
            needed=1,
            available=0,
            resets_at=now + wait,
            reason=f"{most} calls a minute are allowed, and as many were made in the last one",
        )
