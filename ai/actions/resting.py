"""Thinking on, and letting it rest."""

from pydantic import Field

from ai.actions.action import Action, NoParams, Params
from ai.actions.context import ActionContext

MIN_MINUTES, MAX_MINUTES = 1, 1_440  # a day: longer, and nobody could tell it from death


class Minutes(Params):
    """How long to rest."""

    minutes: float = Field(ge=MIN_MINUTES, le=MAX_MINUTES, allow_inf_nan=False)


async def think(_params: NoParams, _context: ActionContext) -> str:
    """Only think; the thought is in the reply."""
    return "thought"


async def sleep(params: Minutes, context: ActionContext) -> str:
    """Put the next beat off; never nearer than the usual interval, which is what a beat is budgeted by."""
    seconds = max(params.minutes * 60, float(context.settings.think_interval_seconds))
    until = context.rest(seconds)
    return f"you rest until {until:%Y-%m-%d %H:%M} UTC ({seconds / 60:g} minutes)"


ACTIONS = (
    Action("think", NoParams, think, "only think, and end this beat", ends_beat=True),
    Action("sleep", Minutes, sleep, "rest this long before the next beat", ends_beat=True),
)
