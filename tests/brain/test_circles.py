"""A mind that says the same in other words is told so, and then made to rest."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from ai.asking import Purpose
from ai.brain.correspondence import Correspondence
from ai.brain.scene import Scenes
from ai.brain.senses import Senses
from ai.clock import VirtualClock
from ai.life.own_files import OwnFiles
from ai.memory import Kind
from ai.model_config import Tier
from ai.model_rotator.memory import RotationMemory
from ai.model_rotator.policy import TIERS
from ai.people import Persons
from tests.brain.lived import START, live, mind
from tests.world.openrouter import FakeOpenRouter


def circles(body: dict[str, Any]) -> str:
    """Return the same thought with its words turned about, and an action that does not end the beat."""
    if "first_thought" in json.dumps(body):
        return json.dumps({"name": "Ada", "pronoun": "she", "first_thought": "Awake."})
    words = "rain drums roof evening softly".split()
    turn = len(json.dumps(body)) % len(words)
    thought = " ".join(words[turn:] + words[:turn])
    return json.dumps({"thought": thought, "action": "check_budget", "params": {}})


async def test_the_same_in_other_words_is_refused_then_rested_from(tmp_path: Path) -> None:
    clock = VirtualClock(START)
    with FakeOpenRouter(reply=circles, date=clock.now) as provider:
        async with mind(provider, tmp_path, clock, MAX_STEPS_PER_BEAT="2") as app:
            await live(app, clock, 1)  # a new day: two steps, the second of which is not new
            assert "Your thought was refused" not in json.dumps(provider.calls[-1].json)
            await live(app, clock, 2)
            assert "you said nearly the same before" in json.dumps(provider.calls[-1].json)
            assert len(app.journal.after(0, 100, {"brain.circling"})) == 1
            assert app.schedule.next_beat_at() > clock.now() + timedelta(minutes=30)
            life = app.lives.current()
            assert life is not None
            assert len([m for m in life.memory.recent(100) if "drums" in m.text and m.kind == "thought"]) == 1
            assert min(RotationMemory(app.mind).trust().values()) < 1.0, "who repeats itself counts as a lesser model"


def a_late_deed(body: dict[str, Any]) -> str:
    """Return the same thought in turned words; once it was refused, with a note to keep."""
    said = circles(body)
    refused = "Your thought was refused" in json.dumps(body) or "you said nearly the same" in json.dumps(body)
    if "first_thought" in json.dumps(body) or not refused:
        return said
    return json.dumps(
        json.loads(said) | {"action": "remember", "params": {"text": f"The roof has {len(json.dumps(body))} voices."}}
    )


async def test_what_was_decided_is_done_before_the_rest(tmp_path: Path) -> None:
    """A third stale thought brings rest; the deed that came with it is not lost."""
    clock = VirtualClock(START)
    with FakeOpenRouter(reply=a_late_deed, date=clock.now) as provider:
        async with mind(provider, tmp_path, clock, MAX_STEPS_PER_BEAT="2", TWEETS_PER_DAY="0") as app:
            await live(app, clock, 3)
            assert app.journal.after(0, 100, {"brain.circling"})
            resting = app.journal.after(0, 100, {"brain.circling"})[0].seq
            done = app.journal.before(resting, 1, {"action.performed", "action.refused"})[0]
            assert (done.kind, done.data["action"]) == ("action.performed", "remember")


async def test_a_beat_after_nothing_new_is_one_step(tmp_path: Path) -> None:
    clock = VirtualClock(START)
    with FakeOpenRouter(reply=circles, date=clock.now) as provider:
        async with mind(provider, tmp_path, clock, MAX_STEPS_PER_BEAT="2", TWEETS_PER_DAY="0") as app:
            first, idle = await live(app, clock, 2)
            assert (first.steps, idle.steps) == (2, 1)


async def test_a_beat_after_nothing_new_is_thought_by_a_cheaper_tier(tmp_path: Path) -> None:
    clock = VirtualClock(START)
    rich = {"MONTHLY_BUDGET_USD": "50", "FREE_REQUESTS_PER_DAY": "0", "TWEETS_PER_DAY": "0"}
    with FakeOpenRouter(reply=circles, date=clock.now) as provider:
        async with mind(provider, tmp_path, clock, MAX_STEPS_PER_BEAT="2", **rich) as app:
            await live(app, clock, 1)
            life = app.lives.current()
            assert life is not None
            usual = (await app.rotation.candidates(Purpose.THOUGHT, life=1, beat=life.beats + 1))[0].model
            await live(app, clock, 1)
            idle = app.catalogue.models()[app.journal.after(0, 100, {"call.completed"})[-1].data["model"]]
            assert TIERS.index(idle.tier) < TIERS.index(usual.tier)
            assert app.journal.after(0, 100, {"model.switched"})[-1].data["reason"].startswith("it idles")
            assert (await app.tracker.balance()).spent == provider.billed_nanos


async def test_a_newborn_may_think_what_a_dead_life_thought(tmp_path: Path) -> None:
    clock = VirtualClock(START)
    with FakeOpenRouter(reply=circles, date=clock.now) as provider:
        async with mind(provider, tmp_path, clock, MAX_STEPS_PER_BEAT="2", TWEETS_PER_DAY="0") as app:
            await live(app, clock, 2)
            await app.lives.die("to make room", app.brain.ask, app.brain.announce)
            clock.advance(3600)
            await live(app, clock, 1)
            life = app.lives.current()
            assert life is not None
            assert life.number == 2
            assert [m.text for m in life.memory.recent(9, Kind.THOUGHT) if "drums" in m.text], "it was not refused"


async def test_a_small_model_is_shown_one_insight_among_its_memories(tmp_path: Path) -> None:
    """It copies what it is shown: of many insights, thoughts come out that are about nothing."""
    clock = VirtualClock(START)
    with FakeOpenRouter(reply=circles, date=clock.now) as provider:
        async with mind(provider, tmp_path, clock) as app:
            await live(app, clock, 1)
            life = app.lives.current()
            assert life is not None
            insights = [f"I understood that rain number {number} comes back." for number in range(5)]
            for insight in insights:
                life.memory.add(insight, Kind.REFLECTION, 9)
            rooms = {"tracker": app.tracker, "mind": app.mind, "journal": app.journal, "clock": clock}
            senses = Senses(**rooms, letters=app.letters, outbox=app.outbox, settings=app.settings)
            scenes = Scenes(
                **rooms,
                senses=senses,
                world=app.world,
                rotation=app.rotation,
                correspondence=Correspondence(app.letters, Persons(app.mind, clock)),
                workspace=OwnFiles(app.lives.workspace, app.mind),
                settings=app.settings,
            )
            large = next(model for model in app.catalogue.models().values() if model.tier is not Tier.LOCAL)
            shown = {}
            for model in (large, replace(large, tier=Tier.LOCAL)):
                life.begin_beat(life.beats + 10)  # what was shown to the one rests no longer
                scene = await scenes.scene(life, model, Purpose.THOUGHT, "rain", None)
                shown[model.tier] = sum(insight in scene for insight in insights)
            assert shown[large.tier] > 1
            assert shown[Tier.LOCAL] == 1
