"""A provider that answers as fast as a process can, and counts what it bills: `python -m benchmarks.gateway_provider`.

It prints its port and answers until its standard input ends. Models whose name holds `slow` take 0.2 s, so that calls
are under way together. The first word of a stream is the nanosecond at which it was sent, by the machine's monotonic
clock. `GET /bills` tells calls and nano-dollars.
"""

import asyncio
import itertools
import json
import sys
import time
from email.utils import formatdate

from tests.world.openrouter_books import model_entry

PROMPT, COMPLETION = 20, 30  # tokens of every answer
FAST, DEAR = "openai/gpt-4o-mini", "acme/slow-1"
PRICES = {FAST: ("0.00000015", "0.0000006"), DEAR: ("0.00001", "0.00005")}  # dollars a token
COSTS = {FAST: 21_000, DEAR: 1_700_000}  # nano-dollars a call
SLOW_SECONDS = 0.2
LISTING = {"data": [model_entry(name, *prices) for name, prices in PRICES.items()]}
WORDS = " hello from the town"


class Provider(asyncio.Protocol):
    """One connection: requests with a Content-Length, answered in their order."""

    calls = 0
    nanos = 0
    numbers = itertools.count(1)

    def __init__(self) -> None:
        self._seen = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep where answers go."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer every request that is whole."""
        self._seen += data
        while (end := self._seen.find(b"\r\n\r\n")) >= 0:
            head = self._seen[:end]
            length = 0
            for line in head.split(b"\r\n")[1:]:
                if line[:15].lower() == b"content-length:":
                    length = int(line[15:])
            if len(self._seen) < end + 4 + length:
                return
            body, self._seen = self._seen[end + 4 : end + 4 + length], self._seen[end + 4 + length :]
            self._answer(head.split(b" ", 2)[1].decode(), body)

    def _answer(self, path: str, body: bytes) -> None:
        if body:
            asked = json.loads(body)
            name = DEAR if "slow" in asked["model"] else FAST
            if name == DEAR:
                asyncio.get_running_loop().call_later(SLOW_SECONDS, self._call, asked, name)
            else:
                self._call(asked, name)
        elif path.endswith("/models"):
            self._send(json.dumps(LISTING).encode())
        elif path.endswith("/bills"):
            self._send(json.dumps({"calls": Provider.calls, "nanos": Provider.nanos}).encode())
        else:
            self._send(b'{"data":{"label":"benchmark","usage":0,"limit":null,"is_free_tier":false}}')

    def _call(self, asked: dict[str, object], name: str) -> None:
        Provider.calls += 1
        Provider.nanos += COSTS[name]
        call = f"gen-{next(Provider.numbers)}"
        usage = {
            "prompt_tokens": PROMPT, "completion_tokens": COMPLETION, "total_tokens": PROMPT + COMPLETION,
            "cost": COSTS[name] / 10**9,
        }  # fmt: skip
        shared = {"id": call, "created": 1_780_000_000, "model": name}
        if not asked.get("stream"):
            message = {"role": "assistant", "content": WORDS}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            whole = {**shared, "object": "chat.completion", "choices": [choice], "usage": usage}
            self._send(json.dumps(whole).encode(), call)
            return
        chunks: list[dict[str, object]] = [
            {"index": 0, "delta": {"role": "assistant", "content": word}, "finish_reason": None}
            for word in [f"{time.perf_counter_ns()} ", *WORDS.split()]
        ]
        chunks.append({"index": 0, "delta": {}, "finish_reason": "stop"})
        lines = [{**shared, "object": "chat.completion.chunk", "choices": [chunk]} for chunk in chunks]
        lines.append({**shared, "object": "chat.completion.chunk", "choices": [], "usage": usage})
        head = self._head("text/event-stream", call) + "transfer-encoding: chunked\r\n\r\n"
        told = [f"data: {json.dumps(line)}\n\n".encode() for line in lines] + [b"data: [DONE]\n\n"]
        self._transport.write(head.encode() + b"".join(b"%x\r\n%s\r\n" % (len(one), one) for one in told))
        self._transport.write(b"0\r\n\r\n")

    def _send(self, data: bytes, call: str = "") -> None:
        head = self._head("application/json", call) + f"content-length: {len(data)}\r\n\r\n"
        self._transport.write(head.encode() + data)

    def _head(self, kind: str, call: str) -> str:
        named = f"x-generation-id: {call}\r\n" if call else ""
        return f"HTTP/1.1 200 OK\r\ndate: {formatdate(usegmt=True)}\r\ncontent-type: {kind}\r\n{named}"


async def main() -> None:
    """Serve until standard input ends."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Provider, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(main())
