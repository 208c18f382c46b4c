"""`rehearse`: a month on your budget, lived in minutes on a simulated provider; nothing is sent, nothing is kept."""

import tempfile
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Group
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from ai.cli.door import print_json, progress_screen, settings, show, wait_for
from ai.cli.keys import amount_of
from ai.daemon.rehearsal import Plan, Rehearsal
from ai.ledger.money import NANOS_PER_USD, dollars, nanos

BAR = 36  # characters of the largest bar
MODELS_SHOWN = 12
DAYS_AT_MOST = 366
MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of its own is made in it, for this user alone


def add_to(app: typer.Typer) -> None:
    """Add this command to `app`."""
    app.command()(rehearse)


def rehearse(
    days: Annotated[int, typer.Option("--days", min=1, max=DAYS_AT_MOST, help="Days to live.")] = 30,
    budget: Annotated[
        str | None, typer.Option("--budget", metavar="USD", help="Dollars a month; else what is set.")
    ] = None,
    interval: Annotated[
        int | None,
        typer.Option(
            "--interval", metavar="SECONDS", min=10, max=86_400, help="Seconds between thoughts; else what is set."
        ),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="The same seed lives the same days.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document and nothing else.")] = False,
) -> None:
    """Live that time in minutes, by the real rules at the catalogue's prices: who would think, and what is left."""
    chosen = settings()
    amount = chosen.monthly_budget_usd if budget is None else Decimal(amount_of(budget, "--budget")) / NANOS_PER_USD
    plan = Plan(days, amount, interval or chosen.think_interval_seconds, seed)
    fast = str(MEMORY) if MEMORY.is_dir() else None  # the folder is thrown away, and a disk would only slow it
    with tempfile.TemporaryDirectory(prefix="genesis-rehearsal-", dir=fast) as folder, _progress() as progress:
        bar = progress.add_task("rehearsing, days", total=days)
        rehearsal = Rehearsal(plan, chosen, Path(folder))
        told = wait_for(lambda: rehearsal.live(lambda day: progress.update(bar, completed=day)))
    if as_json:
        print_json(told)
    else:
        show(_screen(told, rehearsal.held_for))


def _progress() -> Progress:
    shown = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    console = progress_screen()
    return Progress(*shown, console=console, transient=True, disable=not console.is_terminal)


def _screen(told: dict[str, Any], held_for: Sequence[tuple[int, str]]) -> Group:
    """Return the rehearsal for people: what is left by day as bars, who thought, what on, and how well it was spent.

    `held_for`: what of the last day's rest was only held, in nano-dollars, and what for.
    """
    share = told["bound_share"]
    worth = "" if share is None else f"; {share:.0%} of what perfect foresight could have made of it"
    days = f"{told['days']} day{'s' if told['days'] != 1 else ''}"
    head = (
        f"{days} on {dollars(nanos(told['budget']))} a month: {told['beats']:,} beats, "
        f"{told['posts']:,} posts, {dollars(nanos(told['spent']))} spent{worth}.\n"
        "Simulated: no provider was asked, and nothing was posted."
    )
    parts = (_parts(told["by_model"], "model"), Text(), _parts(told["by_purpose"], "purpose"))
    held = [Text(f"Of what is left, {dollars(amount)} is held {what}.") for amount, what in held_for]
    return Group(Text(head), Text(), _days(told["by_day"]), *held, Text(), *parts)


def _days(rows: list[dict[str, Any]]) -> Table:
    table = Table("day", "spent", "left", "", box=None, pad_edge=False)
    for column in table.columns[:3]:
        column.justify = "right"
    most = max((nanos(row["left"]) for row in rows), default=0) or 1
    for row in rows:
        left = nanos(row["left"])
        bar = Text("█" * round(BAR * left / most), style="green")
        table.add_row(str(row["day"]), dollars(nanos(row["spent"])), dollars(left), bar)
    return table


def _parts(rows: list[dict[str, Any]], key: str) -> Table:
    table = Table(key, "calls", "cost", box=None, pad_edge=False)
    for column in table.columns[1:]:
        column.justify = "right"
    for row in rows[:MODELS_SHOWN]:
        table.add_row(Text(str(row[key])), f"{row['calls']:,}", dollars(nanos(row["cost"])))
    if len(rows) > MODELS_SHOWN:
        table.add_row(f"… and {len(rows) - MODELS_SHOWN} more", "", "")
    return table
