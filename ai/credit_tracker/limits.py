"""Caps and quotas as accounts: the day's dollars, free requests, posts, the AI's own, sub-budgets, callers' share."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_CEILING, Decimal
from fnmatch import fnmatchcase
from typing import Literal

from ai.asking import Purpose
from ai.clock import microseconds
from ai.credit_tracker.accounts import (
    POST,
    REQUEST,
    USD,
    callers_account,
    cap_account,
    day_account,
    free_account,
    posts_account,
    reflection_account,
    source_of,
    used_of,
    wishes_account,
)
from ai.credit_tracker.calls import IS_OPEN, OF_A_CALLER
from ai.credit_tracker.months import Month
from ai.credit_tracker.periods import month_end, period_end
from ai.credit_tracker.records import CapState, Expense
from ai.ledger.money import nanos
from ai.ledger.transaction import Transaction
from ai.settings import Settings

NEVER = datetime(9999, 12, 31, tzinfo=UTC)  # when a cap without a period is filled anew
DEFAULT_FREE_REQUESTS = 50  # OpenRouter's quota for accounts that never bought credits; FREE_REQUESTS_PER_DAY=auto
WISHES_SHARE = 10  # facts/pacing.md: one dollar in ten of the grant is for the AI's own wishes
# One dollar in four of the grant is for reflections (and the summaries of condensing, which have the same purpose).
# Without a cap `python -m benchmarks.month --seed 1` spent $3.24 of $4.99 on 691 calls for them, $0.85 on thoughts. By
# their weight in `ai.model_rotator.policy` they were 27 % of what was done: 23 a day of weight 5, beside 275 thoughts
# of 1.
REFLECTION_SHARE = 4
Own = Literal["wishes", "reflection"]
LimitKind = Literal["money", "free", "posts"]


@dataclass(frozen=True, slots=True)
class Limit:
    """An account that fills up once a period: `level` is how far, in its own unit."""

    account: str
    name: str
    kind: LimitKind
    unit: str
    level: int
    resets_at: datetime | None
    kept: bool = False  # an existing account keeps its level: nothing better than a default is known
    covers: tuple[str, ...] | None = None  # None: everything of its kind
    own: Own | None = None  # what the AI does for itself; a sub-budget of a person may have the same name
    of_caller: bool = False  # of a key, a run or all callers: it bears whatever their call turns out to cost


def limits_at(settings: Settings, mind: str, now: datetime, free_requests: int | None) -> tuple[Limit, ...]:
    """Return every limit that is in force at `now`; `free_requests`: what the account says, None if unknown."""
    tomorrow = period_end("day", now)
    quota = settings.free_requests_per_day
    told = DEFAULT_FREE_REQUESTS if free_requests is None else free_requests
    free = told if quota == "auto" else quota
    month_ends, grant = period_end("month", now), nanos(settings.monthly_budget_usd)
    limits = [
        Limit(
            free_account(now), "free requests", "free", REQUEST, free, tomorrow,
            kept=quota == "auto" and free_requests is None,
        ),
        Limit(posts_account(mind, now), "posts", "posts", POST, settings.tweets_per_day, tomorrow),
        Limit(wishes_account(now), "wishes", "money", USD, grant // WISHES_SHARE, month_ends, own="wishes"),
        Limit(
            reflection_account(now), "reflection", "money", USD, grant // REFLECTION_SHARE, month_ends, own="reflection"
        ),
    ]  # fmt: skip
    if settings.daily_budget_usd is not None:
        limits.append(Limit(day_account(now), "day", "money", USD, nanos(settings.daily_budget_usd), tomorrow))
    limits.extend(
        Limit(
            cap_account(cap, now), cap.name, "money", USD, nanos(cap.amount), period_end(cap.period, now),
            covers=cap.covers,
        )
        for cap in settings.budgets
    )  # fmt: skip
    return tuple(limits)


def touches(limit: Limit, expense: Expense) -> bool:
    """Return whether what an expense has of this limit's kind (money, free requests, posts) is held here too."""
    if limit.own is not None:
        return expense.wish if limit.own == "wishes" else expense.purpose == Purpose.REFLECTION
    return limit.covers is None or any(
        fnmatchcase(what, pattern)
        for what in (expense.purpose, expense.client, expense.subject)
        for pattern in limit.covers
    )


