"""Looks at the purse that callers share: who asks while one is under way takes part in the next."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class SharedLook(Generic[K, V]):
    """Asks `look` for what several callers want to know at once; each answer is of a moment after its question."""

    def __init__(self, look: Callable[[frozenset[K]], Awaitable[Mapping[K, V]]]) -> None:
        self._look = look
        self._wanted: set[K] = set()
        self._under_way: asyncio.Future[Mapping[K, V]] | None = None
        self._next: asyncio.Future[Mapping[K, V]] | None = None

    async def ask(self, *wanted: K) -> Mapping[K, V]:
        """Return what a look says that began after this call; raises what it raised."""
        self._wanted.update(wanted)
        if self._next is None:
            self._next = asyncio.ensure_future(self._look_after(self._under_way))
        return await asyncio.shield(self._next)

    async def _look_after(self, before: "asyncio.Future[Mapping[K, V]] | None") -> Mapping[K, V]:
        if before is not None and not before.done():
            await asyncio.wait([before])
        self._under_way, self._next = self._next, None
        wanted, self._wanted = frozenset(self._wanted), set()
        return await self._look(wanted)
