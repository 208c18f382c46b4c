"""Whether a network takes anything from us at all: revoked keys, suspension and rate limits, kept through restarts."""

import hashlib
from datetime import datetime, timedelta
from typing import Any

from pydantic import SecretStr

from ai.clock import Clock, parse_rfc3339, rfc3339
from ai.mind.database import MindDatabase
from ai.mind.journal import Journal
from ai.settings import NETWORK_SETTINGS, Settings
from ai.social.network import Network

TRY_AGAIN = timedelta(days=1)  # a suspension may be lifted without new keys: one post a day finds out
LONGEST = TRY_AGAIN + timedelta(hours=1)  # what is put off for longer was written before a clock was set back


class NetworkAccount:
    """Posting is off while the network refuses the account; told once, settled by new keys or by a post it takes."""

    def __init__(
        self, network: Network, mind: MindDatabase, journal: Journal, clock: Clock, settings: Settings
    ) -> None:
        self._network = network
        self._name = f"{network.name}.account"
        self._mind = mind
        self._journal = journal
        self._clock = clock
        self._keys = _fingerprint(network.name, settings)

    def until(self, now: datetime) -> datetime | None:
        """Return when the network is tried again, or None where nothing stands against trying at `now`."""
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

    def refused(self, problem: str) -> None:
        """Note that the network refuses the account; raises an alert the first time."""
        told = bool(self._state().get("off"))
        self._keep(problem, self._clock.now() + TRY_AGAIN, off=True)
        if not told:
            keys = ", ".join(name.upper() for name in NETWORK_SETTINGS[self._network.name])
            self._journal.append(
                "alert",
                about=self._network.name,
                problem=f"posting to {self._network.title} is off: {problem}. Check the account and {keys}; "
                "new keys turn it on again",
            )

    def rate_limited(self, problem: str, until: datetime) -> None:
        """Note that the network takes nothing before `until`."""
        self._keep(problem, until, off=bool(self._state().get("off")))

    def took(self) -> None:
        """Note that the network took something: whatever stood against it is settled."""
        if self._state():
            self._mind.remember(self._name, None)

    def _keep(self, problem: str, until: datetime, *, off: bool) -> None:
        self._mind.remember(self._name, {"problem": problem, "until": rfc3339(until), "off": off, "keys": self._keys})

    def _state(self) -> dict[str, Any]:
        state = self._mind.recall(self._name)
        return state if isinstance(state, dict) and state.get("keys") == self._keys else {}


def _fingerprint(network: str, settings: Settings) -> str:
    """Return what changes when a key does, without saying anything about it."""
    keys = [getattr(settings, name) for name in NETWORK_SETTINGS[network]]
    plain = [key.get_secret_value() if isinstance(key, SecretStr) else key for key in keys]
    written = "\x00".join(key or "" for key in plain)
    return hashlib.sha256(written.encode()).hexdigest()[:16]


def _when(text: object) -> datetime | None:
    return parse_rfc3339(text) if isinstance(text, str) else None
