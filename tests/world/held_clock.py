"""A virtual clock whose sleepers wait until a test moves the time, and a journal that a test can wait on."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ai.clock import VirtualClock
from ai.mind.journal import Event, Journal
from tests.world.waiting import WAIT_SECONDS


class HeldClock(VirtualClock):
    """A virtual clock on which a sleeper really waits until the test has moved the time that far."""

    def __init__(self) -> None:
        super().__init__(datetime(2026, 11, 22, tzinfo=UTC))
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    async def sleep(self, seconds: float) -> None:
        waiter = asyncio.get_running_loop().create_future()
        self._sleepers.append((self.monotonic() + seconds, waiter))
        await waiter

    def advance(self, seconds: float) -> None:
        super().advance(seconds)
        for due, waiter in self._sleepers:
            if due <= self.monotonic() and not waiter.done():
                waiter.set_result(None)


class Heard:
    """The events of a journal, with a way to wait for one."""

    def __init__(self, journal: Journal) -> None:
        self.events: list[Event] = []
        self._changed = asyncio.Event()
        journal.listen(self._take)

    def _take(self, event: Event) -> None:
        self.events.append(event)
        self._changed.set()

    def kinds(self) -> list[str]:
        return [event.kind for event in self.events]

    def of(self, kind: str) -> list[Mapping[str, Any]]:
        return [event.data for event in self.events if event.kind == kind]

    async def until(self, kind: str, count: int = 1) -> Mapping[str, Any]:
        async with asyncio.timeout(WAIT_SECONDS):
            while len(self.of(kind)) < count:
                self._changed.clear()
                await self._changed.wait()
        return self.of(kind)[count - 1]
