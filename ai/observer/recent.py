"""A short memory for reads that many visitors ask for at once: one of them asks the house, the others share."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from ai.clock import Clock

FRESH_SECONDS = 2.0  # what nobody sees change in the journal may be this old

T = TypeVar("T")


class Recent(Generic[T]):
    """Keeps the last answer of `ask` while the journal stands still, for FRESH_SECONDS at most."""

    def __init__(self, ask: Callable[[], Awaitable[T]], clock: Clock, newest: Callable[[], int]) -> None:
        self._ask = ask
        self._clock = clock
        self._newest = newest
        self._asking = asyncio.Lock()
        self._kept: tuple[T, int, float] | None = None

    async def get(self) -> T:
        """Return the answer; whatever `ask` raises passes through and is not kept."""
        async with self._asking:
            now, newest = self._clock.monotonic(), self._newest()
            if self._kept is not None and self._kept[1] == newest and now - self._kept[2] < FRESH_SECONDS:
                return self._kept[0]
            value = await self._ask()
            self._kept = (value, newest, now)
            return value
