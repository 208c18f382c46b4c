"""Where tests write: in memory, where a machine has room for it, since what they ask is no disk's doing."""

import os
import shutil
from pathlib import Path

ROOM = 2 * 1024**3  # bytes free; two workers of the suite and their PostgreSQL servers were seen to take a fifth of it


def folder_in_memory() -> str | None:
    """Return a folder in memory with room for all that tests write and run, else None: the usual one."""
    memory = Path("/dev/shm")  # noqa: S108 - folders of their own are made in it
    if not (memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > ROOM):
        return None
    return None if os.statvfs(memory).f_flag & os.ST_NOEXEC else str(memory)
