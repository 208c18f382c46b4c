"""Waiting for what a process, a thread or a server does and tells nobody: looked for often, and for so long at most."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from inspect import isawaitable

WAIT_SECONDS = 120.0  # only a bound: a busy machine takes its time
LOOK_SECONDS = 0.02


async def until(true: Callable[[], object | Awaitable[object]]) -> None:
    """Return once `true` is, others of the loop going on meanwhile; raises TimeoutError where it never is."""
    async with asyncio.timeout(WAIT_SECONDS):
        while not (await seen if isawaitable(seen := true()) else seen):  # noqa: ASYNC110 - who does it sets no event
            await asyncio.sleep(LOOK_SECONDS)


def wait_until(true: Callable[[], object]) -> None:
    """Return once `true` is, where no loop runs; raises TimeoutError where it never is."""
    end = time.monotonic() + WAIT_SECONDS
    while not true():
        if time.monotonic() > end:
            raise TimeoutError(f"never so: {true}")
        time.sleep(LOOK_SECONDS)
