"""The daemon's lock: one process at a time writes the lives of a data folder; it ends with its process."""

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

LOCK_FILE = "daemon.lock"


class Locked(Exception):
    """Another process holds the data folder; the message names it and says what to do."""


class DaemonLock:
    """`flock` on `<DATA_DIR>/daemon.lock`: the kernel frees it even after `kill -9`; a restart is never locked out."""

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / LOCK_FILE
        self._handle: int | None = None

    def __enter__(self) -> Self:
        """Take the lock at once; raises Locked where another process has it, OSError where the folder refuses."""
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(handle, 32).decode(errors="replace").strip() or "unknown"
            os.close(handle)
            raise Locked(
                f"another Genesis (process {holder}) lives in {self._path.parent}; "
                "stop it first, or set another DATA_DIR"
            ) from None
        os.ftruncate(handle, 0)
        os.write(handle, str(os.getpid()).encode())
        self._handle = handle
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def is_held(data_dir: Path) -> bool:
    """Say whether a daemon (or a command in its place) lives in `data_dir` now; takes nothing."""
    try:
        handle = os.open(data_dir / LOCK_FILE, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False
