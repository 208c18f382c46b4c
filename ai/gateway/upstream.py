"""One attempt at a provider: the body goes out, its answer comes back as bytes, and how it ended is decided."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from ai.gateway.dialects.events import EventTooLarge
from ai.gateway.ways import BROKEN, way_to
from ai.llm.calls import Outcome, ProviderError, Shape
from ai.llm.endpoint import NO_KEY
from ai.llm.figures import as_mapping, one_line, parse_json, read_error
from ai.llm.reading import ReplyTooLarge
from ai.llm.wire import Exchange, answered_within, generation_id_of
from ai.unreached import why_unreached, without_json

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from ai.clock import Clock
    from ai.gateway.dialects.figures import Figures
    from ai.gateway.ways import Way
    from ai.llm.calls import Wire

OK = 200
DRAIN_SECONDS = 0.25  # what follows the end of an answer, so that the connection can be used again
EVENT_STREAM = "text/event-stream"


class Outlet(Protocol):
    """Where the bytes of one attempt go; `figures` grows with them."""

    figures: Figures

    async def stream(self, pieces: AsyncIterator[bytes]) -> None:
        """Take a stream of events as it comes."""
        ...

    async def whole(self, data: bytes) -> None:
        """Take a whole document."""
        ...


class Sender(Protocol):
    """Who makes attempts: a provider, or the embedded model. `speaks` are the dialects that it serves itself."""

    name: str
    speaks: frozenset[str]

    async def send(self, outgoing: Outgoing, wire: Wire, outlet: Outlet) -> Outcome:
        """Make one attempt. Whatever a provider does is an Outcome; cancellation alone passes through."""
        ...

    async def close(self) -> None:
        """Close its connections."""
        ...


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One request as it leaves: where it goes, its bytes, and what bounds its answer."""

    path: str
    body: bytes
    max_bytes: int
    timeout_seconds: float
    silence_seconds: float


