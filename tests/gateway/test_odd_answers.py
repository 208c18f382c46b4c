"""Providers that bill one thing and say another: what is booked is the bill, and unknown is neither 0 nor free."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from ai.ledger.money import nanos
from tests.gateway.conftest import Open
from tests.world import openrouter_faults as faults
from tests.world.openrouter import Answer

SAID = "word " * 400
BILL = Decimal("0.000321")
PATH = "/v1/chat/completions"
BODY = {"model": "acme/small-1", "messages": [{"role": "user", "content": "Say hello"}], "max_tokens": 600}
COUNTS = {"prompt_tokens": 4, "completion_tokens": 0}  # of two thousand bytes


def chunk(**fields: Any) -> bytes:
    return b"data: " + json.dumps({"id": "gen-00000001", "model": "acme/small-1", **fields}).encode() + b"\n\n"


def streamed(*last: bytes) -> faults.Fault:
    words = chunk(choices=[{"index": 0, "delta": {"content": SAID}, "finish_reason": "stop"}])
    return faults.body(b"".join([words, *last]), content_type="text/event-stream", billed=True)


def whole(usage: Any) -> faults.Fault:
    choice = {"index": 0, "message": {"role": "assistant", "content": SAID}, "finish_reason": "stop"}
    told = {"id": "gen-00000001", "model": "acme/small-1", "choices": [choice], "usage": usage}
    return faults.body(json.dumps(told).encode(), billed=True)


ODD = {
    "nothing": {},
    "counts that are too small": COUNTS,
    "a negative cost": {**COUNTS, "cost": -1},
    "an absurd cost": {**COUNTS, "cost": 1e300},
    "a cost that is no number": {**COUNTS, "cost": "NaN"},
    "a cost in a currency": {**COUNTS, "cost": {"amount": "0.01", "currency": "EUR"}},
    "negative counts": {"prompt_tokens": -4, "completion_tokens": -9},
    "counts in words": {"prompt_tokens": "4", "completion_tokens": "many"},
}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("usage", ODD.values(), ids=ODD)
async def test_figures_that_cannot_be_meant_are_no_bill(gateway: Open, usage: Any, *, stream: bool) -> None:
    """Counts of nothing at all were believed: two thousand bytes were booked at the price of a question."""
    gateway.provider.reply = Answer(SAID, cost=BILL)
    odd = streamed(chunk(choices=[], usage=usage), b"data: [DONE]\n\n") if stream else whole(usage)
    gateway.provider.then(odd)
    secret = await gateway.key()
    answer = await gateway.post(PATH, secret, {**BODY, "stream": stream})
    assert answer.status_code == 200, answer.text
    assert "x-genesis-cost" not in answer.headers  # it said 0 of what nobody knew yet
    await gateway.settled()
    assert await gateway.spent() == gateway.provider.billed_nanos == nanos(BILL)


async def test_what_follows_the_end_of_a_stream_changes_no_bill(gateway: Open) -> None:
    """It counted where it came with the end in one piece, and not where it came behind it."""
    gateway.provider.reply = Answer(SAID, cost=BILL)
    usage = {"prompt_tokens": 4, "completion_tokens": 500}
    first, late = (chunk(choices=[], usage={**usage, "cost": cost}) for cost in (float(BILL), 0))
    gateway.provider.then(streamed(first, b"data: [DONE]\n\n", late))
    secret = await gateway.key()
    answer = await gateway.post(PATH, secret, {**BODY, "stream": True})
    assert answer.content.endswith(b"data: [DONE]\n\n")
    assert await gateway.spent() == gateway.provider.billed_nanos == nanos(BILL)
