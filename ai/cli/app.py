"""The command line's frame: groups the commands, turns any failure into one line and an exit status."""

import sqlite3
import sys

import typer

from ai.cli import books, care, keys, lives, look, people, programs, rehearse, setup, wake
from ai.cli.door import Failed, fail
from ai.ledger.errors import LedgerError
from ai.ledger.sqlite import name_error
from ai.life.file import NewerLifeFile
from ai.life.storage import LifeFileBroken, LifeFileUnwritable
from ai.mind.commands import CommandRefused
from ai.operations.lock import Locked
from ai.operations.modes import keep_private
from ai.settings.sources import SettingsError

app = typer.Typer(
    name="genesis",
    help="An AI that lives on a budget it cannot exceed.",
    add_completion=False,
    pretty_exceptions_enable=False,
    no_args_is_help=False,
)
wake.add_to(app)
look.add_to(app)
lives.add_to(app)
people.add_to(app)
books.add_to(app)
care.add_to(app)
programs.add_to(app)
keys.add_to(app)
rehearse.add_to(app)
setup.add_to(app)

EXPECTED = (
    SettingsError,
    Failed,
    Locked,
    LedgerError,
    CommandRefused,
    LifeFileBroken,
    LifeFileUnwritable,
    NewerLifeFile,
    OSError,
)


@app.callback(invoke_without_command=True)
def _no_command(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        wake.up()


def main() -> None:
    """Run a command; exit 0 on success, 1 on a failure explained in one line on stderr, 2 on wrong usage."""
    keep_private()
    try:
        app()
    except EXPECTED as error:
        fail(error)
    except sqlite3.Error as error:
        fail(name_error(error, "in DATA_DIR") or error)
    except KeyboardInterrupt:
        sys.exit(130)
