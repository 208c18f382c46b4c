"""The command line's frame: groups the commands, turns any failure into one line and an exit status."""

import codecs
import io
import os
import sqlite3
import sys
from typing import Annotated

import typer

from ai import __version__
from ai.cli.on_demand import OnDemand
from ai.operations.modes import keep_private

app = typer.Typer(
    name="genesis",
    cls=OnDemand,
    help="An AI that lives on a budget it cannot exceed.",
    add_completion=False,
    pretty_exceptions_enable=False,
    no_args_is_help=False,
)


def _tell_version(asked: bool) -> None:  # noqa: FBT001 - as typer calls it
    if asked:
        typer.echo(f"genesis {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _no_command(
    context: typer.Context,
    _: Annotated[
        bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        from ai.cli import wake  # noqa: PLC0415 - every command's file is loaded where it is called

        wake.up()


def main() -> None:
    """Run a command; exit 0 on success, 1 on a failure explained in one line on stderr, 2 on wrong usage."""
    keep_private()
    _open_streams()
    _take_every_letter()
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(130)
    except SystemExit:
        if not _all_is_said():
            raise SystemExit(1) from None
        raise
    except Exception as error:
        if isinstance(error, OSError) and not _all_is_said():
            raise SystemExit(1) from None
        _explain(error)
        raise


def _open_streams() -> None:
    """Let no file of ours become the standard output of a command that was started without one (`>&-`)."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
    for number, name in ((1, "stdout"), (2, "stderr")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, "w", encoding="utf-8", closefd=False))  # noqa: SIM115 - no path, and for good


def _all_is_said() -> bool:
    """Write out what a command still had to say; where that cannot be, say so on stderr and return False."""
    try:
        sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # else the interpreter tries again at its end, and tells of it
        if not isinstance(error, BrokenPipeError):  # who reads no further (`| head`) knows
            sys.stderr.write(
                f"genesis: the answer could not be written to stdout: {error.strerror}; what was asked for may be "
                "done all the same, so look before asking again\n"
            )
        return False
    return True


def _take_every_letter() -> None:
    """Let no letter of a name, a thought or a file stop a command: what a stream does not know is a `?` on it.

    One that says it knows ASCII alone is one that nobody has set up, and takes UTF-8, as the log's lines need.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            bare = codecs.lookup(stream.encoding).name == "ascii"
            stream.reconfigure(encoding="utf-8" if bare else None, errors="replace")


def _explain(error: Exception) -> None:
    """Say in one line what failed and exit with 1, where it is a failure that is to be expected."""
    # Here, since a command that succeeds does without all of them.
    from ai.cli.door import Failed, fail  # noqa: PLC0415
    from ai.durable import RestoreCutShort  # noqa: PLC0415
    from ai.ledger.errors import LedgerError  # noqa: PLC0415
    from ai.ledger.sqlite import name_error  # noqa: PLC0415
    from ai.life.file import NewerLifeFile  # noqa: PLC0415
    from ai.life.storage import LifeFileBroken, LifeFileUnwritable  # noqa: PLC0415
    from ai.mind.commands import CommandRefused  # noqa: PLC0415
    from ai.operations.lock import Locked  # noqa: PLC0415
    from ai.settings.sources import SettingsError  # noqa: PLC0415

    files = (LifeFileBroken, LifeFileUnwritable, NewerLifeFile, RestoreCutShort)
    if isinstance(error, (SettingsError, Failed, Locked, LedgerError, CommandRefused, OSError, *files)):
        fail(error)
    if isinstance(error, sqlite3.Error):
        fail(name_error(error, "in DATA_DIR") or error)
