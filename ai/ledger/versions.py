"""Numbered migration files of a component, read in order and checked for gaps."""

import re
from dataclasses import dataclass
from importlib.resources.abc import Traversable

from ai.ledger.errors import NewerSchema, OlderSchema

FILE_NAME = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")


@dataclass(frozen=True, slots=True)
class Migration:
    """One step of a component's schema: its number, its file's name, its SQL."""

    version: int
    name: str
    sql: str


def migrations_in(folder: Traversable) -> list[Migration]:
    """Return the migrations in `folder`, in order.

    Raises ValueError for two files with one number: which ran first would depend on their names.
    """
    found: dict[int, Migration] = {}
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        match = FILE_NAME.fullmatch(entry.name)
        if match is None:
            continue
        version = int(match[1])
        if version in found:
            raise ValueError(f"{entry.name} and {found[version].name} have the same number; give one the next")
        found[version] = Migration(version, entry.name, entry.read_text(encoding="utf-8"))
    return [found[version] for version in sorted(found)]


def refuse_other(component: str, version: int, newest: int, *, for_reading: bool) -> None:
    """Raise NewerSchema where the database's `version` is ahead of this program's `newest`.

    Who only reads cannot migrate: `for_reading` raises OlderSchema where the tables are of a version before.
    """
    if version > newest:
        raise NewerSchema(component, version, newest)
    if for_reading and 0 < version < newest:
        raise OlderSchema(component, version, newest)
