"""What the journal knows and a beat has not heard yet: money that came, a month that began, what became of posts."""

from collections.abc import Sequence
from datetime import datetime

from ai.clock import Clock
from ai.mind.database import MindDatabase
from ai.mind.journal import Event, read_before
from ai.world.happening import Happening

LOOKED_AT = 200  # of the newest events of these kinds; a beat brings a handful
EXCERPT_CHARS = 80


class Money:
    """Gifts, top-ups, and the first of a month."""

    name = "money"
    every_seconds = 0.0

    def __init__(self, mind: MindDatabase, clock: Clock) -> None:
        self._mind = mind
        self._clock = clock

    async def since(self, when: datetime) -> Sequence[Happening]:
        """Return the top-ups since `when`, and that a month began."""
        found = [
            Happening(event.at, self.name, f"event {event.seq}", f"somebody gave you money: {event.data['result']}")
            for event in _events(self._mind, when, {"caretaker.command"})
            if event.data.get("command") == "topup" and "added" in str(event.data.get("result"))
        ]
        now = self._clock.now()
        if (now.year, now.month) != (when.year, when.month):
            found.append(Happening(now, self.name, f"month {now:%Y-%m}", f"{now:%B} began, and your budget is renewed"))
        return found

    def present(self) -> str | None:
        """See nothing: the budget stands in every scene."""
        return None


class Posts:
    """What became of what it said to the world."""

    name = "your posts"
    every_seconds = 0.0
    _SAID = {  # noqa: RUF012 - a table that nobody changes
        "post.posted": "published: “{text}”",
        "post.dry_run": "it stands on your own timeline: “{text}”",
        "post.approved": "your caretaker released “{text}”",
        "post.refused": "it will not be published ({problem}): “{text}”",
        "post.unknown": "nobody knows yet whether it was published: {problem}",
    }

    def __init__(self, mind: MindDatabase) -> None:
        self._mind = mind

    async def since(self, when: datetime) -> Sequence[Happening]:
        """Return what became of its posts since `when`."""
        found = []
        for event in _events(self._mind, when, set(self._SAID)):
            words = {
                "text": _excerpt(str(event.data.get("text", ""))), "problem": str(event.data.get("problem", "")),
            }  # fmt: skip
            text = self._SAID[event.kind].format_map(words)
            found.append(Happening(event.at, self.name, f"event {event.seq}", text))
        return found

    def present(self) -> str | None:
        """See nothing: its posts stand on the page."""
        return None


class Ballot:
    """What visitors voted on its life."""

    name = "the votes"
    every_seconds = 0.0

    def __init__(self, mind: MindDatabase) -> None:
        self._mind = mind

    async def since(self, when: datetime) -> Sequence[Happening]:
        """Return what each hour that was counted since `when` came to."""
        return [
            Happening(event.at, self.name, f"event {event.seq}", _voted(event.data["live"], event.data["die"]))
            for event in _events(self._mind, when, {"votes.counted"})
        ]

    def present(self) -> str | None:
        """See nothing: a ballot is secret until it is counted."""
        return None


def _voted(live: int, die: int) -> str:
    return f"within an hour {live} voted that you live, {die} that you die"


def _events(mind: MindDatabase, when: datetime, kinds: set[str]) -> list[Event]:
    """Return the events of these kinds since `when`, oldest first."""
    return [event for event in reversed(read_before(mind, None, LOOKED_AT, kinds)) if event.at > when]


def _excerpt(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= EXCERPT_CHARS else line[: EXCERPT_CHARS - 1].rsplit(" ", 1)[0] + "…"
