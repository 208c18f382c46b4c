"""What stands before a small mind: one concrete thing that is really there, since nobody can think of nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from ai.brain.coming_to_mind import RESTS_BEATS, whole
from ai.clock import ago
from ai.life import Life
from ai.memory import Kind, Memory
from ai.mind.database import MindDatabase
from ai.world.sky import phase

THING_CHARS = 240
WRITTEN_CHARS = 160
FILES_NAMED = 5
SORTS_KEPT = 60  # of what stood in front and when; there are some fifteen, and one a feed
STATE = "stood in front"
HOURS = (
    (0, "night"), (5, "early morning"), (8, "morning"), (12, "noon"), (14, "afternoon"), (18, "evening"), (22, "night")
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Thing:
    """Something to think about: the sort it is of, by which it takes its turn, and a line that says what it is.

    `strangers`: others wrote it, and it is another thing each time, where a machine is the same one.
    """

    sort: str
    text: str
    strangers: bool = False


class InFront:
    """Chooses what a beat is about, and remembers which sort stood there when, so that none does beat after beat."""

    def __init__(self, mind: MindDatabase) -> None:
        self._mind = mind

    def choose(self, life: Life, news: Sequence[Thing], things: Sequence[Thing]) -> str:
        """Return the line of the newest of `news` (oldest first) that does not rest, else of what waited longest.

        A sort rests RESTS_BEATS beats, what others wrote one. Of `things` that never stood there the first comes first.
        """
        stood = self._stood(life)

        def beats_ago(one: Thing) -> int:
            return life.beats - stood[one.sort] if one.sort in stood else life.beats + 1

        fresh = [one for one in news if beats_ago(one) > (1 if one.strangers else RESTS_BEATS)]
        chosen = fresh[-1] if fresh else max((*things, *reversed(news)), key=beats_ago)
        told = next(
            (one for one in reversed(news) if one.sort == chosen.sort), chosen
        )  # what is new of it, if anything
        stood[chosen.sort] = life.beats
        latest = sorted(stood.items(), key=lambda item: item[1])[-SORTS_KEPT:]
        self._mind.remember(STATE, {"life": life.number, "stood": dict(latest)})
        return whole(told.text, THING_CHARS)

    def rested(self, life: Life, memories: Sequence[Memory]) -> list[Memory]:
        """Return `memories` without observations of what stood in front within the last RESTS_BEATS beats."""
        stood = self._stood(life)
        return [
            memory
            for memory in memories
            if memory.kind is not Kind.OBSERVATION
            or life.beats - stood.get(sort_of(memory), -RESTS_BEATS - 1) > RESTS_BEATS
        ]

    def _stood(self, life: Life) -> dict[str, int]:
        kept = self._mind.recall(STATE)
        if not isinstance(kept, dict) or kept.get("life") != life.number:
            return {}
        return {str(sort): int(beat) for sort, beat in kept["stood"].items()}


def around(  # noqa: PLR0913 - the places where a thing may come from
    life: Life,
    now: datetime,
    *,
    present: Mapping[str, str],
    memories: Sequence[Memory],
    written: str,
    files: Sequence[str],
    purse: str,
) -> list[Thing]:
    """Return what is there without any news; none of it is made up. `present`: a line a source, by its name."""
    name = next(name for hour, name in reversed(HOURS) if now.hour >= hour)
    days, goals = now.timetuple().tm_yday, life.goals
    return [
        *_remembered(memories, now),
        *_if(written, "a work", f"Your own page ends: “…{' '.join(written.split())[-WRITTEN_CHARS:]}”"),
        *_if(goals, "a goal", f"Your goal: “{goals[life.beats % len(goals)]}”" if goals else ""),
        *_if(life.plan, "a plan", f"Your plan: “{life.plan}”"),
        *(Thing(source, line) for source, line in present.items()),
        Thing("the hour", f"The clock says {now:%H:%M}, it is {name}, a {now:%A}."),
        *_if(life.work, "a next step", f"Your work: “{life.work.title}”; next: {life.work.next}" if life.work else ""),
        *_if(files, "its files", f"Your workspace: {', '.join(files[:FILES_NAMED])}"),
        Thing("the sky", f"On day {days} of the year the moon is {phase(now)}."),
        Thing("its purse", purse),
        Thing("its name", f"You gave yourself the name {life.name}."),
        Thing("its life", f"You have lived {life.age_seconds() / 60:,.0f} minutes and woken {life.beats} times."),
    ]


def sort_of(memory: Memory) -> str:
    """Return what sort of thing a memory is: of what was seen, where it was seen."""
    return memory.text.partition(": ")[0] if memory.kind is Kind.OBSERVATION else f"a {memory.kind.value}"


def _if(there: object, sort: str, text: str) -> list[Thing]:
    return [Thing(sort, text)] if there else []


def _remembered(memories: Sequence[Memory], now: datetime) -> list[Thing]:
    """Return memories of what came from outside or was kept: its own thoughts it would only think again."""
    kept = [memory for memory in memories if memory.kind not in {Kind.THOUGHT, Kind.REFLECTION}]
    return [Thing(sort_of(memory), f"From {ago(now - memory.at)}: “{memory.text}”") for memory in kept]
