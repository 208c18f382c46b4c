"""A gateway's place in a data folder: its own name in the books, and the address under which others find it."""

from __future__ import annotations

import fcntl
import os
import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Self

FOLDER = "gateway"
MOST_SLOTS = 256
MAX_URL_BYTES = 512
ID_BYTES = 4


class NoSlot(OSError):
    """Every place is taken; the message is one line."""


class Slot:
    """One locked file; the kernel frees it with its process, so whoever takes it next knows what the last one left.

    `number` tells this gateway from others of this data folder; with the folder's own id it is its name in the books.
    """

    def __init__(self, path: Path, number: int, handle: int) -> None:
        self.number = number
        self._path = path
        self._handle = handle

    @classmethod
    def take(cls, data_dir: Path) -> Self:
        """Take the first place that is free. Raises NoSlot, OSError."""
        folder = data_dir / FOLDER
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for number in range(MOST_SLOTS):
            path = folder / f"slot-{number}"
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(handle)
                continue
            os.ftruncate(handle, 0)
            return cls(path, number, handle)
        raise NoSlot(f"{MOST_SLOTS} gateways work in {data_dir} already")

    def publish(self, url: str) -> None:
        """Say where this gateway answers, for `exec` beside it."""
        os.ftruncate(self._handle, 0)
        os.pwrite(self._handle, url.encode(), 0)

    def close(self) -> None:
        """Give the place back."""
        os.ftruncate(self._handle, 0)
        os.close(self._handle)


def folder_id(data_dir: Path) -> str:
    """Return this data folder's own id, made at the first asking: several folders may share one purse."""
    path = data_dir / FOLDER / "id"
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        with path.open("x", encoding="ascii") as file:
            file.write(secrets.token_hex(ID_BYTES))
    except FileExistsError:
        pass
    return path.read_text(encoding="ascii")[: 2 * ID_BYTES] or "0"


def running(data_dir: Path) -> Iterator[str]:
    """Yield the addresses of gateways that answer in this data folder now."""
    for path in sorted((data_dir / FOLDER).glob("slot-*")):
        try:
            handle = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            url = os.pread(handle, MAX_URL_BYTES, 0).decode(errors="replace").strip()
            if url:
                yield url
        finally:
            os.close(handle)
