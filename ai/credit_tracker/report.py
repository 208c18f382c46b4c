"""The budget as programs see it: the JSON of `budget --json` and `GET /api/budget` (CONTRACT §3)."""

from typing import Any

from ai.credit_tracker.balances import spent_in
from ai.credit_tracker.months import find_month, month_account
from ai.credit_tracker.periods import month_end
from ai.credit_tracker.records import Balance, CallRecord
from ai.credit_tracker.spending import read_month
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
        **_parts(tx, period),
    }


def _past(tx: Transaction, period: str) -> tuple[int, int, int, int]:
    month = find_month(tx, period)
    if month is None:
        return 0, 0, 0, 0
    account = tx.account(month_account(period))
    return month.granted, month.donated, account.debits_pending, account.available


def _parts(tx: Transaction, period: str) -> dict[str, list[dict[str, Any]]]:
    """Return the month's spending in its three parts; a life names its mind only where several share the purse."""
    spending = read_month(tx, period)
    return {
        "by_model": [
            {
                "model": line.key,
                "calls": line.calls,
                "prompt_tokens": line.prompt_tokens,
                "completion_tokens": line.completion_tokens,
                "cost": usd9(line.cost),
            }
            for line in spending.by_model
        ],
        "by_purpose": [
            {"purpose": line.key, "calls": line.calls, "cost": usd9(line.cost)} for line in spending.by_purpose
        ],
        "by_life": [
            {"life": int(line.key) if line.key else None, "cost": usd9(line.cost)}
            | ({"mind": line.mind} if line.mind else {})
            for line in spending.by_life
        ],
    }


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
