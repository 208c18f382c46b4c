"""A rehearsal is made of the real rules: its sums agree, its seed repeats it, and it leaves nothing behind."""

from decimal import Decimal
from pathlib import Path

import pytest

from ai.daemon.rehearsal import Plan, Rehearsal
from ai.settings import Settings
from tests.cli.commands import Person


async def rehearsed(folder: Path, **plan: object) -> dict[str, object]:
    usual = {"days": 1, "budget": Decimal(5), "interval_seconds": 1_800, "seed": 3}
    folder.mkdir()
    return await Rehearsal(Plan(**(usual | plan)), Settings(data_dir=folder.parent / "own"), folder).live(
        lambda _: None
    )


def money(value: object) -> Decimal:
    return Decimal(str(value))


async def test_all_sums_agree_and_no_day_is_forgotten(tmp_path: Path) -> None:
    told = await rehearsed(tmp_path / "a", days=2)
    assert list(told) == [
        "days",
        "budget",
        "spent",
        "beats",
        "posts",
        "by_day",
        "by_model",
        "by_purpose",
        "bound_share",
    ]
    assert told["beats"] >= 90
    assert [row["day"] for row in told["by_day"]] == [1, 2]
    for part in ("by_model", "by_purpose"):
        assert sum(money(row["cost"]) for row in told[part]) == money(told["spent"])
    assert sum(money(row["spent"]) for row in told["by_day"]) == money(told["spent"])
    assert money(told["by_day"][-1]["left"]) + money(told["spent"]) <= money(told["budget"])
    assert 0 < told["bound_share"] <= 1


async def test_a_seed_repeats_its_days_and_another_lives_others(tmp_path: Path) -> None:
    one, same, other = [await rehearsed(tmp_path / name, seed=seed) for name, seed in (("a", 5), ("b", 5), ("c", 6))]
    assert one == same
    assert one["by_model"] != other["by_model"]


@pytest.mark.parametrize("budget", ["0", "0.05", "1000"])
async def test_no_budget_is_exceeded_and_none_stops_the_mind(tmp_path: Path, budget: str) -> None:
    told = await rehearsed(tmp_path / "a", budget=Decimal(budget))
    assert money(told["spent"]) <= Decimal(budget)
    assert told["beats"] >= 40


def test_the_command_prints_one_document_and_leaves_nothing_behind(tmp_path: Path) -> None:
    person = Person(tmp_path)
    told = person.types("rehearse", "--days", "1", "--interval", "3600", "--budget", "2", "--json")
    assert told.status == 0, told.err
    assert told.document["budget"] == "2.000000000"
    assert not (tmp_path / "data").exists()
    shown = person.types("rehearse", "--days", "1", "--interval", "7200")
    assert "1 day on" in shown.out
    assert "nothing was posted" in shown.out
    wrong = person.types("rehearse", "--budget", "lots")
    assert (wrong.status, wrong.err.count("\n")) == (1, 1)
