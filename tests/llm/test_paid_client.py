"""Hold, call, capture: the plain way of a paid answer."""

import re

from ai.asking import Purpose
from ai.mind.events import message
from tests.world.openrouter_answers import Answer
from tests.world.openrouter_faults import status


async def test_an_answer_is_booked_as_the_provider_bills_it(rooms):
    answer = await rooms.ask("acme/tiny-1")
    assert "I am here" in answer.text
    assert answer.model.id == "acme/tiny-1"
    assert answer.cost_nanos == rooms.provider.billed_nanos > 0
    assert await rooms.spent() == rooms.provider.billed_nanos
    assert answer.balance.available == 5_000_000_000 - rooms.provider.billed_nanos
    assert answer.attempts == ()


async def test_a_cost_below_a_nano_dollar_is_rounded_up(rooms):
    rooms.provider.reply = lambda body: Answer("Yes.", prompt_tokens=3, completion_tokens=1)  # 262.5 nano-dollars
    assert (await rooms.ask("acme/tiny-1")).cost_nanos == 263


async def test_the_steps_of_a_beat_share_a_connection(rooms):
    for _ in range(4):
        await rooms.ask("acme/tiny-1")
    assert rooms.provider.connections == 1


async def test_a_call_is_booked_under_its_life_its_beat_and_its_purpose(rooms):
    await rooms.ask("acme/tiny-1", purpose=Purpose.CRISIS, client="gateway", life=3, beat=41)
    call = rooms.calls()[0]
    assert (call.life, call.beat, call.purpose, call.client) == (3, 41, "crisis", "gateway")


async def test_the_line_of_a_paid_call_has_every_figure(rooms):
    answer = await rooms.ask("acme/tiny-1")
    told = rooms.events("call.completed")[0]
    assert told["cost_nanos"] == answer.cost_nanos
    assert told["balance_nanos"] == answer.balance.available
    assert (told["chars"], told["health"], told["tier"]) == (len(answer.text), "OK", "ultra_cheap")
    line = message("call.completed", told, life=None, beat=None)
    assert re.fullmatch(r"Response: \d+ chars \| Tokens: \d+→\d+ \| Cost: \$\d\.\d{6} \| Balance: \$5\.00 \(OK\)", line)


async def test_only_the_first_candidate_is_the_wish(rooms):
    answer = await rooms.ask("acme/small-1", wish=True)
    left = 500_000_000 - answer.cost_nanos  # wishes get 10 % of the month's $5
    assert await rooms.tracker.wishes_left() == left
    rooms.provider.then(status(404))
    assert (await rooms.ask("acme/small-1", "acme/small-2", wish=True)).model.id == "acme/small-2"
    assert await rooms.tracker.wishes_left() == left


async def test_what_is_asked_for_names_its_app_and_no_more(build, provider):
    rooms = await build()
    await rooms.ask("acme/tiny-1", schema={"type": "object"}, temperature=0.2, max_tokens=5000)
    sent = provider.calls[0]
    assert sent.json["max_tokens"] == 700
    assert sent.json["temperature"] == 0.2
    assert sent.json["response_format"]["json_schema"]["schema"] == {"type": "object"}
    assert sent.headers["accept-encoding"] == "identity"
    assert not {"openai-organization", "openai-project"} & set(sent.headers)
