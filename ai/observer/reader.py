"""Reads of mind.db off the loop: one thread with one query_only connection, asked in turn."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from ai.mind.database import MindDatabase, open_mind

READ_TIMEOUT_SECONDS = 10.0  # a page that takes longer is better answered with an error

T = TypeVar("T")


class Reader:
    """A thread that alone touches its connection, so that no page ever waits on the loop or writes."""

    def __init__(self, path: Path, name: str) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"observer-{name}")
        self._mind: MindDatabase | None = None

    async def read(self, query: Callable[[MindDatabase], T], seconds: float = READ_TIMEOUT_SECONDS) -> T:
        """Run `query` in the thread and return its answer; raises TimeoutError after `seconds`."""
        running = asyncio.get_running_loop().run_in_executor(self._thread, self._run, query)
        return await asyncio.wait_for(running, seconds)

    def _run(self, query: Callable[[MindDatabase], T]) -> T:
        if self._mind is None:
            self._mind = open_mind(self._path, read_only=True)
        return query(self._mind)

    async def close(self) -> None:
        """Close the connection in its own thread, then end the thread."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _close(self) -> None:
        if self._mind is not None:
            self._mind.close()
            self._mind = None
