"""A model hub on loopback: real HTTP with Range requests, and faults that a test asks for."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

HELD_SECONDS = 120.0  # only a bound: a test that forgets to release ends


@dataclass
class Hub:
    """Serves `files` by path. `cuts`: bytes after which the coming answers break off; `status`: answered instead."""

    files: Mapping[str, bytes]
    cuts: list[int] = field(default_factory=list)
    status: int | None = None
    ranges: bool = True
    held: set[str] = field(default_factory=set)  # paths of which half is sent, and the rest once `release` was called
    asked: list[tuple[str, str | None]] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.released = threading.Event()
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()
        return self

    def release(self) -> None:
        """Send the rest of what is held."""
        self.released.set()

    def __exit__(self, *_: object) -> None:
        self.release()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"


def _handler(hub: Hub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
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

        def log_message(self, *_: object) -> None:
            """Say nothing: a test reads `asked`."""

    return Handler
