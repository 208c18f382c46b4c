"""Works: something in hand that goes on from beat to beat, and its publication."""

from pydantic import AliasChoices, Field

from ai.actions.action import Action, Params, Refused
from ai.actions.context import ActionContext
from ai.actions.files import MAX_PATH_CHARS
from ai.life.life import MAX_NEXT_CHARS, Life, Work
from ai.life.lives import Lives
from ai.people.works import MAX_TITLE_CHARS

_PATH = Field(min_length=1, max_length=MAX_PATH_CHARS, validation_alias=AliasChoices("path", "name", "filename"))


class InHand(Params):
    """What it works on, in which file, and what comes next."""

    title: str = Field(min_length=1, max_length=MAX_TITLE_CHARS)
    path: str = _PATH
    next: str = Field(min_length=1, max_length=MAX_NEXT_CHARS)


class Publication(Params):
    """Which file becomes a work, under which title."""

    title: str = Field(min_length=1, max_length=MAX_TITLE_CHARS)
    path: str = _PATH


class GoalNamed(Params):
    """Which goal: its number or its words."""

    goal: str = Field(min_length=1, max_length=200)


def actions(lives: Lives) -> tuple[Action, ...]:
    """Return the actions on works and goals of the living life; the wiring registers them."""

    def living() -> Life:
        life = lives.current()
        if life is None:
            raise Refused("nobody lives who could do that")
        return life

    async def work_on(params: InHand, context: ActionContext) -> str:
        known = {path for path, _ in context.workspace.listing()}
        kept = living().take_in_hand(Work(params.title, params.path, params.next))
        begin = "" if kept.path in known else f"; begin it with append_file, path {kept.path}"
        return f"in hand: “{kept.title}” in {kept.path}; next: {kept.next}{begin}"

    async def publish(params: Publication, context: ActionContext) -> str:
        life = living()
        text = context.workspace.read(params.path)
        work = context.works.publish(life.number, life.name, params.title, params.path, text)
        if life.work is not None and life.work.path == params.path:
            life.put_down()
        return f"“{work.title}” is published: /works/{work.slug} on your page, where it stays"

    async def goal_done(params: GoalNamed, _context: ActionContext) -> str:
        return f"done: {_close(living(), params.goal)}"

    async def drop_goal(params: GoalNamed, _context: ActionContext) -> str:
        return f"dropped: {_close(living(), params.goal)}"

    return (
        Action(
            "work_on", InHand, work_on, "take a work in hand or say its next step; you see it each beat", simple=False
        ),
        Action(
            "publish",
            Publication,
            publish,
            "put a finished file on your page as a work",
            memory=lambda params, _: f"I published “{params.title}” ({params.path}).",
            simple=False,
        ),
        Action(
            "goal_done",
            GoalNamed,
            goal_done,
            "a goal is reached: its number or words",
            memory=lambda _, result: f"I reached a goal: {result.removeprefix('done: ')}",
            simple=False,
        ),
        Action(
            "drop_goal",
            GoalNamed,
            drop_goal,
            "let go of a goal",
            memory=lambda _, result: f"I let go of a goal: {result.removeprefix('dropped: ')}",
            simple=False,
        ),
    )


def _close(life: Life, wanted: str) -> str:
    """Take a goal off the list and return it; raises Refused with what there is."""
    goals, asked = life.goals, wanted.casefold().strip(" .“”\"'#-")
    if asked.isascii() and asked.isdigit():
        found = [goal for number, goal in enumerate(goals, 1) if str(number) == asked]
    else:
        found = [goal for goal in goals if goal.casefold().strip(" .") == asked]
        found = found or [goal for goal in goals if asked and asked in goal.casefold()]
    if len(found) != 1:
        listed = "; ".join(f"{number}: {goal}" for number, goal in enumerate(goals, 1)) or "you have none"
        what = "several goals fit" if found else "no such goal"
        raise Refused(f"goal: {what}; give its number: {listed}")
    life.set_goals([goal for goal in goals if goal != found[0]])
    return found[0]
