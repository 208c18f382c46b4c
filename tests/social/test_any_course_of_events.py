"""Whatever X answers, in whatever order, through restarts: nothing twice, and the books are X's record."""

import os
import tempfile
from collections import Counter
from pathlib import Path

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ai.clock import VirtualClock
from ai.credit_tracker.accounts import open_credit_ledger
from ai.ledger.audit import audit
from ai.mind.database import open_mind
from ai.mind.journal import Journal
from ai.social import PostState
from tests.social.conftest import MORNING, Rooms
from tests.world import x as world
from tests.world.x import FakeX

POST_FAULTS = {
    "fine": None,
    "cut, there": world.cut(published=True),
    "cut, not there": world.cut(published=False),
    "cut in the body": world.cut(published=True, where="body"),
    "500": world.answer(500),
    "500, there": world.answer(500, published=True),
    "no id": world.garbled(b"{}"),
    "429": world.rate_limited(None),
    "suspended": world.SUSPENDED,
    "this text not": world.NOT_THIS_TEXT,
}
READ_FAULTS = {
    "fine": None,
    "cut": world.cut(published=False),
    "500": world.answer(500),
    "429": world.rate_limited(None),
    "not a timeline": world.garbled(b"[]", 200, published=False),
}
STEPS = st.one_of(
    st.tuples(st.just("post"), st.sampled_from(sorted(POST_FAULTS))),
    st.tuples(st.just("read"), st.sampled_from(sorted(READ_FAULTS))),
    st.tuples(st.just("wait"), st.sampled_from([10, 121, 900, 7200, 90_000])),
    st.tuples(st.just("restart"), st.none()),
    st.tuples(st.just("by hand"), st.none()),
)
EXAMPLES = int(os.environ.get("GENESIS_COURSES", "4"))  # the suite's share; more on demand


@settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
@given(st.lists(STEPS, min_size=3, max_size=12))
@example([("post", "cut, there"), ("post", "fine"), ("wait", 121), ("restart", None)])
@example([("post", "500, there"), ("read", "429"), ("by hand", None), ("wait", 121), ("wait", 7200)])
async def test_nothing_is_posted_twice_and_every_cent_is_accounted_for(steps: list[tuple[str, object]]) -> None:
    clock = VirtualClock(MORNING)
    with tempfile.TemporaryDirectory() as name, FakeX(now=clock.now, forgetful=True) as x:
        folder = Path(name)
        mind = open_mind(folder / "mind.db")
        ledger = open_credit_ledger(f"sqlite:///{folder / 'ledger.db'}", clock)
        rooms = Rooms(folder, clock, mind, Journal(mind, clock), ledger, x)
        outbox = await rooms.outbox(monthly_budget_usd=100, tweets_per_day=500)
        for n, (step, what) in enumerate(steps):
            if step == "post":
                x.then(POST_FAULTS[str(what)])
                await outbox.queue(f"post number {n}", source="birth", life=n)
            elif step == "read":
                x.then_reading(READ_FAULTS[str(what)])
            elif step == "wait":
                clock.advance(float(str(what)))
            elif step == "by hand":
                x.post_elsewhere(f"by hand {n}")
            else:
                outbox = await rooms.outbox(monthly_budget_usd=100, tweets_per_day=500)
            await outbox.deliver_due()
        for _ in range(60):
            clock.advance(3600)
            await outbox.deliver_due()
        posts = outbox.posts()
        ours = Counter(text for text in x.texts if text.startswith("post"))
        assert max(ours.values(), default=1) == 1
        assert {post.state for post in posts} <= {PostState.POSTED, PostState.REFUSED, PostState.UNKNOWN}
        for post in posts:
            assert ours[post.text] == 1 or post.state is not PostState.POSTED, post
            assert ours[post.text] == 0 or post.state is not PostState.REFUSED, post
        tracker = await rooms.tracker(monthly_budget_usd=100, tweets_per_day=500)
        booked: Counter[str] = Counter()
        for call in await tracker.calls(500):
            booked[call["subject"]] += round(float(call["cost"] or 0) * 10**9)
        lost = sum(post.price_nanos for post in posts if post.state is PostState.UNKNOWN and ours[post.text] == 0)
        assert booked["x/post"] == x.charged_for("post") + lost
        assert booked["x/read"] >= x.charged_for("read")
        assert (await tracker.balance()).held == 0
        assert ledger.read_now(audit).ok
        ledger.close()
        mind.close()
