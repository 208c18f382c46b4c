"""The mind can say who it is, what it wants and what it plans, through actions like any other."""

from dataclasses import dataclass

import pytest

from ai.actions import Registry, Reply
from ai.actions.oneself import actions
from ai.clock import VirtualClock
from ai.life.self_page import SelfPages
from tests.brain.lived import START, mind


@dataclass
class Context:
    """As much of an action's world as these need."""

    life: int
    beat: int
    journal: object
    settings: object


@pytest.fixture
def do(world):
    registry = Registry(world.mind, world.clock, actions(world.lives))

    async def do(action, **params):
        context = Context(1, 1, world.journal, world.settings)
        return await registry.perform(Reply(thought="", action=action, params=params), context)

    return do


async def test_self_goals_and_plan(world, do):
    life = await world.born("Ada")
    assert (await do("describe_self", text="I am Ada.")).ok
    assert (
        await do("set_goals", text="- see rain; write less\n  - rest ")
    ).text == "you want: see rain; write less; rest"
    assert (await do("plan_day", text="Read the mail.")).text == "your plan for today: Read the mail."
    assert life.self_page == "I am Ada."
    assert life.goals == ["see rain", "write less", "rest"]
    assert life.plan == "Read the mail."
    assert [page.reason for page in SelfPages(world.mind).log(1)] == ["the mind rewrote it"]


async def test_what_cannot_be_is_refused_in_one_line(world, do):
    assert "nobody lives" in (await do("plan_day", text="x")).text
    await world.born("Ada")
    assert not (await do("set_goals", text=" ; ; ")).ok
    assert not (await do("describe_self", text="")).ok
    assert "\n" not in (await do("describe_self", text="\x00\x01")).text


async def test_the_app_offers_them(tmp_path):
    async with mind(None, tmp_path, VirtualClock(START)) as app:
        await app.live_one()
        names = app.brain._registry.names
    assert {"describe_self", "set_goals", "plan_day"} <= set(names)
