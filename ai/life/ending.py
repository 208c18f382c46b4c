"""When a life must end by itself: of old age, or of bankruptcy after a grace; pure, but for what it remembers."""

from dataclasses import dataclass
from datetime import datetime

from ai.clock import parse_rfc3339, rfc3339
from ai.credit_tracker import Balance, Band
from ai.life.fragments import End
from ai.mind.database import MindDatabase
from ai.settings import Settings

GRACE_SECONDS = 6 * 3_600.0  # of seen bankruptcy: a top-up on the same day comes in time
MOST_BETWEEN_LOOKS = 3_600.0  # a longer gap (daemon off, purse away) counts as this much: unseen is not bankrupt
SECONDS_A_DAY = 86_400
STATE = "bankruptcy"


@dataclass(frozen=True, slots=True)
class Ending:
    """Why and how a life must end now."""

    cause: str
    end: End


class Endings:
    """Looks at age and purse once a beat; how long bankruptcy was seen survives a restart."""

    def __init__(self, mind: MindDatabase, settings: Settings) -> None:
        self._mind = mind
        self._settings = settings

    def due(self, age_seconds: float, funds: Balance | None, now: datetime) -> Ending | None:
        """Return how a life of this age must end now, or None.

        `funds` None: the purse is out of reach, which is never a cause of death and ends no grace.
        """
        days = self._settings.max_life_days
        if days is not None and age_seconds >= days * SECONDS_A_DAY:
            return Ending(f"old age, after {days} days", End.OLD_AGE)
        if self._settings.on_bankruptcy != "die" or funds is None:
            return None
        seconds = self._seen(funds.band == Band.BANKRUPT, now)
        if seconds < GRACE_SECONDS:
            return None
        self._mind.remember(STATE, None)
        return Ending(f"bankruptcy: the purse was empty for {GRACE_SECONDS / 3_600:.0f} hours", End.BANKRUPTCY)

    def _seen(self, bankrupt: bool, now: datetime) -> float:  # noqa: FBT001 - the one thing that was looked at
        before = self._mind.recall(STATE)
        if not bankrupt:
            if before is not None:
                self._mind.remember(STATE, None)
            return 0.0
        seconds = 0.0
        if isinstance(before, dict):
            gap = (now - parse_rfc3339(before["at"])).total_seconds()
            seconds = float(before["seconds"]) + min(MOST_BETWEEN_LOOKS, max(0.0, gap))
        self._mind.remember(STATE, {"at": rfc3339(now), "seconds": seconds})
        return seconds
