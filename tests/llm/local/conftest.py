"""Fixtures of the embedded model's tests: a clock that is held, a journal that is heard."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ai.mind.database import open_mind
from ai.mind.journal import Journal
from tests.world.held_clock import Heard, HeldClock


@pytest.fixture
def clock() -> HeldClock:
    return HeldClock()


@pytest.fixture
def journal(tmp_path: Path, clock: HeldClock) -> Iterator[Journal]:
    mind = open_mind(tmp_path / "mind.db")
    yield Journal(mind, clock)
    mind.close()


@pytest.fixture
def heard(journal: Journal) -> Heard:
    return Heard(journal)
