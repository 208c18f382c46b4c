"""The budget as programs see it: the JSON of `budget --json` and `GET /api/budget` (CONTRACT §3)."""

from math import inf
from typing import Any

from ai.credit_tracker.balances import spent_in
from ai.credit_tracker.months import find_month, month_account
from ai.credit_tracker.periods import days_of, month_end
from ai.credit_tracker.records import Balance, CallRecord
from ai.ledger.money import usd9
from ai.ledger.transaction import Transaction


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
    ends = month_end(period)
    return {
        "period": period,
        "granted": usd9(granted),
        "donated": usd9(donated),
        "spent": usd9(spent),
        "held": usd9(held),
        "available": usd9(left),
        "band": balance.band.value if current else None,
        "resets_at": f"{ends:%Y-%m-%dT%H:%M:%SZ}",
        "runway_days": round(balance.runway_days, 2) if current and balance.runway_days is not None else None,
        "by_model": _by_model(tx, period),
        "by_purpose": _by_purpose(tx, period),
        "by_life": _by_life(tx, period),
    }


def _past(tx: Transaction, period: str) -> tuple[int, int, int, int]:
    month = find_month(tx, period)
    if month is None:
        return 0, 0, 0, 0
    account = tx.account(month_account(period))
    return month.granted, month.donated, account.debits_pending, account.available


def _by_model(tx: Transaction, period: str) -> list[dict[str, Any]]:
    rows = tx.execute(
        "SELECT key, SUM(calls) AS calls, SUM(prompt_tokens) AS prompt, SUM(completion_tokens) AS completion, "
        "SUM(cost) AS cost FROM rollups WHERE dimension = 'model' AND day BETWEEN ? AND ? "
        "GROUP BY key ORDER BY cost DESC, key",
        days_of(period),
    )
    return [
        {
            "model": row["key"],
            "calls": int(row["calls"]),
            "prompt_tokens": int(row["prompt"]),
            "completion_tokens": int(row["completion"]),
            "cost": usd9(int(row["cost"])),
        }
        for row in rows
    ]


def _by_purpose(tx: Transaction, period: str) -> list[dict[str, Any]]:
    rows = tx.execute(
        "SELECT key, SUM(calls) AS calls, SUM(cost) AS cost FROM rollups "
        "WHERE dimension = 'purpose' AND day BETWEEN ? AND ? GROUP BY key ORDER BY cost DESC, key",
        days_of(period),
    )
    return [{"purpose": row["key"], "calls": int(row["calls"]), "cost": usd9(int(row["cost"]))} for row in rows]


def _by_life(tx: Transaction, period: str) -> list[dict[str, Any]]:
    """Lives are told apart by mind where several minds share the purse; only then does an entry name its mind."""
    rows = list(
        tx.execute(
            "SELECT mind, key, SUM(cost) AS cost FROM rollups WHERE dimension = 'life' AND day BETWEEN ? AND ? "
            "GROUP BY mind, key ORDER BY mind, key",
            days_of(period),
        )
    )
    several = len({row["mind"] for row in rows}) > 1
    lives = [
        {
            "life": int(row["key"]) if row["key"] else None,
            "cost": usd9(int(row["cost"])),
            **({"mind": row["mind"]} if several else {}),
        }
        for row in rows
    ]
    return sorted(lives, key=lambda life: life["life"] or inf)


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
        "state": call.state.value,
        "held": usd9(call.held),
        "cost": None if call.cost is None else usd9(call.cost),
        "prompt_tokens": call.prompt_tokens,
        "completion_tokens": call.completion_tokens,
        "estimated": call.estimated,
        "problem": call.problem,
        "held_at": f"{call.held_at:%Y-%m-%dT%H:%M:%S.%fZ}",
        "settled_at": None if call.settled_at is None else f"{call.settled_at:%Y-%m-%dT%H:%M:%S.%fZ}",
    }
