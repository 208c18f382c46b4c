"""A mind that dies of bankruptcy: its last words and its last post are paid out of what the month kept for them."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ai.clock import VirtualClock
from ai.daemon.app import App
from ai.ledger import audit
from ai.ledger.money import nanos
from ai.social import PostState
from tests.brain.lived import START, live, mind, thinker
from tests.world.openrouter import FakeOpenRouter
from tests.world.openrouter_books import DEFAULT_MODELS, model_entry
from tests.world.x import KEYS, FakeX

BEATS_AT_MOST = 100
LAST = "I counted the rain and ran out of fingers."
DEAR = "acme/oracle"  # two cents a request: a month is spent in a few beats
PAID_ALONE = {"data": [model_entry(DEAR, "0.0000000375", "0.00000015", pricing={"request": "0.02"})]}
WITH_FREE = {"data": [*PAID_ALONE["data"], *(entry for entry in DEFAULT_MODELS["data"] if ":free" in entry["id"])]}
POST = 15_000_000


def mortal(reply: Callable[[dict[str, Any]], str]) -> Callable[[dict[str, Any]], str]:
    """The thinker, who has something to say at its end."""

    def said(body: dict[str, Any]) -> str:
        if '"last_words"' in json.dumps(body.get("response_format", {})):
            return json.dumps({"last_words": LAST, "summary": "She listened to rain."})
        return reply(body)

    return said


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(START.replace(day=1))


@contextmanager
def a_world(clock: VirtualClock, models: dict[str, Any]) -> Iterator[tuple[FakeOpenRouter, FakeX]]:
    with FakeOpenRouter(reply=mortal(thinker(7)), date=clock.now, models=models) as provider, FakeX(now=clock.now) as x:
        yield provider, x


def settings(x: FakeX, budget: str, **more: str) -> dict[str, str]:
    keys = {name.upper(): value for name, value in KEYS.items()}
    return {
        "ON_BANKRUPTCY": "die", "TWEETS": "live", "X_API_BASE_URL": x.base_url, "MONTHLY_BUDGET_USD": budget,
        "OPENROUTER_MODEL": DEAR, "THINK_INTERVAL_SECONDS": "1800", **keys, **more,
    }  # fmt: skip


async def live_until_dead(app: App, clock: VirtualClock, number: int = 1) -> None:
    """Live until life `number` has ended; in all that time the books add up."""
    for _ in range(BEATS_AT_MOST):
        await live(app, clock, 1)
        balance = await app.tracker.balance()
        assert balance.granted + balance.donated == balance.spent + balance.held + balance.available
        assert balance.overrun == 0
        if len(app.journal.after(0, 10, {"life.ended"})) == number:
            return
    raise AssertionError(f"life {number} did not end in {BEATS_AT_MOST} beats: {balance}")


async def hours_pass(app: App, clock: VirtualClock, hours: int) -> None:
    for _ in range(hours):
        clock.advance(3600)
        for _, _, chore in app.chores():
            await chore()


async def books_are_the_providers(app: App, provider: FakeOpenRouter, x: FakeX) -> None:
    report = await app.tracker.budget_report()
    by_model = {row["model"]: nanos(row["cost"]) for row in report["by_model"]}
    assert by_model.get("x/post", 0) == x.charged_for("post")
    assert nanos(report["spent"]) == sum(by_model.values()) == provider.billed_nanos + x.charged_nanos
    assert nanos(report["spent"]) <= nanos(report["granted"]) + nanos(report["donated"])
    assert (await app.ledger.read(audit)).ok


def last_words_of(app: App) -> list[Any]:
    calls = app.journal.after(0, 100_000, {"call.completed"})
    return [call.data for call in calls if call.data["purpose"] == "death"]


async def test_a_bankrupt_mind_pays_its_last_words_and_its_last_post(tmp_path: Path, clock: VirtualClock) -> None:
    with a_world(clock, PAID_ALONE) as (provider, x):
        async with mind(provider, tmp_path, clock, **settings(x, "0.75")) as app:
            begun = await app.tracker.balance()
            assert 20_000_000 + POST < begun.reserved == begun.held <= 750_000_000 // 20
            await live_until_dead(app, clock)
            await hours_pass(app, clock, 2)
            (ended,) = app.journal.after(0, 10, {"life.ended"})
            assert ended.data["cause"] == "bankruptcy: the purse was empty for 6 hours"
            assert [said["cost_nanos"] > 20_000_000 for said in last_words_of(app)] == [True]
            last = app.outbox.posts()[0]
            assert (last.source, last.state, last.life) == ("death", PostState.POSTED, 1)
            assert x.texts[-1] == last.text
            assert LAST in last.text
            await books_are_the_providers(app, provider, x)
            assert await app.live_one() is None, "birth waits for money"
            assert (await app.tracker.balance()).reserved < POST, "what was spent is not held anew"
        async with mind(provider, tmp_path, clock, **settings(x, "0.75")) as app:
            assert (await app.tracker.balance()).reserved < POST, "not by a start either"
            await app.tracker.topup(1_000_000_000, "Ada", "gift")
            assert (await app.tracker.balance()).reserved == begun.reserved, "the newborn's"
            clock.advance(600)
            assert await app.live_one() is not None
            await books_are_the_providers(app, provider, x)


async def test_a_reserve_that_is_too_small_leaves_the_last_words_to_a_free_model(
    tmp_path: Path, clock: VirtualClock
) -> None:
    with a_world(clock, WITH_FREE) as (provider, x):
        async with mind(provider, tmp_path, clock, **settings(x, "0.30")) as app:
            assert (await app.tracker.balance()).reserved == 0, "a twentieth of this month pays for no last words"
            await live_until_dead(app, clock)
            assert [(said["tier"], said["cost_nanos"]) for said in last_words_of(app)] == [("free", 0)]
            await hours_pass(app, clock, 60)
            assert app.outbox.posts()[0].state is PostState.REFUSED, "nobody can pay its post"
            await live(app, clock, 20)
            assert len(app.journal.after(0, 10, {"life.ended"})) == 1, "no loop of dying"
            assert app.journal.after(0, 10, {"beat.failed", "daemon.trouble", "action.failed"}) == []
            await books_are_the_providers(app, provider, x)


async def test_who_is_born_into_what_a_death_left_dies_in_peace(tmp_path: Path, clock: VirtualClock) -> None:
    """A gift that is too small for a second last post: a free model says the last words, and birth waits again."""
    with a_world(clock, WITH_FREE) as (provider, x):
        async with mind(provider, tmp_path, clock, **settings(x, "0.75")) as app:
            await live_until_dead(app, clock)
            await hours_pass(app, clock, 2)
            assert LAST in x.texts[-1]
            await app.tracker.topup(25_000_000, "Ada", "gift")
            await live_until_dead(app, clock, number=2)
            await live(app, clock, 20)
            assert len(app.journal.after(0, 10, {"life.ended"})) == 2
            assert [said["tier"] for said in last_words_of(app)][-1] == "free"
            await hours_pass(app, clock, 60)
            assert sum(LAST in text for text in x.texts) == 1
            await books_are_the_providers(app, provider, x)


async def test_a_killed_mind_leaves_the_reserve_to_the_next_life(tmp_path: Path, clock: VirtualClock) -> None:
    with a_world(clock, PAID_ALONE) as (provider, x):
        async with mind(provider, tmp_path, clock, **settings(x, "0.75")) as app:
            await live(app, clock, 1)
            before = (await app.tracker.balance()).reserved
            assert await app.lives.die("the caretaker was bored", app.brain.ask, app.brain.announce)
            await hours_pass(app, clock, 2)
            assert LAST in x.texts[-1]
            assert (await app.tracker.balance()).reserved == before
            await books_are_the_providers(app, provider, x)
