"""A small real HTTP/1.1 server in a thread, whose handler holds the socket and may cut, hang or lie."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import threading
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qsl, urlsplit

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable, Mapping

MAX_HEAD_BYTES = 64 * 1024
MAX_BODY_BYTES = 32 * 1024 * 1024
START_TIMEOUT_SECONDS = 10.0

REASONS = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 402: "Payment Required", 404: "Not Found"}


class Cut(Exception):
    """The server closes the connection now, without another byte."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it came in; `json` is its parsed body, or None."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    json: Any


class Wire:
    """One open connection: what a handler writes goes out at once and as it is."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.chunked = False

    async def raw(self, data: bytes) -> None:
        """Send bytes as they are; raises ConnectionError when the client has gone."""
        self._writer.write(data)
        await self._writer.drain()

    async def head(self, status: int, headers: Mapping[str, str]) -> None:
        """Send the status line and the headers; `Transfer-Encoding: chunked` makes `write` chunk."""
        self.chunked = headers.get("Transfer-Encoding") == "chunked"
        lines = [f"HTTP/1.1 {status} {REASONS.get(status, 'Status')}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        await self.raw("\r\n".join([*lines, "", ""]).encode("latin-1"))

    async def write(self, data: bytes) -> None:
        """Send a piece of the body."""
        if data:
            await self.raw(b"%x\r\n%s\r\n" % (len(data), data) if self.chunked else data)

    async def end(self) -> None:
        """End a chunked body."""
        if self.chunked:
            await self.raw(b"0\r\n\r\n")

    async def client_gone(self) -> None:
        """Wait until the client closes the connection."""
        with contextlib.suppress(ConnectionError):
            while await self._reader.read(4096):
                pass


class WireServer:
    """`handle(request, wire)` for every request, on a loopback port, in a thread of its own; over TLS with `tls`."""

    def __init__(
        self, handle: Callable[[Request, Wire], Awaitable[None]], *, port: int = 0, tls: ssl.SSLContext | None = None
    ) -> None:
        self._handle = handle
        self._tls = tls
        self._wanted_port = port
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self.port = 0
        self.accepted = 0  # connections in all
        self.failure: BaseException | None = None

    def start(self) -> Self:
        """Listen; returns when the port answers."""
        self._thread.start()
        if not self._ready.wait(START_TIMEOUT_SECONDS) or self.failure is not None:
            raise RuntimeError(f"the test server did not start: {self.failure}")
        return self

    def stop(self) -> None:
        """Close every connection and end the thread."""
        if self._loop is not None and self._stopping is not None and self._thread.is_alive():
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join(START_TIMEOUT_SECONDS)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        try:
            server = await asyncio.start_server(self._connected, "127.0.0.1", self._wanted_port, ssl=self._tls)
        except OSError as error:
            self.failure = error
            self._ready.set()
            return
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stopping.wait()
        server.close()
        for task in list(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        self.accepted += 1
        try:
            while (request := await _read_request(reader)) is not None:
                await self._handle(request, Wire(reader, writer))
        except (Cut, ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            writer.transport.abort()
        except asyncio.CancelledError:
            writer.transport.abort()
        finally:
            self._connections.discard(task)
            writer.close()


@dataclass(slots=True, kw_only=True)
class FakeServer:
    """What stands behind a loopback address for tests; it answers with `with` or between `start` and `stop`.

    A port that it had once is its own at the next start too; 0 is any free one. Subclasses answer in `_handle`.
    """

    port: int = 0
    _server: WireServer | None = None

    def start(self) -> Self:
        """Listen."""
        self._server = WireServer(self._handle, port=self.port).start()
        self.port = self._server.port
        return self

    def stop(self) -> None:
        """Close every connection; the port is free again and may be taken by the next `start`."""
        if self._server is not None:
            self._server.stop()
            self._server = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def base_url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    async def _handle(self, request: Request, wire: Wire) -> None:
        raise NotImplementedError


async def _read_request(reader: asyncio.StreamReader) -> Request | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ", 2)
    headers = {
        name.strip().lower(): value.strip() for name, value in (line.split(":", 1) for line in lines if ":" in line)
    }
    body = await reader.readexactly(min(int(headers.get("content-length", "0")), MAX_BODY_BYTES))
    parts = urlsplit(target)
    try:
        document = json.loads(body) if body else None
    except ValueError:
        document = None
    return Request(method, parts.path, dict(parse_qsl(parts.query)), headers, body, document)


def dumps(document: object) -> bytes:
    """JSON with every Decimal as a number of exactly its own digits."""
    text = json.dumps(document, default=lambda value: f"@decimal:{Decimal(value):f}@")
    return re.sub(r'"@decimal:([^"]*)@"', r"\1", text).encode()
