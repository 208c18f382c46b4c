"""What the ledger costs: against bare commits, with many callers, at millions of transfers, at a cap.

    python -m benchmarks.ledger [--sizes 1000,1000000,5000000] [--attempts 100000] [--json] [--folder DIR]

Every figure is a ratio within this run, measured in turns, so that a busy machine slows both sides alike.
PostgreSQL takes part where a server's programs are installed. Targets stand beside the figures.
"""

import argparse
import asyncio
import json
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ai.ledger import Ledger, Leg, Transaction, audit, open_ledger
from ai.ledger.ids import new_id
from benchmarks.purse_writer import capture, fund, hold, now_us, race
from tests.world.postgres import binaries, running_server

BULK = 50_000  # transfers a transaction of the bulk path; larger ones only grow the log
ROUNDS = 600  # measured pairs a figure; a median of so many moves by about a percent
WARM = 600  # pairs before each figure: a log that still grows makes commits dear, most so the bare ones
CALLERS = 64
RACERS = 8


def pair(ledger: Ledger, call: str) -> None:
    """Hold and capture for one call, each in a durable transaction of its own."""
    ledger.transact_now(hold(call, [Leg("month", "spent", 5)]))
    ledger.transact_now(capture(call, [4]))


def two_bare_commits(connection: sqlite3.Connection) -> None:
    """Write one small row durably, twice: the least that a hold and a capture could cost."""
    for _ in range(2):
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO bare VALUES (1)")
        connection.execute("COMMIT")


def bare_database(folder: Path) -> sqlite3.Connection:
    """Return a database with the same durability as the ledger's and one table."""
    connection = sqlite3.connect(folder / "bare.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE IF NOT EXISTS bare (x INTEGER)")
    return connection


