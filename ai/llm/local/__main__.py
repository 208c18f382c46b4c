"""`python -m ai.llm.local fetch 135m --to DIR`: weights by hand, for the image, for tests and for impatient people."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Self

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from ai.llm.local.table import WEIGHTS, Weight, named
from ai.llm.local.weights import Fetcher, FetchEvent, FetchFailed, Fetching, SourceTrouble, default_sources, find
from ai.loop import run

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
    """Fetch weights, believing their SHA-256 only; those that are whole already are left as they are.

    Where several bear a name, the first that can be had serves for it.
    """
    if unknown := [name for name in names if name not in WEIGHTS]:
        typer.echo(f"no weights named {unknown[0]!r}; there are: {', '.join(WEIGHTS)}", err=True)
        raise typer.Exit(2)
    for name in names:
        if any(find(weight, [to]) for weight in named(name)):
            typer.echo(f"{name}: whole, from disk", err=True)
        elif problems := _fetch_any(named(name), to):
            typer.echo("\n".join(problems), err=True)
            raise typer.Exit(1)


def _fetch_any(weights: Sequence[Weight], to: Path) -> list[str]:
    """Fetch the first of `weights` that can be had; return what went wrong with each where none could."""
    problems: list[str] = []
    for weight in weights:
        with ProgressBar(Console(stderr=True)) as bar:
            fetcher = Fetcher(to, default_sources(), bar.tell)
            if fetcher.offers(weight):
                try:
                    run(fetcher.fetch(weight))
                except FetchFailed as error:
                    problems.append(str(error))
                else:
                    return []
    return problems


if __name__ == "__main__":
    sys.exit(app(prog_name="python -m ai.llm.local"))
