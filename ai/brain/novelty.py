"""Breaks loops of meaning: a thought that was thought before is refused and told why; one too many brings rest."""

from collections.abc import Callable
from dataclasses import dataclass

from ai.actions.loop_breaker import LoopBreaker
from ai.clock import Clock
from ai.memory import Kind, MemoryStream
from ai.memory.similarity import SimilarityGuard
from ai.mind.database import MindDatabase
from ai.mind.journal import Journal
from ai.mind.schedule import Schedule

GuardOf = Callable[[int], SimilarityGuard]  # of a life's number
REST_SECONDS = 3_600.0  # by then the hour, the purse or the mail gives something else to think about


class Novelty:
    """Hears every thought; what is new is remembered, what is not ends as a refusal that the next scene shows.

    `guard_of(life)` compares a life's thoughts with its own: a newborn may think what others thought before it.
    """

    def __init__(self, guard_of: GuardOf, schedule: Schedule, journal: Journal) -> None:
        self._guard_of = guard_of
        self._schedule = schedule
        self._journal = journal

    def idle(self, life: int) -> bool:
        """Say whether the last thought of this life brought nothing new."""
        return self._guard_of(life).in_a_row() > 0

    async def hear(self, thought: str, importance: int | None, memory: MemoryStream) -> str | None:
        """Remember a new thought and return None; refuse a near-same one and return the reason for the mind."""
        verdict = await self._guard_of(memory.life).hear(thought)
        refusal = verdict.refusal()
        if refusal is None:
            memory.add(thought, Kind.THOUGHT, importance)
            return None
        self._journal.append("action.refused", action="think", params="", result=refusal)
        return refusal

    def rests(self, life: int) -> bool:
        """Put the mind to rest where this life went in circles, and begin to count anew; say whether it rests."""
        guard = self._guard_of(life)
        if not guard.must_rest():
            return False
        until = self._schedule.rest(REST_SECONDS)
        guard.rested()
        self._journal.append("brain.circling", until=f"{until:%H:%M:%S}")
        return True


@dataclass(frozen=True, slots=True)
class LoopGuards:
    """Who keeps a mind out of circles, of meaning and of deeds; a simulation hands in others to see its worth."""

    novelty: Callable[[GuardOf, Schedule, Journal], Novelty] = Novelty
    breaker: Callable[[MindDatabase, Clock], LoopBreaker] = LoopBreaker


USUAL_LOOP_GUARDS = LoopGuards()
