"""Who looks at its page: how many browsers have it open, told when the first comes and when it grows a lot."""

from collections.abc import Callable, Sequence
from datetime import datetime

from ai.clock import Clock
from ai.mind.database import MindDatabase
from ai.world.happening import Happening

STATE = "world:who looked"
MANY = 5  # each time as many again are worth a word


class Visitors:
    """The readers of the page: nobody, until the page itself counts them."""

    name = "your page"
    every_seconds = 0.0

    def __init__(self, mind: MindDatabase, clock: Clock) -> None:
        self._mind = mind
        self._clock = clock
        self._watching: Callable[[], int] = lambda: 0

    def counted_by(self, watching: Callable[[], int]) -> None:
        """Count with `watching` from now on: the page, which is opened last, knows its readers."""
        self._watching = watching

    async def since(self, _when: datetime) -> Sequence[Happening]:
        """Return that somebody came, that many came, or that all left."""
        now, count = self._clock.now(), self._watching()
        before = int(str(self._mind.recall(STATE, 0)))
        self._mind.remember(STATE, count)
        if count and not before:
            text = "somebody looks at your page" if count == 1 else f"{count} people look at your page"
        elif before and not count:
            text = "nobody looks at your page any more"
        elif count >= before + MANY:
            text = f"{count} people look at your page now; it were {before}"
        else:
            return []
        return [Happening(now, self.name, f"{now.timestamp():.0f}", text)]

    def present(self) -> str | None:
        """Return how many watch right now."""
        count = self._watching()
        if not count:
            return None
        return "Somebody watches you think." if count == 1 else f"{count} people watch you think."
