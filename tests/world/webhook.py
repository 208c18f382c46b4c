"""An address that takes alerts: a real HTTP server that answers as it is told and keeps what it was sent."""

from __future__ import annotations

from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

from tests.world.threaded import Quiet, ThreadedServer


@dataclass(frozen=True)
class Delivery:
    """One POST as it arrived; header names in lower case."""

    headers: dict[str, str]
    body: bytes


@dataclass
class WebhookServer(ThreadedServer):
    """Answers each POST with the next of `statuses`, then with 204."""

    statuses: list[int] = field(default_factory=list)
    received: list[Delivery] = field(default_factory=list)

    def handler(self) -> type[BaseHTTPRequestHandler]:
        world = self

        class Handler(Quiet, BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                world.received.append(Delivery({k.lower(): v for k, v in self.headers.items()}, body))
                self.send_response(world.statuses.pop(0) if world.statuses else 204)
                self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

        return Handler

    @property
    def url(self) -> str:
        """Where alerts are to be sent."""
        return f"{self.address}/alerts"
