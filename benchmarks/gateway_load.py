"""Callers that cost as little as can be: raw HTTP/1.1 over kept connections, so that the door is measured, not they."""

import asyncio
import json
import math
import re
import statistics
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from benchmarks.gateway_provider import FAST

OK = 200
SENT = re.compile(rb'"content": ?"(\d+) "')  # the first word of the provider's streams
PATIENCE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: seconds until its end; of a stream, until its first word came, and since the provider sent that."""

    status: int
    whole: float
    first: float = 0.0
    behind: float = 0.0
    body: bytes = b""  # where it did not come in chunks


def request(url: str, headers: Mapping[str, str], body: Mapping[str, object]) -> bytes:
    """Return a POST as bytes."""
    parts, data = urlsplit(url), json.dumps(body).encode()
    told = {"host": parts.netloc, "content-type": "application/json", "content-length": str(len(data)), **headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in told.items())
    return f"POST {parts.path} HTTP/1.1\r\n{head}\r\n".encode() + data


def call_body(model: str = FAST, *, stream: bool = False) -> dict[str, object]:
    """Return what every caller asks."""
    body: dict[str, object] = {
        "model": model,
        "max_tokens": 60,
        "messages": [{"role": "user", "content": "Say hello from the town."}],
    }
    return {**body, "stream": True} if stream else body


class Line:
    """One connection, opened again where the other side closed it."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None
        self._host, self._port = parts.hostname, parts.port or 80
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def ask(self, data: bytes) -> Answer:
        """Send a request and read its answer. Raises OSError, EOFError."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            if self._reader is None or self._writer is None:
                self._reader, self._writer = await asyncio.open_connection(self._host, self._port)
            began = time.perf_counter()
            self._writer.write(data)
            head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
            status = int(head[9:12])
            if b"transfer-encoding: chunked" in head:
                first, sent = await self._chunks(self._reader)
                answer = Answer(status, time.perf_counter() - began, first - began, first - sent)
            else:
                length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
                body = await self._reader.readexactly(length)
                answer = Answer(status, time.perf_counter() - began, body=body)
            if b"connection: close" in head:
                self.close()
            return answer

    @staticmethod
    async def _chunks(reader: asyncio.StreamReader) -> tuple[float, float]:
        """Read a body in chunks; return when its first word came, and when the provider says it was sent."""
        first = sent = float("nan")
        while length := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
            chunk = await reader.readexactly(length + 2)
            if math.isnan(sent) and (found := SENT.search(chunk)):
                first, sent = time.perf_counter(), int(found[1]) / 10**9
        await reader.readuntil(b"\r\n")
        return first, sent

    def close(self) -> None:
        """Close the connection."""
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None


@dataclass(slots=True)
class Load:
    """What callers met: statuses, and seconds of each good answer."""

    seconds: float = 0.0
    statuses: Counter[int] = field(default_factory=Counter)
    firsts: list[float] = field(default_factory=list)
    behinds: list[float] = field(default_factory=list)
    wholes: list[float] = field(default_factory=list)

    @property
    def per_second(self) -> float:
        """Good answers a second."""
        return self.statuses[OK] / self.seconds if self.seconds else 0.0

    @property
    def median(self) -> float:
        """Half of the good answers took no longer, in seconds; without any, nan."""
        return statistics.median(self.wholes) if self.wholes else float("nan")

    @property
    def median_first(self) -> float:
        """As `median`, to the first word of a stream."""
        return statistics.median(self.firsts) if self.firsts else float("nan")

    @property
    def median_behind(self) -> float:
        """As `median`, from when the provider sent the first word of a stream to when it came."""
        return statistics.median(self.behinds) if self.behinds else float("nan")


async def load(  # noqa: PLR0913 - what a load is
    url: str,
    data: bytes,
    callers: int,
    seconds: float = float("inf"),
    *,
    each: int = 10**9,
    pause: float = 0.0,
    into: Load | None = None,
) -> Load:
    """Let `callers` ask again and again, for so long or so many times each; `pause` after an answer that is none.

    `into` grows meanwhile, for whoever looks on.
    """
    found, began = into or Load(), time.perf_counter()

    async def calling() -> None:
        line = Line(url)
        for _ in range(each):
            if time.perf_counter() - began >= seconds:
                break
            try:
                answer = await line.ask(data)
            except (OSError, EOFError, TimeoutError):
                found.statuses[0] += 1
                line.close()
                continue
            found.statuses[answer.status] += 1
            if answer.status == OK:
                found.firsts.append(answer.first)
                found.behinds.append(answer.behind)
                found.wholes.append(answer.whole)
            elif pause:
                await asyncio.sleep(pause)
        line.close()

    await asyncio.gather(*(calling() for _ in range(callers)))
    found.seconds = time.perf_counter() - began
    return found
