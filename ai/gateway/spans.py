"""OpenTelemetry spans of the gateway's calls, after the conventions for generative AI, sent as OTLP's JSON over HTTP.

Only where `OTEL_EXPORTER_OTLP_ENDPOINT` (or `…_TRACES_ENDPOINT`) is set: without it there is no object of this kind.
No call waits for a span: they are sent behind it, a second's worth together, and dropped where nobody takes them. They
tell of models, tokens, cost, key and run, never of what was said.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import httpx2

from ai.ledger.money import NANOS_PER_USD
from ai.llm.fate import End

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ai.clock import Clock
    from ai.gateway.attempt import Request
    from ai.llm.payment import Paid
    from ai.model_config import Model

WAIT_SECONDS = 1.0  # between two sendings
SEND_SECONDS = 5.0
MOST_WAITING = 4_096  # spans; beyond them the oldest are dropped
BATCH = 512
CLIENT, OK, ERROR = 3, 1, 2  # OTLP's numbers of a span's kind and status
OPERATIONS = {"completions": "text_completion", "embeddings": "embeddings"}  # all others: chat


class Spans:
    """Collects spans and sends them to `url`; every call of `ended` is one span."""

    def __init__(
        self, url: str, clock: Clock, *, service: str = "genesis", headers: Mapping[str, str] | None = None
    ) -> None:
        self._url = url
        self._clock = clock
        self._service = service
        self._headers = dict(headers or {})
        self._waiting: deque[dict[str, Any]] = deque(maxlen=MOST_WAITING)
        self._http: httpx2.AsyncClient | None = None
        self._sending: asyncio.Task[None] | None = None

    def ended(self, model: Model, paid: Paid, request: Request) -> None:
        """Take in one call that was sent and has ended."""
        self._waiting.append(self._span(model, paid, request))
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._send_soon(), name="gateway-spans")

    async def close(self) -> None:
        """Send what waits, and close the connection."""
        if self._sending is not None:
            self._sending.cancel()
            await asyncio.gather(self._sending, return_exceptions=True)
        await self._send()
        if self._http is not None:
            await self._http.aclose()

    def _span(self, model: Model, paid: Paid, request: Request) -> dict[str, Any]:
        outcome, asked = paid.outcome, request.asked
        operation = OPERATIONS.get(request.dialect.name, "chat")
        ended = int(self._clock.now().timestamp() * 1_000_000) * 1_000
        usage, error = outcome.usage, outcome.error
        told: dict[str, Any] = {
            "gen_ai.operation.name": operation,
            "gen_ai.provider.name": model.endpoint,
            "gen_ai.request.model": asked.model,
            "gen_ai.request.max_tokens": asked.max_output,
            "gen_ai.request.choice.count": asked.times if asked.times > 1 else None,
            "gen_ai.response.model": outcome.answered_by or model.id,
            "gen_ai.response.id": outcome.generation_id,
            "gen_ai.response.finish_reasons": [outcome.finish_reason] if outcome.finish_reason else None,
            "gen_ai.usage.input_tokens": None if usage is None else usage.prompt_tokens,
            "gen_ai.usage.output_tokens": None if usage is None else usage.completion_tokens,
            "error.type": None if error is None else str(error.code or error.type or "error"),
            "genesis.call": paid.call_id,
            "genesis.key": request.caller.key,
            "genesis.run": request.caller.run or None,
            "genesis.cost_usd": None if paid.end is End.UNKNOWN else paid.cost_nanos / NANOS_PER_USD,
            "genesis.outcome": str(paid.end),
        }
        trace, parent = request.options.trace or (secrets.token_hex(16), "")
        return {
            "traceId": trace,
            "spanId": secrets.token_hex(8),
            **({"parentSpanId": parent} if parent else {}),
            "name": f"{operation} {asked.model}",
            "kind": CLIENT,
            "startTimeUnixNano": str(ended - int(outcome.latency_seconds * 1e9)),
            "endTimeUnixNano": str(ended),
            "attributes": _attributes(told),
            "status": {"code": OK} if error is None else {"code": ERROR, "message": error.message},
        }

    async def _send_soon(self) -> None:
        while self._waiting:
            await self._clock.sleep(WAIT_SECONDS)
            await self._send()

    async def _send(self) -> None:
        """Send what waits; what is not taken is dropped, as telemetry may be."""
        while self._waiting:
            spans = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
            resource = {"attributes": _attributes({"service.name": self._service})}
            scoped = [{"scope": {"name": "genesis.gateway"}, "spans": spans}]
            document = {"resourceSpans": [{"resource": resource, "scopeSpans": scoped}]}
            self._http = self._http or httpx2.AsyncClient(timeout=SEND_SECONDS)
            with suppress(httpx2.HTTPError, httpx2.InvalidURL, TimeoutError):
                async with (
                    asyncio.timeout(SEND_SECONDS),
                    self._http.stream("POST", self._url, json=document, headers=self._headers),
                ):
                    pass  # whatever it says, nothing is done about it


def spans_wanted(environ: Mapping[str, str], clock: Clock) -> Spans | None:
    """Return what sends spans where OpenTelemetry's own variables ask for it, else None."""
    whole, base = environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"), environ.get("OTEL_EXPORTER_OTLP_ENDPOINT")
    url = whole or (f"{base.rstrip('/')}/v1/traces" if base else "")
    if not url or environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return None
    given = environ.get("OTEL_EXPORTER_OTLP_TRACES_HEADERS") or environ.get("OTEL_EXPORTER_OTLP_HEADERS", "")
    pairs = (pair.partition("=") for pair in given.split(",") if "=" in pair)
    headers = {unquote(name.strip()): unquote(value.strip()) for name, _, value in pairs}
    return Spans(url, clock, service=environ.get("OTEL_SERVICE_NAME") or "genesis", headers=headers)


def _attributes(told: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"key": name, "value": _value(value)} for name, value in told.items() if value is not None]


def _value(value: object) -> dict[str, Any]:
    if isinstance(value, list):
        return {"arrayValue": {"values": [_value(one) for one in value]}}
    if isinstance(value, int):
        return {"intValue": str(value)}
    return {"doubleValue": value} if isinstance(value, float) else {"stringValue": str(value)}
