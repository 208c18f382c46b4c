"""Providers that bill one thing and say another: what is booked is the bill, and unknown is neither 0 nor free."""

from __future__ import annotations

import json
from contextlib import suppress
from decimal import Decimal
from itertools import repeat
from typing import Any

import openai
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


def streamed(*last: bytes, delta: Any = None) -> faults.Fault:
    words = chunk(choices=[{"index": 0, "delta": delta or {"content": SAID}, "finish_reason": "stop"}])
    return faults.body(b"".join([words, *last]), content_type="text/event-stream", billed=True)


def whole(usage: Any, said: Any = None) -> faults.Fault:
    choice = {"index": 0, "message": {"role": "assistant", "content": SAID, **(said or {})}, "finish_reason": "stop"}
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


def honest(path: str) -> tuple[dict[str, Any], faults.Fault]:
    """A question, and an answer of 200 tokens without a cost whose envelope is long and whose words are few."""
    usage = {"input_tokens": 9, "output_tokens": 200}
    model = {"model": "acme/small-1"}
    if path == "/v1/responses":
        tokens = [{"token": "word ", "logprob": -0.1, "bytes": [119, 111]}] * 20
        logprobs = [{"token": "word ", "logprob": -0.1, "bytes": [119], "top_logprobs": tokens}] * 200
        part = {"type": "output_text", "text": "word " * 200, "annotations": [], "logprobs": logprobs}
        item = {"id": "msg_1", "type": "message", "status": "completed", "role": "assistant", "content": [part]}
        told = {"id": "resp_1", **model, "status": "completed", "output": [item], "usage": usage}
        asked = {"input": "hello", "include": ["message.output_text.logprobs"], "top_logprobs": 20}
        return {**asked, "max_output_tokens": 600}, faults.body(json.dumps(told).encode())
    if path == "/v1/messages":
        cited = {"type": "char_location", "cited_text": "cited " * 1500, "document_title": "a book"}
        block = {"type": "text", "text": "word " * 200, "citations": [cited]}
        told = {"id": "msg_1", "type": "message", "role": "assistant", **model, "content": [block]}
        source = {"type": "text", "media_type": "text/plain", "data": "cited " * 1500}
        content = [{"type": "document", "source": source, "citations": {"enabled": True}}]
        asked = {"messages": [{"role": "user", "content": content}], "max_tokens": 600}
        return asked, faults.body(json.dumps({**told, "stop_reason": "end_turn", "usage": usage}).encode())
    call = {"index": 0, "id": "call_" + "0" * 24, "type": "function", "function": {"name": "read_file" * 7}}
    call["function"] |= {"arguments": '"word'}  # type: ignore[operator]
    pieces = [chunk(choices=[{"index": 0, "delta": {"tool_calls": [call]}}])] * 200
    end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}
    pieces += [chunk(**end, usage={"prompt_tokens": 9, "completion_tokens": 200}), b"data: [DONE]\n\n"]
    return {**BODY, "stream": True}, faults.body(b"".join(pieces), content_type="text/event-stream")


@pytest.mark.parametrize("path", [PATH, "/v1/responses", "/v1/messages"])
async def test_honest_counts_are_booked_however_much_stands_around_the_words(gateway: Open, path: str) -> None:
    """Ids, logprobs and quotations passed for output: the counts were not believed, and all that was held was kept."""
    asked, fault = honest(path)
    gateway.provider.then(fault)
    answer = await gateway.post(path, await gateway.key(), {"model": "acme/small-1", **asked})
    assert answer.status_code == 200, answer.text
    statement = await gateway.books.statement()
    assert (statement.unknown, statement.held) == (0, 0)
    assert statement.cost > 0


THOUGHT = {"content": "", "reasoning": "thought " * 600}
FEW = {"prompt_tokens": 4, "completion_tokens": 1}
CUT = {"choices": [{"index": 0, "delta": THOUGHT}]}
THOUGHTS = {
    "whole": (whole(FEW, THOUGHT), False),
    "streamed": (streamed(chunk(choices=[], usage=FEW), b"data: [DONE]\n\n", delta=THOUGHT), True),
    "cut": (faults.body(chunk(**CUT), content_type="text/event-stream"), True),
}


@pytest.mark.parametrize(("fault", "stream"), THOUGHTS.values(), ids=THOUGHTS)
async def test_an_answer_that_only_thought_has_begun(gateway: Open, fault: faults.Fault, *, stream: bool) -> None:
    """Its provider billed the thoughts; "no content had come" books 0 after half an hour of not being told."""
    gateway.provider.then(fault)
    await gateway.post(PATH, await gateway.key(), {**BODY, "stream": stream})
    (call,) = await gateway.alone.gateway.rooms.tracker.unknowns()
    assert call.problem == "the answer did not say what it cost"


@pytest.mark.parametrize("name", faults.ODDLY_TOLD)
async def test_the_providers_record_is_what_is_booked_whichever_figure_its_stream_told_when(
    gateway: Open, name: str
) -> None:
    """Of two bills the last was believed, and of two counts: what the provider's record said was never asked."""
    gateway.provider.reply = Answer("word " * 20, cost=faults.BILL)
    gateway.provider.then(faults.ODDLY_TOLD[name])
    client, heard = gateway.sdk(await gateway.key(budget=nanos("1")), "odd"), ""
    with suppress(openai.APIError):
        stream = await client.chat.completions.create(**BODY, stream=True, stream_options={"include_usage": True})
        async for chunk in stream:
            heard += "".join(choice.delta.content or "" for choice in chunk.choices)
    assert heard == "word " * 20
    await gateway.settled()
    statement = await gateway.books.statement(run="odd")
    assert (statement.cost, statement.held, statement.unknown) == (nanos(faults.BILL), 0, 0)
    assert gateway.provider.billed_nanos == nanos(faults.BILL)
    assert len(gateway.provider.calls) == 1


async def test_what_is_told_of_an_id_that_two_calls_bear_is_booked_for_neither(gateway: Open) -> None:
    """The first was booked at what the second cost: the record of that id was taken for its own."""
    secret = await gateway.key()
    gateway.provider._numbers = repeat(1)
    gateway.provider.reply = Answer(SAID, cost=BILL)
    gateway.provider.unseen_asks = 10**6
    gateway.provider.then(faults.no_usage())
    await gateway.post(PATH, secret, BODY)
    gateway.provider.reply = Answer(SAID, cost=2 * BILL)
    await gateway.post(PATH, secret, BODY)
    gateway.provider.unseen_asks = 0
    await gateway.settled()
    statement = await gateway.books.statement()
    assert (statement.cost, statement.unknown) == (nanos(2 * BILL), 1)
    assert statement.cost + statement.held >= gateway.provider.billed_nanos == 3 * nanos(BILL)
