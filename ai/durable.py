"""Whole writes: what is written survives a power cut, and a reader never sees half of it; broken files are kept."""

import contextlib
import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path

PRIVATE = 0o600  # readable by this user alone, from the moment it exists
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
CUT_SHORT = "restore-cut-short.txt"  # in a data folder from the first move of a restore to the last; says what to do
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


class RestoreCutShort(Exception):
    """What a data folder holds is half of a backup; the message is one line that says what to do."""


def refuse_half_a_restore(data_dir: Path) -> None:
    """Raise RestoreCutShort where a restore into `data_dir` did not come to its end: a purse may be missing there."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        raise RestoreCutShort((data_dir / CUT_SHORT).read_text().strip())


def copy_file(source: Path, target: Path) -> None:
    """Copy a file's content. Raises OSError, which names `target` where it is that disk which is full."""
    try:
        shutil.copyfile(source, target)
    except OSError as error:
        if error.errno in FULL:
            raise OSError(error.errno, error.strerror, str(target)) from error
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
