"""A head for memories: a life file, a mind.db and a virtual clock, opened again as after a crash by `start`."""

from datetime import UTC, datetime

import pytest

from ai.clock import VirtualClock
from ai.life.file import LifeFile
from ai.memory.stream import MemoryStream
from ai.mind.database import open_mind
from ai.mind.journal import Journal


class Head:
    def __init__(self, folder, **options):
        self.folder = folder
        self.options = options
        self.clock = VirtualClock(datetime(2026, 11, 22, tzinfo=UTC))
        self.mind = open_mind(folder / "mind.db")
        self.journal = Journal(self.mind, self.clock)
        self.start()

    def start(self, **options):
        self.options |= options
        self.file = LifeFile(self.folder / "0001.json", tell=print)
        self.stream = MemoryStream(self.file, self.mind, self.journal, self.clock, life=1, **self.options)
        return self.stream


@pytest.fixture
def head(tmp_path):
    head = Head(tmp_path)
    yield head
    head.mind.close()
