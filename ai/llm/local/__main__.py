"""`python -m ai.llm.local fetch 135m --to DIR`: weights by hand, for the image, for tests and for impatient people."""

import asyncio
import sys
from pathlib import Path
from typing import Annotated, Self

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from ai.llm.local.table import WEIGHTS
from ai.llm.local.weights import Fetcher, FetchEvent, FetchFailed, Fetching, SourceTrouble, default_sources

app = typer.Typer(add_completion=False, no_args_is_help=True, help="The embedded local model's weights.")


@app.callback()
def _group() -> None:
    """Keep `fetch` a word of its own, so that other commands may stand beside it."""


class ProgressBar:
    """Shows fetch events: a bar in a terminal, a line an event elsewhere."""

    def __init__(self, console: Console) -> None:
        self._console = console
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
        self._bar = Progress(*columns, console=console, disable=not console.is_terminal)
        self._task = self._bar.add_task("", total=None)
        self._source = ""

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def tell(self, event: FetchEvent) -> None:
        """Show one event."""
        name = event.weight.name
        if isinstance(event, Fetching):
            if event.source != self._source:
                self._source = event.source
                self._console.print(f"{name}: fetching {event.total:,} bytes from {event.source}")
            self._bar.update(self._task, description=name, completed=event.done, total=event.total)
        elif isinstance(event, SourceTrouble):
            self._console.print(f"{name}: {event.source}: {event.problem}", markup=False, soft_wrap=True)
        else:
            self._bar.update(self._task, description=name, completed=event.weight.bytes, total=event.weight.bytes)
            self._console.print(f"{name}: whole, from {event.source}")


@app.command("fetch")
def fetch_command(
    names: Annotated[list[str], typer.Argument(help=f"Any of: {', '.join(WEIGHTS)}.")],
    to: Annotated[Path, typer.Option(help="The folder they are kept in.")] = Path("data/models"),
) -> None:
    """Fetch weights, believing their SHA-256 only; those that are whole already are left as they are."""
    if unknown := [name for name in names if name not in WEIGHTS]:
        typer.echo(f"no weights named {unknown[0]!r}; there are: {', '.join(WEIGHTS)}", err=True)
        raise typer.Exit(2)
    for name in names:
        with ProgressBar(Console(stderr=True)) as bar:
            try:
                asyncio.run(Fetcher(to, default_sources(), bar.tell).fetch(WEIGHTS[name]))
            except FetchFailed as error:
                typer.echo(str(error), err=True)
                raise typer.Exit(1) from None


if __name__ == "__main__":
    sys.exit(app(prog_name="python -m ai.llm.local"))
