"""Votes end a life only where enough vote, more for death, in one hour, and not in its first day."""

from pathlib import Path

import pytest

from ai.clock import VirtualClock
from ai.daemon.sources import AppSources
from tests.brain.lived import START, live, mind
from tests.brain.test_scene import Scripted
from tests.world.openrouter import FakeOpenRouter

DAY, HOUR = 86_400, 3_600
QUIET = {"TWEETS_PER_DAY": "0", "VOTES": "on", "VOTES_TO_DIE": "5"}


@pytest.mark.parametrize(
    ("age", "live_votes", "die_votes", "dies"),
    [
        (DAY, 2, 3, True),
        (DAY, 0, 4, False),  # not enough
        (DAY, 3, 3, False),  # not more for death
        (DAY, 9, 2, False),
        (HOUR, 0, 50, False),  # its first day
    ],
)
async def test_a_life_ends_by_votes(tmp_path: Path, age: int, live_votes: int, die_votes: int, *, dies: bool) -> None:
    model, clock = Scripted(), VirtualClock(START)
    with FakeOpenRouter(reply=model, date=clock.now) as provider:
        async with mind(provider, tmp_path, clock, **QUIET) as app:
            await live(app, clock, 1)
            clock.advance(age)
            sources = AppSources(app, lambda: ())
            for number in range(live_votes + die_votes):
                assert sources.vote(f"10.0.0.{number}", "live" if number < live_votes else "die") is not None
            chores = {name: work for name, _, work in app.chores()}
            await chores["votes"]()
            assert app.commands.pending() == [], "they are counted when the hour is over"
            clock.advance(HOUR)
            await chores["votes"]()
            await chores["votes"]()
            await app.command_handlers.carry_out_waiting()
            assert (app.lives.current() is None) == dies
            counted = app.journal.after(0, 99, {"votes.counted"})
            assert [(one.data["live"], one.data["die"]) for one in counted] == [(live_votes, die_votes)]
            if dies:
                died = app.journal.after(0, 99, {"life.ended"})[-1]
                assert died.data["cause"] == "voted to die, by 3 of 5 visitors"
                assert sources.vote("10.0.0.1", "die") is None
            else:
                await live(app, clock, 1)
                voted = f"the votes: within an hour {live_votes} voted that you live, {die_votes} that you die"
                assert voted in model.scenes[-1]


async def test_votes_on_the_dead_do_not_reach_who_follows(tmp_path: Path) -> None:
    model, clock = Scripted(), VirtualClock(START)
    with FakeOpenRouter(reply=model, date=clock.now) as provider:
        async with mind(provider, tmp_path, clock, **QUIET) as app:
            await live(app, clock, 1)
            clock.advance(2 * DAY)
            for number in range(9):
                app.votes.cast(f"10.0.0.{number}", "die", 1)
            app.commands.put("kill", cause="a test")
            await app.command_handlers.carry_out_waiting()
            clock.advance(HOUR)
            await live(app, clock, 1)
            clock.advance(2 * DAY)
            await live(app, clock, 1)
            life = app.lives.current()
            assert life is not None
            assert life.number == 2
            app.commands.put("kill", cause="voted", by="visitors", life=1)
            await app.command_handlers.carry_out_waiting()
            assert app.lives.current() is life
