"""What a life needs of the outside to be born and to die: somebody who asks a model and posts; the brain is it."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Protocol, TypedDict

from ai.purpose import Purpose

Accept = Callable[[str], str | None]  # a reply's text → what is wrong with it, or None


class Message(TypedDict):
    """One message of a conversation, as the model client takes it."""

    role: str
    content: str


class AnsweringModel(Protocol):
    """Who answered."""

    @property
    def id(self) -> str:
        """The model's id."""
        ...


class Answer(Protocol):
    """A model's usable reply; `ai.llm.Completion` is one."""

    @property
    def text(self) -> str:
        """What it said."""
        ...

    @property
    def model(self) -> AnsweringModel:
        """Who said it."""
        ...


class Ask(Protocol):
    """Asks a model and pays for it."""

    async def __call__(
        self,
        purpose: Purpose,
        messages: Sequence[Message],
        *,
        schema: Mapping[str, Any] | None = None,
        accept: Accept | None = None,
        avoid: Collection[str] = (),
    ) -> Answer | None:
        """Return the first reply that `accept` finds nothing wrong with, or None where no model gave one.

        Models in `avoid` come last. Never raises for a provider's or the purse's trouble.
        """
        ...


class Midwife(Protocol):
    """Who helps a life into the world and out of it."""

    ask: Ask

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
