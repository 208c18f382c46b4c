"""A whole mind posting live: what it was born with, what it wished to say, and every cent of both providers."""

from datetime import UTC, datetime
from pathlib import Path

from ai.clock import VirtualClock
from ai.ledger.money import nanos
from ai.social import PostState
from tests.brain.lived import live, mind, thinker
from tests.world import x as world
from tests.world.openrouter import FakeOpenRouter
from tests.world.x import KEYS, FakeX

START = datetime(2026, 11, 1, 5, 0, tzinfo=UTC)


async def test_a_mind_posts_live_and_both_records_equal_the_books(tmp_path: Path) -> None:
    clock = VirtualClock(START)
    keys = {name.upper(): value for name, value in KEYS.items()}
    with FakeOpenRouter(reply=thinker(3), date=clock.now) as provider, FakeX(now=clock.now) as x:
        more = {
            "TWEETS": "live",
            "X_API_BASE_URL": x.base_url,
            "TWEETS_PER_DAY": "20",
            "TWEET_MIN_GAP_SECONDS": "600",
            **keys,
        }
        async with mind(provider, tmp_path, clock, **more) as rooms:
            x.then(world.cut(published=True), None, world.answer(503))
            await live(rooms, clock, 7)
            for _ in range(3):
                clock.advance(600)
                await rooms.outbox.deliver_due()
            posts = rooms.outbox.posts()
            born = posts[-1]
            assert (born.source, born.state, born.life) == ("birth", PostState.POSTED, 1)
            assert {post.state for post in posts} == {PostState.POSTED}
            assert sorted(x.texts) == sorted(post.text for post in posts)
            assert len(set(x.texts)) == len(x.texts) >= 2
            report = await rooms.tracker.budget_report()
            by_model = {row["model"]: nanos(row["cost"]) for row in report["by_model"]}
            assert by_model["x/post"] == x.charged_for("post")
            assert by_model.get("x/read", 0) == x.charged_for("read")
            assert nanos(report["spent"]) == sum(by_model.values()) == provider.billed_nanos + x.charged_nanos
            assert x.unsigned == 0
