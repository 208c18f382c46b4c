"""The pacing bench, scaled down: nobody overspends, and the rule beats what it replaces."""

import pytest

from ai.ledger.money import NANOS_PER_USD
from ai.model_rotator.hindsight import hindsight_bound
from benchmarks.pacing import measure
from benchmarks.pacing_month import FIXED, OURS, RULES, catalogue, live, means, moments

DAYS, SEED = 3, 7


@pytest.fixture(scope="module")
def rows():
    measured = measure([SEED], DAYS, ["0", "1", "5"], rounds=60)
    return {(row.rule, row.budget_usd): row for row in measured}


@pytest.mark.parametrize("usd", ["0", "1", "5"])
def test_no_rule_spends_more_than_there_is(rows, usd):
    for (_, budget), row in rows.items():
        if budget == usd:
            assert 0 <= row.spent_usd <= float(usd) * DAYS / 30


@pytest.mark.parametrize("usd", ["0", "1", "5"])
def test_the_rule_is_no_worse_than_fixed_tiers_and_near_what_hindsight_could_do(rows, usd):
    ours = rows[OURS, usd]
    assert ours.share >= rows[FIXED, usd].share
    assert 88 <= ours.share <= 100


def test_posting_everything_costs_thoughts_where_money_is_short(rows):
    assert rows["the same, always posting", "1"].share < rows[OURS, "1"].share - 5


def test_a_seed_replays():
    models, month = catalogue(), moments(SEED, 1)
    assert month == moments(SEED, 1)
    rule = next(rule for rule in RULES if rule.name == OURS)
    budget = NANOS_PER_USD // 30
    assert live(rule, models, month, budget, 1) == live(rule, models, month, budget, 1)


def test_the_bound_is_one_and_falls_with_each_round():
    models, month = catalogue(), moments(SEED, 1)
    budget = NANOS_PER_USD // 6
    reached = max(live(rule, models, month, budget, 1).utility for rule in RULES)
    few, many = (hindsight_bound(month, models, means(budget, 1), rounds) for rounds in (5, 60))
    assert reached <= many <= few
