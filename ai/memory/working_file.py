"""The life file, as far as memory knows it."""

from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol


class WorkingFile(Protocol):
    """The life file, as far as memory knows it; `ai.life.file.LifeFile` is one."""

    def facts(self) -> dict[str, Any]:
        """Return the life's own document."""
        ...

    def state(self, **facts: Any) -> None:
        """Write into the life's own document."""
        ...

    def documents(self, name: str) -> dict[int, Mapping[str, Any]]:
        """Return a table's documents by number."""
        ...

    def put(self, name: str, number: int, document: Mapping[str, Any]) -> None:
        """Write a document under its number."""
        ...

    def drop(self, name: str, numbers: Collection[int]) -> None:
        """Delete documents."""
        ...

    def together(self) -> AbstractContextManager[None]:
        """Save what is written inside as one."""
        ...
