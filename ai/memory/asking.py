"""Whom a life asks when it needs words: somebody who chooses a model, pays it and checks its answer."""

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
    """Asks a model and pays for it; the brain is it."""

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
