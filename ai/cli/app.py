"""The command line's frame: groups the commands, turns any failure into one line and an exit status."""

import codecs
import io
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
    _take_every_letter()
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        _explain(error)
        raise


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
