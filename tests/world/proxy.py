"""A proxy for tests that shows nobody through: it answers CONNECT with what it is told to, or breaks behind it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

from tests.world.openrouter_wire import Cut, Request, Wire, WireServer

OPEN = 200
SILENT = 0
NO_TLS = b"HTTP/1.1 400 Bad Request\r\n\r\nthis is no TLS\r\n"


@dataclass(slots=True)
class FakeProxy:
    """Answers CONNECT with `status`, 0: never; 200 opens a way to nobody, on which the first bytes are no TLS."""

    status: int = 407
    asked: list[Request] = field(default_factory=list)
    _server: WireServer | None = None

    def __enter__(self) -> Self:
        self._server = WireServer(self._handle).start()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.stop()

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.port}"

    async def _handle(self, request: Request, wire: Wire) -> None:
        self.asked.append(request)
        if self.status == SILENT:
            await wire.client_gone()
            raise Cut
        if self.status == OPEN:
            await wire.head(OPEN, {})
            await wire.raw(NO_TLS)
            raise Cut
        await wire.head(self.status, {"Proxy-Authenticate": "Basic", "Content-Length": "0"})
