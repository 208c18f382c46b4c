"""Every row of the money table, walked against the real server: what a call's end does to its hold."""

import asyncio
import json
from contextlib import suppress
from dataclasses import replace

import pytest

from ai.credit_tracker import CallState
from ai.ledger.money import nanos
from ai.llm import Limits, NoAnswer
from tests.world.openrouter import FakeOpenRouter
from tests.world.openrouter_answers import Answer
from tests.world.openrouter_faults import (
    BILL,
    ODDLY_TOLD,
    above_bound,
    bad_json,
    body,
    byok,
    choice_error,
    cut,
    empty,
    error_200,
    half_letters,
    hang,
    html,
    in_front,
    late_error,
    no_done,
    no_usage,
    null_cost,
    status,
    stream_error,
    told_stream,
    wrong_model,
)
from tests.world.waiting import until

MODEL = "acme/small-1"

IN_FRONT = (501, 505, 510, 511, 521, 523, 525, 526)
REFUSED = [status(code) for code in (400, 401, 402, 403, 404, 405, 409, 410, 412, 413, 415, 422, 429, 451)] + [
    *(status(code, headers={"Location": "/api/v1/chat/completions"}) for code in (301, 302, 303, 307, 308)),
    status(503, "There is no available model provider that meets your routing requirements"),
    *map(in_front, IN_FRONT),
]
BILLED = [
    None,
    empty(),
    wrong_model("acme/other"),
    byok("0.000123456789"),
    choice_error(502, billed=True),
    stream_error(502, billed=True),
    cut(where="after_usage", billed=True),
    no_done(),
    late_error(),
    half_letters(),
]
UNKNOWN = [
    *(status(code) for code in (408, 499, 500, 502, 503, 504, 524, 529)),
    *(status(code) for code in (507, 520, 522, 530)),
    status(503, "no allowed providers", metadata={"provider_name": "Acme"}),
    *(status(code) for code in IN_FRONT),
    hang(),
    hang(billed=True),
    hang(after_headers=True, billed=True),
    cut(),
    cut(billed=True),
    cut(where="after_headers", billed=True),
    cut(where="mid_stream", billed=True),
    cut(where="after_finish", billed=True),
    no_usage(),
    error_200(429),
    error_200(500),
    choice_error(502),
    stream_error(502),
    bad_json(),
    html(),
    body(b""),
    body(b"[1, 2]"),
]


def _name(fault):
    return "fine" if fault is None else f"{fault.kind}-{fault.code or ''}{'-billed' if fault.billed else ''}"


async def _one(rooms, fault):
    rooms.provider.then(fault)
    if fault is not None and fault.kind.startswith("hang"):
        rooms.impatient()
    with suppress(NoAnswer):
        await rooms.ask(MODEL)
    assert len(rooms.provider.calls) >= 1
    return rooms.calls()[0]


@pytest.fixture
async def quick(build):
    return await build(limits=Limits(max_attempts=1))


async def test_nothing_sent_is_voided(build, provider):
    provider.stop()
    rooms = await build()
    with pytest.raises(NoAnswer, match="could not connect"):
        await rooms.ask(MODEL)
    assert {call.state for call in rooms.calls()} == {CallState.VOIDED}
    assert await rooms.available() == 5_000_000_000


@pytest.mark.parametrize("fault", REFUSED, ids=_name)
async def test_a_refusal_costs_nothing_but_the_request(quick, fault):
    call = await _one(quick, fault)
    assert (call.state, call.cost) == (CallState.REFUSED, 0)
    assert await quick.available() == 5_000_000_000


@pytest.mark.parametrize("fault", BILLED, ids=_name)
async def test_a_cost_that_is_told_is_captured(quick, fault):
    call = await _one(quick, fault)
    assert call.state is CallState.CAPTURED
    assert call.cost == quick.provider.billed_nanos > 0
    assert not call.estimated


async def test_token_counts_without_a_cost_are_captured_by_the_price_table(quick):
    call = await _one(quick, null_cost())
    assert (call.state, call.estimated) == (CallState.CAPTURED, True)
    assert call.cost == quick.provider.billed_nanos > 0


@pytest.fixture
async def at_openai(build, provider):
    provider.shape = "openai"
    return await build(dialect="openai", limits=Limits(max_attempts=1))


async def test_openai_reports_no_cost_and_is_booked_by_the_price_table(at_openai):
    call = await _one(at_openai, None)
    assert (call.state, call.estimated, call.cost) == (
        CallState.CAPTURED,
        True,
        at_openai.provider.billed_nanos,
    )


@pytest.mark.parametrize("fault", UNKNOWN, ids=_name)
async def test_what_nobody_knows_stays_held_and_is_told_later(quick, fault):
    call = await _one(quick, fault)
    assert (call.state, call.cost) == (CallState.UNKNOWN, None)
    assert await quick.available() == 5_000_000_000 - call.held
    headers_came = fault.kind not in ("hang", "cut_before")
    assert (call.remote_id is not None) == headers_came
    quick.clock.advance(60)
    await quick.client.settle_unknowns()
    settled = quick.calls()[0]
    if headers_came and fault.kind != "status":
        assert (settled.state, settled.cost) == (CallState.CAPTURED, quick.provider.billed_nanos)
    elif headers_came:  # the provider knows no such generation; see the tests of settlement
        assert settled.state is CallState.UNKNOWN
    else:
        assert settled.state is CallState.UNKNOWN
        quick.clock.advance(86_400)
        await quick.client.settle_unknowns()
        assert quick.calls()[0].state is CallState.CAPTURED
        assert await quick.spent() == call.held >= quick.provider.billed_nanos


