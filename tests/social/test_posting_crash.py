"""Killed at random moments around sending, the mind posts nothing twice, loses nothing, and its books are X's."""

from pathlib import Path

import pytest

from tests.social.posting_life import prove


@pytest.mark.parametrize("seed", [11])
def test_no_kill_makes_a_double_and_the_books_agree(tmp_path: Path, seed: int) -> None:
    verdict = prove(kills=6, seed=seed, folder=tmp_path)
    assert verdict.posts > 6
    assert (verdict.doubles, verdict.lost, verdict.unsettled) == (0, 0, 0)
    assert (verdict.money_apart_nanos, verdict.reads_booked_short_nanos, verdict.audit_failures) == (0, 0, 0)
