"""OpenTelemetry: a span for each call where a collector is named, nothing at all where none is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from ai.credit_tracker.callers import KeyTerms
from tests.gateway.conftest import Open, serving
from tests.world.openrouter import FakeOpenRouter
from tests.world.openrouter_faults import status
from tests.world.otlp import Collector

BODY = {"model": "acme/small-1", "messages": [{"role": "user", "content": "a word of mine"}], "max_tokens": 60}
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@asynccontextmanager
async def traced(
    folder: Path, provider: FakeOpenRouter, collector: Collector, monkeypatch: pytest.MonkeyPatch, **environ: str
) -> AsyncIterator[tuple[Open, str]]:
    """A gateway that was told of the collector; closed, it has sent every span."""
    for name, value in {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, **environ}.items():
        monkeypatch.setenv(name, value)
    async with serving(folder, provider) as gateway:
        yield gateway, (await gateway.books.create_key("agent", KeyTerms()))[1]


async def test_a_call_is_a_span_with_its_tokens_and_cost_in_the_callers_own_trace(
    tmp_path: Path, provider: FakeOpenRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Collector() as collector:
        secrets = {"OTEL_EXPORTER_OTLP_HEADERS": "api-key=s%20ecret", "OTEL_SERVICE_NAME": "town"}
        async with traced(tmp_path / "data", provider, collector, monkeypatch, **secrets) as (gateway, secret):
            parent = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
            answer = await gateway.post("/runs/smallville/v1/chat/completions", secret, BODY, **parent)
            assert answer.status_code == 200
            stream = {**BODY, "stream": True}
            assert (await gateway.post("/v1/chat/completions", secret, stream)).status_code == 200
        assert collector.problems == []
        assert set(collector.services) == {"town"}
        assert collector.headers[0]["api-key"] == "s ecret"
        whole, streamed = collector.spans
        usage = answer.json()["usage"]
        expected: dict[str, Any] = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openrouter",
            "gen_ai.request.model": "acme/small-1",
            "gen_ai.request.max_tokens": 60,
            "gen_ai.response.model": "acme/small-1",
            "gen_ai.usage.input_tokens": usage["prompt_tokens"],
            "gen_ai.usage.output_tokens": usage["completion_tokens"],
            "genesis.key": "agent",
            "genesis.run": "smallville",
            "genesis.call": answer.headers["x-genesis-call"],
            "genesis.cost_usd": float(answer.headers["x-genesis-cost"]),
        }
        assert expected.items() <= {k: v for k, v in whole["attributes"].items() if not isinstance(v, list)}.items()
        assert (whole["name"], whole["kind"], whole["status"]) == ("chat acme/small-1", 3, {"code": 1})
        assert (whole["traceId"], whole["parentSpanId"]) == (TRACE, PARENT)
        assert "parentSpanId" not in streamed
        told = str(collector.spans)
        assert "a word of mine" not in told, "what was said is nobody's business"
        assert secret not in told
        assert provider.key not in told


async def test_a_failure_is_told_as_one_and_a_collector_that_is_down_harms_nobody(
    tmp_path: Path, provider: FakeOpenRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Collector() as collector:
        async with traced(tmp_path / "data", provider, collector, monkeypatch) as (gateway, secret):
            provider.then(status(503, "no room"))
            assert (await gateway.post("/v1/chat/completions", secret, BODY)).status_code == 503
        assert collector.problems == []
        (span,) = collector.spans
        assert span["attributes"]["error.type"] == "503"
        assert span["attributes"]["genesis.outcome"] == "unknown"
        assert "genesis.cost_usd" not in span["attributes"], "what nobody knows yet is not free"
        assert span["status"]["code"] == 2
    with Collector(status=503) as down:
        async with traced(tmp_path / "other", provider, down, monkeypatch) as (gateway, secret):
            assert (await gateway.post("/v1/chat/completions", secret, BODY)).status_code == 200
    async with traced(tmp_path / "gone", provider, down, monkeypatch) as (gateway, secret):
        assert (await gateway.post("/v1/chat/completions", secret, BODY)).status_code == 200


@pytest.mark.parametrize("header", ["", "garbage", f"00-{'0' * 32}-{PARENT}-01", f"00-{TRACE}-{'0' * 16}-01"])
async def test_a_traceparent_that_is_none_begins_a_trace(
    tmp_path: Path, provider: FakeOpenRouter, monkeypatch: pytest.MonkeyPatch, header: str
) -> None:
    with Collector() as collector:
        async with traced(tmp_path / "data", provider, collector, monkeypatch) as (gateway, secret):
            answer = await gateway.post("/v1/chat/completions", secret, BODY, traceparent=header)
            assert answer.status_code == 200
        assert "parentSpanId" not in collector.spans[0]
        assert collector.spans[0]["traceId"] != TRACE


async def test_without_a_collector_there_is_nothing_that_could_send(gateway: Open) -> None:
    assert gateway.alone.gateway.rooms.spans is None
