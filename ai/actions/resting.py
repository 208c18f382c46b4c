"""Thinking on, and letting it rest."""

import math
from typing import Annotated

from pydantic import BeforeValidator, Field

from ai.actions.action import Action, NoParams, Params
from ai.actions.context import ActionContext

MIN_MINUTES, MAX_MINUTES = 1, 180  # longer, and who watches would take it for dead; small models like to sleep


def _whole(value: object) -> object:
    return round(value) if isinstance(value, float) and math.isfinite(value) else value


class Minutes(Params):
    """How long to rest."""

    # whole minutes, because a grammar can keep a small model's integers within bounds, and not its other numbers
    minutes: Annotated[int, BeforeValidator(_whole)] = Field(ge=MIN_MINUTES, le=MAX_MINUTES)


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
    Action("sleep", Minutes, sleep, "rest this long before the next beat", ends_beat=True, simple=False),
)
