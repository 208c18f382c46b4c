"""One memory: what it is, and how it is written in a life file and in mind.db."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from ai.clock import parse_rfc3339, rfc3339

MAX_MEMORY_CHARS = 2_000  # a thought within MAX_OUTPUT_TOKENS fits; 2,000 of them keep a life file near 1 MB
MAX_IMPORTANCE = 10


class Kind(StrEnum):
    """What sort of memory it is."""

    OBSERVATION = "observation"
    THOUGHT = "thought"
    ACTION = "action"
    MESSAGE = "message"
    NOTE = "note"
    PLAN = "plan"
    REFLECTION = "reflection"
    SUMMARY = "summary"
    FRAGMENT = "fragment"


# Importance (1–10) where the model gave none; what the mind chose to keep outweighs what merely happened.
USUAL_IMPORTANCE: Mapping[Kind, int] = {
    Kind.OBSERVATION: 4,  # the world outside has a word a few times a day, among a hundred thoughts
    Kind.THOUGHT: 3,
    Kind.ACTION: 2,
    Kind.MESSAGE: 6,
    Kind.NOTE: 6,
    Kind.PLAN: 5,
    Kind.REFLECTION: 7,
    Kind.SUMMARY: 4,
    Kind.FRAGMENT: 5,
}


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a fragment comes from: a memory of a past life."""

    life: int
    memory: int


@dataclass(frozen=True, slots=True)
class Memory:
    """One entry of the memory stream; `id` counts from 1 within its life and is never given again."""

    life: int
    id: int
    at: datetime
    kind: Kind
    text: str
    importance: int
    sources: tuple[int, ...] = ()
    origin: Origin | None = None

    def document(self) -> dict[str, Any]:
        """Return it as the life file holds it; life and id are the file and the document's number."""
        document: dict[str, Any] = {
            "at": rfc3339(self.at),
            "kind": self.kind.value,
            "importance": self.importance,
            "text": self.text,
        }
        if self.sources:
            document["sources"] = list(self.sources)
        if self.origin is not None:
            document["origin"] = {"life": self.origin.life, "memory": self.origin.memory}
        return document


def from_document(life: int, number: int, document: Mapping[str, Any]) -> Memory:
    """Return the memory that a life file holds under `number`; raises KeyError or ValueError where it is malformed."""
    origin = document.get("origin")
    return Memory(
        life=life,
        id=number,
        at=parse_rfc3339(document["at"]),
        kind=Kind(document["kind"]),
        text=str(document["text"]),
        importance=clamp_importance(document["importance"]),
        sources=tuple(int(source) for source in document.get("sources", ())),
        origin=Origin(int(origin["life"]), int(origin["memory"])) if origin else None,
    )


def clamp_importance(value: object) -> int:
    """Return `value` as a whole number from 1 to 10; what is no number is 1, the least that a memory can weigh."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:  # noqa: PLR0124 - NaN
        return 1
    return int(min(MAX_IMPORTANCE, max(1, value)))


def tidy(text: str) -> str:
    """Return `text` as it may be remembered: valid Unicode, no control characters, at most MAX_MEMORY_CHARS."""
    valid = text[: MAX_MEMORY_CHARS * 4].encode("utf-8", "replace").decode("utf-8")
    seen = "".join(c if c.isprintable() or c == "\n" else " " for c in valid).strip()
    return seen if len(seen) <= MAX_MEMORY_CHARS else seen[: MAX_MEMORY_CHARS - 1].rstrip() + "…"
