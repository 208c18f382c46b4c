"""The Observer under load: a million events, 200 open streams; each page's time, a beat's slowing, memory.

Then the worst that strangers may do, see `benchmarks.observer_strangers`. Run `python -m benchmarks.observer` (about
three minutes); `--events`, `--streams` and `--seconds` scale it. Exits 1 above a target.
"""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import psutil

from ai.clock import rfc3339
from ai.observer import ObserverServer
from benchmarks import observer_strangers
from tests.observer.demo_app import NOW, DemoApp

PAGES = (
    "/",
    "/?show=posts",
    "/?before={middle}&show=all",
    "/?before={middle}",
    "/events/{middle}",
    "/money",
    "/models",
)
ROUTES = ("/posts", "/lives", "/now", "/api/state", "/api/month", "/api/events?after={middle}&limit=100", "/metrics")
PAGE_TARGET_MS, BEAT_TARGET, MEMORY_TARGET_MB = 50.0, 1.05, 250.0
ROUNDS, BEATS = 20, 10
THINKING_SECONDS = 1.0  # a quick model's answer; a beat without any would measure nothing a person feels
KINDS = ("beat.started", "call.completed", "thought", "action.performed", "beat.ended")


def fill(app: DemoApp, count: int) -> None:
    """Write `count` events, spread over the 90 days that a journal is kept."""
    step = timedelta(days=90) / count
    data = {
        "call.completed": {
            "model": "qwen/qwen3-next-80b:free", "tier": "free", "purpose": "thought", "chars": 900,
            "prompt_tokens": 1023, "completion_tokens": 297, "cost_nanos": 12_000, "balance_nanos": 4_000_000_000,
            "health": "OK", "latency_ms": 2100,
        },
        "thought": {"text": "A cheap thought attended to is worth more than a dear one that passes by. " * 4},
        "action.performed": {"action": "recall", "params": "query: rain", "result": "3 memories"},
        "beat.started": {"purpose": "thought"},
        "beat.ended": {"seconds": 4.2, "steps": 1, "next_beat_at": "2026-11-22T14:36:12Z"},
    }  # fmt: skip
    rows = (
        (rfc3339(NOW - timedelta(days=90) + step * n), KINDS[n % 5], 3, n // 5, json.dumps(data[KINDS[n % 5]]))
        for n in range(count)
    )
    with app.mind.transaction() as connection:
        connection.executemany("INSERT INTO events (at, kind, life, beat, data) VALUES (?, ?, ?, ?, ?)", rows)


async def serve(folder: Path, count: int) -> None:
    """Be the served process: print the address, then live a beat for each line on stdin and print its seconds."""
    app = DemoApp(folder, days=0.5)
    fill(app, count)
    server = ObserverServer(app)
    began = time.perf_counter()
    await server.start()
    print(json.dumps({"url": server.url, "start_seconds": time.perf_counter() - began}), flush=True)
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while await lines.readline():
        began = time.perf_counter()
        app.journal.append("beat.started", purpose="thought")
        await asyncio.sleep(THINKING_SECONDS)
        app.beat()
        await asyncio.sleep(0)
        print(time.perf_counter() - began, flush=True)
    await server.stop()


class Served:
    """The served process from outside."""

    def __init__(self, process: asyncio.subprocess.Process, hello: dict[str, Any]) -> None:
        self.process = process
        self.url: str = hello["url"]
        self.start_seconds: float = hello["start_seconds"]

    def memory_mb(self) -> float:
        """Return the resident memory of the process."""
        return float(psutil.Process(self.process.pid).memory_info().rss) / 1e6

    async def beat(self) -> float:
        """Let it live a beat; return its seconds."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(b"beat\n")
        return float(await self.process.stdout.readline())


async def follow(url: str, taken: list[int], all_open: asyncio.Barrier) -> None:
    """Be one open page: read its stream and count bytes; meet the others once it is answered."""
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"GET /live?view=story HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    try:
        await reader.readuntil(b"\r\n\r\n")
        await all_open.wait()
        while chunk := await reader.read(65_536):
            taken[0] += len(chunk)
    finally:
        writer.close()


async def page_times(url: str, middle: int) -> dict[str, float]:
    """Return the median milliseconds of each address over ROUNDS requests, one after the other."""
    times: dict[str, float] = {}
    async with httpx2.AsyncClient(base_url=url, timeout=30) as client:
        for path in (address.format(middle=middle) for address in PAGES + ROUTES):
            taken = []
            for _ in range(ROUNDS):
                began = time.perf_counter()
                (await client.get(path)).raise_for_status()
                taken.append((time.perf_counter() - began) * 1000)
            times[path] = statistics.median(taken)
    return times


async def all_at_once(url: str, count: int) -> float:
    """Let `count` pages ask for their head at once, as after a beat; return the seconds until the last has it."""
    async with httpx2.AsyncClient(base_url=url, timeout=30) as client:
        began = time.perf_counter()
        await asyncio.gather(*(client.get("/now") for _ in range(count)))
        return time.perf_counter() - began


async def measure(count: int, streams: int) -> bool:
    """Print the figures; return whether every target is met."""
    with tempfile.TemporaryDirectory() as folder:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "benchmarks.observer", "--serve", folder, "--events", str(count),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        served = Served(process, json.loads(await process.stdout.readline()))
        idle_mb = served.memory_mb()
        alone = statistics.median([await served.beat() for _ in range(BEATS)])
        taken, all_open = [0], asyncio.Barrier(streams + 1)
        readers = [asyncio.create_task(follow(served.url, taken, all_open)) for _ in range(streams)]
        await all_open.wait()
        watched = statistics.median([await served.beat() for _ in range(BEATS)])
        times = await page_times(served.url, count // 2)
        together = await all_at_once(served.url, streams)
        busy_mb = served.memory_mb()
        process.stdin.close()
        await asyncio.gather(*readers)
        await process.wait()
    print(f"all {streams} pages asking for /now at once: {together:.2f} s")
    slowest = max(times, key=lambda path: times[path])
    for path, milliseconds in times.items():
        print(f"  {path:40} {milliseconds:7.1f} ms")
    print(f"start with {count:,} events: {served.start_seconds:.2f} s")
    print(f"slowest address, median of {ROUNDS}: {slowest} {times[slowest]:.1f} ms (target {PAGE_TARGET_MS:.0f})")
    slowing = f"x{watched / alone:.3f}, target {BEAT_TARGET}"
    print(f"a beat: {alone:.4f} s alone, {watched:.4f} s with {streams} streams ({slowing})")
    print(f"memory: {idle_mb:.0f} MB alone, {busy_mb:.0f} MB after {taken[0] / 1e6:.1f} MB streamed", end=" ")
    print(f"(target {MEMORY_TARGET_MB:.0f})")
    return times[slowest] <= PAGE_TARGET_MS and watched / alone <= BEAT_TARGET and busy_mb <= MEMORY_TARGET_MB


def main() -> None:
    """Run the benchmark, or be its served process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=20.0, help="of each load of strangers, and of each quiet")
    parser.add_argument("--serve", type=Path)
    options = parser.parse_args()
    if options.serve is not None:
        asyncio.run(serve(options.serve, options.events))
        return
    calm = asyncio.run(measure(options.events, options.streams))
    strained = asyncio.run(observer_strangers.measure(options.seconds))
    sys.exit(0 if calm and strained else 1)


if __name__ == "__main__":
    main()
