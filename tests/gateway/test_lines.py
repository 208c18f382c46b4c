"""Whatever a provider's server does to a connection: an answer is read whole or told as broken, never as another's."""

from __future__ import annotations

import asyncio
import gzip
import ssl
from base64 import b64encode
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h11
import pytest

from ai.clock import SystemClock
from ai.gateway.lines import AHEAD_BYTES, Lines
from ai.gateway.opening import upstream
from ai.gateway.ways import BROKEN
from ai.llm.calls import Wire as CallWire
from ai.llm.reading import ReplyTooLarge
from ai.llm.wire import Exchange
from tests.gateway.conftest import Open
from tests.world.proxy import FakeProxy
from tests.world.wire import Cut, Request, Wire, WireServer

CERTIFICATE = Path(__file__).parents[1] / "world" / "localhost.pem"
OK = b"HTTP/1.1 200 OK\r\n"
SAID = b"what was said"
PACKED = gzip.compress(SAID, mtime=0)  # the same for every worker that collects the tests
LONG = OK + b"Content-Length: 13\r\n\r\n" + SAID
BODY = {"model": "acme/small-1", "messages": [{"role": "user", "content": "Say hello"}], "max_tokens": 60}
Handle = Callable[[Request, Wire], Awaitable[None]]


def always(answer: bytes, *, cut: bool = False) -> Handle:
    async def handle(_: Request, wire: Wire) -> None:
        await wire.raw(answer)
        if cut:
            raise Cut

    return handle


@contextmanager
def provided(handle: Handle, **more: Any) -> Iterator[WireServer]:
    server = WireServer(handle, **more).start()
    try:
        yield server
    finally:
        server.stop()


def lines_to(server: WireServer, scheme: str = "http", headers: dict[str, str] | None = None) -> Lines:
    return Lines(f"{scheme}://127.0.0.1:{server.port}/v1", headers or {})


async def ask(lines: Lines, exchange: Exchange | None = None, body: bytes = b"{}") -> bytes:
    async with lines.post("/chat", body, exchange or Exchange(CallWire())) as pieces:
        return b"".join([piece async for piece in pieces])


@pytest.mark.parametrize("answer", [
    LONG,
    OK + b"Transfer-Encoding: chunked\r\n\r\n4\r\nwhat\r\n9;x=1\r\n was said\r\n0\r\n\r\n",
    OK + b"Connection: close\r\nContent-Length: 13\r\n\r\n" + SAID,
    b"HTTP/1.0 200 OK\r\n\r\n" + SAID,
    b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + LONG,
    OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s" % (len(PACKED), PACKED),
])  # fmt: skip
async def test_an_answer_is_read_whole_however_its_end_is_told(answer: bytes) -> None:
    async def handle(_: Request, wire: Wire) -> None:
        await wire.raw(answer)
        if b"1.0" in answer:
            wire._writer.close()

    with provided(handle) as server:
        lines = lines_to(server)
        assert [await ask(lines), await ask(lines)] == [SAID, SAID]
        await lines.close()


@pytest.mark.parametrize("answer", [
    b"", b"HTTP/1.1 200", LONG[:-1], OK + b"Transfer-Encoding: chunked\r\n\r\n4\r\nwh", b"SSH-2.0-OpenSSH_9.9\r\n\r\n",
])  # fmt: skip
async def test_an_answer_that_is_cut_is_told_as_broken_once_it_was_sent(answer: bytes) -> None:
    with provided(always(answer, cut=True)) as server:
        exchange = Exchange(CallWire())
        with pytest.raises(BROKEN):
            await ask(lines_to(server), exchange)
        assert exchange.wire.sent


async def test_what_could_not_leave_was_not_sent() -> None:
    exchange = Exchange(CallWire())
    with provided(always(LONG)) as server:
        with pytest.raises(h11.LocalProtocolError):
            await ask(lines_to(server, headers={"Authorization": "Bearer two\nlines"}), exchange)
        nobody = lines_to(server)
    with pytest.raises(OSError, match="Connect"):
        await ask(nobody, exchange)
    assert not exchange.wire.sent


async def test_a_line_is_kept_for_the_next_request_and_no_longer_than_the_provider_keeps_it() -> None:
    closed = asyncio.Event()
    loop = asyncio.get_running_loop()

    async def handle(request: Request, wire: Wire) -> None:
        await wire.raw(LONG)
        if request.body == b"close":
            wire._writer.close()
            await wire._writer.wait_closed()
            loop.call_soon_threadsafe(closed.set)

    with provided(handle) as server:
        lines = lines_to(server)
        assert [await ask(lines), await ask(lines, body=b"close")] == [SAID, SAID]
        assert server.accepted == 1
        await closed.wait()
        assert await ask(lines) == SAID
        assert server.accepted == 2
        await lines.close()


