"""Commands on lives and memories: who lived, what they remember, who they say they are; two change something."""

from collections.abc import Callable
from typing import Annotated, TypeVar

import typer

from ai.cli.care import ask
from ai.cli.door import AsJson, Failed, print_json, settings
from ai.cli.door import show as on_screen
from ai.durable import refuse_half_a_restore
from ai.life import documents, queries, render
from ai.mind.database import MindDatabase, mind_in, open_mind

T = TypeVar("T")
FOUND_AT_MOST = 1_000  # of one search: more is not read by anybody
NUMBER_AT_MOST = 2**53  # of a life, a memory or a version; SQLite refuses what is far above

Number = Annotated[int, typer.Argument(min=1, max=NUMBER_AT_MOST)]
OfLife = Annotated[
    int | None, typer.Option("--life", min=1, max=NUMBER_AT_MOST, help="Of this life; without it, of the newest.")
]
memory = typer.Typer(help="What it remembers, and the page of who it says it is.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """Add these commands to `app`."""
    app.command()(lives)
    for command in (search, show, forget, log, restore):
        memory.command()(command)
    app.add_typer(memory, name="memory")


def lives(
    number: Annotated[int | None, typer.Argument(min=1, max=NUMBER_AT_MOST, help="Tell this life as a story.")] = None,
    as_json: AsJson = False,
) -> None:
    """Every life in a table, newest first; or one life as a story to read."""
    if number is None:
        entries = read(queries.lives)
        if as_json:
            print_json([documents.life(entry) for entry in entries])
        else:
            on_screen(render.lives_table(entries))
        return
    told = read(lambda mind: queries.story(mind, number))
    if as_json:
        print_json(documents.story(told))
    else:
        on_screen(render.story(told))


def search(
    words: Annotated[list[str], typer.Argument(help="Words that the memory shares with you.")],
    life: Annotated[
        int | None, typer.Option("--life", min=1, max=NUMBER_AT_MOST, help="Of this life; without it, of all.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=FOUND_AT_MOST, help="How many at most.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Find memories of all lives by their words, archived ones too, best first."""
    rows = read(lambda mind: queries.search(mind, " ".join(words), limit=limit, life=life))
    if as_json:
        print_json([documents.row(row) for row in rows])
    else:
        on_screen(render.memories_table(rows))


def show(number: Number, life: OfLife = None, as_json: AsJson = False) -> None:
    """Show a memory whole: the text, what it rests on, and the summary it was folded into."""
    shown = read(lambda mind: queries.show(mind, number, life=life))
    if as_json:
        print_json(documents.shown(shown))
    else:
        on_screen(render.memory(shown))


def forget(number: Number) -> None:
    """Delete a memory of the life that lives now; the journal keeps its line for JOURNAL_KEEP_DAYS."""
    ask("forget", memory=number)


def log(life: OfLife = None, as_json: AsJson = False) -> None:
    """Every version of the page of who it says it is, each with what it changed."""
    pages = read(lambda mind: queries.self_log(mind, life=life))
    if as_json:
        print_json(documents.pages(pages))
    else:
        on_screen(render.self_log(pages))


def restore(version: Number) -> None:
    """Make an earlier version the page of who it is, as a new version on top."""
    ask("restore_self", version=version)


def read(look: Callable[[MindDatabase], T]) -> T:
    """Return what `look` finds in a mind.db opened for reading alone; the purse is not needed for it."""
    refuse_half_a_restore(settings().data_dir)
    mind = open_mind(mind_in(settings().data_dir), read_only=True)
    try:
        return look(mind)
    except queries.NotKnown as error:
        raise Failed(str(error)) from None
    finally:
        mind.close()
