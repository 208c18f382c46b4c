"""Which file each command is in, and a group that loads that file alone: the others' rooms take a second to load."""

from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup, TyperOption
from typer.main import get_group

COMMANDS = {  # in the order of `--help`: the file in this folder, and the first words of the command's own help
    "up": ("wake", "Wake the daemon: the brain's loop on its timer, and the page. SIGTERM ends it with nothing lost."),
    "run": (
        "wake",
        "Live N beats now, one right after the other; then say what they cost. Ctrl-C stops early and still says it.",
    ),
    "status": ("look", "Alive or dead, which life, who, with which model, last and next beat, and the budget."),
    "models": ("look", "The catalogue: tier, prices, intelligence, health, and whether it is affordable now."),
    "tweets": ("look", "The timeline and the outbox, with each post's state."),
    "logs": ("look", "The journal as log lines."),
    "lives": ("lives", "Every life in a table, newest first; or one life as a story to read."),
    "letters": ("people", "Letters of people and its answers, newest first; what visitors wrote once it is released."),
    "budget": ("books", "The month: granted, spent, held, available, how long it lasts, and where it went."),
    "audit": (
        "books",
        "Recompute every balance from its transfers; exit 1 and name the account if one does not match.",
    ),
    "reconcile": (
        "books",
        "Ask the provider about unknown outcomes and its total of the month; show drift and its likely cause.",
    ),
    "backup": ("books", "Copy purse, mind and lives into one archive; consistent while the daemon runs."),
    "restore": (
        "books",
        "Put a backup back; the daemon must be stopped. Nothing is paid before `reconcile` booked what came since.",
    ),
    "topup": ("care", "Put money into this month's budget; it rolls over to the next month."),
    "settle": (
        "care",
        "Settle a disputed charge at what it did cost; without a call: list those charged above what was held.",
    ),
    "pause": ("care", "Stop thinking, without death."),
    "resume": ("care", "Go on thinking."),
    "say": ("care", "Leave a message for the mind; it reads it at its next beat."),
    "kill": ("care", "End this life; the next one is born after a while. The purse is untouched."),
    "unbar": ("care", "Let a model be asked again that billed more than its bound; its price is your word now."),
    "exec": (
        "programs",
        "Run any program under a cap that it cannot exceed; its usage is told at the end, its status is this one's.",
    ),
    "gateway": (
        "programs",
        "Open the door for programs alone, without a mind, on this purse; SIGTERM ends it with nothing lost.",
    ),
    "statement": (
        "keys",
        "What programs spent, exact: calls, tokens and cost by model, what is held, outcomes that are unknown.",
    ),
    "rehearse": (
        "rehearse",
        "Live that time in minutes, by the real rules at the catalogue's prices: who would think, and what is left.",
    ),
    "init": ("setup", "Ask for keys and budget, write `.env` for this user alone, and check them."),
    "doctor": ("setup", "Check settings, keys, disk, clock and the provider; say what to do about each."),
    "memory": ("lives", "What it remembers, and the page of who it says it is."),
    "keys": ("keys", "Keys that programs come to the gateway with."),
}


WORDS = {int: "N", Path: "FILE"}  # what stands behind an option of that type in `--help`; else TEXT


class OnDemand(TyperGroup):
    """Lists COMMANDS without loading them; the file of the one that is called is loaded then."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.commands = {name: TyperCommand(name, help=line) for name, (_, line) in COMMANDS.items()}
        _name_values(self)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Return the command that the first word names, ready to run; raises UsageError for a word that is none."""
        if args and args[0] in COMMANDS:
            self.load([COMMANDS[args[0]][0]])
        return super().resolve_command(ctx, args)

    def load(self, files: Iterable[str]) -> None:
        """Put the real commands of these files in the place of their names."""
        for file in files:
            one = typer.Typer()
            import_module(f"ai.cli.{file}").add_to(one)
            group = get_group(one)
            _name_values(group)
            self.commands = {**self.commands, **group.commands}


def _name_values(command: Any) -> None:
    """Have `--help` show what a person writes behind each option, a switch nothing, instead of Python's types."""
    for param in command.get_params(typer.Context(command)):
        if isinstance(param, TyperOption) and param.metavar is None:
            kind = param.type_descriptor.annotation
            param.metavar = "" if kind is bool else WORDS.get(kind, "TEXT")
    for inner in getattr(command, "commands", {}).values():
        _name_values(inner)


def whole(app: typer.Typer) -> TyperGroup:
    """Return the group of `app` with every command loaded, for who describes them all."""
    group = get_group(app)
    if isinstance(group, OnDemand):
        group.load(dict.fromkeys(file for file, _ in COMMANDS.values()))
    return group
