"""One life's file, seen as tables of documents: its facts, its memories, its pages of self, its goals."""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tinydb import TinyDB
from tinydb.table import Document, Table

from ai.life.storage import LifeStorage

FORMAT = 1  # of the documents; a file with a higher one was written by a newer version and is left alone
FACTS = 1  # the one document of the table `life`


class NewerLifeFile(Exception):
    """A life file was written by a newer version of this program."""


class LifeFile:
    """The TinyDB file of one life. Only the daemon opens it; others read with `storage.peek`.

    `tell` gets one line when a broken copy was set aside. Raises storage.LifeFileBroken, NewerLifeFile.
    """

    def __init__(self, path: Path, tell: Callable[[str], None]) -> None:
        self.path = path
        self._database = TinyDB(path, storage=LifeStorage, tell=tell)
        storage = self._database.storage
        assert isinstance(storage, LifeStorage)  # noqa: S101 - tinydb types its storage as the base class
        self._storage = storage
        written = self.facts().get("format", FORMAT)
        if not isinstance(written, int) or written > FORMAT:
            raise NewerLifeFile(f"life file {path} has format {written!r}, this program knows {FORMAT}; upgrade it")

    def facts(self) -> dict[str, Any]:
        """Return a copy of the life's own document; empty where the file is new."""
        found = self.table("life").get(doc_id=FACTS)
        return dict(found) if isinstance(found, Document) else {}

    def state(self, **facts: Any) -> None:
        """Write `facts` (JSON values) into the life's own document, durably unless inside `together`."""
        self.table("life").upsert(Document({"format": FORMAT, **self.facts(), **facts}, doc_id=FACTS))

    def table(self, name: str) -> Table:
        """Return the table `name`; it is made by its first document."""
        return self._database.table(name)

    def documents(self, name: str) -> dict[int, Mapping[str, Any]]:
        """Return all documents of a table by their number."""
        return {document.doc_id: document for document in self.table(name)}

    def put(self, name: str, number: int, document: Mapping[str, Any]) -> None:
        """Write the fields of a document under its number; it is made where there was none."""
        table, whole = self.table(name), Document(dict(document), doc_id=number)
        if table.contains(doc_id=number):
            table.upsert(whole)
        else:  # upsert would look through all documents first
            table.insert(whole)

    def drop(self, name: str, numbers: Collection[int]) -> None:
        """Delete documents by number; those that are not there are no error."""
        table = self.table(name)
        there = [number for number in numbers if table.contains(doc_id=number)]
        if there:
            table.remove(doc_ids=there)

    @contextmanager
    def together(self) -> Iterator[None]:
        """Save what is written inside as one."""
        with self._storage.together():
            yield

    def close(self) -> None:
        """Save what is left and let go of the file."""
        self._database.close()
