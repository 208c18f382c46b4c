"""Lines to a provider that cost a call little: HTTP/1.1, read by h11, straight on asyncio's transports."""

from __future__ import annotations

import asyncio
import select
import ssl
from base64 import b64encode
from collections import deque
from contextlib import asynccontextmanager
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, quote, unquote, urlsplit

import h11

from ai.connection import LENGTHS
from ai.llm.wire import CONNECT_TIMEOUT_SECONDS, taken_in

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from ai.llm.wire import Exchange

MOST_LINES = 1024  # open at once: as many as there may be calls
KEPT_LINES = 128  # idle ones, so that a call need not make its own
KEPT_SECONDS = 5.0  # what is idle for longer may have died on the way unnoticed
NEXT_ADDRESS_SECONDS = 0.25  # until a host's next address is tried as well (RFC 8305)
NAMING_SECONDS = 0.02  # from an answer's head until its id is committed; whole by then, it is booked with it
HEAD_BYTES = 100 * 1024  # of an answer; those seen have two thousand
AHEAD_BYTES = 256 * 1024  # that came and were not read yet; then the provider waits
OK = 200
TAKEN_BYTES = 16 * 1024  # of a request that are with the kernel at once; what TLS has taken shows in no buffer of ours
UNRESERVED = "/%:@!$&'()*+,;=~"  # of a path, that stays as it is


class Lines:
    """Lines to the address `url`, kept for the next call; each carries one request at a time."""

    def __init__(self, url: str, headers: Mapping[str, str]) -> None:
        self._url = url
        self._headers = [*headers.items()]
        self._idle: deque[tuple[Line, float]] = deque()
        self._open = 0

    @asynccontextmanager
    async def post(self, path: str, body: bytes, exchange: Exchange) -> AsyncIterator[AsyncIterator[bytes]]:
        """Send a request, and give its answer's body as it comes; status and headers stand in `exchange` then.

        Raises OSError and h11's ProtocolError; before `exchange.wire.sent` is set nothing has left.
        """
        line = await self._take()
        try:
            headers = [*self._host_and_more, ("Content-Length", str(len(body)))]
            target = quote(self._address.path + path, safe=UNRESERVED)
            answer = await line.ask(h11.Request(method="POST", target=target, headers=headers), body, exchange)
            pieces = taken_in(exchange, answer.status_code, _told(answer), line.pieces())
            async with _named_soon(exchange):
                yield pieces
        finally:
            self._give_back(line)

    async def close(self) -> None:
        """Close the lines that are idle."""
        while self._idle:
            self._idle.popleft()[0].close()

    @cached_property
    def _address(self) -> SplitResult:
        return urlsplit(self._url)

    @cached_property
    def _host_and_more(self) -> list[tuple[str, str]]:
        host = self._address.netloc.rpartition("@")[2].encode("idna").decode()
        headers = [("Host", host), ("Accept", "*/*"), *self._headers]
        name, password = self._address.username, self._address.password
        if name is None and password is None:
            return headers
        signed = b64encode(f"{unquote(name or '')}:{unquote(password or '')}".encode()).decode()
        return [*(one for one in headers if one[0] != "Authorization"), ("Authorization", f"Basic {signed}")]

    @cached_property
    def _tls(self) -> ssl.SSLContext | None:
        if self._address.scheme != "https":
            return None
        from httpx2 import create_ssl_context  # noqa: PLC0415 - which authorities are trusted is the mind's rule too

        return create_ssl_context()

    async def _take(self) -> Line:
        """Return a line that nothing is known against: the one used last, else a new one."""
        now = asyncio.get_running_loop().time()
        while self._idle and now - self._idle[0][1] > KEPT_SECONDS:
            self._idle.popleft()[0].close()
        while self._idle:
            line = self._idle.pop()[0]
            if line.quiet:
                return line
            line.close()
        if self._open >= MOST_LINES:
            raise ConnectionError(f"{MOST_LINES} calls are under way already")
        address = self._address
        async with asyncio.timeout(CONNECT_TIMEOUT_SECONDS):
            _, made = await asyncio.get_running_loop().create_connection(
                lambda: Line(self),
                address.hostname or "",
                address.port or (80 if self._tls is None else 443),
                ssl=self._tls,
                happy_eyeballs_delay=NEXT_ADDRESS_SECONDS,
            )
        return made

    def _give_back(self, line: Line) -> None:
        if len(self._idle) < KEPT_LINES and line.again():
            self._idle.append((line, asyncio.get_running_loop().time()))
        else:
            line.close()

    def opened(self) -> None:
        """Count a line that was made."""
        self._open += 1

    def closed(self) -> None:
        """Count off a line that is no more."""
        self._open -= 1


