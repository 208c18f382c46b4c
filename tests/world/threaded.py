"""A server of Python's own in a thread of its own, which a test opens with `with`."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self


class Quiet:
    """Half a handler, which prints nothing: a test reads what its server kept."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class ThreadedServer(ABC):
    """Answers at `address` while it is open, as the handler says that its subclass makes."""

    @abstractmethod
    def handler(self) -> type[BaseHTTPRequestHandler]:
        """Return what answers a request."""

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self.handler())
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    @property
    def address(self) -> str:
        """Its address, without a path."""
        return f"http://127.0.0.1:{self.port}"
