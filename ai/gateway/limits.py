"""How many calls of one key, and of all keys, may be under way at once; the rest is told to come again."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ai.gateway.refusals import too_many

if TYPE_CHECKING:
    from collections.abc import Iterator

CALLS_OF_A_KEY = 256  # under way at once; an agent with 64 threads is a busy one
CALLS_IN_ALL = 1024


class UnderWay:
    """Counts the calls that are being answered in this process."""

    def __init__(self, of_a_key: int = CALLS_OF_A_KEY, in_all: int = CALLS_IN_ALL) -> None:
        self._of_a_key = of_a_key
        self._in_all = in_all
        self._by_key: Counter[str] = Counter()

    @property
    def calls(self) -> int:
        """How many are under way."""
        return self._by_key.total()

    @contextmanager
    def one(self, key: str) -> Iterator[None]:
        """Count one call of `key` while it is answered. Raises Refusal (429) where there are too many already."""
        self.enter(key)
        try:
            yield
        finally:
            self.leave(key)

    def enter(self, key: str) -> None:
        """Count one call of `key` from now on. Raises Refusal (429) where there are too many already."""
        if self._by_key[key] >= self._of_a_key:
            raise too_many(f"key {key}: {self._of_a_key} calls are under way already", 1)
        if self.calls >= self._in_all:
            raise too_many(f"{self._in_all} calls are under way already", 1)
        self._by_key[key] += 1

    def leave(self, key: str) -> None:
        """One call of `key` has been answered."""
        self._by_key[key] -= 1
        if self._by_key[key] <= 0:
            del self._by_key[key]
