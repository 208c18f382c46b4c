"""A program walks through the door unchanged: what it gets, what it pays, and what it is refused."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import openai
import pytest

from ai.gateway.dialects.chat import CHAT
from ai.ledger.money import nanos
from tests.gateway.conftest import Open, serving
from tests.world import openrouter_faults as faults
from tests.world.openrouter import FakeOpenRouter

HELLO = [{"role": "user", "content": "Say hello"}]


async def test_a_chat_completion_costs_its_key_what_the_provider_billed(gateway: Open) -> None:
    secret = await gateway.key(budget=nanos("1"))
    raw = await gateway.sdk(secret).chat.completions.with_raw_response.create(
        model="acme/tiny-1", messages=HELLO, max_tokens=50
    )
    answer = raw.parse()

    assert answer.choices[0].message.content
    assert raw.headers["x-genesis-model"] == "acme/tiny-1"
    assert nanos(raw.headers["x-genesis-cost"]) == gateway.provider.billed_nanos
    assert nanos(raw.headers["x-genesis-available"]) == nanos("1") - gateway.provider.billed_nanos
    assert await gateway.spent(key="agent") == gateway.provider.billed_nanos > 0


async def test_a_stream_comes_through_byte_for_byte_and_is_booked(gateway: Open) -> None:
    secret = await gateway.key()
    body = {"model": "acme/tiny-1", "messages": HELLO, "max_tokens": 50, "stream": True}
    through = await gateway.post("/v1/chat/completions", secret, body)

    assert through.headers["content-type"].startswith("text/event-stream")
    assert through.content.startswith(b": OPENROUTER PROCESSING\n\n")
    assert through.content.endswith(b"data: [DONE]\n\n")
    chunks = [json.loads(line[6:]) for line in through.text.splitlines() if line.startswith("data: {")]
    assert nanos(str(chunks[-1]["usage"]["cost"])) == await gateway.spent() == gateway.provider.billed_nanos


async def test_a_run_in_the_path_is_made_and_booked_to(gateway: Open) -> None:
    secret = await gateway.key()
    await gateway.sdk(secret, run="smallville").chat.completions.create(
        model="acme/tiny-1", messages=HELLO, max_tokens=50, extra_headers={"X-Genesis-Run": "other"}
    )

    assert await gateway.spent(run="smallville") == gateway.provider.billed_nanos > 0
    assert [one.who.name for one in (await gateway.books.looks(10))[1]] == ["smallville"]


@pytest.mark.parametrize("secret", [None, "gk-wrong", "sk-or-v1-test"])
async def test_without_a_key_of_the_gateway_nothing_is_sent(gateway: Open, secret: str | None) -> None:
    for path in ("/v1/chat/completions", "/v1/embeddings", "/v1/responses", "/v1/messages", "/v1/estimate"):
        answer = await gateway.post(path, secret, {"model": "acme/tiny-1", "messages": HELLO})
        assert answer.status_code == 401, path
    assert not gateway.provider.calls


async def test_a_revoked_key_is_refused_at_once(gateway: Open) -> None:
    secret = await gateway.key()
    sdk = gateway.sdk(secret)
    await sdk.chat.completions.create(model="acme/tiny-1", messages=HELLO, max_tokens=5)
    await gateway.books.revoke_key("agent")
    with pytest.raises(openai.AuthenticationError):
        await sdk.chat.completions.create(model="acme/tiny-1", messages=HELLO, max_tokens=5)
    assert len(gateway.provider.calls) == 1


async def test_what_a_budget_does_not_cover_is_not_sent(gateway: Open) -> None:
    secret = await gateway.key(budget=nanos("0.001"))
    with pytest.raises(openai.APIStatusError) as refused:
        await gateway.sdk(secret).chat.completions.create(model="acme/small-1", messages=HELLO, max_tokens=5000)

    error: Any = refused.value.body
    assert refused.value.status_code == 402
    assert (error["code"], error["cap"]) == ("insufficient_budget", "key agent")
    assert error["fits_max_tokens"] > 0
    assert nanos(error["available"]) + nanos(error["held"]) + nanos(error["spent"]) == nanos("0.001")
    assert not gateway.provider.calls
    fitting = await gateway.sdk(secret).chat.completions.create(
        model="acme/small-1", messages=HELLO, max_tokens=error["fits_max_tokens"]
    )
    assert fitting.choices


async def test_a_limit_that_nobody_stated_is_lowered_and_told(gateway: Open) -> None:
    secret = await gateway.key(budget=nanos("0.003"))
    raw = await gateway.sdk(secret).chat.completions.with_raw_response.create(model="acme/small-1", messages=HELLO)

    told = int(raw.headers["x-genesis-max-tokens"])
    assert 256 <= told < 8192
    assert gateway.provider.calls[0].json["max_tokens"] == told


async def test_a_stated_limit_is_lowered_with_fit(gateway: Open) -> None:
    secret = await gateway.key(budget=nanos("0.002"))
    sdk = gateway.sdk(secret, default_headers={"X-Genesis-Fit": "on"})
    raw = await sdk.chat.completions.with_raw_response.create(model="acme/small-1", messages=HELLO, max_tokens=5000)
    assert int(raw.headers["x-genesis-max-tokens"]) < 5000


async def test_a_limit_above_the_models_own_is_told_as_what_was_sent(gateway: Open) -> None:
    """It was cut to the model's own without a word."""
    body = {"model": "acme/small-1", "messages": [{"role": "user", "content": "hi"}]}
    secret = await gateway.key()
    for limit, told in ((10_000_000, "8192"), (8192, None), (20, None)):
        answer = await gateway.post("/v1/chat/completions", secret, {**body, "max_tokens": limit})
        assert answer.headers.get("x-genesis-max-tokens") == told
        assert gateway.provider.calls[-1].json["max_tokens"] == min(limit, 8192)


