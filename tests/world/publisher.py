"""A server of the world outside: weather, feeds and pages as untidy as they come, and a record of what was asked."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

from tests.world.threaded import Quiet, ThreadedServer

Answer = tuple[int, dict[str, str], bytes]


@dataclass
class Publisher(ThreadedServer):
    """Answers each path as `pages` says: bytes, or a function of the request's headers; `asked` keeps what came."""

    pages: dict[str, bytes | Callable[[dict[str, str]], Answer]] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def handler(self) -> type[BaseHTTPRequestHandler]:
        world = self

        class Handler(Quiet, BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                headers = {name.lower(): value for name, value in self.headers.items()}
                world.asked.append((self.path, headers))
                page = world.pages.get(self.path.partition("?")[0])
                status, more, body = (
                    (404, {}, b"") if page is None else (200, {}, page) if isinstance(page, bytes) else page(headers)
                )
                try:
                    self.send_response(status)
                    for name, value in more.items():
                        self.send_header(name, value)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)
                except OSError:
                    self.close_connection = True  # whoever asked has heard enough

        return Handler

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        """Return the address of `path`."""
        return f"http://{host}:{self.port}{path}"


def forecast(celsius: float, code: int, wind: float = 8.0) -> bytes:
    """Return what Open-Meteo answers."""
    current = {"time": "2026-11-22T05:00", "temperature_2m": celsius, "weather_code": code, "wind_speed_10m": wind}
    return json.dumps({"latitude": 52.52, "elevation": 38.0, "current": current}).encode()


def rss(*titles: str, more: str = "") -> bytes:
    """Return an RSS feed, newest first."""
    items = "".join(
        f"<item><title><![CDATA[{title}]]></title><guid>{title}</guid><description>&lt;p&gt;About "
        f"{number}&lt;/p&gt;</description></item>"
        for number, title in enumerate(titles)
    )
    return f'<?xml version="1.0"?>{more}<rss version="2.0"><channel><title>T</title>{items}</channel></rss>'.encode()


def redirect(to: str, status: int = 302) -> Callable[[dict[str, str]], Answer]:
    """Return an answer that leads elsewhere."""
    return lambda _headers: (status, {"Location": to}, b"")


def zipped(body: bytes) -> Callable[[dict[str, str]], Answer]:
    """Return an answer in gzip, asked for or not."""
    return lambda _headers: (200, {"Content-Encoding": "gzip"}, gzip.compress(body))


def conditional(body: bytes, etag: str) -> Callable[[dict[str, str]], Answer]:
    """Return an answer that is sent once to whoever keeps its ETag."""

    def answer(headers: dict[str, str]) -> Answer:
        return (304, {"ETag": etag}, b"") if headers.get("if-none-match") == etag else (200, {"ETag": etag}, body)

    return answer
