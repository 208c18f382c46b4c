"""What the ledger asks of a database: SQLite and PostgreSQL answer it alike."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from typing import Any, Literal, Protocol

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


@dataclass(frozen=True, slots=True, eq=False)
class BulkStatement:
    """A statement that writes a row for each row of values it is given, so that many callers' rows go in together.

    In `sql`, the same text on both stores, `:field` stands for a row's value and `{rows}` for where the rows come from
    (after the SELECT list, or after SET). `fields` names a row's values in their order, each with its type. An UPDATE
    names in `once` the field that finds its row: two values for the same row do not go in together. Rows that differ in
    nothing but the last `sums` fields may be added up into one, as what they are added to does.
    """

    sql: str
    fields: Mapping[str, Literal["TEXT", "BIGINT"]]
    once: str | None = None
    sums: int = 0


Written = Sequence[tuple[BulkStatement, Sequence[Sequence[object]]]]  # statements in their order, each with its rows


class Statements(Protocol):
    """What a transaction asks of the store it runs on."""

    def execute(self, sql: str, params: Sequence[object] = ()) -> Rows:
        """Run one statement with `?` placeholders and return its rows.

        Raises StoreUnavailable, CorruptStore, or ConstraintBroken where the schema refused.
        """
        ...

    def judge(self, written: Written) -> None:
        """Write all the rows or, where one of them is refused, none; the transaction goes on after ConstraintBroken."""
        ...

    def check(self) -> str | None:
        """Return what the database itself finds damaged in its file, or None."""
        ...


class Store(Statements, Protocol):
    """One connection, made when it is first needed and again after it broke; one thread at a time."""

    def begin(self, *, write: bool) -> None:
        """Begin: a writer waits for the others and then is alone; a reader sees one moment. Connects if need be."""
        ...

    def mark(self) -> None:
        """Begin a part that `undo` can take back alone; the part before it, if any, stays done."""
        ...

    def undo(self) -> None:
        """Take back all since `mark`, also where a statement of it was refused."""
        ...

    def commit(self, looked_at: Collection[str] = ()) -> Mapping[str, int]:
        """Return only when all since `begin` is durable; raises StoreUnavailable (outcome_unknown) otherwise.

        What comes back is what these accounts have available then, without those that were never opened.
        """
        ...

    def rollback(self) -> None:
        """Undo all since `begin`; never raises: a connection that cannot roll back is dropped."""
        ...

    def close(self) -> None:
        """Close the connection; a later `begin` opens a new one."""
        ...


OpenStore = Callable[[bool], Store]
