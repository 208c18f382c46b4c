"""When a mind may post: the first time of all, after a clock that was wrong, and as often a day as was said."""

from datetime import timedelta
from pathlib import Path

import pytest

from ai.clock import VirtualClock
from ai.social import PostState
from tests.brain.lived import live, mind, thinker
from tests.social.conftest import MORNING, Rooms
from tests.world import x as world
from tests.world.openrouter import FakeOpenRouter


@pytest.mark.parametrize("tweets", ["dry-run", "approve", "live"])
async def test_where_nothing_was_ever_posted_a_post_may_leave_now(rooms: Rooms, tweets: str) -> None:
    outbox = await rooms.outbox(tweets=tweets, tweet_min_gap_seconds=3600)
    now = rooms.clock.now()
    assert outbox.next_at(now) <= now
    post = await rooms.say(outbox, "The first words of all.")
    assert post.state is not PostState.REFUSED


async def test_a_wish_may_leave_while_the_post_of_a_birth_still_waits(rooms: Rooms) -> None:
    rooms.x.then(world.NOT_THIS_TEXT)
    outbox = await rooms.outbox(tweet_min_gap_seconds=3600)
    assert (await rooms.say(outbox, "I was born.", source="birth")).state is PostState.REFUSED
    approving = await rooms.outbox(tweets="approve", tweet_min_gap_seconds=3600)
    assert (await rooms.say(approving, "I was born again.", source="birth")).state is PostState.AWAITING_APPROVAL
    assert (await rooms.say(approving, "And I wish to speak.")).state is PostState.AWAITING_APPROVAL


async def test_a_mind_whose_posts_wait_for_a_person_wishes_for_one(tmp_path: Path) -> None:
    clock = VirtualClock(MORNING)
    with FakeOpenRouter(reply=thinker(3), date=clock.now) as provider:
        more = {"TWEETS": "approve"} | {name.upper(): value for name, value in world.KEYS.items()}
        async with mind(provider, tmp_path, clock, **more) as rooms:
            await live(rooms, clock, 12)
            told = [str(event.data) for event in rooms.journal.after(0, kinds=["action.refused"])]
            posts = rooms.outbox.posts()
    assert [line for line in told if "may leave at" in line] == []
    assert {post.source for post in posts} == {"birth", "action"}


@pytest.mark.parametrize("ahead", [timedelta(seconds=30), timedelta(days=1), timedelta(days=30), timedelta(days=3650)])
async def test_a_clock_that_was_ahead_silences_posts_for_one_gap_at_most(rooms: Rooms, ahead: timedelta) -> None:
    outbox = await rooms.outbox(tweets="dry-run", tweet_min_gap_seconds=3600)
    right = rooms.clock.now()
    rooms.clock.set(right + ahead)
    for n, words in enumerate(("Posted in a month that never was.", "Another of those.")):
        await rooms.say(outbox, words, source="birth", life=n)
        rooms.clock.advance(3600)
    rooms.clock.set(right + timedelta(hours=1))
    outbox = await rooms.outbox(tweets="dry-run", tweet_min_gap_seconds=3600)
    now = rooms.clock.now()
    assert outbox.next_at(now) <= now + timedelta(hours=1)
    rooms.clock.advance(3600)
    post = await rooms.say(outbox, "The clock is right again.")
    assert post.state is PostState.DRY_RUN
    if ahead >= timedelta(days=1):
        rooms.clock.set(right + ahead)  # the days that were lived ahead of time have their posts as any other
        assert outbox.left_today(rooms.clock.now()) >= 3


async def test_a_post_sent_by_a_clock_that_was_ahead_is_still_looked_for_and_not_doubled(rooms: Rooms) -> None:
    rooms.x.then(world.cut(published=True))
    outbox = await rooms.outbox()
    right = rooms.clock.now()
    rooms.clock.set(right + timedelta(hours=20))
    post = await rooms.say(outbox, "From the future.", source="birth")
    rooms.clock.set(right)
    outbox.next_at(rooms.clock.now())
    for n in range(6):  # the owner's own posts push it off the first page
        rooms.x.post_elsewhere(f"by hand {n}")
    post = await rooms.later(outbox, post, 20 * 3600 + 121)
    assert post.state is PostState.POSTED, post.problem
    assert rooms.x.texts.count("From the future.") == 1


async def test_dry_run_posts_count_as_posts_of_the_day(rooms: Rooms) -> None:
    outbox = await rooms.outbox(tweets="dry-run", tweets_per_day=3)
    await rooms.say(outbox, "One of three.", source="birth")
    await rooms.say(outbox, "Two of them, and for the house alone.")
    assert outbox.left_today(rooms.clock.now()) == 1
    rooms.clock.advance(86_400)
    assert outbox.left_today(rooms.clock.now()) == 3


async def test_a_newborn_sees_that_its_birth_was_posted(tmp_path: Path) -> None:
    clock = VirtualClock(MORNING)
    with FakeOpenRouter(reply=thinker(3), date=clock.now) as provider:
        async with mind(provider, tmp_path, clock, TWEETS="dry-run") as rooms:
            await live(rooms, clock, 2)
            born = rooms.outbox.posts()[-1]
    prompts = [str(request.json) for request in provider.requests if "chat/completions" in request.path]
    told = next(prompt for prompt in reversed(prompts) if "The post that told of your birth" in prompt)
    assert born.text[:40] in told
    assert "stands on your local timeline" in told
    assert f"({4 - 1} left today)" in told or "Your next post may go out in" in told
