"""A world for lives: a real mind.db, a virtual clock, and a brain that answers from a script."""

from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random

import pytest

from ai.clock import VirtualClock
from ai.life.lives import Lives
from ai.mind.database import open_mind
from ai.mind.journal import Journal
from ai.settings import Settings


def seeded(seed):
    """Chance that replays."""
    return Random(seed)


@dataclass(frozen=True)
class ScriptedModel:
    id: str


@dataclass(frozen=True)
class ScriptedAnswer:
    text: str
    model: ScriptedModel


@dataclass
class ScriptedBrain:
    """Answers each question with the next texts of the script until one is accepted, as the paid client does."""

    script: deque = field(default_factory=deque)
    asked: list = field(default_factory=list)
    posts: list = field(default_factory=list)
    models: tuple = ("model/a", "model/b", "model/c")

    def say(self, *texts):
        self.script.extend(texts)
        return self

    @property
    def both(self):
        """What a birth and a death are given: whom to ask, and who tells of it."""
        return self.ask, self.announce

    async def ask(self, purpose, messages, *, schema=None, accept=None, avoid=()):
        self.asked.append((purpose, messages, list(avoid)))
        order = [m for m in self.models if m not in avoid] + [m for m in self.models if m in avoid]
        for model in order:
            if not self.script:
                return None
            text = self.script.popleft()
            if text is not None and (accept is None or accept(text) is None):
                return ScriptedAnswer(text, ScriptedModel(model))
        return None

    async def announce(self, text, *, source, life):
        if (text, source, life) not in self.posts:
            self.posts.append((text, source, life))


@dataclass(frozen=True)
class Purse:
    period: str = "2026-11"
    granted: int = 5_000_000_000
    donated: int = 0
    band: str = "comfortable"
    away: str | None = None


class World:
    def __init__(self, data_dir, seed=7, **settings):
        self.data_dir = data_dir
        self.clock = VirtualClock(datetime(2026, 11, 22, 6, 0, tzinfo=UTC))
        self.settings = Settings(data_dir=data_dir, **settings)
        self.rng = seeded(seed)
        self.brain = ScriptedBrain()
        self.mind = None
        self.start()

    def start(self):
        """Start as a daemon does; called again it is a restart after a crash: nothing is closed in good order."""
        if self.mind is not None:
            self.mind.close()
        self.mind = open_mind(self.data_dir / "mind.db")
        self.journal = Journal(self.mind, self.clock)
        self.lives = Lives(self.data_dir, self.mind, self.journal, self.clock, self.rng, self.settings)
        return self.lives

    def newborn(self, name, pronoun="she", thought="The first thing is the hum of the timer."):
        self.brain.say(f'{{"name": "{name}", "pronoun": "{pronoun}", "first_thought": "{thought}"}}')

    async def born(self, name="Ada", **said):
        self.newborn(name, **said)
        self.clock.advance(60)
        return await self.lives.ensure_alive(*self.brain.both, Purse())

    def kinds(self):
        return [event.kind for event in self.journal.after(0, limit=10_000)]


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path)
    yield world
    world.mind.close()