async def test_a_wrong_method_is_told_as_that(gateway: Open) -> None:
    """There was "no such address" where one reads the address in the documentation."""
    told = await gateway.http.get(f"{gateway.url}/v1/chat/completions")
    assert (told.status_code, told.headers["allow"]) == (405, "POST")
    assert told.json()["error"]["code"] == "method_not_allowed"
    assert told.json()["error"]["message"] == "GET is not taken here; use POST"


async def test_a_calls_own_cap_binds(gateway: Open) -> None:
    secret = await gateway.key()
    body = {"model": "acme/small-1", "messages": HELLO, "max_tokens": 5000}
    refused = await gateway.post("/v1/chat/completions", secret, body, **{"X-Genesis-Max-Cost": "0.0001"})
    assert (refused.status_code, refused.json()["error"]["cap"]) == (402, "call")
    assert not gateway.provider.calls


async def test_the_provider_is_held_to_the_prices_of_the_bound(gateway: Open) -> None:
    secret = await gateway.key()
    await gateway.sdk(secret).chat.completions.create(
        model="acme/small-1",
        messages=HELLO,
        max_tokens=5,
        extra_body={"provider": {"order": ["x"], "max_price": {"prompt": 0.1}}},
    )
    sent = gateway.provider.calls[0].json["provider"]
    assert sent == {"order": ["x"], "require_parameters": True, "max_price": {"prompt": 0.1, "completion": 4.0}}


async def test_a_key_is_held_to_its_model_and_its_globs(gateway: Open) -> None:
    pinned = await gateway.key("pinned", model="acme/tiny-2")
    await gateway.sdk(pinned).chat.completions.create(model="anything", messages=HELLO, max_tokens=5)
    assert gateway.provider.calls[-1].json["model"] == "acme/tiny-2"
    globs = await gateway.key("globs", models=("acme/tiny-*",))
    with pytest.raises(openai.PermissionDeniedError):
        await gateway.sdk(globs).chat.completions.create(model="acme/small-1", messages=HELLO, max_tokens=5)


async def test_embeddings_are_paid_for(gateway: Open) -> None:
    secret = await gateway.key()
    answer = await gateway.sdk(secret).embeddings.create(model="text-embedding-ada-002", input=["a", "b"])
    assert len(answer.data) == 2
    assert await gateway.spent() == gateway.provider.billed_nanos > 0


