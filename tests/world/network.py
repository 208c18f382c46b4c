"""What the fake networks have in common: a real server, a fault script, and a record of what was asked."""

from __future__ import annotations

import json
import threading
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from tests.world.wire import Cut, FakeServer, Request, Wire

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong with one posting; `published`: it is there all the same."""

    kind: str
    status: int = 0
    document: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    published: bool = False


def answer(status: int, document: Any = None, *, published: bool = False, **headers: str) -> Fault:
    """Answer with a status, a document and headers (underscores in their names become dashes)."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Fault("answer", status, document, named, None, published)


def cut(*, published: bool) -> Fault:
    """Break the connection before any byte of the answer."""
    return Fault("cut", published=published)


def cut_in_the_body(*, published: bool = True) -> Fault:
    """Break the connection in the middle of a success."""
    return Fault("cut_body", published=published)


def hang(*, published: bool) -> Fault:
    """Say nothing more until the client goes."""
    return Fault("hang", published=published)


def hints_first() -> Fault:
    """Answer 103 Early Hints before the answer itself, as RFC 9110 allows."""
    return Fault("hints", published=True)


def garbled(body: bytes, status: int = 200) -> Fault:
    """Answer with a body that is not what the network sends, having published."""
    return Fault("answer", status, body=body, published=True)


@dataclass(slots=True)
class FakeNetwork(FakeServer):
    """A server of one network; start with `with`. Subclasses say what is answered where nothing goes wrong."""

    requests: list[Request] = field(default_factory=list)
    faults: deque[Fault | None] = field(default_factory=deque)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def then(self, *faults: Fault | None) -> Self:
        """Script the next postings: None goes well."""
        self.faults.extend(faults)
        return self

    def reply(self, request: Request) -> tuple[int, Any]:
        """Return status and document where nothing goes wrong."""
        raise NotImplementedError

    def posts(self, request: Request) -> bool:
        """Say whether a request is a posting: the script is for those."""
        raise NotImplementedError

    async def _handle(self, request: Request, wire: Wire) -> None:
        with self._lock:
            self.requests.append(request)
            fault = self.faults.popleft() if self.posts(request) and self.faults else None
            found = self.reply(request) if fault is None or fault.published else (0, None)
        if fault is None:
            await _json(wire, *found)
        elif fault.kind == "hints":
            await wire.raw(b"HTTP/1.1 103 Early Hints\r\nLink: </card.css>; rel=preload\r\n\r\n")
            await _json(wire, *found)
        elif fault.kind == "cut_body":
            await wire.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\n" + b'{"id": "19')
            raise Cut
        elif fault.kind == "cut":
            raise Cut
        elif fault.kind == "hang":
            await wire.client_gone()
            raise Cut
        else:
            await _json(wire, fault.status, fault.document, fault.headers, fault.body)


async def _json(
    wire: Wire, status: int, document: Any, headers: Mapping[str, str] | None = None, body: bytes | None = None
) -> None:
    sent = body if body is not None else json.dumps(document, ensure_ascii=False).encode()
    named = {"Content-Type": "application/json; charset=utf-8", "Content-Length": str(len(sent))}
    await wire.head(status, named | dict(headers or {}))
    await wire.write(sent)
