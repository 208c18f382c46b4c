"""Our gateway beside LiteLLM's proxy and Portkey's, before one provider in one run: calls, memory, start, and a race.

    python -m benchmarks.gateway [--seconds 5] [--callers 1,16,64] [--only ours] [--books 1000000] [--json]

Every door answers the same calls of the same provider, which takes no time itself; ours books each of them durably.
The race: 64 callers ask for calls of $0.0017 that take 0.2 s, against a cap of $0.10; what did the provider bill?
With --books two doors of ours take turns before one caller: one whose books are empty, one with so many calls in them.
Figures of different runs cannot be compared: the machine's load is told with them. Processor time is the door's own
processes', and the database's beside it. What cannot be had here (node, a package) is told and left out.
"""

import argparse
import asyncio
import json
import math
import os
import socket
import statistics
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ai.credit_tracker.callers import KeyTerms
from ai.ledger.money import nanos, usd9
from benchmarks import gateway_doors as doors
from benchmarks import gateway_rivals as rivals
from benchmarks.gateway_books import fill
from benchmarks.gateway_load import load
from benchmarks.gateway_provider import DEAR
from tests.world.postgres import PostgresServer, running_server

WARM = 20  # calls before anything is measured
STREAM_CALLS = 100
RACERS, RACES_EACH, RACE_PAUSE = 64, 6, 0.3
TURNS, TURN_CALLS = 8, 200  # of the doors with empty and with full books


@dataclass(slots=True)
class Row:
    """What was measured of one door; seconds, calls a second by callers, megabytes, nano-dollars.

    `cpu_seconds` by callers: of a call, the door's own processes' and the database's.
    """

    name: str
    start_seconds: float = 0.0
    median_seconds: float = 0.0  # of a call, one caller
    first_seconds: float = 0.0  # to the first word of a stream, one caller
    behind_seconds: float = 0.0  # of that, since the provider sent it
    per_second: dict[int, float] = field(default_factory=dict)
    failed: dict[int, int] = field(default_factory=dict)
    cpu_seconds: dict[int, tuple[float, float]] = field(default_factory=dict)
    memory_mb: float = 0.0
    race_billed: int | None = None


async def measure(door: doors.Door, seconds: float, callers: list[int]) -> Row:
    """Measure one door that answers."""
    row = Row(door.name, start_seconds=door.start_seconds)
    plain, stream = door.asks(), door.asks(stream=True)
    await load(door.url, plain, 1, each=WARM)
    for number in callers:
        before = door.cpu_seconds()
        found = await load(door.url, plain, number, seconds)
        calls = max(1, found.statuses.total())
        own, database = (now - then for now, then in zip(door.cpu_seconds(), before, strict=True))
        row.cpu_seconds[number] = own / calls, database / calls
        row.per_second[number] = found.per_second
        row.failed[number] = found.statuses.total() - found.statuses[200]
        if number == 1:
            row.median_seconds = found.median
    streams = await load(door.url, stream, 1, seconds, each=STREAM_CALLS)
    row.first_seconds, row.behind_seconds = streams.median_first, streams.median_behind
    row.memory_mb = door.memory_mb
    return row


async def race(given: doors.Provider, door: doors.Door, key: str | None = None) -> int:
    """Let many ask for dear calls at once against the cap; return what was billed in nano-dollars."""
    before = given.billed()
    await load(door.url, door.asks(DEAR, key=key), RACERS, each=RACES_EACH, pause=RACE_PAUSE)
    return given.billed() - before


@asynccontextmanager
async def _ours(
    name: str, given: doors.Provider, folder: Path, workers: int = 1, server: PostgresServer | None = None
) -> AsyncIterator[tuple[doors.Door, str]]:
    settings = doors.our_settings(given, folder, server.purse(folder.name) if server else "")
    secret = await doors.make_key(settings, "load", KeyTerms())
    capped = await doors.make_key(settings, "race", KeyTerms(budget=nanos(doors.CAP), per="ever"))
    async with doors.ours(name, settings, secret, workers, server.number if server else None) as door:
        yield door, capped


@asynccontextmanager
async def _theirs(opened: AbstractAsyncContextManager[doors.Door]) -> AsyncIterator[tuple[doors.Door, None]]:
    async with opened as door:
        yield door, None


