"""Who may read what is written here: this user alone, in files that are made and in those that are found."""

import os
import stat
from functools import cache
from pathlib import Path

OTHERS = 0o077  # of a mode: everybody but the owner
PRIVATE_FOLDERS = ("credits", "lives", "workspace")  # of DATA_DIR; weights and the like may be read by anybody


@cache
def keep_private() -> int:
    """Make every file of this process from now on readable by its user alone; return the umask that was set before."""
    return os.umask(OTHERS)


def tighten(data_dir: Path) -> None:
    """Take from others what they may do with the files of an older installation; those of another owner stay."""
    folders = [data_dir / name for name in PRIVATE_FOLDERS]
    for path in (*_files(data_dir), *folders, *(file for folder in folders for file in _files(folder))):
        _close(path)


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.is_file()] if folder.is_dir() else []


def _close(path: Path) -> None:
    try:
        found = path.lstat()
        if found.st_mode & OTHERS and found.st_uid == os.geteuid() and not stat.S_ISLNK(found.st_mode):
            path.chmod(stat.S_IMODE(found.st_mode) & ~OTHERS)
    except OSError:  # it went away meanwhile, or the disk is read-only: then nothing is written either
        return
