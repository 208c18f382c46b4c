"""Days under a virtual clock: books equal, evidence real, no loops. `python -m benchmarks.month` lives thirty."""

from pathlib import Path

from benchmarks.month import growth, live

DAYS, INTERVAL = 3, 9000


async def test_days_go_by_without_a_debt_a_loop_or_a_made_up_memory(tmp_path: Path) -> None:
    month = await live(tmp_path, DAYS, INTERVAL, 5, lambda _: None)
    assert month.problems == []
    assert month.billed_nanos == month.booked_nanos > 0
    assert sum(day.reflections for day in month.days) > 0
    assert sum(day.refused_loops for day in month.days) > 0, "the scripted mind gets stuck, and is stopped"
    assert all(day.beats and not day.empty for day in month.days)
    assert growth(month.days)["prompt_tokens"] < 1.5
