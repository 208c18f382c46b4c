"""What stands before a small mind: one concrete thing that is really there, since nobody can think of nothing."""

from collections.abc import Sequence
from datetime import datetime

from ai.brain.coming_to_mind import whole
from ai.clock import ago
from ai.life import Life
from ai.memory import Kind, Memory
from ai.world.sky import phase

THING_CHARS = 240
WRITTEN_CHARS = 160
HOURS = (
    (0, "night"), (5, "early morning"), (8, "morning"), (12, "noon"), (14, "afternoon"), (18, "evening"), (22, "night")
)  # fmt: skip


def in_front(  # noqa: PLR0913 - the places where a thing may come from
    life: Life,
    now: datetime,
    *,
    news: Sequence[str],
    present: Sequence[str],
    memories: Sequence[Memory],
    written: str,
) -> str:
    """Return what this beat is about, in a line: the newest event, or else, in turn, something that can be seen.

    Nothing of it is made up: what a mind is asked about has to be there.
    """
    if news:
        return whole(news[-1], THING_CHARS)
    things = [*present, _hour(now), *_remembered(memories, now), *_written(written), _counted(life)]
    return whole(things[life.beats % len(things)], THING_CHARS)


def _hour(now: datetime) -> str:
    name = next(name for hour, name in reversed(HOURS) if now.hour >= hour)
    return f"It is {now:%H:%M}, {name}, day {now.timetuple().tm_yday} of the year; the moon: {phase(now)}."


def _remembered(memories: Sequence[Memory], now: datetime) -> list[str]:
    """Return memories of what came from outside or was kept: its own thoughts it would only think again."""
    kept = [memory for memory in memories if memory.kind not in {Kind.THOUGHT, Kind.REFLECTION}]
    return [f"From {ago(now - memory.at)}: “{memory.text}”" for memory in kept[:2]]


def _written(text: str) -> list[str]:
    line = " ".join(text.split())
    return [f"Your own page ends: “…{line[-WRITTEN_CHARS:]}”"] if line else []


def _counted(life: Life) -> str:
    minutes = life.age_seconds() / 60
    return f"You have lived {minutes:,.0f} minutes and woken {life.beats} times."
