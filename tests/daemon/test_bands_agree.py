"""With almost nothing left everybody who looks sees a bankrupt: the daemon, the commands, and programs of one's own."""

from pathlib import Path

import pytest

from ai.clock import VirtualClock
from ai.credit_tracker import Expense
from ai.daemon.read_only_app import open_read_only_app
from ai.llm.purse import open_purse
from tests.brain.lived import START, live, mind, thinker
from tests.world.openrouter import FakeOpenRouter
from tests.world.openrouter_books import PAID_MODELS


@pytest.mark.parametrize("beats", [0, 1], ids=["before the first thought", "after one"])
async def test_all_see_the_same_band(tmp_path: Path, beats: int) -> None:
    clock = VirtualClock(START)
    with FakeOpenRouter(reply=thinker(2), date=clock.now, models=PAID_MODELS) as provider:
        async with mind(provider, tmp_path, clock) as app:
            await live(app, clock, beats)
            left = (await app.tracker.balance()).available
            expense = Expense("all", "acme/tiny-1", "thought", left - 1_000, life=None, beat=None)
            await app.tracker.hold(expense)
            await app.tracker.settle("all", left - 1_000)
            bands = {"daemon": (await app.tracker.balance()).band}
            async with open_read_only_app(app.settings, clock) as reading:
                bands["status"] = (await reading.tracker.balance()).band
                bands["budget"] = (await reading.tracker.budget_report())["band"]
            async with open_purse(app.settings, clock=clock) as purse:
                bands["purse"] = (await purse.balance()).band
        assert {str(band) for band in bands.values()} == {"bankrupt"}, bands
