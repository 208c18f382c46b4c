"""Asking for words: why a call is made, what is said to a model, and who asks and pays for it."""

from collections.abc import Callable, Collection, Mapping, Sequence
from enum import StrEnum
from typing import Any, Protocol, TypedDict

Accept = Callable[[str], str | None]  # a reply's text → what is wrong with it, or None


class Purpose(StrEnum):
    """What a call is for; its value stands in the books and in `by_purpose`."""

    THOUGHT = "thought"
    SOCIAL = "social"
    IMPORTANT = "important"
    CRISIS = "crisis"
    BIRTH = "birth"
    REFLECTION = "reflection"
    DEATH = "death"
    POST = "post"
    EMBEDDING = "embedding"


class Message(TypedDict):
    """One chat message; `role` is system, user or assistant."""

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
