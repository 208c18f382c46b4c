"""A daemon whose purse is away when it starts lives all the same, spends nothing, and says why."""

from ai.clock import VirtualClock
from ai.daemon import status
from tests.brain.lived import START, mind
from tests.world.openrouter import FakeOpenRouter


async def test_a_purse_that_is_away_at_the_start_stops_no_life(tmp_path):
    clock = VirtualClock(START)
    with FakeOpenRouter(date=clock.now) as provider:
        async with mind(provider, tmp_path, clock, DATABASE_URL="postgresql://127.0.0.1:1/purse") as app:
            assert await app.live_one() is not None
            assert app.lives.current() is not None
            told = [event.data["problem"] for event in app.journal.after(0, 1000, {"daemon.trouble"})]
            assert any("127.0.0.1:1/purse is away" in problem for problem in told)
            told = status.state(
                app.chronicle, app.schedule, app.thinker(), await app.tracker.balance(), next_birth_at=None
            )
            assert told["budget"] == {"available": None, "granted": None, "band": None}, "what is not known is not 0"
            assert told["purse_away"]
        assert provider.calls == []
