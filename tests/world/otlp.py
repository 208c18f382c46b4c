"""A collector of OpenTelemetry's traces: takes OTLP's JSON over HTTP, refuses what no collector could read."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.world.threaded import Quiet, ThreadedServer


@dataclass
class Collector(ThreadedServer):
    """Keeps spans as mappings (`attributes` flattened), and each sending's headers; `status` is what it answers."""

    status: int = 200
    spans: list[dict[str, Any]] = field(default_factory=list)
    services: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def handler(self) -> type[BaseHTTPRequestHandler]:
        world = self

        class Handler(Quiet, BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                world.headers.append({k.lower(): v for k, v in self.headers.items()})
                if self.path != "/v1/traces" or self.headers["Content-Type"] != "application/json":
                    world.problems.append(f"{self.path} {self.headers['Content-Type']}")
                elif world.status == 200:
                    world._take(json.loads(body))
                self.send_response(world.status)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

        return Handler

    def _take(self, document: dict[str, Any]) -> None:
        for resource in document["resourceSpans"]:
            self.services.append(_flat(resource["resource"]["attributes"])["service.name"])
            for span in (span for scope in resource["scopeSpans"] for span in scope["spans"]):
                for name, length in (("traceId", 32), ("spanId", 16)):
                    if re.fullmatch(rf"[0-9a-f]{{{length}}}", span[name]) is None:
                        self.problems.append(f"{name} {span[name]}")
                if not 0 < int(span["startTimeUnixNano"]) <= int(span["endTimeUnixNano"]):
                    self.problems.append("times")
                self.spans.append({**span, "attributes": _flat(span["attributes"])})

    @property
    def url(self) -> str:
        """What `OTEL_EXPORTER_OTLP_ENDPOINT` is to be."""
        return self.address


def _flat(attributes: list[dict[str, Any]]) -> dict[str, Any]:
    return {one["key"]: _plain(one["value"]) for one in attributes}


def _plain(value: dict[str, Any]) -> Any:
    ((kind, content),) = value.items()
    if kind == "arrayValue":
        return [_plain(one) for one in content["values"]]
    return {"intValue": int, "doubleValue": float, "stringValue": str}[kind](content)
