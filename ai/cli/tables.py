"""Models, posts, calls and the reconciliation for a terminal of 80 columns; `--json` has every field."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ai.clock import parse_rfc3339
from ai.ledger.money import dollars, nanos, short_price

OPEN_STATES = {"held": "held", "sent": "held", "unknown": "unknown"}  # of a call that has not ended

ID_WIDTH = 30  # most ids fit, and what a person copies should be in one piece
WORD_WIDTH = 10  # of a name or a text that gives way: a date is whole


def fit(shown: RenderableType, width: int) -> int:
    """Give the columns of these tables their widths on a terminal; return the width that is needed.

    Figures are never cut or folded, whatever the terminal's `width`. Names and texts fold, and share what is left.
    """
    if isinstance(shown, Group):
        return max((fit(part, width) for part in shown.renderables), default=0)
    if not isinstance(shown, Table):
        return 0
    sides = sum(shown.padding[1::2])
    needed = sides * (len(shown.columns) - (not shown.pad_edge)) + (len(shown.columns) + 1 if shown.box else 0)
    wanting = []
    for column in shown.columns:
        said = [str(cell) for cell in (column.header, *column.cells)]
        whole = column.width or max(column.min_width or 0, *map(cell_len, said))
        longest = max((cell_len(word) for cell in said for word in cell.split()), default=0)
        figures = column.justify == "right"
        if column.width or (figures and not any(" " in cell for cell in said[1:])):
            column.width = whole
        else:
            column.width = longest if figures else min(longest, WORD_WIDTH)
            wanting.append((whole - column.width, column))
        column.overflow = "fold"
        needed += column.width
    for place, (wanted, column) in enumerate(sorted(wanting, key=lambda one: one[0])):
        given = min(wanted, max(0, width - needed) // (len(wanting) - place))
        column.width = (column.width or 0) + given
        needed += given
    return needed


def keys_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Return the gateway's keys: name, what each may spend and in which time, what it spent, has left and may use."""
    figures = ("budget", "spent", "available")
    table = _table("name", "budget", "per", "spent", "available", "models", "state", numbers=figures)
    for row in rows:
        amounts = {name: "–" if row[name] is None else dollars(nanos(row[name])) for name in figures}
        models = row["model"] or ", ".join(row["models"]) or "any"
        cells = {**row, **amounts, "per": row["per"] or "–", "models": models}
        table.add_row(*(_plain(cells[str(column.header)]) for column in table.columns))
    return table


def statement_table(document: Mapping[str, Any]) -> Table:
    """Return a statement by model, exact, and in all."""
    table = _table(
        "model", "calls", "tokens in", "tokens out", "cost", numbers=("calls", "tokens in", "tokens out", "cost")
    )
    for row in [*document["by_model"], {"model": "in all", **document}]:
        counts = (f"{row[name]:,}" for name in ("calls", "prompt_tokens", "completion_tokens"))
        table.add_row(_plain(row["model"]), *counts, f"${row['cost']}")
    return table


def models_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Return the catalogue's rows, best first: id, tier, intelligence, prices a million tokens, and whether it may."""
    table = _table("model", "tier", "/10", "$/M in→out", "now", numbers=("/10", "$/M in→out"))
    table.columns[0].width = ID_WIDTH
    for row in rows:
        prices = row["price_prompt"], row["price_completion"]
        table.add_row(
            _plain(row["id"]),
            row["tier"].replace("_", " "),
            "–" if row["intelligence"] is None else str(row["intelligence"]),
            "–" if None in prices else "→".join(map(short_price, prices)),
            _whether(row),
        )
    return table


def posts_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Return the outbox's rows, newest first: number, when it was posted or written, state, where, price and text."""
    table = _table("#", "when", "state", "where", "price", "text", numbers=("#", "price"))
    for row in rows:
        table.add_row(
            str(row["id"]),
            _when(row["posted_at"] or row["created_at"]),
            row["state"].replace("_", " "),
            _where(row),
            dollars(nanos(row["price"])),
            _plain(row["text"]),
        )
    return table


def _where(row: Mapping[str, Any]) -> str:
    """Return a post's networks, with its state on those where it is not the post's own."""
    found = row.get("deliveries", ())
    return ", ".join(
        one["network"] if one["state"] == row["state"] else f"{one['network']}: {one['state'].replace('_', ' ')}"
        for one in found
    )


def calls_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Return the last calls, newest first: when, what for, who served, tokens in and out, and what it cost."""
    table = _table("when", "for", "by", "tokens", "cost", numbers=("tokens", "cost"))
    for row in rows:
        counts = row["prompt_tokens"], row["completion_tokens"]
        table.add_row(
            _when(row["held_at"]),
            _plain(row["purpose"]),
            _plain(row["subject"]),
            "–" if None in counts else f"{counts[0]:,}→{counts[1]:,}",
            _cost(row),
        )
    return table


def _table(*columns: str, numbers: Sequence[str]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(column, justify="right" if column in numbers else "left", overflow="fold")
    return table


def _plain(said: str, style: str = "") -> Text:
    """Return what came from outside as it is: no markup is read in it, and nothing steers the terminal."""
    return Text("".join(c if c.isprintable() else " " for c in said), style)


def _whether(row: Mapping[str, Any]) -> Text:
    """Say whether the model could be asked now, and if not, why."""
    if row.get("barred"):
        return _plain(row["barred"], "dim")
    if not row["available"]:
        until = row.get("cooldown_until")
        return Text(f"rests until {parse_rfc3339(until):%H:%M}" if until else "rests", "yellow")
    return Text("yes", "green") if row["affordable"] else Text("not affordable", "yellow")


def _cost(row: Mapping[str, Any]) -> Text:
    if row["state"] in OPEN_STATES:
        return Text(f"{OPEN_STATES[row['state']]} {dollars(nanos(row['held']))}", "yellow")
    if row["state"] != "captured":
        return Text(row["state"], "dim")
    return Text(("≈ " if row["estimated"] else "") + dollars(nanos(row["cost"])))


def _when(at: str) -> str:
    return f"{parse_rfc3339(at):%m-%d %H:%M}"