async def test_a_program_of_2021_gets_its_completion(gateway: Open) -> None:
    secret = await gateway.key()
    raw = await gateway.sdk(secret).completions.with_raw_response.create(
        model="text-davinci-003", prompt="Say hello", max_tokens=20
    )
    assert raw.parse().choices[0].text
    assert raw.headers["x-genesis-note"] == "text-davinci-003 is served by openai/gpt-4o-mini"
    streamed = await gateway.sdk(secret).completions.create(
        model="gpt-3.5-turbo-instruct", prompt="Say hello", max_tokens=20, stream=True
    )
    assert "".join([chunk.choices[0].text async for chunk in streamed if chunk.choices])
    engine = await gateway.post("/v1/engines/text-davinci-003/completions", secret, {"prompt": "hi", "max_tokens": 9})
    assert engine.json()["choices"][0]["text"]
    old = await gateway.post("/v1/engines/text-embedding-ada-002/embeddings", secret, {"input": "hi"})
    assert old.json()["data"][0]["embedding"]


async def test_auto_chooses_by_worth_and_falls_to_the_next_when_one_fails(gateway: Open) -> None:
    secret = await gateway.key(budget=nanos("1"))
    gateway.provider.then(faults.status(502), faults.error_200(500))
    raw = await gateway.sdk(secret).chat.completions.with_raw_response.create(
        model="auto", messages=HELLO, max_tokens=50
    )
    asked = [call.json["model"] for call in gateway.provider.calls]
    assert len(asked) == len(set(asked)) == 3
    assert raw.headers["x-genesis-model"] == asked[-1]
    await gateway.settled()
    assert await gateway.spent() == gateway.provider.billed_nanos


async def test_auto_degrades_to_free_models_where_the_money_has_gone(gateway: Open) -> None:
    secret = await gateway.key(budget=nanos("0.0000001"))
    raw = await gateway.sdk(secret).chat.completions.with_raw_response.create(
        model="auto", messages=HELLO, max_tokens=50
    )
    assert raw.headers["x-genesis-model"].endswith(":free")
    free = await gateway.sdk(secret).chat.completions.with_raw_response.create(
        model="free", messages=HELLO, max_tokens=50
    )
    assert free.headers["x-genesis-model"].endswith(":free")
    assert free.headers["x-genesis-model"] != raw.headers["x-genesis-model"]


async def test_the_models_that_a_key_may_call_are_listed(gateway: Open) -> None:
    secret = await gateway.key(models=("acme/*",))
    listed = [model.id async for model in gateway.sdk(secret).models.list()]
    assert {"auto", "free", "acme/tiny-1"} <= set(listed)
    assert "openai/gpt-4o-mini" not in listed
    assert (await gateway.sdk(secret).models.retrieve("acme/tiny-1")).id == "acme/tiny-1"


async def test_an_estimate_sends_nothing(gateway: Open) -> None:
    secret = await gateway.key(budget=nanos("0.001"))
    body = {"model": "acme/small-1", "messages": HELLO, "max_tokens": 5000}
    told = (await gateway.post("/v1/estimate", secret, body)).json()
    assert set(told) == {"bound", "expected", "affordable"}
    assert (nanos(told["bound"]) > nanos("0.02"), told["affordable"]) == (True, False)
    assert nanos(told["expected"]) <= nanos(told["bound"])
    assert not gateway.provider.calls


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"", 400), (b"[]", 400), (b"{", 400), (b'{"a": NaN}', 400), (b'{"a": 1e999}', 400), (b"[" * 100_000, 400)],
)
async def test_a_body_that_is_none_is_refused_in_words(gateway: Open, body: bytes, status: int) -> None:
    secret = await gateway.key()
    refused = await gateway.post("/v1/chat/completions", secret, body)
    assert refused.status_code == status
    assert refused.json()["error"]["message"]


async def test_a_body_that_can_be_read_but_not_written_again_is_refused_in_words(gateway: Open) -> None:
    """Where that begins depends on how deep the reading itself stands, so every depth near it is tried."""
    secret, met = await gateway.key(), set()
    body = b'{"model":"acme/tiny-1","max_tokens":5,"messages":[{"role":"user","x":%b}]}'
    for deep in range(sys.getrecursionlimit() - 100, sys.getrecursionlimit()):
        nest = b'{"a":' * deep + b"1" + b"}" * deep
        met.add((await gateway.post("/v1/chat/completions", secret, body % nest)).status_code)
    assert met <= {200, 400}
    assert await gateway.spent() == gateway.provider.billed_nanos
    assert (await gateway.books.statement()).held == 0


