"""Embeddings are held and paid for like any call."""

import pytest

from ai.credit_tracker import CallState
from ai.llm import NoAnswer, Payer
from ai.llm.client import MAX_EMBEDDED_TEXTS
from tests.world.openrouter_faults import above_bound, body, cut, null_cost, status

MODEL = "openai/text-embedding-3-small"
PAYER = Payer("embedding")


async def test_texts_become_vectors_and_the_bill_is_booked(rooms):
    vectors = await rooms.client.embed(rooms.models[MODEL], ["one", "two", "one"], payer=PAYER)
    assert len(vectors) == 3
    assert vectors[0] == vectors[2] != vectors[1]
    assert all(isinstance(number, float) for number in vectors[0])
    assert await rooms.spent() == rooms.provider.billed_nanos > 0
    call = rooms.calls()[0]
    assert (call.purpose, call.completion_tokens) == ("embedding", 0)
    assert rooms.events("call.embedded")[0]["cost_nanos"] == rooms.provider.billed_nanos


async def test_a_missing_cost_is_booked_by_the_price_table(rooms):
    rooms.provider.then(null_cost())
    await rooms.client.embed(rooms.models[MODEL], ["one"], payer=PAYER)
    assert (rooms.calls()[0].estimated, await rooms.spent()) == (True, rooms.provider.billed_nanos)


@pytest.mark.parametrize(
    ("fault", "state"),
    [
        (status(429), CallState.REFUSED),
        (status(500), CallState.UNKNOWN),
        (cut(billed=True), CallState.UNKNOWN),
        (body(b'{"data": [{"index": 0}]}'), CallState.UNKNOWN),
        (body(b'{"data": [{"index": 0, "embedding": ["x"]}], "usage": {"cost": 0.001}}'), CallState.CAPTURED),
        (body(b'{"data": {"a": 1}}'), CallState.UNKNOWN),
        (body(b"<html>"), CallState.UNKNOWN),
    ],
)
async def test_a_failure_has_its_fate_too(rooms, fault, state):
    rooms.provider.then(fault)
    with pytest.raises(NoAnswer):
        await rooms.client.embed(rooms.models[MODEL], ["one"], payer=PAYER)
    assert rooms.calls()[0].state is state


async def test_no_room_for_the_bound_no_call(build):
    rooms = await build(monthly_budget_usd="0")
    with pytest.raises(NoAnswer, match="month"):
        await rooms.client.embed(rooms.models[MODEL], ["one"], payer=PAYER)
    assert rooms.provider.calls == []


async def test_a_bill_above_the_bound_bars_the_model(rooms):
    rooms.provider.then(above_bound("0.01"))
    await rooms.client.embed(rooms.models[MODEL], ["one"], payer=PAYER)
    assert rooms.health.barred(MODEL)
    with pytest.raises(NoAnswer, match="bound"):
        await rooms.client.embed(rooms.models[MODEL], ["one"], payer=PAYER)


@pytest.mark.parametrize("count", [0, MAX_EMBEDDED_TEXTS + 1])
async def test_only_as_many_texts_as_fit_a_reply(rooms, count):
    with pytest.raises(ValueError, match="give 1 to 64"):
        await rooms.client.embed(rooms.models[MODEL], ["x"] * count, payer=PAYER)
