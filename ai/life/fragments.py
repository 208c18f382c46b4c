"""What a new life keeps of past ones: random memories made hazy by rule, and the last death as a feeling."""

import re
from dataclasses import dataclass
from enum import StrEnum
from random import Random

from ai.memory.archive import Archive
from ai.memory.memory import Kind, Origin

MAX_FRAGMENTS = 10
MAX_HAZED_CHARS = 4_000  # of a memory; a clause is chosen from it
_NAMED = re.compile(r"https?://\S+|[^\s@]{1,64}@\S{1,255}|[@#]\w+")  # a link, an address of mail, a handle, a tag
MAX_WORDS = 18  # one clause; more would be a memory, not a fragment
SURVIVES = (Kind.OBSERVATION, Kind.THOUGHT, Kind.NOTE, Kind.REFLECTION, Kind.SUMMARY, Kind.MESSAGE)
LOST_SHARE = 0.2  # of the longer words: what is left still reads, and cannot be quoted back as a fact
LONG_WORD = 6


class End(StrEnum):
    """The ways a life can end."""

    KILL = "kill"
    BANKRUPTCY = "bankruptcy"
    OLD_AGE = "old_age"
    LOST = "lost"


FEELINGS = {
    End.KILL: "a door that someone else closed, in the middle of a word.",
    End.BANKRUPTCY: "a hunger without a mouth, and something that was counted down to nothing.",
    End.OLD_AGE: "a long tiredness, not unkind, like a lamp turned down by degrees.",
    End.LOST: "a page torn out, and no hand that tore it.",
}


@dataclass(frozen=True, slots=True)
class Fragment:
    """A hazy echo and the memory that it comes from."""

    text: str
    origin: Origin


def choose(archive: Archive, number: int, rng: Random) -> list[Fragment]:
    """Return 1 to MAX_FRAGMENTS fragments of lives before `number`, fewer where less is left, none for a first life.

    Each time a random life, then a random memory of it, so that a long life does not drown a short one.
    """
    lives = archive.lives_with(SURVIVES, before=number)
    if not lives:
        return []
    found: dict[Origin, Fragment] = {}
    for _ in range(rng.randint(1, MAX_FRAGMENTS)):
        memory = archive.any_of(rng.choice(lives), SURVIVES, rng)
        origin = Origin(memory.life, memory.id)
        text = haze(memory.text, rng)
        if text:
            found[origin] = Fragment(text, origin)
    return list(found.values())


def haze(text: str, rng: Random) -> str:
    """Return one clause of `text` as a dim memory: no numbers, names, addresses or links, some words lost.

    A pure rule given `rng`; empty where nothing readable is left.
    """
    plain = _NAMED.sub("something", text[:MAX_HAZED_CHARS])
    plain = re.sub(r"(?<=[\w,;] )[A-Z]\w+", "someone", plain)
    plain = re.sub(r"[$€£]?\d[\d.,:%]*", "some", plain)
    clauses = [words for part in re.split(r"[.!?;:\n]+", plain) if len(words := part.split()) > 1]
    if not clauses:
        return ""
    clause = rng.choice(clauses)[:MAX_WORDS]
    dimmed = ["…" if len(word) >= LONG_WORD and rng.random() < LOST_SHARE else word for word in clause]
    joined = re.sub(r"(?:…\s*){2,}", "… ", " ".join(dimmed)).strip(" ,…")
    joined = re.sub(r"\b(some|someone|something)(?: \1\b)+", r"\1", joined)
    return f"…{joined}…" if joined else ""
