"""The connection under a call: tells when the first byte left and which headers came, and bounds what is read."""

from __future__ import annotations

import asyncio
import zlib
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx2

from ai.llm.reading import MAX_DOCUMENT_BYTES, ReplyTooLarge

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Mapping

    from ai.llm.calls import Wire

CONNECT_TIMEOUT_SECONDS = 10.0  # no model thinks while a connection is made: longer means that nobody is there
MAX_CONNECTIONS = 100
PACKED = frozenset({"gzip", "x-gzip", "deflate"})
GZIP_OR_ZLIB = 47  # zlib's `wbits` for either header, told apart by itself
MAX_ID_CHARS = 200  # of a generation id; those seen have 40


@dataclass(slots=True)
class Exchange:
    """What the connection itself tells of the call that runs in this task."""

    wire: Wire
    max_bytes: int = MAX_DOCUMENT_BYTES
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    on_leaving: Callable[[], None] | None = None

    def leaves(self) -> None:
        """Note that the first byte of the request itself leaves."""
        self.wire.sent = True
        if self.on_leaving is not None:
            self.on_leaving()

    @property
    def generation_id(self) -> str | None:
        """The id that the answer's headers name, None where they name none."""
        return generation_id_of(self.headers.get("x-generation-id"))


@asynccontextmanager
async def answered_within(seconds: float, exchange: Exchange) -> AsyncIterator[asyncio.Timeout]:
    """Give a call so long in all, and until its first byte leaves CONNECT_TIMEOUT_SECONDS at most.

    A name server, a proxy or a TLS that is silent is nobody. Raises TimeoutError.
    """
    now = asyncio.get_running_loop().time()
    async with asyncio.timeout_at(now + min(seconds, CONNECT_TIMEOUT_SECONDS)) as patience:
        exchange.on_leaving = lambda: patience.reschedule(now + seconds)
        yield patience


EXCHANGE: ContextVar[Exchange | None] = ContextVar("exchange", default=None)


def watch(http: httpx2.AsyncClient) -> None:
    """Have `http` report to the Exchange of the task that uses it."""
    http.event_hooks["request"].append(_trace)
    http.event_hooks["response"].append(_received)


def new_http_client(most: int = MAX_CONNECTIONS) -> httpx2.AsyncClient:
    """Return a client that follows no redirect and leaves the time of a whole call to its caller."""
    return httpx2.AsyncClient(
        timeout=httpx2.Timeout(None, connect=CONNECT_TIMEOUT_SECONDS, pool=CONNECT_TIMEOUT_SECONDS),
        limits=httpx2.Limits(max_connections=most),
        follow_redirects=False,  # a redirected POST would be a second call under one hold
    )


async def _trace(request: httpx2.Request) -> None:
    """Have the transport tell when the first byte leaves."""
    exchange = EXCHANGE.get()
    if exchange is None:
        return

    async def told(event: str, info: Mapping[str, Any]) -> None:
        """Of the request itself: a proxy is asked for a way through before, and that carries none of it."""
        if event.endswith("send_request_headers.started") and getattr(info.get("request"), "method", b"") != b"CONNECT":
            exchange.leaves()

    request.extensions = {**request.extensions, "trace": told}


async def _received(response: httpx2.Response) -> None:
    """Keep status and headers, commit the generation id, and bound what may be read of the body."""
    exchange = EXCHANGE.get()
    if exchange is None:
        return
    assert isinstance(response.stream, httpx2.AsyncByteStream)  # noqa: S101 - an asynchronous client has no other
    headers = dict(response.headers)
    response.headers.pop("content-encoding", None)  # unpacked here, within the bound
    response.stream = _Stream(
        taken_in(exchange, response.status_code, headers, response.stream), response.stream.aclose
    )
    await exchange.wire.named(exchange.generation_id)


def taken_in(
    exchange: Exchange, status: int, headers: Mapping[str, str], body: AsyncIterable[bytes]
) -> AsyncIterator[bytes]:
    """Keep status and headers (by lower-case names), and return the body within its bound."""
    exchange.status, exchange.headers = status, headers
    packed = headers.get("content-encoding", "identity").strip().lower()
    return bounded(body, exchange.max_bytes, unpack=packed in PACKED)


async def bounded(body: AsyncIterable[bytes], max_bytes: int, *, unpack: bool) -> AsyncIterator[bytes]:
    """Yield a body up to the bound; raises ReplyTooLarge beyond it.

    Where a server packs its answer although none was asked for, the bound counts what comes out.
    """
    unpacker, read = zlib.decompressobj(GZIP_OR_ZLIB) if unpack else None, 0
    async for came in body:
        piece = came if unpacker is None else unpacker.decompress(came, max_bytes + 1)
        read += len(piece)
        if read > max_bytes:
            raise ReplyTooLarge(max_bytes)
        yield piece


class _Stream(httpx2.AsyncByteStream):
    """A response's bytes as the HTTP library takes them; SDK and library read error bodies whole, so bound they are."""

    def __init__(self, body: AsyncIterator[bytes], close: Callable[[], Awaitable[None]]) -> None:
        self._body = body
        self._close = close

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._body

    async def aclose(self) -> None:
        await self._close()


def generation_id_of(value: str | None) -> str | None:
    """An id that may stand in a URL and in the books; anything else is none."""
    plain = value is not None and len(value) <= MAX_ID_CHARS and value.isascii() and value.isprintable()
    return value if plain and value and " " not in value else None
