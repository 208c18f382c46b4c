"""The worst that strangers may ask of the Observer, for a bounded time; then it prints how much they were answered.

They come from ADDRESSES addresses of loopback (127.1.0.0/24), so that each counts as a visitor of its own.
"""

import argparse
import asyncio
import contextlib
import sys

ADDRESSES = 32
GREEDY = 32  # connections that ask for as much as is allowed, again and again
STREAMS = 400  # of which every second is never read
SILENT = 1100  # sockets that connect and say nothing
HOST = "127.0.0.1"


def stranger(number: int) -> tuple[str, int]:
    """Return the address that connection `number` comes from."""
    return f"127.1.0.{1 + number % ADDRESSES}", 0


async def ask_for_ever(port: int, number: int, answered: list[int]) -> None:
    """Ask for a thousand events over one connection, and for others as soon as they came."""
    while True:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, ValueError):
            reader, writer = await asyncio.open_connection(HOST, port, local_addr=stranger(number))
            try:
                while True:
                    after = (97 * number + 31 * answered[0]) % 1000  # no two ask for the same
                    request = f"GET /api/events?limit=1000&after={after} HTTP/1.1\r\nHost: {HOST}\r\n\r\n"
                    writer.write(request.encode())
                    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
                    length = int(head.split("content-length: ", 1)[1].split("\r\n", 1)[0])
                    await reader.readexactly(length)
                    answered[0] += 1
                    if "connection: close" in head:
                        break
            finally:
                writer.close()
        await asyncio.sleep(0.01)


async def follow(port: int, number: int, answered: list[int]) -> None:
    """Open a stream from its first event on, and read every second of them; come back when let go."""
    while True:
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_connection(HOST, port, limit=1024, local_addr=stranger(number))
            writer.write(f"GET /live?show=all&after=0 HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
            try:
                if number % 2:
                    await asyncio.sleep(60)
                while chunk := await reader.read(65_536):
                    answered[1] += len(chunk)
            finally:
                writer.close()
        await asyncio.sleep(1)


async def sit(port: int, number: int) -> None:
    """Connect and say nothing; come back when let go."""
    while True:
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_connection(HOST, port, local_addr=stranger(number))
            try:
                await reader.read(1)
            finally:
                writer.close()
        await asyncio.sleep(0.5)


async def strain(kind: str, port: int, seconds: float) -> None:
    """Put one kind of load, or all of them, on the server at `port`."""
    tasks: list[asyncio.Task[None]] = []
    answered = [0, 0]
    if kind in {"events", "all"}:
        tasks += [asyncio.create_task(ask_for_ever(port, number, answered)) for number in range(GREEDY)]
    if kind in {"streams", "all"}:
        tasks += [asyncio.create_task(follow(port, number, answered)) for number in range(STREAMS)]
    if kind in {"silent", "all"}:
        tasks += [asyncio.create_task(sit(port, number)) for number in range(SILENT)]
    await asyncio.sleep(seconds)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    print(
        f"{answered[0] / seconds:.1f} answers and {answered[1] / seconds / 1e6:.2f} MB of streams a second", flush=True
    )


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
