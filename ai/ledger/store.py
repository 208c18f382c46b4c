"""What the ledger asks of a database: SQLite and PostgreSQL answer it alike."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.resources.abc import Traversable
from typing import Any, Protocol

# component → the folder with its numbered SQL files, for one store
Components = Sequence[tuple[str, Traversable]]
# component → its folders by store ("sqlite", "postgres")
ComponentFolders = Sequence[tuple[str, Mapping[str, Traversable]]]


class Row(Protocol):
    """One row; columns answer to their number and to their name."""

    def __getitem__(self, column: int | str, /) -> Any:
        """Return one column."""
        ...

    def __iter__(self) -> Iterator[Any]:
        """Return the columns in order."""
        ...

    def __len__(self) -> int:
        """Return how many columns there are."""
        ...


Rows = Sequence[Row]


class Store(Protocol):
    """One connection, made when it is first needed and again after it broke; one thread at a time."""

    def begin(self, *, write: bool) -> None:
        """Begin: a writer waits for the others and then is alone; a reader sees one moment. Connects if need be."""
        ...

    def execute(self, sql: str, params: Sequence[object] = ()) -> Rows:
        """Run one statement with `?` placeholders and return its rows.

        Raises StoreUnavailable, CorruptStore, or ConstraintBroken where the schema refused.
        """
        ...

    def attempt(self, sql: str, params: Sequence[object] = ()) -> None:
        """Do as `execute`, but leave the transaction usable after ConstraintBroken."""
        ...

    def mark(self) -> None:
        """Begin a part that `undo` can take back alone; the part before it, if any, stays done."""
        ...

    def undo(self) -> None:
        """Take back all since `mark`, also where a statement of it was refused."""
        ...

    def commit(self) -> None:
        """Return only when all since `begin` is durable; raises StoreUnavailable (outcome_unknown) otherwise."""
        ...

    def rollback(self) -> None:
        """Undo all since `begin`; never raises: a connection that cannot roll back is dropped."""
        ...

    def check(self) -> str | None:
        """Return what the database itself finds damaged in its file, or None."""
        ...

    def close(self) -> None:
        """Close the connection; a later `begin` opens a new one."""
        ...


OpenStore = Callable[[bool], Store]
