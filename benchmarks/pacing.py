"""What the rule of who thinks next is worth: a simulated month against a bound on the best possible in hindsight.

python -m benchmarks.pacing [--seeds 3] [--days 30] [--budgets 0,1,5,20,100] [--json]
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from ai.ledger.money import NANOS_PER_USD, nanos
from ai.model_config import Model
from ai.model_rotator import NO_REPEAT, WEIGHTS
from ai.purpose import Purpose
from benchmarks.pacing_month import (
    DAY,
    FREE_PER_DAY,
    LOCAL,
    POST_NANOS,
    POSTS_PER_DAY,
    RULES,
    Moment,
    catalogue,
    live,
    moments,
)

BUDGETS_USD = ("0", "1", "5", "20", "100")
ROUNDS = 400  # of lowering the bound; after 300 it falls by less than 0.1 %
Array = np.ndarray[tuple[int, ...], np.dtype[np.float64]]


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


def hindsight_bound(
    month: Sequence[Moment], models: Sequence[Model], budget: int, days: int, rounds: int = ROUNDS
) -> float:
    """Return a utility that no choice of models and posts for these moments can exceed.

    Weak duality: with any prices λ ≥ 0 on money, on each day's free requests and posts, and on each model's share
    (at most one use in eleven, which is what "no model again within ten" allows), the prices' sum over what there is
    plus each moment's best net value is an upper bound. The prices are lowered towards the least such bound.
    """
    remote = [model for model in models if model is not LOCAL]
    quality = np.array([model.quality for model in remote])
    free = np.array([model.free for model in remote], dtype=np.float64)
    prompt = np.array([moment.prompt for moment in month], dtype=np.float64)
    completion = np.array([moment.completion for moment in month], dtype=np.float64)
    per_prompt = np.array([float(model.prices.prompt) for model in remote]) * NANOS_PER_USD
    per_completion = np.array([float(model.prices.completion) for model in remote]) * NANOS_PER_USD
    cost = np.outer(prompt, per_prompt) + np.outer(completion, per_completion)
    social = np.array([moment.purpose is Purpose.SOCIAL for moment in month])
    weight = np.array([1.0 if moment.purpose is Purpose.SOCIAL else WEIGHTS[moment.purpose] for moment in month])
    appeal = np.array([(WEIGHTS[Purpose.SOCIAL] - 1.0) * moment.appeal for moment in month])
    day = np.array([int(moment.at // DAY) for moment in month])
    affordable = cost <= max(budget, 0)
    uses = float(-(-len(month) // (NO_REPEAT + 1)))

    money = 0.6 * float(weight.sum() + appeal[social].sum()) / budget if budget else 0.0
    on_free, on_posts = np.full(days, 1.0), np.full(days, 0.1)
    on_model = np.zeros(len(remote))
    least = np.inf
    for n in range(rounds):
        base = cost * -money - on_free[day][:, None] * free - on_model
        plain = np.where(affordable, weight[:, None] * quality + base, -np.inf)
        posting = (weight + appeal)[:, None] * quality + base - (POST_NANOS * money + on_posts[day])[:, None]
        posting = np.where(affordable & social[:, None] & (budget >= POST_NANOS), posting, -np.inf)
        plain_best, posting_best = plain.argmax(axis=1), posting.argmax(axis=1)
        rows = np.arange(len(month))
        local = weight * LOCAL.quality
        value_plain, value_posting = plain[rows, plain_best], posting[rows, posting_best]
        value = np.maximum(np.maximum(value_plain, value_posting), local)
        total = float(
            value.sum()
            + money * budget
            + on_free.sum() * FREE_PER_DAY
            + on_posts.sum() * POSTS_PER_DAY
            + on_model.sum() * uses
        )
        least = min(least, total)
        posts = (value_posting > value_plain) & (value_posting > local)
        chosen = np.where(posts, posting_best, plain_best)
        taken = value > local
        step = 1.0 / (1.0 + n / 20.0)
        spent = float((cost[rows, chosen] * taken).sum() + POST_NANOS * posts.sum())
        if budget:
            money *= float(np.exp(0.3 * step * np.clip(spent / budget - 1.0, -1.0, 1.0)))
        by_day = np.bincount(day, weights=free[chosen] * taken, minlength=days)
        on_free = np.maximum(0.0, on_free + 0.5 * step * np.clip(by_day / FREE_PER_DAY - 1.0, -1.0, 1.0))
        by_post = np.bincount(day, weights=posts.astype(np.float64), minlength=days)
        on_posts = np.maximum(0.0, on_posts + 0.5 * step * np.clip(by_post / POSTS_PER_DAY - 1.0, -1.0, 1.0))
        by_model = np.bincount(chosen, weights=taken.astype(np.float64), minlength=len(remote))
        on_model = np.maximum(0.0, on_model + 0.1 * step * np.clip(by_model / uses - 1.0, -1.0, 1.0))
    return least


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
            bound = hindsight_bound(month, models, budget, days, rounds)
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
