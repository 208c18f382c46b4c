"""What a life needs of the outside to be born and to die: somebody who asks a model and posts; the brain is it."""

from typing import Protocol

from ai.asking import Ask


class MindAwaited(Exception):
    """Nobody is to be born yet: only the smallest embedded model could be asked, and a larger one is on its way."""


class Midwife(Protocol):
    """Who helps a life into the world and out of it."""

    @property
    def ask(self) -> Ask:
        """Asks a model and pays for it."""
        ...

    async def post(self, text: str, *, source: str, life: int) -> None:
        """Queue a post (`source`: "birth" or "death"); the same text again is the same post. Never raises."""
        ...


class Funds(Protocol):
    """What a birth after a bankrupt death must know of the purse; `ai.credit_tracker.Balance` is one."""

    @property
    def period(self) -> str:
        """The budget month, like 2026-11."""
        ...

    @property
    def granted(self) -> int:
        """Nano-dollars granted to the month."""
        ...

    @property
    def donated(self) -> int:
        """Nano-dollars topped up."""
        ...

    @property
    def band(self) -> str:
        """The band's word; `bankrupt` is the one that matters here."""
        ...

    @property
    def away(self) -> str | None:
        """Why the purse cannot be read, where the rest is only what was last known; else None."""
        ...
