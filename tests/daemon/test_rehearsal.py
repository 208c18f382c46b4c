"""A rehearsal is made of the real rules: its sums agree, its seed repeats it, and it leaves nothing behind."""

from calendar import monthrange
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ai.credit_tracker.periods import month_end, month_of
from ai.daemon.rehearsal import Plan, Rehearsal
from ai.settings import Settings
from tests.cli.commands import Person

BEATS_A_DAY = 12  # beside those of a newborn's first hour


async def rehearsed(folder: Path, **plan: object) -> dict[str, object]:
    usual = {"days": 1, "budget": Decimal(5), "interval_seconds": 86_400 // BEATS_A_DAY, "seed": 3}
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
    assert told["beats"] >= 2 * BEATS_A_DAY
    assert [row["day"] for row in told["by_day"]] == [1, 2]
    for part in ("by_model", "by_purpose"):
        assert sum(money(row["cost"]) for row in told[part]) == money(told["spent"])
    assert sum(money(row["spent"]) for row in told["by_day"]) == money(told["spent"])
    assert 0 < told["bound_share"] <= 1


async def test_a_seed_repeats_its_days_and_another_lives_others(tmp_path: Path) -> None:
    one, same, other = [await rehearsed(tmp_path / name, seed=seed) for name, seed in (("a", 5), ("b", 5), ("c", 6))]
    assert one == same
    assert one["by_model"] != other["by_model"]


@pytest.mark.parametrize("budget", ["0", "0.05", "1000"])
async def test_no_budget_is_exceeded_and_none_stops_the_mind(tmp_path: Path, budget: str) -> None:
    told = await rehearsed(tmp_path / "a", budget=Decimal(budget))
    assert money(told["spent"]) <= Decimal(budget)
    assert told["beats"] >= BEATS_A_DAY


@settings(max_examples=3, derandomize=True)
@given(
    budget=st.sampled_from(["0", "0.01", "0.5", "3", "70"]),
    interval=st.sampled_from([7_200, 14_400]),
    days=st.integers(1, 3),
    seed=st.integers(0, 99),
)
async def test_whatever_is_rehearsed_each_day_leaves_what_was_not_spent(
    budget: str, interval: int, days: int, seed: int
) -> None:
    with TemporaryDirectory() as folder:
        told = await rehearsed(
            Path(folder) / "a", days=days, budget=Decimal(budget), interval_seconds=interval, seed=seed
        )
    left = money(budget)
    for row in told["by_day"]:
        left -= money(row["spent"])
        assert money(row["left"]) == left >= 0
    for part in ("by_model", "by_purpose"):
        assert sum(money(row["cost"]) for row in told[part]) == money(told["spent"]) == money(budget) - left


async def test_what_a_failing_provider_never_billed_keeps_no_thought_from_the_month(tmp_path: Path) -> None:
    """In a day of answers every ten minutes some fail: nobody may think on the embedded model for what they held."""
    told = await rehearsed(tmp_path / "a", interval_seconds=600)
    local = sum(row["calls"] for row in told["by_model"] if str(row["model"]).startswith("local/"))
    assert local <= told["beats"] / 20
    assert told["bound_share"] >= 0.9


async def test_a_month_ends_with_its_money_used_and_its_last_day_told_as_its_own(tmp_path: Path) -> None:
    told = await rehearsed(tmp_path / "a", days=31, budget=Decimal("0.5"), interval_seconds=21_600)
    first = month_end(month_of(datetime.now(UTC)))
    days = monthrange(first.year, first.month)[1]
    spent = sum(money(row["spent"]) for row in told["by_day"][:days])
    assert money(told["by_day"][days - 1]["left"]) == Decimal("0.5") - spent
    assert spent >= Decimal("0.45")
    assert max(money(row["spent"]) for row in told["by_day"]) < Decimal("0.1")


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