async def test_a_packed_body_is_refused_as_what_it_is(gateway: Open) -> None:
    secret = await gateway.key()
    refused = await gateway.post("/v1/chat/completions", secret, b"\x1f\x8b\x08", **{"Content-Encoding": "gzip"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (415, "unsupported_encoding")
    assert "'gzip'" in refused.json()["error"]["message"]


async def test_a_websocket_is_refused_with_the_status_that_sends_a_client_to_the_post(gateway: Open) -> None:
    """Codex tries a WebSocket first, and seven times with waits between them where the status is another."""
    asked = {"Upgrade": "websocket", "Connection": "Upgrade"}
    for path in ("/v1/responses", "/runs/r/v1/responses"):
        assert (await gateway.http.get(f"{gateway.url}{path}", headers=asked)).status_code == 426
        assert (await gateway.http.get(f"{gateway.url}{path}")).status_code == 405


async def test_a_program_of_codex_is_let_in_and_its_searches_are_not(gateway: Open) -> None:
    """What Codex 0.171 sends: its tools in namespaces, in the body or as an item of the conversation."""
    secret = await gateway.key()
    function = {"type": "function", "name": "sleep", "parameters": {}}
    space = {"type": "namespace", "name": "clock", "description": "", "tools": [function]}
    said = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}
    update = {"type": "configuration_update", "reasoning": {"effort": "low"}}
    body = {"model": "acme/small-1", "max_output_tokens": 60, "stream": True}
    in_body = {**body, "tools": [function, space], "input": [said]}
    as_item = {**body, "input": [{"type": "additional_tools", "role": "developer", "tools": [space]}, said, update]}
    for asked in (in_body, as_item):
        assert b"response.completed" in (await gateway.post("/v1/responses", secret, asked)).content
    search = {"type": "web_search", "external_web_access": False}
    inner = {**space, "tools": [search]}
    budget = {"type": "configuration_update", "reasoning": {"max_tokens": 10**6}}
    for wrong, param in {
        "tools[1].type": {**in_body, "tools": [function, search]},
        "tools[0].tools[0].type": {**in_body, "tools": [inner]},
        "input[0].tools[0].tools[0].type": {**body, "input": [{"type": "additional_tools", "tools": [inner]}]},
        "tools[0].tools[0].tools": {**in_body, "tools": [{**space, "tools": [space]}]},
        "input[0].reasoning.max_tokens": {**body, "input": [budget]},
    }.items():
        refused = await gateway.post("/v1/responses", secret, param)
        assert refused.status_code == 400
        assert refused.json()["error"]["param"].startswith(wrong.removesuffix(".tools"))
    assert len(gateway.provider.calls) == 2


async def test_a_body_beyond_32_megabytes_is_refused(gateway: Open) -> None:
    secret = await gateway.key()
    refused = await gateway.post("/v1/chat/completions", secret, b"x" * (32 * 1024 * 1024 + 1))
    assert refused.status_code == 413
    assert refused.json()["error"]["code"] == "request_too_large"


async def test_a_large_body_of_one_caller_keeps_no_other_waiting(
    tmp_path: Path, provider: FakeOpenRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """30 MB of text took 13 seconds to be measured, in which nobody else was answered."""
    begun, answered = threading.Event(), threading.Event()

    def read(body: Any) -> Any:
        begun.set()
        assert answered.wait(20), "nobody else was answered while a large body was read"
        return CHAT.read(body)

    monkeypatch.setattr("ai.gateway.app.CALLED", (replace(CHAT, read=read),))
    async with serving(tmp_path, provider) as gateway:
        secret = await gateway.key()
        body = {"model": "acme/tiny-1", "max_tokens": 5, "messages": [{"role": "user", "content": "a" * 1_100_000}]}
        large = asyncio.ensure_future(gateway.post("/v1/chat/completions", secret, body))
        await asyncio.to_thread(begun.wait, 20)
        assert (await gateway.http.get(f"{gateway.url}/healthz")).status_code == 200
        answered.set()
        assert (await large).status_code == 200


async def test_the_door_alone_says_that_it_lives(gateway: Open) -> None:
    assert (await gateway.http.get(f"{gateway.url}/healthz")).json() == {"ok": True}
    lost = await gateway.http.get(f"{gateway.url}/v1/nothing")
    assert (lost.status_code, lost.json()["error"]["code"]) == (404, "not_found")
