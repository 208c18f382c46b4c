"""The worst that strangers may ask of the Observer, from loopback and for a bounded time."""

import argparse
import asyncio
import contextlib
import sys

GREEDY = 32  # connections that ask for as much as is allowed, again and again
STREAMS = 400  # of which every second is never read
SILENT = 1100  # sockets that connect and say nothing
HOST = "127.0.0.1"


async def ask_for_ever(port: int) -> None:
    """Ask for a thousand events over one connection, and again as soon as they came."""
    request = f"GET /api/events?limit=1000 HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()
    while True:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, ValueError):
            reader, writer = await asyncio.open_connection(HOST, port)
            try:
                while True:
                    writer.write(request)
                    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
                    length = int(head.split("content-length: ", 1)[1].split("\r\n", 1)[0])
                    await reader.readexactly(length)
                    if "connection: close" in head:
                        break
            finally:
                writer.close()
        await asyncio.sleep(0.01)


async def follow(port: int, *, read: bool) -> None:
    """Open a stream from its first event on, and read it or not; come back when let go."""
    while True:
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_connection(HOST, port, limit=1024)
            writer.write(f"GET /live?show=all&after=0 HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
            try:
                if not read:
                    await asyncio.sleep(60)
                while await reader.read(65_536):
                    pass
            finally:
                writer.close()
        await asyncio.sleep(1)


async def sit(port: int) -> None:
    """Connect and say nothing; come back when let go."""
    while True:
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_connection(HOST, port)
            try:
                await reader.read(1)
            finally:
                writer.close()
        await asyncio.sleep(0.5)


async def strain(kind: str, port: int, seconds: float) -> None:
    """Put one kind of load, or all of them, on the server at `port`."""
    tasks: list[asyncio.Task[None]] = []
    if kind in {"events", "all"}:
        tasks += [asyncio.create_task(ask_for_ever(port)) for _ in range(GREEDY)]
    if kind in {"streams", "all"}:
        tasks += [asyncio.create_task(follow(port, read=number % 2 == 0)) for number in range(STREAMS)]
    if kind in {"silent", "all"}:
        tasks += [asyncio.create_task(sit(port)) for _ in range(SILENT)]
    await asyncio.sleep(seconds)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def main() -> None:
    """Strain, as benchmarks.observer asks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=("events", "streams", "silent", "all"))
    parser.add_argument("port", type=int)
    parser.add_argument("seconds", type=float)
    options = parser.parse_args()
    asyncio.run(strain(options.kind, options.port, options.seconds))
    sys.exit(0)


if __name__ == "__main__":
    main()
