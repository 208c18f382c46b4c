"""A gift that a payment service told of while the purse was away is booked once it is back; a person's is told."""

from ai.clock import VirtualClock
from tests.brain.lived import START, mind
from tests.world.openrouter import FakeOpenRouter


async def test_a_gift_told_while_the_purse_is_away_waits_for_it(tmp_path):
    clock = VirtualClock(START)
    with FakeOpenRouter(date=clock.now) as provider:
        async with mind(provider, tmp_path, clock) as house:
            await house.tracker.open()
            purse, aside = house.settings.data_dir / "credits", house.settings.data_dir / "aside"
            purse.rename(aside)
            gift = house.commands.put("topup", amount="3", **{"from": "Ann"}, id="kofi/1", by="a donation")
            typed = house.commands.put("topup", amount="2", **{"from": "Ada"})
            await house.command_handlers.carry_out_waiting()
            assert house.commands.answer(gift).ok is None
            assert house.commands.answer(typed).ok is False
            assert not house.commands.withdraw(gift), "it was begun"
            aside.rename(purse)
            for _ in range(2):
                await house.command_handlers.carry_out_waiting()
            assert house.commands.answer(gift).ok is True
            assert (await house.tracker.balance()).donated == 3_000_000_000
            again = house.commands.put("topup", amount="3", **{"from": "Ann"}, id="kofi/1", by="a donation")
            await house.command_handlers.carry_out_waiting()
            assert "had been added before" in house.commands.answer(again).result
            assert (await house.tracker.balance()).donated == 3_000_000_000
