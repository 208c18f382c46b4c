"""A model hub on loopback: real HTTP with Range requests, and faults that a test asks for."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

from tests.world.threaded import Quiet, ThreadedServer

HELD_SECONDS = 120.0  # only a bound: a test that forgets to release ends


@dataclass
class Hub(ThreadedServer):
    """Serves `files` by path. `cuts`: bytes after which the coming answers break off; `status`: answered instead."""

    files: Mapping[str, bytes]
    cuts: list[int] = field(default_factory=list)
    status: int | None = None
    ranges: bool = True
    held: set[str] = field(default_factory=set)  # paths of which half is sent, and the rest once `release` was called
    asked: list[tuple[str, str | None]] = field(default_factory=list)

    def handler(self) -> type[BaseHTTPRequestHandler]:
        self.released = threading.Event()
        return _handler(self)

    def release(self) -> None:
        """Send the rest of what is held."""
        self.released.set()

    def __exit__(self, *_: object) -> None:
        self.release()
        super().__exit__()

    @property
    def url(self) -> str:
        """Its address."""
        return self.address


def _handler(hub: Hub) -> type[BaseHTTPRequestHandler]:
    class Handler(Quiet, BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path, wanted = self.path.lstrip("/"), self.headers.get("Range")
            hub.asked.append((path, wanted))
            if hub.status is not None or path not in hub.files:
                self.send_error(hub.status or 404)
                return
            data = hub.files[path]
            start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and hub.ranges else 0
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(data) - start))
            self.end_headers()
            cut = hub.cuts.pop(0) if hub.cuts else None
            if path in hub.held:
                middle = (start + len(data)) // 2
                self.wfile.write(data[start:middle])
                hub.released.wait(HELD_SECONDS)
                start = middle
            self.wfile.write(data[start:] if cut is None else data[start : start + cut])
            if cut is not None:
                self.close_connection = True

    return Handler
