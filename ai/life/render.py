"""Lives and memories on a terminal: tables and stories, with every text taken as text and never as markup."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ai.life.queries import LifeEntry, Shown, Story
from ai.life.self_page import Page, difference
from ai.memory.archive import Row
from ai.memory.memory import Memory
from ai.mind.harmless import harmless
from ai.people import Letter

CELL_CHARS = 60
TEXT_CHARS = 200


def lives_table(entries: Sequence[LifeEntry]) -> RenderableType:
    """Return one row a life: number, name, from, to, beats, thoughts, the end."""
    if not entries:
        return _plain("Nobody has lived yet.")
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("#", "name", "born", "died", "beats", "thoughts", "end"):
        table.add_column(column, justify="right" if column in {"#", "beats", "thoughts"} else "left")
    for entry in entries:
        table.add_row(
            str(entry.number),
            _plain(f"{entry.name} ({entry.pronoun})"),
            _day(entry.born_at),
            _day(entry.died_at) if entry.died_at else _plain("alive" if entry.state == "alive" else "dying", "green"),
            f"{entry.beats:,}",
            f"{entry.thoughts:,}",
            _plain(_short(entry.cause or "", CELL_CHARS)),
        )
    return table


def story(told: Story) -> RenderableType:
    """Return a life as something to read from top to bottom: one that lives in the present."""
    entry, lives = told.entry, told.entry.died_at is None
    parts: list[RenderableType] = [
        _plain(f"Life #{entry.number}: {entry.name} ({entry.pronoun})", "bold"),
        _plain(f"Born {_day(entry.born_at)}, told: {(entry.bootstrap_mode or 'nothing known').replace('_', ' ')}."),
    ]
    if entry.fragments:
        parts += [_head("Echoes it began with"), *(_echo(memory) for memory in entry.fragments)]
    if entry.first_thought:
        parts += [_head("First thought"), _plain(entry.first_thought, "italic")]
    if entry.self_page:
        parts += [_head("Who it says it is" if lives else "Who it said it was"), _plain(entry.self_page)]
    if entry.goals:
        parts += [_head("What it wants" if lives else "What it wanted"), *(_plain(f"- {goal}") for goal in entry.goals)]
    if told.in_hand:
        parts += [_head("What it works on"), _plain(f"{told.in_hand['title']}; next: {told.in_hand['next']}")]
    if told.moments:
        parts += [_head("What it has lived so far" if lives else "What it lived"), *map(_moment, told.moments)]
    if told.insights:
        parts += [_head("What it understands" if lives else "What it understood"), *map(_moment, told.insights)]
    if told.letters:
        parts += [_head("Whom it answers" if lives else "Whom it answered"), *map(_letter, told.letters)]
    if told.works:
        parts += [_head("What it has published" if lives else "What it published")]
        parts += [_plain(f"- {work.title} (/works/{work.slug})") for work in told.works]
    return Group(*parts, *_end(told))


def memories_table(rows: Sequence[Row]) -> RenderableType:
    """Return one row a memory: life, id, when, kind, importance, text; archived ones are marked."""
    if not rows:
        return _plain("Nothing comes to mind.")
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("life", "id", "when", "kind", "weight", "text"):
        table.add_column(column, justify="right" if column in {"life", "id", "weight"} else "left")
    for row in rows:
        memory = row.memory
        table.add_row(
            str(memory.life),
            str(memory.id),
            f"{memory.at:%Y-%m-%d %H:%M}",
            memory.kind.value + (" (archived)" if row.archived else ""),
            f"{memory.importance}/10",
            _plain(_short(memory.text, TEXT_CHARS)),
        )
    return table


def memory(shown: Shown) -> RenderableType:
    """Return a memory whole, with its evidence and what became of it."""
    row = shown.row
    parts: list[RenderableType] = [memories_table([row]), _plain(), _plain(row.memory.text)]
    if row.memory.origin is not None:
        origin = row.memory.origin
        parts.append(_plain(f"An echo of memory {origin.memory} of life #{origin.life}.", "dim"))
    if shown.sources:
        parts += [_head("It rests on"), memories_table(shown.sources)]
    if shown.summary is not None:
        parts += [_head("It was folded into"), memories_table([shown.summary])]
    return Group(*parts)


def self_log(pages: Sequence[Page]) -> RenderableType:
    """Return the versions of a page of self, each with what it changed."""
    if not pages:
        return _plain("It has not written who it is yet.")
    parts: list[RenderableType] = []
    before: Page | None = None
    for page in pages:
        parts.append(_plain(f"version {page.version}, {page.at:%Y-%m-%d %H:%M}: {page.reason}", "bold"))
        parts += [_plain(line, _colour(line)) for line in difference(before, page)]
        before = page
    return Group(*parts)


def _end(told: Story) -> list[RenderableType]:
    entry = told.entry
    if entry.died_at is None:
        return [_head(f"It lives, {entry.beats:,} beats old" + (f", {entry.mood}" if entry.mood else ""))]
    parts: list[RenderableType] = [_head("The end"), _plain(f"{_day(entry.died_at)}, after {entry.beats:,} beats.")]
    parts += [_plain(f"Cause: {entry.cause}")] if entry.cause else []
    parts += [_plain(f"“{entry.last_words}”", "italic")] if entry.last_words else []
    parts += [_plain(entry.summary)] if entry.summary else []
    if told.workspace:
        parts += [
            _head("It left these files"),
            *(_plain(f"- {f['path']} ({f['bytes']:,} bytes)") for f in told.workspace),
        ]
    return parts


def _head(text: str) -> Text:
    return _plain(f"\n{text}", "bold")


def _echo(echo: Memory) -> Text:
    return _plain(f"- {echo.text}" + (f" (life #{echo.origin.life})" if echo.origin else ""), "italic")


def _moment(moment: Memory) -> Text:
    because = f" (from {', '.join(map(str, moment.sources))})" if moment.sources else ""
    return _plain(f"{moment.at:%d %b %H:%M}  {_short(moment.text, TEXT_CHARS)}{because}")


def _letter(letter: Letter) -> Text:
    said = f"{letter.name}: {_short(letter.text, TEXT_CHARS)}"
    return _plain(f"{letter.at:%d %b %H:%M}  {said}\n    → {_short(letter.answer or '', TEXT_CHARS)}")


def _colour(line: str) -> str:
    return {"+": "green", "-": "red", "@": "dim"}.get(line[:1], "")


def _day(when: str) -> str:
    return when[:16].replace("T", " ")


def _short(text: str, limit: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def _plain(text: str = "", style: str = "") -> Text:
    """Return text as text: no markup, and nothing that a terminal would obey."""
    return Text(harmless(text), style)
