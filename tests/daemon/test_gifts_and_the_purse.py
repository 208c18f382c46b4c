"""A gift that a payment service told of while the purse was away is booked once it is back; a person's is told."""

from ai.clock import VirtualClock
from tests.brain.lived import START, mind
from tests.world.openrouter import FakeOpenRouter


async def test_a_gift_told_while_the_purse_is_away_waits_for_it(tmp_path):
    clock = VirtualClock(START)
    with FakeOpenRouter(date=clock.now) as provider:
        async with mind(provider, tmp_path, clock) as app:
            await app.tracker.open()
            purse, aside = app.settings.data_dir / "credits", app.settings.data_dir / "aside"
            purse.rename(aside)
            gift = app.commands.put("topup", amount="3", **{"from": "Ann"}, id="kofi/1", by="a donation")
            typed = app.commands.put("topup", amount="2", **{"from": "Ada"})
            await app.command_handlers.carry_out_waiting()
            assert app.commands.answer(gift).ok is None
            assert app.commands.answer(typed).ok is False
            assert not app.commands.withdraw(gift), "it was begun"
            aside.rename(purse)
            for _ in range(2):
                await app.command_handlers.carry_out_waiting()
            assert app.commands.answer(gift).ok is True
            assert (await app.tracker.balance()).donated == 3_000_000_000
            again = app.commands.put("topup", amount="3", **{"from": "Ann"}, id="kofi/1", by="a donation")
            await app.command_handlers.carry_out_waiting()
            assert "had been added before" in app.commands.answer(again).result
            assert (await app.tracker.balance()).donated == 3_000_000_000
