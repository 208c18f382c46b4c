"""A life: who it is, how long it has lived, and the file it is kept in."""

from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any

from ai.clock import Clock, parse_rfc3339
from ai.life.file import LifeFile
from ai.memory.memory import Kind
from ai.memory.stream import MemoryStream


class Life:
    """The living life; `memory` is its memory stream. What is written is durable at once, or after `together`."""

    def __init__(self, file: LifeFile, memory: MemoryStream, clock: Clock) -> None:
        self.file = file
        self.memory = memory
        self._clock = clock
        self._facts = file.facts()

    @property
    def number(self) -> int:
        """The life's number, from 1."""
        return int(self._facts["number"])

    @property
    def name(self) -> str:
        """The name it gave itself."""
        return str(self._facts["name"])

    @property
    def pronoun(self) -> str:
        """How others shall speak of it."""
        return str(self._facts["pronoun"])

    @property
    def born_at(self) -> datetime:
        """When it was born, UTC."""
        return parse_rfc3339(self._facts["born_at"])

    @property
    def bootstrap_mode(self) -> str:
        """How much it was told at birth: `blank_slate`, `basic_facts` or `full_briefing`."""
        return str(self._facts["bootstrap_mode"])

    @property
    def briefing(self) -> str:
        """What it was told at birth, for every prompt; empty for a blank slate."""
        return str(self._facts["briefing"])

    @property
    def first_thought(self) -> str:
        """What it thought first."""
        return str(self._facts["first_thought"])

    @property
    def feeling(self) -> str:
        """What is left of the last life's end: a feeling, or a fact where it was briefed; empty for a first life."""
        return str(self._facts["feeling"])

    @property
    def self_page(self) -> str:
        """Its page of who it is, as it last wrote it; empty before it did."""
        return str(self._facts.get("self_page", ""))

    @property
    def beats(self) -> int:
        """How many beats it has lived."""
        return int(self._facts["beats"])

    @property
    def dying(self) -> bool:
        """Whether its death has begun."""
        return bool(self._facts["state"] == "dying")

    def age_seconds(self) -> float:
        """Return how long it has lived; never negative, whatever the clock does."""
        return max(0.0, (self._clock.now() - self.born_at).total_seconds())

    def beat_lived(self) -> int:
        """Count a beat; return its number, from 1."""
        self.note(beats=self.beats + 1)
        return self.beats

    def note(self, **facts: Any) -> None:
        """Write facts of the life (JSON values) into its file."""
        self._facts.update(facts)
        self.file.state(**facts)

    def facts(self) -> dict[str, Any]:
        """Return a copy of all that its file says of it besides its memories."""
        return dict(self._facts)

    def fragments(self) -> list[dict[str, object]]:
        """Return the echoes of past lives it was born with: text and the number of the life each comes from."""
        return [
            {"text": memory.text, "life": memory.origin.life}
            for memory in self.memory.recent(len(self.memory), Kind.FRAGMENT)
            if memory.origin is not None
        ]

    def together(self) -> AbstractContextManager[None]:
        """Save once, at the end, what is written inside."""
        return self.file.together()
