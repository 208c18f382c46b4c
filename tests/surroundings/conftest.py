"""A world outside on a real server, a real mind.db, and a clock that is moved by hand."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ai.clock import VirtualClock
from ai.mind.database import MindDatabase, open_mind
from ai.mind.journal import Journal
from ai.world.fetching import Fetcher
from tests.world.publisher import Publisher

MORNING = datetime(2026, 11, 22, 5, 0, tzinfo=UTC)


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(MORNING)


@pytest.fixture
def mind(tmp_path: Path) -> Iterator[MindDatabase]:
    opened = open_mind(tmp_path / "mind.db")
    yield opened
    opened.close()


@pytest.fixture
def journal(mind: MindDatabase, clock: VirtualClock) -> Journal:
    return Journal(mind, clock)


@pytest.fixture
async def fetcher() -> AsyncIterator[Fetcher]:
    made = Fetcher()
    yield made
    await made.close()


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    with Publisher() as world:
        yield world
