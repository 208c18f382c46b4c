"""What the rule of who thinks next is worth: a simulated month against a bound on the best possible in hindsight.

python -m benchmarks.pacing [--seeds 3] [--days 30] [--budgets 0,1,5,20,100] [--json]
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from ai.ledger.money import NANOS_PER_USD, nanos
from ai.model_rotator.hindsight import ROUNDS, hindsight_bound
from benchmarks.pacing_month import RULES, catalogue, live, means, moments

BUDGETS_USD = ("0", "1", "5", "20", "100")


@dataclass(frozen=True, slots=True)
class Row:
    """One rule at one budget over all seeds: share of the bound in percent, its spread, dollars spent, posts."""

    rule: str
    budget_usd: str
    share: float
    spread: float
    spent_usd: float
    posts: float
    tiers: dict[str, float]


def measure(
    seeds: Sequence[int],
    days: int,
    budgets_usd: Sequence[str],
    *,
    advance: Callable[[], None] = lambda: None,
    rounds: int = ROUNDS,
) -> list[Row]:
    """Return a row for every rule and budget; months shorter than 30 days get their part of the budget."""
    models = catalogue()
    rows: list[Row] = []
    for usd in budgets_usd:
        budget = nanos(usd) * days // 30
        shares: dict[str, list[float]] = {}
        lived: dict[str, list[tuple[int, int, dict[str, int]]]] = {}
        for seed in seeds:
            month = moments(seed, days)
            bound = hindsight_bound(month, models, means(budget, days), rounds)
            for rule in RULES:
                result = live(rule, models, month, budget, days)
                shares.setdefault(rule.name, []).append(100.0 * result.utility / bound)
                lived.setdefault(rule.name, []).append((result.spent, result.posts, result.tiers))
                advance()
        for name, values in shares.items():
            tiers = sorted({tier for _, _, by_tier in lived[name] for tier in by_tier})
            rows.append(
                Row(
                    name,
                    usd,
                    statistics.fmean(values),
                    statistics.stdev(values) if len(values) > 1 else 0.0,
                    statistics.fmean(spent for spent, _, _ in lived[name]) / NANOS_PER_USD,
                    statistics.fmean(posts for _, posts, _ in lived[name]),
                    {tier: statistics.fmean(by.get(tier, 0) for _, _, by in lived[name]) for tier in tiers},
                )
            )
    return rows


def main() -> None:
    """Measure, and print a table for people or one JSON document."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pacing", description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3, help="how many months, seeds 1 to N")
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--budgets", default=",".join(BUDGETS_USD), help="dollars a month, with commas")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    given = parser.parse_args()
    seeds, budgets = list(range(1, given.seeds + 1)), given.budgets.split(",")
    told = Console(stderr=True)
    columns = (TextColumn("months lived"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=told) as progress:
        task = progress.add_task("", total=len(seeds) * len(budgets) * len(RULES))
        rows = measure(seeds, given.days, budgets, advance=lambda: progress.advance(task))
    if given.json:
        print(json.dumps({"seeds": seeds, "days": given.days, "rows": [asdict(row) for row in rows]}))
        return
    table = Table(title=f"Share of the hindsight bound (seeds {seeds[0]}–{seeds[-1]}, {given.days} days)")
    table.add_column("rule")
    for usd in budgets:
        table.add_column(f"${usd}", justify="right")
    for name in dict.fromkeys(row.rule for row in rows):
        mine = [row for row in rows if row.rule == name]
        table.add_row(name, *(f"{row.share:.1f} %\n${row.spent_usd:.2f}, {row.posts:.0f} posts" for row in mine))
    Console().print(table)


if __name__ == "__main__":
    main()
