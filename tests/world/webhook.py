"""An address that takes alerts: a real HTTP server that answers as it is told and keeps what it was sent."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self


@dataclass(frozen=True)
class Delivery:
    """One POST as it arrived; header names in lower case."""

    headers: dict[str, str]
    body: bytes


@dataclass
class WebhookServer:
    """Answers each POST with the next of `statuses`, then with 204."""

    statuses: list[int] = field(default_factory=list)
    received: list[Delivery] = field(default_factory=list)

    def __enter__(self) -> Self:
        world = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                world.received.append(Delivery({k.lower(): v for k, v in self.headers.items()}, body))
                self.send_response(world.statuses.pop(0) if world.statuses else 204)
                self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        return self

    @property
    def url(self) -> str:
        """Where alerts are to be sent."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/alerts"

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
