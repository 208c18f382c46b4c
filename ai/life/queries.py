"""What people may know of lives and memories: rows, stories, searches; all on a mind.db that is only read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ai.life.chronicle import Chronicle
from ai.life.self_page import Page, SelfPages
from ai.memory.archive import Archive, Row
from ai.memory.memory import Kind, Memory
from ai.mind.database import MindDatabase
from ai.people import Letter, Work
from ai.people.letters import conversation
from ai.people.works import published

TOLD_AT_MOST = 20  # letters and works of one story
TURNING_POINTS = 12  # of a life's memories that its story tells; the rest is for `memory search`
TOLD_KINDS = frozenset({Kind.THOUGHT, Kind.NOTE, Kind.MESSAGE, Kind.OBSERVATION, Kind.PLAN})


@dataclass(frozen=True, slots=True)
class LifeEntry:
    """One life of the chronicle; what is not known is None. Times are RFC 3339."""

    number: int
    name: str
    pronoun: str
    state: str
    born_at: str
    died_at: str | None
    cause: str | None
    last_words: str | None
    summary: str | None
    beats: int
    thoughts: int
    first_thought: str | None
    bootstrap_mode: str | None
    mood: str | None
    goals: tuple[str, ...]
    self_page: str | None
    fragments: tuple[Memory, ...]


@dataclass(frozen=True, slots=True)
class Story:
    """A life told: the entry, its turning points in order, its insights, what lay in its workspace at the end.

    `letters` are those it answered, `works` what it published, both oldest first; `in_hand` what it works on now.
    """

    entry: LifeEntry
    moments: tuple[Memory, ...]
    insights: tuple[Memory, ...]
    workspace: tuple[Mapping[str, Any], ...]
    letters: tuple[Letter, ...]
    works: tuple[Work, ...]
    in_hand: Mapping[str, str] | None


@dataclass(frozen=True, slots=True)
class Shown:
    """One memory with what it rests on, and the summary that stands for it in the life's file, if it was folded."""

    row: Row
    sources: tuple[Row, ...]
    summary: Row | None


class NotKnown(LookupError):
    """A life or a memory was asked for that does not exist."""


def lives(mind: MindDatabase) -> list[LifeEntry]:
    """Return every life, newest first."""
    return [_entry(mind, facts) for facts in reversed(Chronicle(mind).all())]


def story(mind: MindDatabase, number: int) -> Story:
    """Return what is told of life `number`; raises NotKnown."""
    facts = _facts(mind, number)
    archive = Archive(mind)
    return Story(
        _entry(mind, facts),
        tuple(archive.most_important(number, TOLD_KINDS, TURNING_POINTS)),
        tuple(archive.of_kind(number, Kind.REFLECTION, TURNING_POINTS)),
        tuple(facts.get("workspace") or ()),
        tuple(conversation(mind, TOLD_AT_MOST, life=number)[::-1]),
        tuple(published(mind, TOLD_AT_MOST, life=number)[::-1]),
        facts.get("work") if facts.get("state") == "alive" else None,
    )


def search(mind: MindDatabase, text: str, *, limit: int = 20, life: int | None = None) -> list[Row]:
    """Return memories of all lives (or of one) that share words with `text`, best first; raises NotKnown."""
    whose = None if life is None else _whose(mind, life)
    return [row for row, _score in Archive(mind).match(text, limit, whose)]


def show(mind: MindDatabase, number: int, *, life: int | None = None) -> Shown:
    """Return memory `number` of a life (None: the newest one); raises NotKnown."""
    whose = _whose(mind, life)
    archive = Archive(mind)
    found = archive.get(whose, [number])
    if not found:
        raise NotKnown(f"life #{whose} has no memory {number}; find one with: genesis memory search WORDS")
    row = found[0]
    summary = archive.get(whose, [row.folded_into]) if row.folded_into else []
    return Shown(row, tuple(archive.get(whose, row.memory.sources)), summary[0] if summary else None)


def self_log(mind: MindDatabase, *, life: int | None = None) -> list[Page]:
    """Return the versions of a life's page of self, oldest first (None: of the newest life); raises NotKnown."""
    return SelfPages(mind).log(_whose(mind, life))


def _whose(mind: MindDatabase, life: int | None) -> int:
    return Chronicle(mind).last() if life is None else int(_facts(mind, life)["number"])


def _facts(mind: MindDatabase, number: int) -> Mapping[str, Any]:
    facts = Chronicle(mind).get(number)
    if facts is None:
        last = Chronicle(mind).last()
        known = f"there are 1 to {last}" if last else "nobody has lived yet"
        raise NotKnown(f"there is no life #{number}; {known}")
    return facts


def _entry(mind: MindDatabase, facts: Mapping[str, Any]) -> LifeEntry:
    archive = Archive(mind)
    number = int(facts["number"])
    fragments: Sequence[Memory] = archive.of_kind(number, Kind.FRAGMENT)
    return LifeEntry(
        number=number,
        name=str(facts["name"]),
        pronoun=str(facts["pronoun"]),
        state=str(facts["state"]),
        born_at=str(facts["born_at"]),
        died_at=facts.get("died_at"),
        cause=facts.get("cause"),
        last_words=facts.get("last_words") or None,
        summary=facts.get("summary") or None,
        beats=int(facts["beats"]),
        thoughts=archive.count_kind(number, Kind.THOUGHT),
        first_thought=facts.get("first_thought"),
        bootstrap_mode=facts.get("bootstrap_mode"),
        mood=facts.get("mood"),
        goals=tuple(facts.get("goals") or ()),
        self_page=facts.get("self_page") or None,
        fragments=tuple(fragments),
    )
