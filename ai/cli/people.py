"""The conversation with people, on a terminal or as JSON."""

from typing import Annotated

import typer
from rich.console import Group
from rich.text import Text

from ai.cli.door import AsJson, print_json, show
from ai.cli.lives import read
from ai.mind.harmless import harmless
from ai.people import Letter
from ai.people.letters import awaiting, conversation, document

SHOWN = 30
MOST = 10_000


def add_to(app: typer.Typer) -> None:
    """Add these commands to `app`."""
    app.command()(letters)


def letters(
    limit: Annotated[int, typer.Option("--limit", min=1, max=MOST, help="How many at most.")] = SHOWN,
    as_json: AsJson = False,
) -> None:
    """Letters of people and its answers, newest first; what visitors wrote once it is released."""
    found = read(lambda mind: conversation(mind, limit))
    if as_json:
        print_json([document(letter) for letter in found])
        return
    waiting = len(read(lambda mind: awaiting(mind, MOST)))
    show(Group(*(_told(letter) for letter in found)) if found else Text("Nobody has written to it yet."))
    if waiting:
        typer.echo(f"{waiting} letter{'s wait' if waiting != 1 else ' waits'} for you: /caretaker on the page decides")


def _told(letter: Letter) -> Text:
    role = "" if letter.role == "caretaker" else f" ({letter.role})"
    answer = "(not answered yet)" if letter.answer is None else f"→ {letter.answer}"
    told = f"{letter.id}  {letter.at:%Y-%m-%d %H:%M}  {letter.name}{role}: {letter.text}\n    {answer}"
    return Text(harmless(told))
