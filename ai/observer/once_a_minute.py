"""A log that strangers cannot fill: each sort of thing is told once a minute, with how often it came since."""

from collections.abc import Callable

MINUTE = 60.0


class OnceAMinute:
    """Counts things by their sort and says when one may be told."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._last: dict[str, float] = {}
        self.missed: dict[str, int] = {}

    def now(self, sort: str) -> bool:
        """Return True for the first of this sort in a minute; the others are counted in `missed`."""
        at = self._monotonic()
        if at - self._last.get(sort, -MINUTE) < MINUTE:
            self.missed[sort] = self.missed.get(sort, 0) + 1
            return False
        self._last[sort] = at
        return True

    def since(self, sort: str) -> int:
        """Return how many of this sort were not told since the last line, and begin to count anew."""
        return self.missed.pop(sort, 0)
