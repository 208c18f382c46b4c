"""Whether the records kept beside the ledger say what its transfers say; `audit` names what does not."""

from ai.credit_tracker.months import month_account, spent_account
from ai.credit_tracker.periods import days_of
from ai.ledger.money import usd9
from ai.ledger.transaction import Transaction

MAX_NAMED = 100  # mismatches named in one report; more of them say nothing more


def check_records(tx: Transaction) -> tuple[str, ...]:
    """Return a line for each month whose calls or sums disagree with its accounts; reads every call once.

    For every month: what its calls cost, what each dimension of the rollups adds up to, and what its account was
    spent, are one figure; the sums by month are those of its days; what its open calls and reserves hold is what its
    account has pending.
    """
    calls = {
        row["period"]: (int(row["cost"]), int(row["held"]))
        for row in tx.execute(
            "SELECT period, COALESCE(SUM(cost), 0) AS cost, "
            "COALESCE(SUM(CASE WHEN state IN ('held', 'sent', 'unknown') THEN held ELSE 0 END), 0) AS held "
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
    return tuple(found[:MAX_NAMED])


def _sums(tx: Transaction, table: str, column: str, span: tuple[str, str]) -> dict[str, int]:
    rows = tx.execute(
        f"SELECT dimension, SUM(cost) AS cost FROM {table} WHERE {column} BETWEEN ? AND ? GROUP BY dimension", span
    )
    sums = {row["dimension"]: int(row["cost"]) for row in rows}
    return {dimension: sums.get(dimension, 0) for dimension in ("model", "purpose", "life")}
