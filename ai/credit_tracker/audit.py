"""Whether the records kept beside the ledger say what its transfers say; `audit` names what does not."""

import json

from ai.credit_tracker.accounts import month_account, spent_account
from ai.credit_tracker.calls import IS_OPEN, OF_A_CALLER
from ai.credit_tracker.periods import days_of
from ai.ledger.money import usd9
from ai.ledger.transaction import Transaction

MAX_NAMED = 100  # mismatches named in one report; more of them say nothing more


def check_records(tx: Transaction) -> tuple[str, ...]:
    """Return a line for each month whose calls or sums disagree with its accounts; reads every call once.

    For every month: what its calls cost, what each dimension of the rollups adds up to, and what its account was
    spent, are one figure; the sums by month are those of its days; what its open calls and reserves hold is what its
    account has pending. For every key and run: its statement is the sum of its calls, its account holds what they hold.
    """
    calls = {
        row["period"]: (int(row["cost"]), int(row["held"]))
        for row in tx.execute(
            "SELECT period, COALESCE(SUM(cost), 0) AS cost, "
            f"COALESCE(SUM(CASE WHEN {IS_OPEN} THEN held ELSE 0 END), 0) AS held "
            "FROM calls GROUP BY period ORDER BY period"
        )
    }
    accounts = {
        row["id"]: (int(row["spent"]), int(row["pending"]))
        for row in tx.execute(
            "SELECT id, credits_posted - debits_posted AS spent, debits_pending AS pending FROM accounts "
            "WHERE id LIKE 'spent:%' OR id LIKE 'month:%'"
        )
    }
    kept = {
        row["period"]: int(row["kept"])
        for row in tx.execute("SELECT period, SUM(words + post) AS kept FROM reserves GROUP BY period")
    }
    found: list[str] = []
    for period in sorted(calls.keys() | {name.partition(":")[2] for name in accounts}):
        cost, held = calls.get(period, (0, 0))
        spent = accounts.get(spent_account(period), (0, 0))[0]
        pending = accounts.get(month_account(period), (0, 0))[1]
        if cost != spent:
            found.append(f"account {spent_account(period)}: has ${usd9(spent)} and its calls cost ${usd9(cost)}")
        if held + kept.get(period, 0) != pending:
            also = f" and reserves ${usd9(kept[period])}" if kept.get(period) else ""
            found.append(
                f"account {month_account(period)}: ${usd9(pending)} is pending and calls hold ${usd9(held)}{also}"
            )
        days = _sums(tx, "rollups", "day", days_of(period))
        found += [
            f"account {spent_account(period)}: has ${usd9(spent)} and the sums by {dimension} say ${usd9(total)}"
            for dimension, total in days.items()
            if total != spent
        ]
        found += [
            f"month {period}: its days by {dimension} say ${usd9(days[dimension])} and its sum ${usd9(total)}"
            for dimension, total in _sums(tx, "month_rollups", "month", (period, period)).items()
            if total != days[dimension]
        ]
    found += _callers(tx)
    return tuple(found[:MAX_NAMED])


def _callers(tx: Transaction) -> list[str]:
    """Return what does not match of keys and runs: sums with their calls, accounts with the calls that hold of them."""
    sums = "SELECT key, run, period, SUM(cost) AS cost FROM {} WHERE key <> '' OR run <> '' GROUP BY key, run, period"
    booked, summed = (
        {(row["key"], row["run"], row["period"]): int(row["cost"] or 0) for row in tx.execute(sums.format(table))}
        for table in ("calls", "caller_rollups")
    )
    found = [
        f"key {group[0] or '-'}, run {group[1] or '-'}, month {group[2]}: calls cost ${usd9(booked.get(group, 0))} and "
        f"its statement says ${usd9(summed.get(group, 0))}"
        for group in sorted(booked.keys() | summed.keys())
        if booked.get(group, 0) != summed.get(group, 0)
    ]
    held: dict[str, int] = {}
    for row in tx.execute(f"SELECT legs FROM calls WHERE {IS_OPEN} AND {OF_A_CALLER}"):
        for _, account, _, amount in json.loads(row["legs"]):
            held[account] = held.get(account, 0) + amount
    for row in tx.execute(
        "SELECT id, debits_pending AS pending, credits_posted - debits_posted - debits_pending AS free, filled "
        "FROM accounts LEFT JOIN caps ON account = id WHERE id LIKE 'key:%' OR id LIKE 'run:%' OR id LIKE 'callers:%'"
    ):
        calls_hold = held.get(row["id"], 0)
        if row["pending"] != calls_hold:
            found.append(f"account {row['id']}: ${usd9(row['pending'])} is pending and calls hold ${usd9(calls_hold)}")
        if row["filled"] is None or row["filled"] < row["pending"] + row["free"]:
            found.append(f"account {row['id']}: has more than the ${usd9(row['filled'] or 0)} it was filled with")
    return found


def _sums(tx: Transaction, table: str, column: str, span: tuple[str, str]) -> dict[str, int]:
    rows = tx.execute(
        f"SELECT dimension, SUM(cost) AS cost FROM {table} WHERE {column} BETWEEN ? AND ? GROUP BY dimension", span
    )
    sums = {row["dimension"]: int(row["cost"]) for row in rows}
    return {dimension: sums.get(dimension, 0) for dimension in ("model", "purpose", "life")}
