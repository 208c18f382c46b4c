"""The daemon killed at random moments: books, beats, posts and lives stay whole.

By hand: python -m benchmarks.daemon_crash --kills 50
"""

from pathlib import Path

from benchmarks.daemon_crash import prove

KILLS = 3  # in the suite; the command above does more


def test_a_killed_daemon_owes_nothing_and_repeats_nothing(tmp_path: Path) -> None:
    verdict = prove(tmp_path, KILLS, seed=6)
    assert verdict.problems == ()
    assert verdict.bills > 0
    assert verdict.beats > 0
    assert verdict.booked_nanos >= verdict.billed_nanos
