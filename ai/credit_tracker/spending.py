"""Where the money went: by day, purpose, model and life, with pace and projection; for programs as JSON and CSV."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from ai.clock import rfc3339
from ai.credit_tracker.accounts import month_account
from ai.credit_tracker.months import find_month, spent_in
from ai.credit_tracker.periods import day_of, days_of, month_end, month_of, whole_months_in
from ai.credit_tracker.records import Balance, CallRecord
from ai.credit_tracker.rollups import DAY_SECONDS, burn_per_day
from ai.ledger.money import usd9
from ai.ledger.store import Row
from ai.ledger.transaction import Transaction

_FIGURES = "SELECT mind, key, calls, prompt_tokens, completion_tokens, cost"
_DAYS = (
    "(SELECT day AS key, calls, prompt_tokens, completion_tokens, cost FROM rollups "
    "WHERE dimension = ? AND day BETWEEN ? AND ?) AS days"
)
_SUMS = (
    f"({_FIGURES} FROM rollups WHERE dimension = ? AND day BETWEEN ? AND ? "
    f"UNION ALL {_FIGURES} FROM rollups WHERE dimension = ? AND day BETWEEN ? AND ? "
    f"UNION ALL {_FIGURES} FROM month_rollups WHERE dimension = ? AND month BETWEEN ? AND ?) AS sums"
)
COUNTS = ("calls", "prompt_tokens", "completion_tokens")
CSV_COLUMNS = ("dimension", "key", "mind", *COUNTS, "cost_usd")


@dataclass(frozen=True, slots=True)
class Line:
    """What went to one day, purpose, model or life; `cost` in nano-dollars, `mind` only for lives of several minds."""

    key: str
    calls: int
    prompt_tokens: int
    completion_tokens: int
    cost: int
    mind: str = ""


@dataclass(frozen=True, slots=True)
class Spending:
    """What was spent on days `first` to `last`, both included; each of the four parts adds up to `cost`."""

    first: str
    last: str
    cost: int
    by_day: tuple[Line, ...]
    by_purpose: tuple[Line, ...]
    by_model: tuple[Line, ...]
    by_life: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class BurnRate:
    """How fast money goes, in nano-dollars; None while less than a day was observed.

    `projected` is what the current month will have spent by its end at this pace, whatever it was given.
    """

    burn_per_day: int | None
    projected: int | None


def read_month(tx: Transaction, month: str) -> Spending:
    """Return the spending of a month like `2026-11`; a call belongs to the day it was held on."""
    first, last = days_of(month)
    return _read(tx, date.fromisoformat(first), date.fromisoformat(last))


def read_since(tx: Transaction, since: date, now: datetime) -> Spending:
    """Return the spending from the UTC day `since` until now, across months."""
    return _read(tx, since, date.fromisoformat(day_of(now)))


def _read(tx: Transaction, first: date, last: date) -> Spending:
    days = (first.isoformat(), last.isoformat())
    before, months, after = whole_months_in(first, last)

    def lines(dimension: str, *, by_mind: bool = False) -> tuple[Line, ...]:
        params = [value for part in (before, after, months) for value in (dimension, *part)]
        return _lines(tx, _SUMS, params, by_mind=by_mind)

    # the dimension with the fewest rows
    by_day = tuple(sorted(_lines(tx, _DAYS, ["life", *days]), key=lambda line: line.key))
    return Spending(
        first=days[0],
        last=days[1],
        cost=sum(line.cost for line in by_day),
        by_day=by_day,
        by_purpose=lines("purpose"),
        by_model=lines("model"),
        by_life=_by_life(lines("life", by_mind=True)),
    )


def _lines(tx: Transaction, source: str, params: Sequence[object], *, by_mind: bool = False) -> tuple[Line, ...]:
    mind, group = ("mind", "mind, key") if by_mind else ("''", "key")
    rows = tx.execute(
        f"SELECT key, {mind} AS mind, SUM(calls) AS calls, SUM(prompt_tokens) AS prompt, "
        f"SUM(completion_tokens) AS completion, SUM(cost) AS cost FROM {source} "
        f"GROUP BY {group} ORDER BY SUM(cost) DESC, key",
        params,
    )
    return tuple(line_of(row) for row in rows)


def line_of(row: Row) -> Line:
    """Return a row of sums as a line; its columns are key, mind, calls, prompt, completion and cost."""
    counts = (int(row["calls"]), int(row["prompt"]), int(row["completion"]), int(row["cost"]))
    return Line(row["key"], *counts, mind=row["mind"])


def _by_life(lines: tuple[Line, ...]) -> tuple[Line, ...]:
    ordered = sorted(lines, key=lambda line: (line.key == "", int(line.key or 0), line.mind))
    if len({line.mind for line in lines}) > 1:
        return tuple(ordered)
    return tuple(Line(line.key, line.calls, line.prompt_tokens, line.completion_tokens, line.cost) for line in ordered)


def read_pace(tx: Transaction, now: datetime, balance: Balance) -> BurnRate:
    """Return the pace of the last week and where it leads by the end of the current month."""
    burn = burn_per_day(tx, now)
    if burn is None:
        return BurnRate(None, None)
    days_left = (month_end(month_of(now)) - now).total_seconds() / DAY_SECONDS
    return BurnRate(round(burn), balance.spent + round(burn * days_left))


def daily_costs(spending: Spending) -> list[int]:
    """Return nano-dollars for every day from first to last, zeros where nothing was spent."""
    known = {line.key: line.cost for line in spending.by_day}
    first, last = date.fromisoformat(spending.first), date.fromisoformat(spending.last)
    days = (last - first).days + 1
    return [known.get((first + timedelta(days=n)).isoformat(), 0) for n in range(days)]


def line_json(part: str, line: Line, counts: Sequence[str] = COUNTS) -> dict[str, Any]:
    """Return one line of the part `model`, `purpose`, `life` or `day` as JSON, with these of its counts."""
    key: Any = line.key
    if part == "life":
        key = int(line.key) if line.key else None
    told = {count: getattr(line, count) for count in counts}
    return {part: key, **told, "cost": usd9(line.cost)} | ({"mind": line.mind} if line.mind else {})


def spending_json(spending: Spending) -> dict[str, Any]:
    """Return the spending as JSON, for `budget --since … --json`; money as decimal strings in USD."""
    return {
        "since": spending.first,
        "until": spending.last,
        "spent": usd9(spending.cost),
        "by_day": [line_json("day", line) for line in spending.by_day],
        "by_model": [line_json("model", line) for line in spending.by_model],
        "by_purpose": [line_json("purpose", line) for line in spending.by_purpose],
        "by_life": [line_json("life", line) for line in spending.by_life],
    }


def spending_csv(spending: Spending) -> str:
    """Return the spending as CSV (RFC 4180, a header line, cost in USD with 9 places), for spreadsheets."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(CSV_COLUMNS)
    parts = {
        "day": spending.by_day,
        "purpose": spending.by_purpose,
        "model": spending.by_model,
        "life": spending.by_life,
    }
    for dimension, lines in parts.items():
        for line in lines:
            key = _inert(line.key)
            figures = (line.calls, line.prompt_tokens, line.completion_tokens, usd9(line.cost))
            writer.writerow((dimension, key, line.mind, *figures))
    return out.getvalue()


