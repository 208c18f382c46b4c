"""Hold, call, capture: the plain way of a paid answer."""

from tests.world.openrouter_answers import Answer


async def test_an_answer_is_booked_as_the_provider_bills_it(house):
    answer = await house.ask("acme/tiny-1")
    assert "I am here" in answer.text
    assert answer.model.id == "acme/tiny-1"
    assert answer.cost_nanos == house.provider.billed_nanos > 0
    assert await house.spent() == house.provider.billed_nanos
    assert answer.balance.available == 5_000_000_000 - house.provider.billed_nanos
    assert answer.attempts == ()


async def test_a_cost_below_a_nano_dollar_is_rounded_up(house):
    house.provider.reply = lambda body: Answer("Yes.", prompt_tokens=3, completion_tokens=1)  # 262.5 nano-dollars
    assert (await house.ask("acme/tiny-1")).cost_nanos == 263
