"""Birth, identity, death and rebirth: one life is one file that a person can read."""

from ai.asking import Accept, Answer, Ask
from ai.life.fragments import End
from ai.life.life import Life
from ai.life.lives import Announce, Lives
from ai.life.mood import Mood
from ai.life.storage import LifeFileBroken, LifeFileUnwritable

__all__ = [
    "Accept",
    "Announce",
    "Answer",
    "Ask",
    "End",
    "Life",
    "LifeFileBroken",
    "LifeFileUnwritable",
    "Lives",
    "Mood",
]