def fill(tx: Transaction, limits: Sequence[Limit]) -> list[Limit]:
    """Open and fill the limits' accounts, or move the difference where a level changed; return the new ones.

    A lower level takes back only what is neither used nor held.
    """
    for unit in {limit.unit for limit in limits}:
        tx.open_account(source_of(unit), unit, may_go_negative=True)
        tx.open_account(used_of(unit), unit)
    return [limit for limit in limits if _fill(tx, limit)]


def _fill(tx: Transaction, limit: Limit) -> bool:
    tx.open_account(limit.account, limit.unit)
    fresh = tx.execute(
        "INSERT INTO caps (account, name, unit, filled, resets_at) VALUES (?, ?, ?, 0, ?) "
        "ON CONFLICT (account) DO NOTHING RETURNING account",
        (limit.account, limit.name, limit.unit, microseconds(limit.resets_at or NEVER)),
    )
    if limit.kept and not fresh:
        return False
    stored = tx.execute("UPDATE caps SET moves = moves + 1 WHERE account = ? RETURNING filled, moves", (limit.account,))
    row = stored[0]
    difference = max(limit.level - row["filled"], -tx.account(limit.account).available)
    if difference:
        debit, credit = source_of(limit.unit), limit.account
        if difference < 0:
            debit, credit = credit, debit
        tx.transfer(
            f"fill/{limit.account}/{row['moves']}", debit=debit, credit=credit, amount=abs(difference), memo=limit.name
        )
        tx.execute("UPDATE caps SET filled = filled + ? WHERE account = ?", (difference, limit.account))
    return bool(fresh)


def use_up(tx: Transaction, account: str, unit: str, amount: int, *, why: str) -> None:
    """Book what was used of a limit without a hold, as far as there is something left."""
    taken = min(amount, tx.account(account).available)
    if taken > 0:
        rows = tx.execute("UPDATE caps SET moves = moves + 1 WHERE account = ? RETURNING moves", (account,))
        number = rows[0]["moves"]
        tx.transfer(f"use/{account}/{number}", debit=account, credit=used_of(unit), amount=taken, memo=why)


def cap_states(tx: Transaction, limits: Sequence[Limit]) -> tuple[CapState, ...]:
    """Return how each cap stands, of one or more; one that is not filled yet as it will be then."""
    marks = ",".join("?" * len(limits))
    rows = tx.execute(
        "SELECT accounts.id AS account, debits_pending AS held, "
        "credits_posted - debits_posted - debits_pending AS free, "
        "COALESCE(caps.filled, months.granted + months.donated - months.rolled) AS filled FROM accounts "
        "LEFT JOIN caps ON caps.account = accounts.id LEFT JOIN months ON accounts.id = 'month:' || months.period "
        f"WHERE accounts.id IN ({marks})",
        [limit.account for limit in limits],
    )
    found = {row["account"]: (int(row["filled"]), int(row["held"]), int(row["free"])) for row in rows}
    states = []
    for limit in limits:
        filled, held, left = found.get(limit.account, (limit.level, 0, limit.level))
        states.append(CapState(limit.name, left, held, filled - held - left, limit.resets_at, limit.own is not None))
    return tuple(states)


def share_limit(month: Month | None, share: Decimal) -> tuple[Limit, ...]:
    """Return the cap of all callers together, where a mind lives on the purse: the month without the mind's share."""
    if month is None or not month.lived or share == 0:
        return ()
    kept = int((month.given * share).to_integral_value(rounding=ROUND_CEILING))
    account = callers_account(month.period)
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
        f"SELECT COALESCE(SUM(held), 0) AS held FROM calls WHERE period = ? AND {IS_OPEN} AND {OF_A_CALLER}",
        (period,),
    )
    return int(spent[0]["cost"]) + int(held[0]["held"])
