"""A life: who it is, how long it has lived, and the file it is kept in."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from ai.clock import Clock, parse_rfc3339
from ai.life.chronicle import Chronicle
from ai.life.file import LifeFile
from ai.life.mood import Mood, mood
from ai.life.self_page import MAX_PAGE_CHARS, Page, SelfPages
from ai.memory.memory import Kind, tidy
from ai.memory.stream import MemoryStream

SECONDS_A_DAY = 86_400
FIRST_MOOD = "newborn"
MAX_GOALS = 5  # more are not pursued, only listed
MAX_GOAL_CHARS = 160
MAX_PLAN_CHARS = 600
MAX_NEXT_CHARS = 200  # of the next step of the work in hand


@dataclass(frozen=True, slots=True)
class Work:
    """A work in hand: its title, its file in the workspace, and what comes next."""

    title: str
    path: str
    next: str


class Life:
    """The living life; `memory` is its memory stream. What is written is durable at once, or after `together`."""

    def __init__(
        self, file: LifeFile, memory: MemoryStream, pages: SelfPages, chronicle: Chronicle, clock: Clock
    ) -> None:
        self.file = file
        self.memory = memory
        self._pages = pages
        self._chronicle = chronicle
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
    def soul(self) -> str:
        """The seed it was given at birth, for its own prompts alone; empty where there was none."""
        return str(self._facts.get("soul", ""))

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
    def state(self) -> str:
        """What its file says of it: `alive`, `dying` (its death has begun) or `dead` (its file is closed)."""
        return str(self._facts["state"])

    def age_seconds(self) -> float:
        """Return how long it has lived; never negative, whatever the clock does."""
        return max(0.0, (self._clock.now() - self.born_at).total_seconds())

    @property
    def goals(self) -> list[str]:
        """What it wants, in its own words, as it last set them."""
        return [str(goal) for goal in self._facts.get("goals", [])]

    @property
    def plan(self) -> str:
        """Its plan for today; empty where it made none today."""
        plan = self._facts.get("plan") or {}
        return str(plan["text"]) if plan.get("day") == self._clock.now().date().isoformat() else ""

    @property
    def mood(self) -> str:
        """How it feels, in a word, since the last `drift`."""
        return str(self._facts.get("mood", FIRST_MOOD))

    def begin_beat(self, number: int) -> None:
        """Count beat `number` (from 1) as begun."""
        self.note(beats=number)

    def drift(self, tier: str, band: str) -> Mood:
        """Let model tier and budget band move the mood; return it. Saved with the next change where it is the same."""
        felt = mood(self.number, int(self.age_seconds() // SECONDS_A_DAY), tier, band)
        if felt.word != self._facts.get("mood"):
            self.note(mood=felt.word)
        return felt

    def write_self(self, text: str, reason: str = "the mind rewrote it") -> Page:
        """Make `text` the page of who it is, as a new version; raises ValueError for a text with nothing to see."""
        kept = tidy(text)[:MAX_PAGE_CHARS]
        if not kept:
            raise ValueError("the page of self is empty; write who you are in a few sentences")
        page = self._pages.add(self.number, kept, reason, self._clock.now())
        self.note(self_page=page.text, self_version=page.version)
        return page

    def restore_self(self, version: int, by: str) -> Page:
        """Make an earlier version the page again, as a new version; raises ai.life.self_page.NoSuchVersion."""
        old = self._pages.get(self.number, version)
        return self.write_self(old.text, f"{by} restored version {version}")

    def set_goals(self, goals: Sequence[str]) -> list[str]:
        """Replace the goals, at most MAX_GOALS of MAX_GOAL_CHARS each; return them as kept."""
        kept = list(dict.fromkeys(_line(goal, MAX_GOAL_CHARS) for goal in goals if goal.strip()))[:MAX_GOALS]
        self.note(goals=kept)
        return kept

    def set_plan(self, text: str) -> str:
        """Replace the plan for today, at most MAX_PLAN_CHARS; it is remembered too. Return it as kept."""
        kept = tidy(text)[:MAX_PLAN_CHARS]
        with self.together():
            self.note(plan={"day": self._clock.now().date().isoformat(), "text": kept})
            self.memory.add(f"My plan for today: {kept}", Kind.PLAN)
        return kept

    @property
    def work(self) -> Work | None:
        """The work in hand, or None."""
        kept = self._facts.get("work")
        return Work(**kept) if kept else None

    def take_in_hand(self, work: Work) -> Work:
        """Make `work` the one in hand, or say what comes next in it; return it as kept."""
        kept = Work(_line(work.title, MAX_GOAL_CHARS), work.path.removeprefix("./"), _line(work.next, MAX_NEXT_CHARS))
        self.note(work=asdict(kept))
        return kept

    def put_down(self) -> None:
        """Have nothing in hand any more."""
        self.note(work=None)

    def note(self, **facts: Any) -> None:
        """Write facts of the life (JSON values) into its file, and into the chronicle for those who only read."""
        self._facts.update(facts)
        self.file.state(**facts)
        self._chronicle.put(self._facts)

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


def _line(text: str, limit: int) -> str:
    return " ".join(tidy(text).split())[:limit]
