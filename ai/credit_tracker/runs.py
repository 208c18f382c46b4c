"""The runs that programs book to: a name in a path, and the account that its budget is where it was given one."""

from dataclasses import dataclass

from ai.credit_tracker.keys import check_name
from ai.credit_tracker.limits import Limit, fill
from ai.credit_tracker.months import USD
from ai.ledger.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Run:
    """One run; `budget` in nano-dollars, None where it has no cap; its account is another each time it is set."""

    name: str
    budget: int | None
    times: int
    account: str


def find_run(tx: Transaction, name: str) -> Run | None:
    """Return the run of that name, or None."""
    rows = tx.execute("SELECT name, budget, times, account FROM runs WHERE name = ?", (name,))
    return Run(*rows[0]) if rows else None


def all_runs(tx: Transaction) -> list[Run]:
    """Return every run, by name."""
    return [Run(*row) for row in tx.execute("SELECT name, budget, times, account FROM runs ORDER BY name")]


def newest_runs(tx: Transaction, limit: int) -> list[Run]:
    """Return the runs that were made last, `limit` at most, the newest first."""
    rows = tx.execute("SELECT name, budget, times, account FROM runs ORDER BY created_at DESC, name LIMIT ?", (limit,))
    return [Run(*row) for row in rows]


def ensure_run(tx: Transaction, name: str) -> Run:
    """Return the run of that name, made without a budget where there is none. Raises ValueError for no name."""
    found = find_run(tx, name)
    if found is not None:
        return found
    check_name(name, "run")
    tx.execute("INSERT INTO runs (name, created_at) VALUES (?, ?)", (name, tx.at))
    return Run(name, None, 0, "")


def set_run_budget(tx: Transaction, name: str, budget: int | None) -> Run:
    """Give a run this budget (nano-dollars, None: no cap) from now on, whatever it spent before.

    Calls that are under way stay with the budget that they were held on. Raises ValueError for a negative budget.
    """
    if budget is not None and budget < 0:
        raise ValueError(f"a budget of {budget} nano-dollars is negative; give 0 or more")
    run = ensure_run(tx, name)
    if run.account:
        fill(tx, [_limit(run, 0)])
    if budget is None:
        fresh = Run(name, None, run.times, "")
    else:
        fresh = Run(name, budget, run.times + 1, f"run:{name}:{run.times + 1}")
        fill(tx, [_limit(fresh, budget)])
    tx.execute(
        "UPDATE runs SET budget = ?, times = ?, account = ? WHERE name = ?", (budget, fresh.times, fresh.account, name)
    )
    return fresh


def run_limit(run: Run) -> Limit | None:
    """Return the cap that a run's budget is, or None where it has none."""
    return _limit(run, run.budget or 0) if run.account else None


def _limit(run: Run, level: int) -> Limit:
    return Limit(run.account, f"run {run.name}", "money", USD, level, None, of_caller=True)
