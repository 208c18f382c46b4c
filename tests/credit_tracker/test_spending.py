"""Where the money went: every cut adds up to what was spent; the same figures as tables, CSV and JSON."""

import csv
import io
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from ai.cli.budget_tables import BARS, dollars, render_budget, render_spending, sparkline
from ai.credit_tracker import Usage
from ai.credit_tracker.spending import Line, daily_costs, spending_csv, spending_json
from ai.ledger.errors import ConstraintBroken
from ai.ledger.money import nanos
from tests.credit_tracker.conftest import BOTH_STORES

USD = 1_000_000_000


async def three_days(purse):
    """Spend on three days of November and one of December, on two models, for two lives."""
    purse.clock.set(datetime(2026, 11, 28, 12, tzinfo=UTC))
    tracker = await purse.tracker()
    for cost, model, purpose, life in (
        (10, "lab/a", "thought", 1), (20, "=lab/b", "thought", 1), (30, "x/post", "post", None),
        (40, "lab/a", "crisis", 2),
    ):  # fmt: skip
        usage = None if model == "x/post" else Usage(100, 10)
        await purse.spend(tracker, cost * USD // 1000, subject=model, purpose=purpose, life=life, usage=usage)
        purse.clock.advance(86_400)
    return tracker


@BOTH_STORES
async def test_every_cut_adds_up(purse):
    tracker = await three_days(purse)
    everything = await tracker.spending(since=date(2026, 11, 1))
    november = await tracker.spending(month="2026-11")
    december = await tracker.spending()
    assert (everything.cost, november.cost, december.cost) == (USD // 10, 6 * USD // 100, 4 * USD // 100)
    for spending in (everything, november, december):
        for part in (spending.by_day, spending.by_purpose, spending.by_model, spending.by_life):
            assert sum(line.cost for line in part) == spending.cost
    assert [line.key for line in everything.by_day] == ["2026-11-28", "2026-11-29", "2026-11-30", "2026-12-01"]
    assert [line.key for line in everything.by_life] == ["1", "2", ""]
    assert len(daily_costs(november)) == 30
    assert (november.first, november.last) == ("2026-11-01", "2026-11-30")
    assert (await tracker.spending(since=date(2026, 11, 30))).cost == 7 * USD // 100


@BOTH_STORES
async def test_a_long_span_says_what_its_days_say(purse):
    """Whole months are read from their sums; wherever a span begins and ends, no call is missed or counted twice."""
    purse.clock.set(datetime(2026, 1, 30, 12, tzinfo=UTC))
    tracker = await purse.tracker(monthly_budget_usd=1000)
    for n in range(40):  # two and a half months, with last and first days of months among them
        await purse.spend(tracker, 10**n % 997 * 1000 + n, subject=f"lab/{n % 3}", life=n % 4, usage=Usage(n, 1))
        purse.clock.advance(2 * 86_400)
    estimated = await purse.spend(tracker, 5, subject="lab/0", life=1)
    purse.ledger.transact_now(lambda tx: tx.execute("UPDATE calls SET estimated = 1 WHERE id = ?", (estimated,)))
    purse.clock.advance(40 * 86_400)
    await tracker.settle(estimated, 3)  # a correction in a month that is over
    for since in (date(2026, 1, 1), date(2026, 1, 30), date(2026, 2, 1), date(2026, 2, 2), date(2026, 2, 28),
                  date(2026, 3, 31), date(2026, 5, 29), date(1, 1, 1), date(300, 5, 5), date(2027, 1, 1)):  # fmt: skip
        spending = await tracker.spending(since=since)
        for dimension, lines in (
            ("model", spending.by_model), ("purpose", spending.by_purpose), ("life", spending.by_life),
        ):  # fmt: skip
            given = (dimension, since.isoformat())
            days = purse.ledger.read_now(
                lambda tx, given=given: tx.execute(
                    "SELECT key, SUM(calls), SUM(prompt_tokens), SUM(completion_tokens), SUM(cost) FROM rollups "
                    "WHERE dimension = ? AND day >= ? GROUP BY key",
                    given,
                )
            )
            read = {(one.key, one.calls, one.prompt_tokens, one.completion_tokens, one.cost) for one in lines}
            assert read == {tuple(row) for row in days}, (since, dimension)
            assert sum(line.cost for line in lines) == spending.cost


@BOTH_STORES
async def test_lives_of_several_minds_stand_apart_and_what_they_share_is_one_line(purse):
    """Life 1 of one mind is not life 1 of another, but a model and a purpose are the same for both."""
    for mind, cost in (("bob", 7), ("ada", 5)):
        await purse.spend(await purse.tracker(mind=mind), cost, life=1, usage=Usage(10, 1))
    spending = await (await purse.tracker()).spending()
    assert [(line.key, line.mind, line.cost) for line in spending.by_life] == [("1", "ada", 5), ("1", "bob", 7)]
    for lines, key in (
        (spending.by_model, "lab/model"), (spending.by_purpose, "thought"), (spending.by_day, "2026-11-10"),
    ):  # fmt: skip
        assert lines == (Line(key, 2, 20, 2, 12),)


@BOTH_STORES
async def test_a_sum_stays_on_its_day(purse):
    await three_days(purse)
    for column, value in (("day", "2026-10-01"), ("key", "lab/other"), ("mind", "other"), ("dimension", "life")):
        with pytest.raises(ConstraintBroken, match="a sum stays on its day"):
            purse.ledger.transact_now(
                lambda tx, sql=f"UPDATE rollups SET {column} = ? WHERE dimension = 'model'", given=value: tx.execute(
                    sql, (given,)
                )
            )


@BOTH_STORES
async def test_pace_and_projection_of_the_month(purse):
    tracker = await three_days(purse)
    pace = await tracker.pace()
    balance = await tracker.balance()
    assert pace.burn_per_day == USD // 40
    assert pace.projected == balance.spent + round(USD / 40 * 29.5)
    fresh = await purse.tracker()
    purse.clock.advance(-4 * 86_400)
    assert (await fresh.pace()).projected is None


async def test_csv_and_json_say_the_same_as_the_books(purse):
    tracker = await three_days(purse)
    spending = await tracker.spending(since=date(2026, 11, 1))
    rows = list(csv.DictReader(io.StringIO(spending_csv(spending))))
    models = {row["key"]: row["cost_usd"] for row in rows if row["dimension"] == "model"}
    assert models == {"lab/a": "0.050000000", "x/post": "0.030000000", "'=lab/b": "0.020000000"}
    for dimension in ("day", "purpose", "model", "life"):
        assert sum(nanos(row["cost_usd"]) for row in rows if row["dimension"] == dimension) == spending.cost
    document = spending_json(spending)
    assert document["spent"] == "0.100000000"
    assert document["by_life"][-1] == {
        "life": None, "calls": 1, "prompt_tokens": 0, "completion_tokens": 0, "cost": "0.030000000",
    }  # fmt: skip


def shown(renderable) -> str:
    console = Console(width=100, record=True, file=io.StringIO(), color_system=None)
    console.print(renderable)
    return console.export_text()


async def test_the_tables_show_what_there_is(purse):
    tracker = await three_days(purse)
    text = shown(
        render_budget(await tracker.balance(), await tracker.caps(), await tracker.spending(), await tracker.pace())
    )
    for expected in (
        "2026-12 (resets 2027-01-01 UTC)",
        "comfortable",
        "lab/a",
        "crisis",
        "#2",
        "$0.0400",
        "a day, lasts",
        "$1.25 of $1.25 left until 2027-01-01",
    ):
        assert expected in text
    empty = shown(render_spending(await tracker.spending(month="2026-01")))
    assert "nothing was spent" in empty


async def test_names_from_outside_are_never_markup(purse):
    tracker = await purse.tracker()
    await purse.spend(tracker, USD, subject="lab/[red]model[/red]")
    assert "lab/[red]model[/red]" in shown(render_spending(await tracker.spending()))


@given(st.lists(st.integers(0, 10**15), max_size=80))
def test_a_sparkline_has_a_bar_for_each_day_and_none_for_nothing(costs):
    line = sparkline(costs)
    assert len(line) == min(len(costs), 62)
    assert set(line) <= set(BARS + "·")
    for cost, bar in zip(costs[-62:], line, strict=True):
        assert (bar == "·") == (cost == 0)


def test_dollars_are_as_precise_as_they_need_to_be():
    assert [dollars(amount) for amount in (0, 1_000, 12_000_000, 5 * USD, -2 * USD)] == [
        "$0.00", "$0.000001", "$0.0120", "$5.00", "-$2.00",
    ]  # fmt: skip