def seconds(work: Callable[[], None]) -> float:
    """Return how long one call of `work` takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def grow(ledger: Ledger, have: int, want: int) -> int:
    """Bring the ledger to about `want` transfers and return how many were added.

    The bulk path: the rows of held and captured calls, written by one INSERT … SELECT a transaction. The
    schema's triggers judge and count every row as ever; only Python and the commits are saved. Nothing but
    this benchmark uses it. Their ids grow with time, as `new_id` makes them.
    """
    rows = (
        "WITH RECURSIVE some(n) AS (SELECT ? UNION ALL SELECT n + 1 FROM some WHERE n < ?), "
        "named AS MATERIALIZED (SELECT printf('%032x', n) AS id FROM some)"
    )
    added = 0
    while have + added < want:
        first = have + added
        last = min(want, first + BULK) - 1

        def bulk(tx: Transaction, first: int = first, last: int = last) -> None:
            tx.execute(
                f"{rows} INSERT INTO transfers (id, kind, debit, credit, pending, posted, hold, memo, at) "
                "SELECT id || '/0', 'hold', 'month', 'spent', 5, 0, NULL, '', ? FROM named",
                (first, first + (last - first) // 2, tx.at),
            )
            tx.execute(
                "INSERT INTO transfers (id, kind, debit, credit, pending, posted, hold, memo, at) "
                "SELECT id || '/ended', 'capture', debit, credit, -pending, 4, id, '', at FROM transfers "
                "WHERE seq > (SELECT max(seq) FROM transfers) - ? AND kind = 'hold' ORDER BY seq",
                ((last - first) // 2 + 1,),
            )

        ledger.transact_now(bulk)
        added += 2 * ((last - first) // 2 + 1)
    return added


def against_bare_commits(folder: Path, sizes: list[int]) -> dict[str, Any]:
    """Time a hold and its capture against two bare commits, in turns, at each size of the same file."""
    url = f"sqlite:///{folder}/sizes.db"
    fund(url, 10**17)
    ledger, bare = open_ledger(url, now_us), bare_database(folder)
    have, medians = 2, {}
    for size in sizes:
        have += grow(ledger, have, size)
        ours, theirs = [], []
        for _ in range(WARM + ROUNDS):
            theirs.append(seconds(lambda: two_bare_commits(bare)))
            call = new_id()
            ours.append(seconds(lambda call=call: pair(ledger, call)))  # type: ignore[misc]
        have += 2 * (WARM + ROUNDS)
        medians[size] = (statistics.median(ours[WARM:]), statistics.median(theirs[WARM:]))
    rows = {
        f"{size:,}": {
            "pair_us": round(ours * 1e6, 1),
            "two_bare_commits_us": round(theirs * 1e6, 1),
            "ratio": round(ours / theirs, 3),
        }
        for size, (ours, theirs) in medians.items()
    }
    first, last = medians[sizes[0]], medians[sizes[-1]]
    began = time.perf_counter()
    report = ledger.read_now(audit)
    audited = time.perf_counter() - began
    ledger.close()
    bare.close()
    return {
        "sizes": rows,
        "ratio_target": 1.5,
        "flat": round((last[0] / last[1]) / (first[0] / first[1]), 3),
        "flat_target": 1.2,
        "audit_ok": report.ok,
        "audit_transfers": report.transfers,
        "audit_seconds": round(audited, 1),
    }


def many_callers(url: str) -> dict[str, Any]:
    """Time pairs of one async caller against those of `CALLERS` at once."""
    fund(url, 10**17)
    ledger = open_ledger(url, now_us)

    async def caller(pairs: int) -> None:
        for _ in range(pairs):
            call = new_id()
            await ledger.transact(hold(call, [Leg("month", "spent", 5)]))
            await ledger.transact(capture(call, [4]))

    async def rate(callers: int, pairs: int) -> float:
        began = time.perf_counter()
        await asyncio.gather(*[caller(pairs) for _ in range(callers)])
        return callers * pairs / (time.perf_counter() - began)

    async def in_turns() -> tuple[float, float]:
        one, many = [], []
        for _ in range(5):
            one.append(await rate(1, 100))
            many.append(await rate(CALLERS, 20))
        return statistics.median(one), statistics.median(many)

    one, many = asyncio.run(in_turns())
    ledger.close()
    return {
        "one_pairs_per_second": round(one),
        f"{CALLERS}_pairs_per_second": round(many),
        "ratio": round(many / one, 2),
        "ratio_target": 5 if url.startswith("postgresql") else 4,
    }


def at_a_cap(url: str, attempts: int) -> dict[str, Any]:
    """Let 8 processes try `attempts` holds at a cap that admits half of them; count to the nano-dollar."""
    amount, cap = 7, attempts // 2 * 7 + 3
    fund(url, cap)
    began = time.perf_counter()
    counted = race(url, RACERS, attempts // RACERS, amount)
    took = time.perf_counter() - began
    ledger = open_ledger(url, now_us, read_only=True)
    spent = ledger.read_now(lambda tx: tx.account("spent")).credits_posted
    left = ledger.read_now(lambda tx: tx.account("month")).available
    report = ledger.read_now(audit)
    ledger.close()
    admitted = sum(one.admitted for one in counted)
    return {
        "processes": RACERS,
        "attempts": sum(one.admitted + one.refused for one in counted),
        "admitted": admitted,
        "overspent_nanos": max(0, spent - cap),
        "to_the_nano": spent == admitted * amount and left == cap - spent and 0 <= left < amount,
        "attempts_per_second": round(attempts / took),
        "audit_ok": report.ok,
    }


def measure(folder: Path, sizes: list[int], attempts: int) -> dict[str, Any]:
    """Return all figures; each is said on stderr as soon as it is known, because millions take their time."""
    figures: dict[str, Any] = {}

    def add(name: str, figure: dict[str, Any]) -> None:
        figures[name] = figure
        sys.stderr.write(f"{name}: {json.dumps(figure)}\n")

    add("hold_and_capture", against_bare_commits(folder, sizes))
    add("sqlite_callers", many_callers(f"sqlite:///{folder}/callers.db"))
    add("sqlite_cap", at_a_cap(f"sqlite:///{folder}/cap.db", attempts))
    if binaries() is not None:
        with running_server(folder) as server:
            add("postgres_callers", many_callers(server.purse("callers")))
            add("postgres_cap", at_a_cap(server.purse("cap"), attempts))
    return figures


def main() -> None:
    """Run from the command line; exit 1 where money was wrong (slowness is for the reader to judge)."""
    parser = argparse.ArgumentParser(description="What the ledger costs.")
    parser.add_argument("--sizes", default="1000,1000000,5000000", help="transfers, ascending")
    parser.add_argument("--attempts", type=int, default=100_000, help="holds of the 8 processes at a cap")
    parser.add_argument("--folder", type=Path, default=None, help="where the files are made; a real disk")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="genesis-bench-", dir=given.folder) as folder:
        Path(folder).chmod(0o755)  # the server runs as a user of its own where this runs as root
        figures = measure(Path(folder), [int(size) for size in given.sizes.split(",")], given.attempts)
    print(json.dumps(figures, indent=None if given.json else 2))
    caps = [figure for name, figure in figures.items() if name.endswith("_cap")]
    sound = all(cap["to_the_nano"] and cap["audit_ok"] for cap in caps)
    sys.exit(0 if sound and figures["hold_and_capture"]["audit_ok"] else 1)


if __name__ == "__main__":
    main()
