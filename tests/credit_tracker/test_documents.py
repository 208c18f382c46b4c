"""The JSON of the purse, whole: programs read it by its names, and money in it is a string to the nano-dollar."""

import csv
import io
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from ai.credit_tracker import CallState, Statement, Usage, statement_json
from ai.credit_tracker.reconciliation import Reconciliation, reconciliation_json
from ai.credit_tracker.records import CallRecord, Category
from ai.credit_tracker.spending import Line, Spending, call_json, daily_costs, spending_csv, spending_json
from tests.credit_tracker.conftest import BOTH_STORES

USD = 1_000_000_000
CALL = CallRecord(
    seq=4, id="c", mind="ada", life=3, beat=14, client="embedder", purpose="social", subject="lab/model",
    category=Category.MODEL, remote_id="gen-1", state=CallState.CAPTURED, period="2026-11", day="2026-11-10",
    held=10, cost=5,
    prompt_tokens=10, completion_tokens=4, cached_tokens=3, reasoning_tokens=2, estimated=True, problem="cut",
    held_at=datetime(2026, 11, 10, 12, 0, 0, 1500, tzinfo=UTC), sent_at=None, unknown_since=None,
    settled_at=datetime(2026, 11, 10, 12, 0, 5, tzinfo=UTC),
)  # fmt: skip


def test_a_call_is_told_whole_and_null_is_what_nobody_knows():
    told = {
        "id": "c",
        "mind": "ada",
        "life": 3,
        "beat": 14,
        "client": "embedder",
        "purpose": "social",
        "subject": "lab/model",
        "state": "captured",
        "held": "0.000000010",
        "cost": "0.000000005",
        "prompt_tokens": 10,
        "completion_tokens": 4,
        "estimated": True,
        "problem": "cut",
        "held_at": "2026-11-10T12:00:00.001500Z",
        "settled_at": "2026-11-10T12:00:05.000000Z",
    }
    assert call_json(CALL) == told
    held = replace(CALL, state=CallState.HELD, cost=None, settled_at=None)
    assert call_json(held) == told | {"state": "held", "cost": None, "settled_at": None}


def test_a_statements_call_is_told_whole_with_the_providers_id_to_ask_it_by():
    found = Statement(period="2026-11", run="town", key="bob", held=0, unknown=0, by_model=())
    (row,) = statement_json(found, [replace(CALL, key="bob", run="town")])["rows"]
    assert row == {
        "id": "c",
        "key": "bob",
        "run": "town",
        "model": "lab/model",
        "provider_id": "gen-1",
        "state": "captured",
        "held": "0.000000010",
        "cost": "0.000000005",
        "prompt_tokens": 10,
        "completion_tokens": 4,
        "estimated": True,
        "problem": "cut",
        "held_at": "2026-11-10T12:00:00.001500Z",
        "settled_at": "2026-11-10T12:00:05.000000Z",
    }


def test_a_comparison_is_told_whole_and_null_is_what_the_provider_does_not_say():
    found = Reconciliation(
        at=datetime(2026, 11, 10, 12, 30, 5, tzinfo=UTC), period="2026-11", provider=9, booked=2, drift=7, pending=3,
        doubtful=4, others=5, cause="who knows", warn=True, settled=6, lost=("c", "d"), gap_booked=8,
    )  # fmt: skip
    told = {
        "at": "2026-11-10T12:30:05Z",
        "period": "2026-11",
        "provider": "0.000000009",
        "booked": "0.000000002",
        "drift": "0.000000007",
        "pending": "0.000000003",
        "doubtful": "0.000000004",
        "others": "0.000000005",
        "cause": "who knows",
        "warn": True,
        "settled": 6,
        "lost": ["c", "d"],
        "gap_booked": "0.000000008",
    }
    assert reconciliation_json(found) == told
    silent = replace(found, provider=None, drift=None, gap_booked=None, lost=())
    assert reconciliation_json(silent) == told | {"provider": None, "drift": None, "gap_booked": None, "lost": []}


