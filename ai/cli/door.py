"""What every command shares: settings, exit codes, one line for a failure, JSON or words."""

from __future__ import annotations

import errno
import json
import os
import sys
from collections.abc import Awaitable, Callable, Coroutine
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeVar

import typer

from ai.clock import SystemClock
from ai.durable import FULL, refuse_half_a_restore
from ai.loop import run
from ai.mind.harmless import harmless
from ai.mind.redaction import Redactor
from ai.operations.modes import tighten
from ai.settings import Settings
from ai.settings.sources import load_settings

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from ai.daemon.read_only_app import ReadOnlyApp

T = TypeVar("T")
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
PATH_SHOWN = 200  # letters of a path in a line for people
DISK_ADVICE = {
    **dict.fromkeys(FULL, "free some space, or set DATA_DIR to another disk"),
    errno.EROFS: "it is mounted read-only; mount it writable, or set DATA_DIR to a folder that is",
    errno.EACCES: "give this user write access (chmod u+w, or chown), or set DATA_DIR to a folder of its own",
    errno.EPERM: "give this user write access (chmod u+w, or chown), or set DATA_DIR to a folder of its own",
    errno.ENOTDIR: "a file stands where a folder is needed; move it away, or set another DATA_DIR",
    errno.EEXIST: "a file stands where a folder is needed; move it away, or set another DATA_DIR",
    errno.ENAMETOOLONG: "no disk takes a name as long; set a shorter DATA_DIR",
    errno.EADDRINUSE: "another program listens there; set OBSERVER_PORT to a free port",
}


class Failed(Exception):
    """A command failed in a way that it can explain; the message is one line."""


@lru_cache(maxsize=1)
def settings() -> Settings:
    """Return the settings of this process; raises SettingsError."""
    return load_settings()


def show(*parts: RenderableType) -> None:
    """Print tables and words on stdout, plain where it is no terminal; no figure is cut, however narrow it is."""
    from rich.console import Console  # noqa: PLC0415 - `--json` and one line of words do without

    from ai.cli.tables import fit  # noqa: PLC0415 - the same

    console = Console()
    console.width = max(console.width, *(fit(part, console.width) for part in parts))
    for part in parts:
        console.print(part)


def progress_screen() -> Console:
    """Return where progress goes: stderr, so that stdout stays what was asked for."""
    from rich.console import Console  # noqa: PLC0415 - see above

    return Console(stderr=True)


def print_json(document: object) -> None:
    """Print one JSON document."""
    every_letter = sys.stdout.encoding.lower() == "utf-8"
    sys.stdout.write(json.dumps(document, ensure_ascii=not every_letter, default=str) + "\n")


def wait_for(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a command's asynchronous work to its end."""
    return run(work())


def ensure_data_dir(data_dir: Path, *, restoring: bool = False) -> None:
    """Make the data folder, for this user alone; raises OSError where that is refused.

    Raises RestoreCutShort where it holds half of a backup, unless one is to be put there now (`restoring`).
    """
    if not restoring:
        refuse_half_a_restore(data_dir)
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    (data_dir / "credits").mkdir(mode=0o700, exist_ok=True)
    tighten(data_dir)


def explain(error: BaseException) -> str:
    """Return one line for people that says what was wrong and what would be right; no secret in it."""
    text = harmless(" ".join(str(error).split())) or type(error).__name__
    if isinstance(error, OSError) and error.errno in DISK_ADVICE:
        text = f"{error.strerror}: {str(error.filename or 'the data folder')[:PATH_SHOWN]}; {_advice(error)}"
    try:
        return Redactor(settings().secrets())(text)
    except Exception:  # noqa: BLE001 - the settings themselves may be what is wrong; they hide their own secrets
        return text


def _advice(error: OSError) -> str:
    """Return what to do about what a disk refused; where it is another user's, whose."""
    if isinstance(error, PermissionError) and error.filename is not None:
        from ai.ledger.owners import another_users  # noqa: PLC0415 - a command that succeeds does without

        if (whose := another_users(Path(os.fsdecode(error.filename)))) is not None:
            return whose
    return DISK_ADVICE[error.errno or 0]


def fail(error: BaseException) -> NoReturn:
    """Say in one line on stderr why the command failed, and exit with 1."""
    sys.stderr.write(f"genesis: {explain(error)}\n")
    raise SystemExit(1)


def look(work: Callable[[ReadOnlyApp], Awaitable[T]]) -> T:
    """Open what is there for reading alone, and return what `work` finds."""
    from ai.daemon.read_only_app import open_read_only_app  # noqa: PLC0415 - half of the rooms; the gateway's commands do without

    refuse_half_a_restore(settings().data_dir)

    async def reading() -> T:
        async with open_read_only_app(settings(), SystemClock()) as app:
            return await work(app)

    return wait_for(reading)
