"""Makes what was written survive a power cut: a file's content, and the renames in a folder."""

import os
from pathlib import Path


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
