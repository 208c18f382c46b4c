"""One thing that happened, and what brings such things: the interface of every source."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

FRESH = timedelta(hours=24)  # what is older is no news any more


@dataclass(frozen=True, slots=True)
class Happening:
    """Something new: when, where it comes from, and what it is in one line.

    `key` tells one happening from another of its source, so that none is kept twice. `strangers`: the words are
    somebody else's (a feed's, a visitor's) and reach a prompt only between marks.
    """

    at: datetime
    source: str
    key: str
    text: str
    strangers: bool = False

    def is_news(self, now: datetime) -> bool:
        """Return whether it happened lately; what others wrote before that can still be read in a quiet beat."""
        return now - self.at <= FRESH


class SourceTrouble(Exception):
    """A source cannot be asked now; the message is one line that names it and says what would help."""


class Source(Protocol):
    """Something that has news. `every_seconds`: asked no more often; 0: at each beat, since asking costs nothing."""

    name: str
    every_seconds: float

    async def since(self, when: datetime) -> Sequence[Happening]:
        """Return what is new since `when`, oldest first; raises SourceTrouble, or whatever goes wrong."""
        ...

    def present(self) -> str | None:
        """Return in one line what can be seen of it right now, for a beat without news; None: nothing to see."""
        ...
