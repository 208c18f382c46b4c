"""Votes of visitors on a life: one an hour and address, counted when the hour is over."""

import hashlib
import secrets
from dataclasses import dataclass
from typing import Literal

from ai.clock import Clock
from ai.mind.database import MindDatabase
from ai.mind.journal import Journal

ROUND_SECONDS = 3_600
VOTES_AT_MOST = 20_000  # of one round; more are no people
SALT = "salt of the votes"

Vote = Literal["live", "die"]


class AlreadyVoted(Exception):
    """No vote is taken now; `seconds` says when to come again, the message is one line."""

    def __init__(self, text: str, seconds: int) -> None:
        super().__init__(text)
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class Tally:
    """What a round came to."""

    life: int
    live: int
    die: int

    def is_deadly(self, least: int) -> bool:
        """Say whether it ends the life: enough votes, and more for death than for life."""
        return self.live + self.die >= least and self.die > self.live


class Votes:
    """The ballot of the round that runs, and the counting of those that are over."""

    def __init__(self, mind: MindDatabase, journal: Journal, clock: Clock) -> None:
        self._mind = mind
        self._journal = journal
        self._clock = clock

    def cast(self, address: str, vote: Vote, life: int) -> int:
        """Take a vote and return in how many seconds it is counted; raises AlreadyVoted."""
        left = self._seconds_left()
        with self._mind.transaction() as connection:
            count = connection.execute("SELECT count(*) FROM votes WHERE round = ?", (self._round(),)).fetchone()[0]
            if count >= VOTES_AT_MOST:
                raise AlreadyVoted(f"{count:,} votes were cast this hour; come again in the next", left)
            taken = connection.execute(
                "INSERT INTO votes (round, voter, life, vote) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
                (self._round(), self._voter(address), life, vote),
            ).rowcount
        if not taken:
            raise AlreadyVoted(f"you have voted this hour; vote again in {left} s", left)
        return left

    def count(self, life: int | None) -> list[Tally]:
        """Count the rounds that are over, journal what they came to, and forget them; votes on the dead count not."""
        found = []
        with self._mind.transaction() as connection:
            over = (self._round(),)
            rows = connection.execute(
                "SELECT round, sum(vote = 'live'), sum(vote = 'die') FROM votes WHERE round < ? AND life = ? "
                "GROUP BY round ORDER BY round",
                (*over, -1 if life is None else life),
            ).fetchall()
            connection.execute("DELETE FROM votes WHERE round < ?", over)
            for _round, live, die in rows:
                found.append(Tally(life or 0, live, die))
                self._journal.append("votes.counted", live=live, die=die)
        return found

    def _round(self) -> int:
        return int(self._clock.now().timestamp()) // ROUND_SECONDS

    def _seconds_left(self) -> int:
        return ROUND_SECONDS - int(self._clock.now().timestamp()) % ROUND_SECONDS

    def _voter(self, address: str) -> str:
        """Return what stands for an address in this round; the salt is thrown away with the round."""
        kept = self._mind.recall(SALT)
        if not isinstance(kept, dict) or kept.get("round") != self._round():
            kept = {"round": self._round(), "salt": secrets.token_hex(16)}
            self._mind.remember(SALT, kept)
        return hashlib.sha256(f"{kept['salt']} {address}".encode()).hexdigest()[:32]