class Upstream:
    """A provider's address with its key, which stands in the header it is for and in nothing else.

    `speaks` are the dialects that it serves itself; what is not there is told as chat.
    """

    def __init__(  # noqa: PLR0913 - what an address is made of, each handed in by name
        self,
        name: str,
        base_url: str,
        key: str | None,
        *,
        headers: Mapping[str, str],
        clock: Clock,
        speaks: frozenset[str],
    ) -> None:
        self.name = name
        self.speaks = speaks
        self._secrets = (key,) if key else ()
        self._clock = clock
        sent = {
            "Authorization": f"Bearer {key or NO_KEY}",
            "Content-Type": "application/json",
            "Accept": "*/*",
            "Accept-Encoding": "identity",  # so that bytes on the wire are bytes in memory
            "User-Agent": "genesis",
            **headers,
        }
        self._way: Way = way_to(base_url.rstrip("/"), sent)

    def __repr__(self) -> str:
        return f"Upstream({self.name!r})"

    async def send(self, outgoing: Outgoing, wire: Wire, outlet: Outlet) -> Outcome:
        """Make one attempt. Whatever a provider does is an Outcome; cancellation alone passes through."""
        started = self._clock.monotonic()
        exchange = Exchange(wire, outgoing.max_bytes)
        error: ProviderError | None = None
        try:
            async with answered_within(outgoing.timeout_seconds, exchange):
                error = await self._converse(outgoing, exchange, outlet)
        except Exception as failure:  # noqa: BLE001 - whatever a provider does, the money must be decided
            error = self._describe(failure, exchange)
        figures = outlet.figures
        usage, cost = figures.bill
        return Outcome(
            sent=wire.sent,
            status=exchange.status,
            text="",
            finish_reason=figures.finish,
            usage=usage,
            cost=cost,
            generation_id=wire.generation_id,
            answered_by=figures.model,
            error=None if figures.complete else error or self._found_in(figures),
            latency_seconds=max(0.0, self._clock.monotonic() - started),
            date=exchange.headers.get("date"),
            beyond_text=figures.said,
            began=figures.said or figures.said_bytes > 0,
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._way.close()

    async def _converse(self, outgoing: Outgoing, exchange: Exchange, outlet: Outlet) -> ProviderError | None:
        async with self._way.post(outgoing.path, outgoing.body, exchange) as pieces:
            if exchange.status is not None and exchange.status != OK:
                return self._status_error(exchange.status, await _whole(pieces), exchange)
            if exchange.headers.get("content-type", "").startswith(EVENT_STREAM):
                await outlet.stream(_named(_heard(pieces, outgoing.silence_seconds), outlet.figures, exchange))
                await _drain(pieces)
            else:
                await outlet.whole(await _whole(pieces))
                await _name(outlet.figures, exchange)
        return None

    def _status_error(self, status: int, data: bytes, exchange: Exchange) -> ProviderError:
        text = data.decode("utf-8", "replace")
        try:
            fields = as_mapping(parse_json(text))
        except ValueError:
            fields = {}
        said = fields.get("error") or fields or {"message": without_json(status, text)}
        return read_error(
            Shape.STATUS, said, status=status, headers=exchange.headers, now=self._clock.now(), secrets=self._secrets
        )

    def _found_in(self, figures: Figures) -> ProviderError | None:
        if figures.error is not None:
            return read_error(
                Shape.BODY, figures.error, status=None, headers={}, now=self._clock.now(), secrets=self._secrets
            )
        if figures.broken is not None:
            return ProviderError(Shape.READING, None, "broken", figures.broken)
        if not figures.ended:
            return ProviderError(Shape.CONNECTION, None, "cut", "the stream ended before the answer did")
        return None

    def _describe(self, failure: Exception, exchange: Exchange) -> ProviderError:
        if isinstance(failure, TimeoutError) and exchange.wire.sent:
            return ProviderError(Shape.CONNECTION, None, "timeout", "the provider did not answer in time")
        if isinstance(failure, ReplyTooLarge | EventTooLarge):
            return ProviderError(Shape.READING, None, "too_large", str(failure))
        if not exchange.wire.sent:
            said = f"could not connect to the provider: {one_line(why_unreached(failure), self._secrets)}"
            return ProviderError(Shape.CONNECTION, None, "refused", said)
        words = one_line(f"{type(failure).__name__}: {failure}", self._secrets)
        if isinstance(failure, BROKEN):
            return ProviderError(Shape.CONNECTION, None, "cut", f"the connection to the provider broke ({words})")
        return ProviderError(Shape.READING, None, "broken", f"the answer could not be read ({words})")


async def _whole(pieces: AsyncIterator[bytes]) -> bytes:
    return b"".join([piece async for piece in pieces])


async def _heard(pieces: AsyncIterator[bytes], silence_seconds: float) -> AsyncIterator[bytes]:
    """Pass the pieces on; raises TimeoutError where none comes for so long."""
    while True:
        try:
            async with asyncio.timeout(silence_seconds):
                piece = await anext(pieces)
        except StopAsyncIteration:
            return
        yield piece


async def _named(pieces: AsyncIterator[bytes], figures: Figures, exchange: Exchange) -> AsyncIterator[bytes]:
    """Pass the pieces on; where the headers named no generation, commit the id that the answer names."""
    async for piece in pieces:
        yield piece
        await _name(figures, exchange)


async def _name(figures: Figures, exchange: Exchange) -> None:
    if exchange.wire.generation_id is None and figures.id is not None and figures.id.startswith("gen-"):
        await exchange.wire.named(generation_id_of(figures.id))


async def _drain(pieces: AsyncIterator[bytes]) -> None:
    """Read what follows the end of an answer (nothing, normally)."""
    with suppress(*BROKEN, ReplyTooLarge):
        async with asyncio.timeout(DRAIN_SECONDS):
            async for _ in pieces:
                pass
