"""A short memory for reads that many visitors ask for at once: one of them asks the app, the others share."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from ai.clock import Clock
from ai.observer.turns import ASKING

FRESH_SECONDS = 2.0  # what nobody sees change in the journal may be this old
COSTLY_SECONDS = 0.004  # an answer that took longer is kept for a while though the journal grew
SHARE = 0.05  # of the time, for asking anew what changes with every event

T = TypeVar("T")


class Recent(Generic[T]):
    """Keeps the last answer of `ask` while the journal stands still, for FRESH_SECONDS at most.

    A costly answer is kept a little longer than that: asking takes no more than SHARE of the time. What all share is
    nobody's own: it waits for no visitor's turn, so that nobody waits for it longer than it takes.
    """

    def __init__(self, ask: Callable[[], Awaitable[T]], clock: Clock, newest: Callable[[], int]) -> None:
        self._ask = ask
        self._clock = clock
        self._newest = newest
        self._asking = asyncio.Lock()
        self._kept: tuple[T, int, float] | None = None
        self._rest_until = 0.0  # on the processor's own clock: what is bounded is real work

    async def get(self) -> T:
        """Return the answer; whatever `ask` raises passes through and is not kept."""
        async with self._asking:
            now, newest = self._clock.monotonic(), self._newest()
            settled = self._kept is not None and (self._kept[1] == newest or time.monotonic() < self._rest_until)
            if self._kept is not None and settled and now - self._kept[2] < FRESH_SECONDS:
                return self._kept[0]
            began = time.thread_time()
            asking = ASKING.set(None)
            try:
                value = await self._ask()
            finally:
                ASKING.reset(asking)
            took = time.thread_time() - began
            self._rest_until = time.monotonic() + (took / SHARE if took > COSTLY_SECONDS else 0.0)
            self._kept = (value, newest, now)
            return value
