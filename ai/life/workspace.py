"""The dead mind's workspace: what was in it is listed, then it is wiped."""

import os
import shutil
from contextlib import suppress
from pathlib import Path

MAX_LISTED = 200  # files named in the life file; the rest is counted


def listing(folder: Path) -> list[dict[str, object]]:
    """Return path and size in bytes of the files under `folder`, sorted, at most MAX_LISTED and a last count."""
    found: list[dict[str, object]] = []
    rest = 0
    for root, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            if len(found) >= MAX_LISTED:
                rest += 1
                continue
            path = Path(root, name)
            with suppress(OSError):  # it vanished meanwhile
                found.append({"path": str(path.relative_to(folder)), "bytes": path.lstat().st_size})
    return [*found, {"path": f"… and {rest} more", "bytes": 0}] if rest else found


def wipe(folder: Path) -> int:
    """Delete what is in `folder` (links themselves, never what they point to); return how many files there were."""
    if not folder.is_dir() or folder.is_symlink():
        return 0
    files = sum(len(names) for _root, _folders, names in os.walk(folder))
    for entry in list(folder.iterdir()):
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry, ignore_errors=True)
        else:
            entry.unlink(missing_ok=True)
    return files
