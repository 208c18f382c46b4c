"""The same door in front of another provider: OpenAI's protocol at home, the embedded model, a purse that is away."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ai.clock import VirtualClock
from ai.ledger.errors import StoreUnavailable
from ai.ledger.money import nanos
from tests.gateway.conftest import Open, serving
from tests.world import openrouter_faults as faults
from tests.world.openrouter import FakeOpenRouter
from tests.world.openrouter_books import model_entry

HELLO = [{"role": "user", "content": "Say hello"}]
MODELS = {
    "data": [model_entry("gpt-4o-mini", "0.00000015", "0.0000006"), model_entry("gpt-4o", "0.0000025", "0.00001")]
}
PRICES = '{"gpt-4o-mini": ["0.15", "0.60"], "gpt-4o": ["2.5", "10"]}'


def openai_like() -> FakeOpenRouter:
    return FakeOpenRouter(shape="openai", models=MODELS, key="sk-openai-test-key")


def at(provider: FakeOpenRouter, **more: Any) -> dict[str, Any]:
    own = {"openrouter_api_key": None, "openai_api_key": provider.key, "openai_base_url": provider.base_url}
    return {**own, "openai_prices": PRICES, **more}


def chunks(content: bytes) -> list[dict[str, Any]]:
    return [json.loads(line[6:]) for line in content.decode().splitlines() if line.startswith("data: {")]


async def test_a_client_that_asked_for_no_usage_gets_none_and_is_booked(tmp_path: Path) -> None:
    with openai_like() as provider:
        async with serving(tmp_path, provider, **at(provider)) as gateway:
            secret = await gateway.key()
            body = {"model": "gpt-4o-mini", "messages": HELLO, "max_tokens": 50, "stream": True}
            plain = chunks((await gateway.post("/v1/chat/completions", secret, body)).content)
            assert all(chunk["choices"] for chunk in plain)  # clients of 2023 fall over a chunk without a choice
            told = chunks(
                (
                    await gateway.post(
                        "/v1/chat/completions", secret, {**body, "stream_options": {"include_usage": True}}
                    )
                ).content
            )
            assert nanos(str(told[-1]["usage"]["cost"])) == await gateway.spent() // 2
            assert await gateway.spent() == provider.billed_nanos > 0


async def test_anthropics_messages_and_responses_are_told_as_chat(tmp_path: Path) -> None:
    with openai_like() as provider:
        async with serving(tmp_path, provider, **at(provider)) as gateway:
            secret = await gateway.key()
            message = {"model": "claude-3-5-haiku-latest", "messages": HELLO, "max_tokens": 50}
            whole = await gateway.post("/v1/messages", secret, message)
            assert (whole.json()["type"], whole.json()["stop_reason"]) == ("message", "end_turn"), whole.text
            streamed = await gateway.post("/v1/messages", secret, {**message, "stream": True})
            assert chunks(streamed.content)[-1]["type"] == "message_stop"
            asked = {"model": "gpt-4o-mini", "input": "Say hello", "max_output_tokens": 50, "stream": True}
            response = chunks((await gateway.post("/v1/responses", secret, asked)).content)[-1]
            assert (response["type"], response["response"]["usage"]["cost"] > 0) == ("response.completed", True)
            document = {"role": "user", "content": [{"type": "document", "source": {"type": "text", "content": "a"}}]}
            refused = await gateway.post("/v1/messages", secret, {**message, "messages": [document]})
            assert (refused.status_code, refused.json()["error"]["type"]) == (400, "invalid_request_error")
            provider.then(faults.cut(where="mid_stream", billed=True))
            broken = await gateway.post("/v1/messages", secret, {**message, "stream": True})
            assert b"message_stop" not in broken.content
            assert chunks(broken.content)[-1]["type"] == "error"
            assert await gateway.spent() <= provider.billed_nanos


@pytest.mark.local_model
async def test_without_any_key_the_embedded_model_serves_every_name(tmp_path: Path, provider: FakeOpenRouter) -> None:
    nobody = {"openrouter_api_key": None, "local_model": "135m", "llm_timeout_seconds": 60}
    async with serving(tmp_path, provider, **nobody) as gateway:
        secret = await gateway.key(budget=0)
        raw = await gateway.sdk(secret, timeout=120).chat.completions.with_raw_response.create(
            model="gpt-4o", messages=HELLO, max_tokens=8
        )
        assert raw.parse().choices[0].message.content
        assert raw.headers["x-genesis-cost"] == "0.000000000"
        assert "served by" in raw.headers["x-genesis-note"]
        said = await gateway.post(
            "/v1/messages", secret, {"model": "claude", "messages": HELLO, "max_tokens": 8, "stream": True}
        )
        assert chunks(said.content)[-1]["type"] == "message_stop"
        vectors = await gateway.sdk(secret, timeout=120).embeddings.create(model="text-embedding-ada-002", input=["a"])
        assert len(vectors.data[0].embedding) == 384
        statement = await gateway.books.statement(key="agent")
        assert (statement.calls, statement.cost) == (3, 0)
        assert not provider.calls


async def test_nothing_is_sent_while_the_purse_is_away(gateway: Open) -> None:
    secret = await gateway.key()
    body = {"model": "acme/tiny-1", "messages": HELLO, "max_tokens": 5}
    assert (await gateway.post("/v1/chat/completions", secret, body)).status_code == 200
    ledger = gateway.alone.gateway.rooms.tracker._ledger
    store = ledger._store

    class Away:
        def __getattr__(self, name: str) -> Any:
            if name in ("begin", "execute"):
                raise StoreUnavailable("the disk is full")
            return getattr(store, name)

    ledger._store = Away()
    refused = await gateway.post("/v1/chat/completions", secret, body)
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "purse_away")
    assert refused.headers["retry-after"]
    assert len(gateway.provider.calls) == 1
    ledger._store = store
    assert (await gateway.post("/v1/chat/completions", secret, body)).status_code == 200


async def test_a_clock_set_back_spends_nothing_twice(tmp_path: Path, provider: FakeOpenRouter) -> None:
    clock = VirtualClock(datetime.now(UTC))
    async with serving(tmp_path, provider, clock, monthly_budget_usd="1") as gateway:
        secret = await gateway.key(budget=nanos("0.01"), per="day")
        body = {"model": "acme/small-1", "messages": HELLO, "max_tokens": 60}
        assert (await gateway.post("/v1/chat/completions", secret, body)).status_code == 200
        clock.set(clock.now() - timedelta(days=40))
        refused = await gateway.post("/v1/chat/completions", secret, body)
        assert refused.status_code == 503  # a month never opens on a clock that the provider's Date belies
        assert len(provider.calls) == 1
        clock.set(clock.now() + timedelta(days=40))
        assert (await gateway.post("/v1/chat/completions", secret, body)).status_code == 200
        assert await gateway.spent() == provider.billed_nanos


async def test_a_minds_share_is_out_of_a_callers_reach(tmp_path: Path, provider: FakeOpenRouter) -> None:
    async with serving(tmp_path, provider, monthly_budget_usd="0.02") as gateway:
        await gateway.alone.gateway.rooms.tracker.open(lives=True)
        secret = await gateway.key()
        body = {"model": "acme/small-1", "messages": HELLO, "max_tokens": 3000}  # $0.012 of $0.02
        refused = await gateway.post("/v1/chat/completions", secret, body)
        assert (refused.status_code, refused.json()["error"]["cap"]) == (402, "month")
        assert nanos(refused.json()["error"]["available"]) == nanos("0.01")


async def test_many_requests_a_minute_are_told_to_wait(gateway: Open) -> None:
    secret = await gateway.key(requests_per_minute=2)
    body = {"model": "acme/tiny-1", "messages": HELLO, "max_tokens": 5}
    statuses = [(await gateway.post("/v1/chat/completions", secret, body)).status_code for _ in range(3)]
    assert statuses == [200, 200, 429]
    limited = await gateway.post("/v1/chat/completions", secret, body)
    assert limited.json()["error"]["code"] == "rate_limit_exceeded"
    assert 1 <= int(limited.headers["retry-after"]) <= 60