@asynccontextmanager
async def _named_soon(exchange: Exchange) -> AsyncIterator[None]:
    """Commit the generation's id behind an answer's first words; one that is whole at once is booked with its id."""
    exchange.wire.generation_id = exchange.generation_id
    naming: list[asyncio.Task[None]] = []
    later = asyncio.get_running_loop().call_later(
        NAMING_SECONDS, lambda: naming.append(asyncio.ensure_future(_named(exchange)))
    )
    try:
        yield
    finally:
        later.cancel()
        if naming:
            await asyncio.wait(naming)


async def _named(exchange: Exchange) -> None:
    await exchange.wire.named(exchange.wire.generation_id)


class Line(asyncio.Protocol):
    """One connection. Cancelled in the middle of an answer, it cannot be used again, and is closed."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEAD_BYTES)
        self._ahead = 0
        self._news: asyncio.Future[None] | None = None
        self._lost: Exception | None = None
        # An answer behind which no other is asked for: its length is told twice, or it is a refusal, given perhaps
        # before a large request was taken whole, and the next request would wait behind the rest.
        self._last = False

    async def ask(self, request: h11.Request, body: bytes, exchange: Exchange) -> h11.Response:
        """Send a request whole, and return the head of its answer."""
        data = self._http.send(request), self._http.send(h11.Data(body)), self._http.send(h11.EndOfMessage())
        exchange.leaves()
        self._transport.write(b"".join(part for part in data if part))
        while True:
            event = await self._event()
            if isinstance(event, h11.Response):
                told_twice = {name for name, _ in event.headers} >= LENGTHS  # RFC 9112, 6.3
                self._last = told_twice or (event.status_code != OK and len(body) > TAKEN_BYTES)
                return event

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield the body of the answer as it comes."""
        while isinstance(event := await self._event(), h11.Data):
            yield bytes(event.data)

    @property
    def quiet(self) -> bool:
        """Whether the other side has neither closed the line nor said anything on it since it was kept."""
        if self._transport.is_closing() or self._http.trailing_data[0]:
            return False
        waiting = select.poll()
        waiting.register(self._transport.get_extra_info("socket"), select.POLLIN)
        return not waiting.poll(0)

    def again(self) -> bool:
        """Make ready for another request; False where the answer was not read to its end, or is the last one."""
        ended = (self._http.our_state, self._http.their_state) == (h11.DONE, h11.DONE)
        if self._last or not ended or self._transport.is_closing():
            return False
        self._http.start_next_cycle()
        return True

    def close(self) -> None:
        """Close at once: whatever may still come is nobody's."""
        self._transport.abort()

    # --- what asyncio calls ------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep where requests go."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - asyncio's signature is wider than what it hands in
        self._transport = transport
        self._lines.opened()

    def data_received(self, data: bytes) -> None:
        """Take in what came."""
        self._http.receive_data(data)
        self._ahead += len(data)
        if self._ahead > AHEAD_BYTES:
            self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> None:
        """The other side says no more: that is the end of an answer without a length."""
        self._http.receive_data(b"")
        self._wake()

    def connection_lost(self, problem: Exception | None) -> None:
        """Nothing comes any more."""
        self._lost = problem or ConnectionResetError("the connection was closed")
        self._lines.closed()
        self._wake()

    def _wake(self) -> None:
        if self._news is not None and not self._news.done():
            self._news.set_result(None)

    async def _event(self) -> object:
        """Return the next part of the answer. Raises h11's RemoteProtocolError, or what the connection broke with."""
        while (event := self._http.next_event()) is h11.NEED_DATA:
            if self._lost is not None:
                raise self._lost
            if self._ahead > AHEAD_BYTES:
                self._transport.resume_reading()
            self._ahead = 0
            self._news = asyncio.get_running_loop().create_future()
            await self._news
        return event


def _told(answer: h11.Response) -> dict[str, str]:
    """Return an answer's headers by lower-case names; one that came twice is one list, as HTTP reads it."""
    headers: dict[str, str] = {}
    for name, value in answer.headers:
        known, text = name.decode("ascii"), value.decode("latin-1")
        headers[known] = f"{headers[known]}, {text}" if known in headers else text
    return headers
