"""Whose turn it is to write, among processes: who waits is woken at once, in place of asking again ever more rarely."""

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from threading import Event, Lock, Thread


class Turn:
    """A courtesy among the writers of one folder's database: its own lock, which judges, is then found open.

    SQLite asks for its lock again after 1, 2, 5 … 100 ms: two busy writers lose half of their time so, and four have
    waited 1.7 s each for the others. The kernel frees the turn with the process that has it; where the file system
    knows no such lock, everybody has it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._handle: int | None = None
        self._door = Lock()  # for what follows, of which the waiting thread has its part
        self._coming: Event | None = None
        self._wanted = False
        self._mine = False

    def take(self, seconds: float) -> bool:
        """Return whether it came within so many seconds."""
        try:
            if self._handle is None:  # the folder, since closing a second handle of the file would drop SQLite's locks
                self._handle = os.open(self._folder, os.O_RDONLY | os.O_CLOEXEC)
            with self._door:
                if self._coming is None:
                    fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    self._mine = True
                    return True
                come, self._wanted = self._coming, True
        except BlockingIOError:
            come = self._coming = Event()
            self._wanted = True
            Thread(target=self._wait, args=(self._handle, come), name="ledger-turn", daemon=True).start()
        except OSError:
            return True
        come.wait(seconds)
        with self._door:
            self._wanted = False
            if come.is_set():
                self._coming, self._mine = None, True
        return self._mine

    def give(self) -> None:
        """Let the next one write; nothing where it was not taken."""
        if self._handle is not None and self._mine:
            fcntl.flock(self._handle, fcntl.LOCK_UN)
            self._mine = False

    def close(self) -> None:
        """Give the turn, also one that is still being waited for: the lock falls with its handle."""
        with self._door:
            if self._handle is not None:
                os.close(self._handle)
            self._handle, self._coming, self._mine = None, None, False

    def _wait(self, handle: int, come: Event) -> None:
        """Wait as long as it takes: the call has no limit of its own, so a thread waits for whoever has one."""
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        with self._door:
            if self._coming is not come:
                return
            if self._wanted:
                come.set()
                return
            with suppress(OSError):
                fcntl.flock(handle, fcntl.LOCK_UN)  # whoever waited has given up
            self._coming = None