CACHED = {"prompt_tokens_details": {"cached_tokens": 4}}
THOUGHT = {"completion_tokens_details": {"reasoning_tokens": 2}}


@pytest.mark.parametrize(
    ("later", "state"),
    [
        ({}, CallState.CAPTURED),
        (CACHED, CallState.CAPTURED),
        (THOUGHT, CallState.CAPTURED),
        ({"prompt_tokens": 11}, CallState.UNKNOWN),
        ({"completion_tokens": 9}, CallState.UNKNOWN),
    ],
    ids=["the same", "cached", "thought", "another input", "another output"],
)
@pytest.mark.parametrize("turned", [False, True], ids=["", "turned"])
async def test_a_count_that_only_says_more_of_another_is_the_same_bill(at_openai, later, state, turned):
    """That some input was cached made two bills differ: the call was held for a day, then booked at its whole bound."""
    counts = {"prompt_tokens": 10, "completion_tokens": 8}
    first, last = ({**counts, **later}, counts) if turned else (counts, {**counts, **later})
    words = {"choices": [{"index": 0, "delta": {"content": "word " * 8}}]}
    finish = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": first}
    call = await _one(at_openai, told_stream(words, finish, {"choices": [], "usage": last}, b"data: [DONE]"))
    unsaid = turned and "completion_tokens_details" in later  # less was thought than was told: one of them is wrong
    assert call.state is (CallState.UNKNOWN if unsaid else state)


@pytest.mark.parametrize("code", IN_FRONT)
async def test_what_bears_an_id_came_from_behind_and_is_asked_about(quick, code):
    """It was let go by its status alone: what the provider had billed was booked nowhere."""
    call = await _one(quick, status(code, billed=True))
    assert (call.state, call.cost) == (CallState.UNKNOWN, None)
    quick.clock.advance(60)
    await quick.client.settle_unknowns()
    assert await quick.spent() == quick.provider.billed_nanos > 0


@pytest.mark.parametrize("code", IN_FRONT)
async def test_what_names_who_answered_is_no_refusal_without_an_id_either(quick, code):
    said = {"error": {"code": code, "message": "not now", "metadata": {"provider_name": "Acme"}}}
    call = await _one(quick, replace(in_front(code), headers={}, body=json.dumps(said).encode()))
    assert (call.state, call.remote_id) == (CallState.UNKNOWN, None)


async def test_a_wrong_model_without_a_cost_has_no_price_to_go_by(at_openai):
    call = await _one(at_openai, wrong_model("acme/other"))
    assert call.state is CallState.UNKNOWN


async def test_a_free_call_of_unknown_outcome_uses_its_request_and_nothing_else(quick):
    quick.provider.then(cut(where="after_headers"))
    with pytest.raises(NoAnswer):
        await quick.ask("acme/free-1:free")
    balance = await quick.tracker.balance()
    assert (balance.held, balance.free_left) == (0, balance.free_quota - 1)
    assert quick.calls()[0].state is CallState.CAPTURED


async def test_a_bill_above_the_bound_is_booked_whole_and_its_model_barred(quick):
    call = await _one(quick, above_bound("0.5"))
    assert (call.state, call.cost) == (CallState.CAPTURED, 500_000_000)
    assert call.held < 500_000_000
    assert await quick.spent() == 500_000_000
    assert "billed $0.500000000" in quick.health.barred(MODEL)
    assert len(quick.events("alert")) == 1
    with pytest.raises(NoAnswer, match="resting: billed"):
        await quick.ask(MODEL)
    assert len(quick.provider.calls) == 1


async def test_a_bill_above_everything_stops_paying_until_the_next_grant(quick):
    await _one(quick, above_bound("7"))
    balance = await quick.tracker.balance()
    assert (balance.spent, balance.available, balance.overrun) == (7_000_000_000, 0, -2_000_000_000)
    with pytest.raises(NoAnswer, match="overrun"):
        await quick.ask("acme/tiny-1")


@pytest.mark.parametrize("fault", [hang(), hang(after_headers=True)], ids=_name)
async def test_a_cancelled_call_stays_held_and_can_be_asked_about(build, fault):
    rooms = await build()
    rooms.provider.then(fault)
    task = asyncio.create_task(rooms.ask(MODEL))
    await until(lambda: rooms.provider.calls and (fault.kind == "hang" or rooms.calls()[0].remote_id))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    call = rooms.calls()[0]
    assert call.state is CallState.UNKNOWN
    assert await rooms.available() == 5_000_000_000 - call.held


async def test_the_answer_of_a_scripted_cost_is_exact(quick: object, provider: FakeOpenRouter):
    provider.reply = lambda _: Answer("Yes.", prompt_tokens=1, completion_tokens=0)
    assert (await quick.ask("acme/tiny-1")).cost_nanos == 38  # 37.5, rounded up


@pytest.mark.parametrize("name", ODDLY_TOLD)
async def test_the_providers_record_is_what_is_booked_whichever_figure_its_stream_told_when(quick, provider, name):
    """Of two bills the last was believed, and of two counts: what the provider's record said was never asked."""
    provider.reply = Answer("word " * 20, cost=BILL)
    await _one(quick, ODDLY_TOLD[name])
    quick.clock.advance(60)
    await quick.client.settle_unknowns()
    assert await quick.spent() == provider.billed_nanos == nanos(BILL)
    assert await quick.available() == 5_000_000_000 - nanos(BILL)
