"""A proxy for tests that shows nobody through: it answers CONNECT with what it is told to, or breaks behind it."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.world.wire import Cut, FakeServer, Request, Wire

OPEN = 200
SILENT = 0
NO_TLS = b"HTTP/1.1 400 Bad Request\r\n\r\nthis is no TLS\r\n"


@dataclass(slots=True)
class FakeProxy(FakeServer):
    """Answers CONNECT with `status`, 0: never; 200 opens a way to nobody, on which the first bytes are no TLS."""

    status: int = 407
    asked: list[Request] = field(default_factory=list)

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
