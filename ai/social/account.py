"""Whether X takes anything from us at all: revoked keys, suspension and rate limits, kept through restarts."""

import hashlib
from datetime import datetime, timedelta
from typing import Any

from ai.clock import Clock, parse_rfc3339, rfc3339
from ai.mind.database import MindDatabase
from ai.mind.journal import Journal
from ai.settings import X_KEYS, Settings

NAME = "x.account"
USER_NAME = "x.user"
TRY_AGAIN = timedelta(days=1)  # a suspension may be lifted without new keys: one post a day finds out
LONGEST = TRY_AGAIN + timedelta(
    hours=1
)  # nothing is put off for longer: what is, was written before a clock was set back


class XAccount:
    """Posting is off while X refuses the account; told once, settled by new keys or by X taking a post again."""

    def __init__(self, mind: MindDatabase, journal: Journal, clock: Clock, settings: Settings) -> None:
        self._mind = mind
        self._journal = journal
        self._clock = clock
        self._keys = _fingerprint(settings)

    def until(self, now: datetime) -> datetime | None:
        """Return when X is tried again, or None where nothing stands against trying at `now`."""
        until = _when(self._state().get("until"))
        if until is None or until <= now or until - now > LONGEST:  # the last: the clock was set back
            return None
        return until

    def obstacle(self, now: datetime) -> str | None:
        """Return one line on why nothing may be sent at `now`, or None."""
        until = self.until(now)
        if until is None:
            return None
        return f"{self._state().get('problem')}; tried again after {until:%Y-%m-%d %H:%M} UTC"

    @property
    def user_id(self) -> str | None:
        """Return the account's id at X where it was asked for, or None."""
        kept = self._mind.recall(USER_NAME)
        return str(kept["id"]) if isinstance(kept, dict) and kept.get("keys") == self._keys else None

    def keep_user_id(self, user_id: str) -> None:
        """Remember the account's id: asking for it costs."""
        self._mind.remember(USER_NAME, {"id": user_id, "keys": self._keys})

    def refused(self, problem: str) -> None:
        """Note that X refuses the account; raises an alert the first time."""
        told = bool(self._state().get("off"))
        self._keep(problem, self._clock.now() + TRY_AGAIN, off=True)
        if not told:
            self._journal.append(
                "alert",
                about="x",
                problem=f"posting is off: {problem}. Check the account and the X_… keys; new keys turn it on again",
            )

    def rate_limited(self, problem: str, until: datetime) -> None:
        """Note that X takes nothing before `until`."""
        self._keep(problem, until, off=bool(self._state().get("off")))

    def took(self) -> None:
        """Note that X took something: whatever stood against it is settled."""
        if self._state():
            self._mind.remember(NAME, None)

    def _keep(self, problem: str, until: datetime, *, off: bool) -> None:
        self._mind.remember(NAME, {"problem": problem, "until": rfc3339(until), "off": off, "keys": self._keys})

    def _state(self) -> dict[str, Any]:
        state = self._mind.recall(NAME)
        return state if isinstance(state, dict) and state.get("keys") == self._keys else {}


def _fingerprint(settings: Settings) -> str:
    """Return what changes when a key does, without saying anything about it."""
    keys = [getattr(settings, name) for name in X_KEYS]
    written = "\x00".join(key.get_secret_value() if key else "" for key in keys)
    return hashlib.sha256(written.encode()).hexdigest()[:16]


def _when(text: object) -> datetime | None:
    return parse_rfc3339(text) if isinstance(text, str) else None