@pytest.mark.parametrize("more", [b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nother", b"?"])
async def test_what_follows_an_answer_is_nobody_elses_answer(more: bytes) -> None:
    with provided(always(LONG + more)) as server:
        lines = lines_to(server)
        assert [await ask(lines) for _ in range(3)] == [SAID] * 3
        assert server.accepted == 3
        await lines.close()


async def test_an_answer_whose_length_is_told_twice_is_the_last_of_its_line() -> None:
    """Whoever stands between may believe the other length: the rest would be read as the next call's answer."""
    both = OK + b"Transfer-Encoding: chunked\r\nContent-Length: 13\r\n\r\nd\r\n" + SAID + b"\r\n0\r\n\r\n"
    with provided(always(both)) as server:
        lines = lines_to(server)
        assert [await ask(lines), await ask(lines)] == [SAID, SAID]
        assert server.accepted == 2
        await lines.close()


async def test_an_answer_that_was_not_read_to_its_end_ends_its_line() -> None:
    with provided(always(OK + b"Content-Length: 99\r\n\r\n" + SAID)) as server:
        lines = lines_to(server)
        for _ in range(2):
            async with lines.post("/chat", b"{}", Exchange(CallWire())) as pieces:
                assert await anext(pieces) == SAID
        assert server.accepted == 2


async def test_an_answer_beyond_its_bound_is_not_read_on() -> None:
    big = b"x" * (4 * AHEAD_BYTES)
    with provided(always(OK + b"Content-Length: %d\r\n\r\n" % len(big) + big)) as server:
        lines = lines_to(server)
        assert await ask(lines) == big  # much at once, so that the line pauses and goes on
        with pytest.raises(ReplyTooLarge):
            await ask(lines, Exchange(CallWire(), max_bytes=len(big) - 1))
        await lines.close()


async def test_tls_speaks_to_whom_it_trusts_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(CERTIFICATE)
    with provided(always(LONG), tls=context) as server:
        exchange = Exchange(CallWire())
        with pytest.raises(ssl.SSLCertVerificationError):
            await ask(lines_to(server, "https"), exchange)
        assert not exchange.wire.sent
        monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
        lines = lines_to(server, "https")
        assert [await ask(lines), await ask(lines)] == [SAID, SAID]
        await lines.close()


async def test_a_proxy_of_the_network_is_asked_and_what_it_refuses_costs_nothing(
    gateway: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = await gateway.key()
    with FakeProxy(status=407) as proxy:
        monkeypatch.setenv("ALL_PROXY", proxy.base_url)
        through = upstream(gateway.settings, SystemClock())
        assert through is not None
        gateway.alone.gateway.rooms.senders["openrouter"] = through
        failed = await gateway.post("/v1/chat/completions", secret, BODY)
        assert (failed.status_code, len(proxy.asked), len(gateway.provider.calls)) == (407, 1, 0), failed.text
        await gateway.settled()
        statement = await gateway.books.statement()
        assert (statement.held, statement.cost) == (0, 0)


async def test_nobody_waits_behind_a_large_request_that_was_refused_before_it_was_taken() -> None:
    """The next caller's request would have stood behind 16 MB that nobody reads, and have been held for in vain."""
    large = b"a" * 20_000_000

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if str(len(large)).encode() in head:
            writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\n{}")
            await read_on.wait()
        else:
            writer.write(LONG)
        writer.close()

    read_on = asyncio.Event()
    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        lines = Lines(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", {})
        assert await ask(lines, body=large) == b"{}"
        async with asyncio.timeout(10):
            assert await ask(lines) == SAID
        await lines.close()
        read_on.set()


@pytest.mark.parametrize("named", ["me:p%40ss@", ""])
async def test_a_password_in_the_providers_address_signs_the_call_as_it_does_the_minds(named: str) -> None:
    heads: list[dict[str, str]] = []

    async def handle(request: Request, wire: Wire) -> None:
        heads.append(dict(request.headers))
        await wire.raw(LONG)

    with provided(handle) as server:
        lines = Lines(f"http://{named}127.0.0.1:{server.port}/v1", {"Authorization": "Bearer key"})
        assert await ask(lines) == SAID
        await lines.close()
    basic = "Basic " + b64encode(b"me:p@ss").decode()
    assert [heads[0]["authorization"], heads[0]["host"]] == [
        basic if named else "Bearer key",
        f"127.0.0.1:{server.port}",
    ]
