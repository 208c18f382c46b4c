"""Keeping something, finding it again, and looking back."""

from pydantic import Field

from ai.actions.action import Action, NoParams, Params, Refused
from ai.actions.context import ActionContext
from ai.memory.memory import Kind

RECALLED = 6  # memories a recall shows; more would crowd out the thought about them
MAX_SHOWN_CHARS = 300  # of each


class Note(Params):
    """Something worth keeping."""

    text: str = Field(min_length=1, max_length=1_000)


class Question(Params):
    """What to look for."""

    query: str = Field(min_length=1, max_length=200)


async def remember(params: Note, context: ActionContext) -> str:
    """Keep a note for as long as this life lasts."""
    try:
        memory = context.memory.add(params.text, Kind.NOTE, context.importance)
    except ValueError as error:
        raise Refused(str(error)) from None
    return f"remembered as note {memory.id}"


async def recall(params: Question, context: ActionContext) -> str:
    """Find what was remembered, thought or done about something."""
    found = await context.memory.retrieve(params.query, RECALLED)
    if not found:
        return "nothing comes to mind"
    return "\n".join(f"- {memory.at:%Y-%m-%d} ({memory.kind}): {_short(memory.text)}" for memory in found)


async def reflect(_params: NoParams, context: ActionContext) -> str:
    """Look back over what happened lately and keep what was understood."""
    return await context.reflect()


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= MAX_SHOWN_CHARS else line[: MAX_SHOWN_CHARS - 1] + "…"


ACTIONS = (
    Action("remember", Note, remember, "keep a note for your whole life"),
    Action("recall", Question, recall, "search your memories"),
    Action("reflect", NoParams, reflect, "look back over the last days and keep what you understood"),
)
