"""TinyDB storage for life files: written aside, synced, renamed; a broken file is kept and never overwritten."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tinydb.storages import Storage

from ai import durable

Tables = dict[str, dict[str, Any]]


class LifeFileBroken(Exception):
    """A life file cannot be read and no good copy of it is left."""


class LifeFileUnwritable(OSError):
    """A life file could not be saved (full disk, read-only folder); what is on disk is the last good state."""


class LifeStorage(Storage):
    """Keeps one JSON file; reads are served from memory, writes reach the disk whole or not at all.

    `tell` is called with one line when a broken file was set aside. Inside `together()` writes are gathered and
    saved once at its end. Raises LifeFileBroken on the first read, LifeFileUnwritable on a save.
    """

    def __init__(self, path: Path, tell: Callable[[str], None]) -> None:
        self.path = path
        self._tell = tell
        self._data: Tables | None = None
        self._loaded = False
        self._dirty = False
        self._depth = 0
        self._encoder = Encoder()

    def read(self) -> Tables | None:
        """Return the tables, or None where no file is there yet."""
        if not self._loaded:
            self._data = recover(self.path, self._tell)
            self._loaded = True
        return self._data

    def write(self, data: Tables) -> None:
        """Take `data` as the new state and save it, now or at the end of `together()`."""
        self._data, self._loaded, self._dirty = data, True, True
        if self._depth == 0:
            self.flush()

    def flush(self) -> None:
        """Save what has changed since the last save; after a failed save the next one tries again."""
        if self._dirty and self._data is not None:
            write_whole(self.path, self._encoder.encode(self._data))
            self._dirty = False

    @contextmanager
    def together(self) -> Iterator[None]:
        """Save once at the end what is written inside, also when it is left by an error: each write was whole."""
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1
            if self._depth == 0:
                self.flush()

    def close(self) -> None:
        """Save what is left."""
        self.flush()


def previous(path: Path) -> Path:
    """Return where the state before the last save is kept."""
    return path.with_name(path.name + ".previous")


class Encoder:
    """Writes tables as JSON for people: one line a document, the document of the life itself spread out.

    Lines of documents that are equal to last time are not made again: with 2,000 memories a save takes 2 ms instead
    of 15. Documents may be changed or replaced, but not the lists within them.
    """

    def __init__(self) -> None:
        self._made: dict[str, dict[str, tuple[dict[str, Any], bytes]]] = {}

    def encode(self, data: Tables) -> bytes:
        """Return `data` as UTF-8 JSON; lone surrogates stay as escapes, which JSON reads back."""
        tables = []
        for name, documents in data.items():
            kept = self._made.setdefault(name, {})
            lines = []
            for key, document in documents.items():
                known = kept.get(key)
                if known is None or known[0] != document:
                    known = kept[key] = (dict(document), _line(name, key, document))
                lines.append(known[1])
            if len(kept) > 2 * len(documents):  # lines of documents that are gone
                self._made[name] = {key: kept[key] for key in documents}
            tables.append(json.dumps(name).encode() + b": {\n" + b",\n".join(lines) + b"\n}")
        return b"{\n" + b",\n".join(tables) + b"\n}\n"


def _line(name: str, key: object, document: dict[str, Any]) -> bytes:
    indent = 2 if name == "life" else None
    text = f"{json.dumps(str(key))}: {json.dumps(document, ensure_ascii=False, indent=indent)}"
    return text.encode("utf-8", "backslashreplace")


def decode(body: bytes) -> Tables:
    """Return the tables in `body`; raises ValueError saying what is wrong with it."""
    data = json.loads(body)
    if not isinstance(data, dict) or not data:
        raise ValueError("it holds no tables")
    for name, documents in data.items():
        if not isinstance(documents, dict) or not all(isinstance(value, dict) for value in documents.values()):
            raise ValueError(f"its table {name!r} holds no documents")
    return data


def save(path: Path, data: Tables) -> None:
    """Make `data` the content of `path`, durably; the state before stays beside it. Raises LifeFileUnwritable."""
    write_whole(path, Encoder().encode(data))


def write_whole(path: Path, body: bytes) -> None:
    """Make `body` the content of `path`, its state before kept beside it. Raises LifeFileUnwritable."""
    try:
        durable.write_whole(path, body, keep=_keep_previous)
    except OSError as error:
        raise LifeFileUnwritable(f"life file {path} could not be saved: {error.strerror}; free the disk") from error


def recover(path: Path, tell: Callable[[str], None]) -> Tables | None:
    """Return what `path` holds, else its previous state; set broken copies aside under a name of their own."""
    kept: list[str] = []
    for candidate in (path, previous(path)):
        try:
            data = decode(candidate.read_bytes())
        except FileNotFoundError:
            continue
        except ValueError as error:
            aside = _set_aside(candidate)
            kept.append(aside.name)
            tell(f"life file {candidate.name} is broken ({error}); it is kept as {aside.name}")
            continue
        if candidate != path:
            tell(f"life file {path.name} was taken back from {candidate.name}, its state before the last save")
            save(path, data)
        return data
    if kept:
        raise LifeFileBroken(f"life file {path} is broken and has no good copy; kept as {', '.join(kept)}")
    return None


def peek(path: Path) -> Tables:
    """Return what a reader beside the daemon may see of `path`, touching nothing.

    Raises LifeFileBroken where neither the file nor its previous state can be read.
    """
    problem = "it does not exist"
    for candidate in (path, previous(path)):
        try:
            return decode(candidate.read_bytes())
        except FileNotFoundError:
            continue
        except (ValueError, OSError) as error:
            problem = str(error)
    raise LifeFileBroken(f"life file {path} cannot be read: {problem}")


def _keep_previous(path: Path) -> None:
    beside = path.with_name(path.name + ".older")
    beside.unlink(missing_ok=True)
    try:
        os.link(path, beside)
    except OSError:  # a file system without hard links
        shutil.copyfile(path, beside)
    beside.replace(previous(path))


def _set_aside(path: Path) -> Path:
    aside = durable.set_aside(path)
    if aside is None:
        kept = durable.MAX_SET_ASIDE
        raise LifeFileBroken(f"{kept} broken copies of {path} are kept; look at the disk and move them away")
    return aside
