"""Whole writes: what is written survives a power cut, and a reader never sees half of it; broken files are kept."""

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

PRIVATE = 0o600  # readable by this user alone, from the moment it exists
MAX_SET_ASIDE = 100  # broken copies of one file; more mean a broken disk, and a person should look


def write_whole(path: Path, body: bytes, *, keep: Callable[[Path], None] | None = None) -> None:
    """Make `body` the content of `path`, readable by this user alone: written aside, synced, renamed.

    `keep` is handed `path` right before it is replaced, where it exists: whoever wants the state before keeps it then.
    Raises OSError; the file is then what it was.
    """
    beside = path.with_name(path.name + ".new")
    try:
        with contextlib.suppress(FileNotFoundError):
            beside.unlink()
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE)
        with os.fdopen(handle, "wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        if keep is not None and path.exists():
            keep(path)
        beside.replace(path)
        sync_folder(path.parent)
    except OSError:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)
        raise


def set_aside(path: Path) -> Path | None:
    """Rename a broken file to `NAME.corrupt-N`, never over another; None where MAX_SET_ASIDE are kept already."""
    for number in range(1, MAX_SET_ASIDE + 1):
        aside = path.with_name(f"{path.name}.corrupt-{number}")
        if not aside.exists():
            return path.rename(aside)
    return None


def sync_file(path: Path) -> None:
    """Make a file's content durable, so that a renaming never shows less than all of it. Raises OSError."""
    _sync(path, os.O_RDWR)


def sync_folder(folder: Path) -> None:
    """Make the renames and removals in `folder` durable. Raises OSError."""
    _sync(folder, os.O_RDONLY | os.O_DIRECTORY)


def _sync(path: Path, flags: int) -> None:
    handle = os.open(path, flags)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
