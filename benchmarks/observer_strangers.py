"""How a mind lives while strangers do their worst: beats, health probe, pages, memory, log; with and without.

Meanwhile a visitor, the health probe and the caretaker ask, each from an address of its own; the strangers have 32.

Part of `python -m benchmarks.observer`; alone: `python -m benchmarks.observer_strangers` (four minutes).
"""

import argparse
import asyncio
import json
import logging
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import psutil

from ai.mind.logs import configure
from ai.observer import ObserverServer
from benchmarks.observer_load import HOST
from tests.observer.demo_app import DemoApp

PAGES = ("/", "/money", "/api/state", "/now", "/posts", "/lives", "/api/events?before=9999&limit=20")
CARETAKERS = ("/caretaker", "/", "/api/events?limit=100")
VISITOR, PROBE, CARETAKER = "127.0.0.2", "127.0.0.3", "127.0.0.4"
TOKEN = "the-caretaker-of-a-benchmark"  # noqa: S105 - of an app that lives for a minute
KINDS = ("events", "streams", "silent", "all")
THINKING_SECONDS = 0.6  # a quick model's answer: about one and a half thoughts a second
WORK_SECONDS, SLICES = 0.05, 5  # what a beat computes by itself, and how often it lets others in between
THOUGHT = "🜁 A thought that is long, and full of signs that take four bytes each: 🌒🌓🌔 " * 38  # 2,800 characters
FILLED = 2_000  # thoughts in the journal before it begins
BEATS_TARGET, PAGE_TARGET_MS, HEALTH_TARGET_MS, MEMORY_TARGET_MB, LOG_TARGET = 0.95, 50.0, 250.0, 300.0, 1_000.0
PAUSE_SECONDS = 1.0  # between two looks of the visitor


async def serve(folder: Path) -> None:
    """Be the served mind: think without end, and print how many beats were lived for each line on stdin."""
    app = DemoApp(folder, days=0.2, ADMIN_TOKEN=TOKEN)
    with app.mind.transaction():
        for _ in range(FILLED):
            app.tell("thought", text=THOUGHT, model="a/model")
    logging.getLogger("ai").setLevel("WARNING")
    configure("emoji", "INFO", (), stream=(folder / "log").open("w"))
    server = ObserverServer(app)
    await server.start()
    print(json.dumps({"port": int(server.url.rsplit(":", 1)[1])}), flush=True)
    lived = [0]

    async def live() -> None:
        while True:
            for _ in range(SLICES):
                until = time.thread_time() + WORK_SECONDS / SLICES
                while time.thread_time() < until:
                    pass
                await asyncio.sleep(THINKING_SECONDS / SLICES)
            app.tell("thought", text=THOUGHT, model="a/model")
            app.beat()
            lived[0] += 1

    living = asyncio.create_task(live())
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while await lines.readline():
        print(json.dumps({"beats": lived[0], "log": (folder / "log").stat().st_size}), flush=True)
    living.cancel()
    await server.stop()


@dataclass(frozen=True, slots=True)
class Stretch:
    """What was measured over some seconds."""

    beats_a_minute: float
    health_ms: tuple[float, ...]
    memory_mb: float
    log_bytes_a_second: float
    pages: dict[str, float]  # milliseconds of each address for the visitor, median
    caretakers: dict[str, float]  # the same for the caretaker


