"""What a mind can do about itself: say who it is, what it wants, and what it means to do today."""

import re

from pydantic import Field

from ai.actions.action import Action, Params, Refused
from ai.actions.context import ActionContext
from ai.life.life import MAX_GOALS, MAX_PLAN_CHARS, Life
from ai.life.lives import Lives
from ai.life.self_page import MAX_PAGE_CHARS

_BETWEEN_GOALS = re.compile(r"[;\n]+")


class SelfText(Params):
    """The page of who it is."""

    text: str = Field(min_length=1, max_length=MAX_PAGE_CHARS)


class GoalsText(Params):
    """What it wants."""

    text: str = Field(min_length=1, max_length=MAX_PLAN_CHARS)


def actions(lives: Lives) -> tuple[Action, ...]:
    """Return the actions of the living life; the wiring registers them."""

    def living() -> Life:
        life = lives.current()
        if life is None:
            raise Refused("nobody lives who could say so")
        return life

    async def describe_self(params: SelfText, _context: ActionContext) -> str:
        try:
            page = living().write_self(params.text)
        except ValueError as error:
            raise Refused(str(error)) from None
        return f"this is version {page.version} of who you are; you see it at every beat"

    async def set_goals(params: GoalsText, _context: ActionContext) -> str:
        kept = living().set_goals([goal.strip(" -*•\t") for goal in _BETWEEN_GOALS.split(params.text)])
        if not kept:
            raise Refused("text: no goal in it. Write up to five, separated by semicolons")
        return "you want: " + "; ".join(kept)

    async def plan_day(params: GoalsText, _context: ActionContext) -> str:
        return f"your plan for today: {living().set_plan(params.text)}"

    return (
        Action(
            "describe_self", SelfText, describe_self, "rewrite the page of who you are, which you see at every beat"
        ),
        Action("set_goals", GoalsText, set_goals, f"replace what you want: up to {MAX_GOALS}, separated by semicolons"),
        Action("plan_day", GoalsText, plan_day, "make or revise your plan for today"),
    )