def _inert(text: str) -> str:
    """A spreadsheet takes text that begins so for a formula; model names come from outside."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def budget_json(tx: Transaction, period: str, balance: Balance) -> dict[str, Any]:
    """Return the budget document of a month; `balance` is that of the current one.

    Amounts are decimal strings in USD with 9 places. `by_model`, `by_purpose` and `by_life` each add up to `spent`.
    A past month has neither band nor runway: both are null.
    """
    current = period == balance.period
    if current:
        granted, donated, held, left = balance.granted, balance.donated, balance.held, balance.available
        spent = balance.spent
    else:
        granted, donated, held, left = _past(tx, period)
        spent = spent_in(tx, period)
    spending = read_month(tx, period)
    return {
        "period": period,
        "granted": usd9(granted),
        "donated": usd9(donated),
        "spent": usd9(spent),
        "held": usd9(held),
        "available": usd9(left),
        "band": balance.band.value if current else None,
        "resets_at": f"{month_end(period):%Y-%m-%dT%H:%M:%SZ}",
        "runway_days": round(balance.runway_days, 2) if current and balance.runway_days is not None else None,
        "by_model": [line_json("model", line) for line in spending.by_model],
        "by_purpose": [line_json("purpose", line, ["calls"]) for line in spending.by_purpose],
        "by_life": [line_json("life", line, []) for line in spending.by_life],
    }


def _past(tx: Transaction, period: str) -> tuple[int, int, int, int]:
    month = find_month(tx, period)
    if month is None:
        return 0, 0, 0, 0
    account = tx.account(month_account(period))
    return month.granted, month.donated, account.debits_pending, account.available


def call_json(call: CallRecord) -> dict[str, Any]:
    """Return one call as JSON for `budget --calls N`."""
    return {
        "id": call.id,
        "mind": call.mind,
        "life": call.life,
        "beat": call.beat,
        "client": call.client,
        "purpose": call.purpose,
        "subject": call.subject,
        **call_figures(call),
    }


def call_figures(call: CallRecord) -> dict[str, Any]:
    """Return what every list of calls says of each, as JSON: where it stands, its cost and tokens, its times."""
    return {
        "state": call.state.value,
        "held": usd9(call.held),
        "cost": None if call.cost is None else usd9(call.cost),
        "prompt_tokens": call.prompt_tokens,
        "completion_tokens": call.completion_tokens,
        "estimated": call.estimated,
        "problem": call.problem,
        "held_at": rfc3339(call.held_at),
        "settled_at": None if call.settled_at is None else rfc3339(call.settled_at),
    }
