"""Reads of mind.db off the loop: one thread with one query_only connection, asked in turn."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from ai.mind.database import MindDatabase, open_mind
from ai.observer.turns import AFTERWARDS, ASKING, Turns

READ_TIMEOUT_SECONDS = 10.0  # a page that takes longer is better answered with an error

T = TypeVar("T")


class Reader:
    """A thread that alone touches its connection, so that no page ever waits on the loop or writes."""

    def __init__(self, path: Path, name: str, turns: Turns | None = None) -> None:
        """Read the database at `path`; strangers' jobs take `turns`, and are charged for what they took."""
        self._path = path
        self._turns = turns
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"observer-{name}")
        self._mind: MindDatabase | None = None

    async def read(self, query: Callable[[MindDatabase], T], seconds: float = READ_TIMEOUT_SECONDS) -> T:
        """Run `query` in the thread and return its answer; raises TimeoutError after `seconds`."""
        return await self.work(lambda: query(self._opened()), seconds)

    async def work(self, job: Callable[[], T], seconds: float = READ_TIMEOUT_SECONDS) -> T:
        """Run what needs no database in the same thread: encoding and compressing what was read."""
        asking = ASKING.get()
        if self._turns is None or asking is None:
            return (await self._run(job, seconds))[0]
        async with self._turns.turn(asking):
            answer, took = await self._run(job, seconds)
            self._turns.charge(asking, took, took * AFTERWARDS)
        return answer

    async def _run(self, job: Callable[[], T], seconds: float) -> tuple[T, float]:
        running = asyncio.get_running_loop().run_in_executor(self._thread, _timed, job)
        return await asyncio.wait_for(running, seconds)

    def _opened(self) -> MindDatabase:
        if self._mind is None:
            self._mind = open_mind(self._path, read_only=True)
        return self._mind

    async def close(self) -> None:
        """Close the connection in its own thread, then end the thread."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _close(self) -> None:
        if self._mind is not None:
            self._mind.close()
            self._mind = None


def _timed(job: Callable[[], T]) -> tuple[T, float]:
    began = time.thread_time()
    return job(), time.thread_time() - began
