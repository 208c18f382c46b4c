"""Runs the program as a person does: a process, its two streams and its exit status."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.brain.lived import environment
from tests.world.openrouter import FakeOpenRouter

ROOT = Path(__file__).resolve().parent.parent.parent
SECONDS = 120


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command said and how it ended."""

    status: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """Return stdout as one JSON document; anything else on it is an error."""
        return json.loads(self.out)


def one_line(ran: Ran) -> str:
    """Return what a refused command said: one line, and no traceback."""
    assert ran.status == 1, ran
    assert "Traceback" not in ran.out + ran.err
    assert len(ran.err.strip().splitlines()) == 1, ran.err
    return ran.err


class Person:
    """Types commands in a folder of their own."""

    def __init__(self, folder: Path, provider: FakeOpenRouter | None = None, **settings: str) -> None:
        self.folder = folder
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
        self.variables = {**kept, **environment(provider, folder, **settings), "PYTHONPATH": str(ROOT)}

    def types(self, *words: str, typing: str | None = None, **settings: str) -> Ran:
        """Run one command to its end; `typing` is what comes on its standard input."""
        done = subprocess.run(
            [sys.executable, "-m", "ai", *words],
            cwd=self.folder,
            env={**self.variables, **settings},
            input=typing,
            stdin=None if typing is not None else subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",  # a terminal of another spelling
            timeout=SECONDS,
            check=False,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    @contextmanager
    def wakes(self, **settings: str) -> Iterator["subprocess.Popen[str]"]:
        """Start the daemon; its log can be read line by line. It is gone at the end, however that comes."""
        with self.starts("up", **settings) as daemon:
            yield daemon

    @contextmanager
    def starts(self, *words: str, **settings: str) -> Iterator["subprocess.Popen[str]"]:
        """Start a command whose two streams, in one, can be read while it runs. It is gone at the end."""
        process = subprocess.Popen(
            [sys.executable, "-m", "ai", *words],
            cwd=self.folder,
            env={**self.variables, **settings},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            yield process
        finally:
            process.kill()
            if process.stdout is not None and not process.stdout.closed:
                process.communicate()
            process.wait()


def read_until(daemon: "subprocess.Popen[str]", words: str, lines: int = 500) -> list[str]:
    """Return the log up to the first line with `words`; raises AssertionError where it ends before."""
    seen: list[str] = []
    assert daemon.stdout is not None
    for line in daemon.stdout:
        seen.append(line)
        if words in line:
            return seen
        if len(seen) >= lines:
            break
    raise AssertionError(f"{words!r} did not come:\n{''.join(seen)}")