class Mind:
    """The served process from outside."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self._process = process
        self.port = port

    async def _count(self) -> tuple[int, int]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(b"\n")
        told = json.loads(await self._process.stdout.readline())
        return told["beats"], told["log"]

    async def ask(self, who: str, path: str) -> float:
        """Ask on a new connection; return the milliseconds until the whole answer."""
        bearer = f"Authorization: Bearer {TOKEN}\r\n" if who == CARETAKER else ""
        began = time.perf_counter()
        async with asyncio.timeout(30):
            reader, writer = await asyncio.open_connection(HOST, self.port, local_addr=(who, 0))
            writer.write(f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\n{bearer}Connection: close\r\n\r\n".encode())
            said = await reader.read()
            writer.close()
        assert b" 200 " in said[:20], said[:200]
        return (time.perf_counter() - began) * 1000

    async def stretch(self, seconds: float) -> Stretch:
        """Measure for some seconds."""
        (beats, log), began, memory = await self._count(), time.perf_counter(), 0.0
        probes: list[float] = []
        pages, caretakers = defaultdict[str, list[float]](list), defaultdict[str, list[float]](list)
        while time.perf_counter() - began < seconds:
            path, caretakers_path = (paths[len(probes) % len(paths)] for paths in (PAGES, CARETAKERS))
            probes.append(await self.ask(PROBE, "/healthz"))
            pages[path].append(await self.ask(VISITOR, path))
            caretakers[caretakers_path].append(await self.ask(CARETAKER, caretakers_path))
            memory = max(memory, psutil.Process(self._process.pid).memory_info().rss / 1e6)
            await asyncio.sleep(PAUSE_SECONDS)
        (beats_after, log_after), took = await self._count(), time.perf_counter() - began
        return Stretch(
            (beats_after - beats) * 60 / took,
            tuple(probes),
            memory,
            (log_after - log) / took,
            {path: statistics.median(milliseconds) for path, milliseconds in pages.items()},
            {path: statistics.median(milliseconds) for path, milliseconds in caretakers.items()},
        )


async def measure(seconds: float, kinds: tuple[str, ...] = KINDS) -> bool:
    """Print the figures of each load between two quiet stretches; return whether every target is met."""
    with tempfile.TemporaryDirectory() as folder:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "benchmarks.observer_strangers", "--serve", folder,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        mind = Mind(process, json.loads(await process.stdout.readline())["port"])
        met = True
        await mind.stretch(2)
        quiet = await mind.stretch(seconds)
        for kind in kinds:
            load = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "benchmarks.observer_load", kind, str(mind.port), str(seconds + 6),
                stdout=asyncio.subprocess.PIPE,
            )  # fmt: skip
            await asyncio.sleep(3)  # until all have connected
            strained = await mind.stretch(seconds)
            answered = (await load.communicate())[0].decode().strip()
            await asyncio.sleep(1)
            after = await mind.stretch(seconds)
            met &= tell(kind, (quiet, after), strained, answered)
            quiet = after
        process.stdin.close()
        await process.wait()
    return met


def tell(kind: str, around: tuple[Stretch, Stretch], strained: Stretch, answered: str) -> bool:
    """Print one load's figures beside the quiet ones around it; return whether they meet the targets."""
    quiet = statistics.mean(stretch.beats_a_minute for stretch in around)
    ratio, worst = strained.beats_a_minute / quiet, max(strained.health_ms)
    usual = max(max(stretch.health_ms) for stretch in around)
    print(
        f"{kind:8} {strained.beats_a_minute:6.1f} beats a minute, {quiet:.1f} without (x{ratio:.3f}); /healthz "
        f"{statistics.median(strained.health_ms):.1f} ms, at most {worst:.0f} ({usual:.0f} without); "
        f"{strained.memory_mb:.0f} MB; slowest address of the visitor {_slowest(strained.pages)} "
        f"({_slowest(around[1].pages)} without), of the caretaker {_slowest(strained.caretakers)}; "
        f"{strained.log_bytes_a_second:.0f} B of log a second; the strangers had {answered}",
        flush=True,
    )
    within = (
        worst <= HEALTH_TARGET_MS,
        max(*strained.pages.values(), *strained.caretakers.values()) <= PAGE_TARGET_MS,
        strained.memory_mb <= MEMORY_TARGET_MB,
        strained.log_bytes_a_second <= LOG_TARGET,
    )
    return ratio >= BEATS_TARGET and all(within)


def _slowest(pages: dict[str, float]) -> str:
    path = max(pages, key=lambda path: pages[path])
    return f"{pages[path]:.0f} ms ({path})"


def main() -> None:
    """Run the benchmark, or be its served process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--kinds", nargs="*", default=KINDS)
    parser.add_argument("--serve", type=Path)
    options = parser.parse_args()
    if options.serve is not None:
        asyncio.run(serve(options.serve))
        return
    sys.exit(0 if asyncio.run(measure(options.seconds, tuple(options.kinds))) else 1)


if __name__ == "__main__":
    main()
