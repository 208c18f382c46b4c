"""A model barred for a bill above its bound comes back when a listing explains it, or by a person's word."""

import json
from pathlib import Path

from ai.clock import VirtualClock
from tests.brain.lived import START, live, mind, thinker
from tests.world.openrouter import FakeOpenRouter, model_entry
from tests.world.openrouter_faults import above_bound

PINNED = "acme/pinned"


def listing(prompt: str, completion: str) -> dict[str, object]:
    return {"data": [model_entry(PINNED, prompt, completion), model_entry("acme/free-1:free")]}


def told(app: object, kind: str) -> list[dict[str, object]]:
    return [dict(event.data) for event in app.journal.after(0, 10_000, {kind})]


async def barred(app: object, provider: FakeOpenRouter, clock: VirtualClock) -> None:
    provider.then(above_bound("0.05"))
    await live(app, clock, 1)
    assert app.health.barred(PINNED)


async def test_a_price_that_has_caught_up_lets_it_be_asked_again_and_one_that_has_not_does_not(tmp_path: Path) -> None:
    clock = VirtualClock(START)
    with FakeOpenRouter(reply=thinker(2), date=clock.now, models=listing("0.0000001", "0.0000002")) as provider:
        async with mind(provider, tmp_path, clock, OPENROUTER_MODEL=PINNED) as app:
            await barred(app, provider, clock)
            for factor, back in ((2, False), (5_000, True)):
                provider.models = listing(f"{0.0000001 * factor:.10f}", f"{0.0000002 * factor:.10f}")
                clock.advance(6 * 3600)
                assert await app.catalogue.refresh()
                before = len(provider.calls)
                await live(app, clock, 1)
                assert (app.health.barred(PINNED) is None) is back
                asked = {call.json["model"] for call in provider.calls[before:]}
                assert (PINNED in asked) is back, json.dumps(sorted(asked))
            assert told(app, "model.unbarred") == [{"model": PINNED, "by": "its listed price"}]


async def test_more_tokens_than_were_bounded_are_no_price_and_only_a_person_lifts_the_bar(tmp_path: Path) -> None:
    clock = VirtualClock(START)
    with FakeOpenRouter(reply=thinker(2), date=clock.now, models=listing("0.0000001", "0.0000002")) as provider:
        async with mind(provider, tmp_path, clock, OPENROUTER_MODEL=PINNED) as app:
            app.health.bar(PINNED, "billed for tokens beyond its bound")
            await app.rotation.learn()
            assert app.health.barred(PINNED)
            row = app.commands.put("unbar", model="acme/other")
            right = app.commands.put("unbar", model=PINNED)
            await app.command_handlers.carry_out_waiting()
            refused, done = app.commands.answer(row), app.commands.answer(right)
            assert refused.ok is False
            assert PINNED in refused.result
            assert done.ok is True
            await live(app, clock, 1)
            assert PINNED in {call.json["model"] for call in provider.calls}