@BOTH_STORES
async def test_a_month_that_is_over_is_told_with_what_it_still_holds(purse):
    tracker = await purse.tracker()
    await tracker.topup(2 * USD, "Ada", "gift")
    for cost, model, purpose, life in (
        (3, "lab/b", "thought", 2), (5, "lab/c", "post", None), (3, "lab/a", "crisis", 1), (1, "lab/b", "thought", 1),
    ):  # fmt: skip
        usage = Usage(100 * cost, 10 * cost)
        await purse.spend(tracker, cost * USD // 10, subject=model, purpose=purpose, life=life, usage=usage)
    await tracker.hold(purse.expense(USD))
    purse.clock.set(datetime(2026, 12, 2, tzinfo=UTC))
    tracker = await purse.tracker()
    await purse.spend(tracker, USD // 4)
    assert await tracker.budget_report("2026-11") == {
        "period": "2026-11",
        "granted": "5.000000000",
        "donated": "2.000000000",
        "spent": "1.200000000",
        "held": "1.000000000",
        "available": "2.800000000",
        "band": None,
        "resets_at": "2026-12-01T00:00:00Z",
        "runway_days": None,
        "by_model": [
            {"model": "lab/c", "calls": 1, "prompt_tokens": 500, "completion_tokens": 50, "cost": "0.500000000"},
            {"model": "lab/b", "calls": 2, "prompt_tokens": 400, "completion_tokens": 40, "cost": "0.400000000"},
            {"model": "lab/a", "calls": 1, "prompt_tokens": 300, "completion_tokens": 30, "cost": "0.300000000"},
        ],
        "by_purpose": [
            {"purpose": "post", "calls": 1, "cost": "0.500000000"},
            {"purpose": "thought", "calls": 2, "cost": "0.400000000"},
            {"purpose": "crisis", "calls": 1, "cost": "0.300000000"},
        ],
        "by_life": [
            {"life": 1, "cost": "0.400000000"},
            {"life": 2, "cost": "0.300000000"},
            {"life": None, "cost": "0.500000000"},
        ],
    }


async def test_lives_are_in_the_order_in_which_they_were_lived(purse):
    tracker = await purse.tracker()
    for life in (10, None, 2):
        await purse.spend(tracker, 1, life=life)
    assert [entry["life"] for entry in (await tracker.budget_report())["by_life"]] == [2, 10, None]


async def test_a_month_nobody_lived_in_is_nothing(purse):
    tracker = await purse.tracker()
    report = await tracker.budget_report("2025-01")
    assert {name: report[name] for name in ("granted", "donated", "spent", "held", "available")} == dict.fromkeys(
        ("granted", "donated", "spent", "held", "available"), "0.000000000"
    )
    assert (report["resets_at"], report["by_model"], report["by_life"]) == ("2025-02-01T00:00:00Z", [], [])


async def test_the_runway_is_told_in_hundredths_of_a_day_and_of_the_month_that_is(purse):
    tracker = await purse.tracker()
    await purse.spend(tracker, 3 * USD // 10)
    purse.clock.advance(86_400)
    runway = (await tracker.balance()).runway_days
    report = await tracker.budget_report()
    assert report["runway_days"] == round(runway, 2) != round(runway, 1)
    assert (await tracker.budget_report("2026-10"))["runway_days"] is None


@BOTH_STORES
async def test_the_spending_of_two_minds_is_told_whole_for_programs_and_for_spreadsheets(purse):
    purse.clock.set(datetime(2026, 10, 31, 12, tzinfo=UTC))
    for mind, model, purpose, life, cost in (
        ("ada", "lab/a", "thought", 10, 3), ("bob", "lab/a", "crisis", 2, 2), ("ada", "lab/b", "thought", 2, 4),
        ("bob", "x/post", "post", None, 1),
    ):  # fmt: skip
        tracker = await purse.tracker(mind=mind)
        usage = Usage(100 * cost, 10 * cost)
        await purse.spend(tracker, cost, subject=model, purpose=purpose, life=life, usage=usage)
        purse.clock.advance(20 * 86_400)
    spending = await tracker.spending(since=date(2026, 10, 31))

    def entry(calls, cost, **fields):
        tokens = {"prompt_tokens": 100 * cost, "completion_tokens": 10 * cost, "cost": f"0.{cost:09d}"}
        return fields | {"calls": calls} | tokens

    assert spending_json(spending) == {
        "since": "2026-10-31",
        "until": "2027-01-19",
        "spent": "0.000000010",
        "by_day": [
            entry(1, 3, day="2026-10-31"),
            entry(1, 2, day="2026-11-20"),
            entry(1, 4, day="2026-12-10"),
            entry(1, 1, day="2026-12-30"),
        ],
        "by_model": [entry(2, 5, model="lab/a"), entry(1, 4, model="lab/b"), entry(1, 1, model="x/post")],
        "by_purpose": [entry(2, 7, purpose="thought"), entry(1, 2, purpose="crisis"), entry(1, 1, purpose="post")],
        "by_life": [
            entry(1, 4, life=2, mind="ada"),
            entry(1, 2, life=2, mind="bob"),
            entry(1, 3, life=10, mind="ada"),
            entry(1, 1, life=None, mind="bob"),
        ],
    }
    assert spending_csv(spending).splitlines() == [
        "dimension,key,mind,calls,prompt_tokens,completion_tokens,cost_usd",
        "day,2026-10-31,,1,300,30,0.000000003",
        "day,2026-11-20,,1,200,20,0.000000002",
        "day,2026-12-10,,1,400,40,0.000000004",
        "day,2026-12-30,,1,100,10,0.000000001",
        "purpose,thought,,2,700,70,0.000000007",
        "purpose,crisis,,1,200,20,0.000000002",
        "purpose,post,,1,100,10,0.000000001",
        "model,lab/a,,2,500,50,0.000000005",
        "model,lab/b,,1,400,40,0.000000004",
        "model,x/post,,1,100,10,0.000000001",
        "life,2,ada,1,400,40,0.000000004",
        "life,2,bob,1,200,20,0.000000002",
        "life,10,ada,1,300,30,0.000000003",
        "life,,bob,1,100,10,0.000000001",
    ]


def test_one_minds_lives_need_no_name_in_front_and_a_day_is_one_entry():
    line = Line("7", 1, 2, 3, 4)
    nothing = Spending("2026-11-01", "2026-11-01", 4, (), (), (), (line,))
    assert spending_json(nothing)["by_life"] == [
        {"life": 7, "calls": 1, "prompt_tokens": 2, "completion_tokens": 3, "cost": "0.000000004"}
    ]
    assert daily_costs(nothing) == [0]
    assert daily_costs(replace(nothing, last="2026-10-30")) == []


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t", "\r"])
def test_a_spreadsheet_takes_no_name_for_a_formula(begin):
    name = begin + "1+1"
    spending = Spending("2026-11-01", "2026-11-01", 4, (), (), (Line(name, 1, 2, 3, 4),), ())
    (row,) = csv.DictReader(io.StringIO(spending_csv(spending), newline=""))
    assert row["key"] == "'" + name
