"""Keeping something, finding it again, and looking back."""

import asyncio

from pydantic import Field

from ai.actions.action import Action, NoParams, Params, Refused
from ai.actions.context import ActionContext
from ai.memory.memory import Kind
from ai.memory.untrusted import cut, inline

RECALLED = 6  # memories a recall shows; more would crowd out the thought about them
WRITTEN = 2  # passages of its own files beside them
NOTES_KNOWN = 100  # notes looked back on, so that none is kept twice in the same words
MAX_SHOWN_CHARS = 300  # of each


class Note(Params):
    """Something worth keeping."""

    text: str = Field(min_length=1, max_length=1_000)


class Question(Params):
    """What to look for."""

    query: str = Field(min_length=1, max_length=200)


async def remember(params: Note, context: ActionContext) -> str:
    """Keep a note for as long as this life lasts."""
    known = next((note for note in context.memory.recent(NOTES_KNOWN, Kind.NOTE) if note.text == params.text), None)
    if known is not None:
        raise Refused(f"you keep that already, as note {known.id}; remember something that you do not know yet")
    try:
        memory = context.memory.add(params.text, Kind.NOTE, context.importance)
    except ValueError as error:
        raise Refused(str(error)) from None
    return f"remembered as note {memory.id}"


async def recall(params: Question, context: ActionContext) -> str:
    """Find what was remembered, thought or done about something, and what it wrote of it in its files."""
    found = await context.memory.retrieve(params.query, RECALLED)
    files = context.workspace
    written = await asyncio.to_thread(files.find, params.query, WRITTEN, files.signatures())
    # What it wrote stands first: where the result is cut, the last memories go, which fit the question least.
    lines = [f"- in your file {one.path}: {_short(one.text if one.own else inline(one.text))}" for one in written]
    lines += [f"- {memory.at:%Y-%m-%d} ({memory.kind}): {_short(memory.text)}" for memory in found]
    return "\n".join(lines) or "nothing comes to mind"


async def reflect(_params: NoParams, context: ActionContext) -> str:
    """Look back over what happened lately and keep what was understood."""
    return await context.reflect()


def _short(text: str) -> str:
    return cut(" ".join(text.split()), MAX_SHOWN_CHARS)


ACTIONS = (
    Action("remember", Note, remember, "keep a note for your whole life"),
    Action("recall", Question, recall, "search your memories and files", looks=True),
    Action("reflect", NoParams, reflect, "look back over the last days and keep what you understood", simple=False),
)