async def compare(folder: Path, seconds: float, callers: list[int], only: str) -> list[Row]:
    """Open one door after the other before one provider, and measure each."""
    with (
        doors.provider() as given,
        running_server(folder) as postgres,
    ):  # its disk is the one that a purse in a file has
        opened: list[tuple[str, Callable[[], AbstractAsyncContextManager[tuple[doors.Door, str | None]]]]] = [
            ("ours", lambda: _ours("ours, SQLite", given, folder / "sqlite")),
            ("ours", lambda: _ours("ours, SQLite, 2 workers", given, folder / "sqlite2", 2)),
            ("ours", lambda: _ours("ours, PostgreSQL", given, folder / "pg1", 1, postgres)),
            ("ours", lambda: _ours("ours, PostgreSQL, 2 workers", given, folder / "pg2", 2, postgres)),
            ("litellm", lambda: _theirs(rivals.litellm(given, folder / "litellm", _free_port()))),
            ("portkey", lambda: _theirs(rivals.portkey(given, _free_port()))),
        ]
        rows = [await measure(doors.straight(given), seconds, callers)]
        for kind, opening in opened:
            if only not in ("", kind):
                continue
            try:
                async with opening() as (door, key):
                    row = await measure(door, seconds, callers)
                    row.race_billed = await race(given, door, key)
                    rows.append(row)
            except doors.NotOpened as problem:
                print(f"left out: {problem}", file=sys.stderr)
        return rows


async def compare_books(folder: Path, calls: int) -> str:
    """Let a door with empty books and one with so many calls in them take turns; return what a call took of each."""
    names = ("none", f"{calls:,}")
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
    with doors.provider() as given:
        async with AsyncExitStack() as stack:
            opened = []
            for name in names:
                settings = doors.our_settings(given, folder / f"books-{name}")
                secret = await doors.make_key(settings, "load", KeyTerms())
                if name != "none":
                    await fill(settings, "load", calls)
                opened.append((name, await stack.enter_async_context(doors.ours(name, settings, secret))))
            for turn in range(TURNS):
                for name, door in opened if turn % 2 else reversed(opened):
                    await load(door.url, door.asks(), 1, each=WARM)
                    before = door.cpu_seconds()[0]
                    met = await load(door.url, door.asks(), 1, each=TURN_CALLS)
                    found[name].append((met.median, (door.cpu_seconds()[0] - before) / TURN_CALLS))
    lines = [f"one caller, {TURNS} turns of {TURN_CALLS} calls each"]
    for name in names:
        medians, cpu = zip(*found[name], strict=True)
        told = f"{1000 * min(medians):.1f} to {1000 * max(medians):.1f}, median {1000 * statistics.median(medians):.1f}"
        lines.append(f"{name} in the books: {told} ms a call, {1000 * statistics.median(cpu):.2f} ms of processor time")
    return "\n".join(lines)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def table(rows: list[Row], callers: list[int]) -> str:
    """Return the rows as a table for `docs/gateway.md`."""
    straight = rows[0]
    heads = ["", "added to a call", "to a stream's first word", "of that, after the provider's"]
    heads += [f"calls/s, {n}" for n in callers]
    heads += ["CPU a call", "memory", "start", f"billed of ${doors.CAP}"]
    lines = [_line(heads), "| --- " * len(heads) + "|"]
    for row in rows:
        rates = [_rate(row, number) for number in callers]
        if row is straight:
            own = [f"({1000 * took:.1f} ms)" for took in (row.median_seconds, row.first_seconds, row.behind_seconds)]
            lines.append(_line([row.name, *own, *rates, "", "", "", ""]))
            continue
        added = [
            _added(row.median_seconds, straight.median_seconds),
            _added(row.first_seconds, straight.first_seconds),
            _added(row.behind_seconds, straight.behind_seconds),
        ]
        billed = "" if row.race_billed is None else f"${usd9(row.race_billed)[:-5]}"
        own = [_cpu(row), f"{row.memory_mb:.0f} MB", f"{row.start_seconds:.1f} s", billed]
        lines.append(_line([row.name, *added, *rates, *own]))
    return "\n".join(lines)


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _added(seconds: float, straight: float) -> str:
    return "failed" if math.isnan(seconds) else f"{1000 * (seconds - straight):.1f} ms"


def _rate(row: Row, callers: int) -> str:
    failed = f" ({row.failed[callers]:,} failed)" if row.failed[callers] else ""
    return f"{row.per_second[callers]:,.0f}{failed}"


def _cpu(row: Row) -> str:
    """Return the processor time of a call in the middle of the loads."""
    own, database = row.cpu_seconds[sorted(row.cpu_seconds)[len(row.cpu_seconds) // 2]]
    return f"{1000 * own:.2f} ms" + (f" + {1000 * database:.2f} ms" if database else "")


def main() -> None:
    """Parse the command line, measure, tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each load")
    parser.add_argument("--callers", default="1,16,64")
    parser.add_argument("--only", default="", help="ours, litellm or portkey")
    parser.add_argument("--books", type=int, default=0, help="calls in the books of one of two doors of ours")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    callers = [int(number) for number in given.callers.split(",")]
    before = os.getloadavg()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)  # PostgreSQL runs as a user of its own
        if given.books:
            print(asyncio.run(compare_books(Path(folder), given.books)))
            return
        rows = asyncio.run(compare(Path(folder), given.seconds, callers, given.only))
    if given.json:
        print(json.dumps([asdict(row) for row in rows]))
        return
    print(table(rows, callers))
    print(f"{os.cpu_count()} cores, load before {before[0]:.1f}, after {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
