"""Processes that write to one purse, for the crash tests and the benchmarks: some count, some are killed."""

import asyncio
import contextlib
import multiprocessing
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

from ai.ledger import Ledger, Leg, Transaction, open_ledger
from ai.ledger.errors import InsufficientFunds, StoreUnavailable

CALLERS = 8  # tasks in each writer, so that every commit carries several works
RACERS = 64  # tasks in each process of a race
MOST_TRIES = 30  # each waits ten seconds for the lock; a machine so busy measures nothing

# A fork server starts a writer in milliseconds, and forks before any database is open.
_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["benchmarks.purse_writer"])


def now_us() -> int:
    """Return microseconds since 1970, UTC."""
    return time.time_ns() // 1000


def hold(call: str, legs: Sequence[Leg]) -> Callable[[Transaction], None]:
    """Return the work that holds `legs` for `call`."""
    return lambda tx: tx.hold(call, legs)


def capture(call: str, amounts: Sequence[int]) -> Callable[[Transaction], None]:
    """Return the work that captures `amounts` of `call`."""
    return lambda tx: tx.capture(call, amounts)


def void(call: str) -> Callable[[Transaction], None]:
    """Return the work that voids `call`."""
    return lambda tx: tx.void(call)


async def until_answered(ledger: Ledger, work: Callable[[Transaction], None]) -> None:
    """Ask again, under the same ids, while the others keep the purse locked for too long."""
    for _ in range(MOST_TRIES):
        with contextlib.suppress(StoreUnavailable):
            await ledger.transact(work)
            return
    raise TimeoutError(f"the purse was locked {MOST_TRIES} times in a row")


def fund(url: str, cap: int) -> None:
    """Open the accounts that the writers use, with `cap` in account `month`."""
    ledger = open_ledger(url, now_us)

    def begin(tx: Transaction) -> None:
        tx.open_account("treasury", "usd", may_go_negative=True)
        for account in ("month", "day", "spent"):
            tx.open_account(account, "usd")
        tx.transfer("grant", debit="treasury", credit="month", amount=cap)
        tx.transfer("grant-day", debit="treasury", credit="day", amount=10**18)

    ledger.transact_now(begin)
    ledger.close()


@dataclass(frozen=True, slots=True)
class Admitted:
    """What one writer was granted and refused, and the seconds that it took."""

    admitted: int
    refused: int
    seconds: float


def race(url: str, writers: int, attempts: int, amount: int) -> list[Admitted]:
    """Let `writers` processes try `attempts` holds of `amount` each at once, and capture what they got."""
    started = []
    for number in range(writers):
        here, there = _processes.Pipe()
        process = _processes.Process(target=_race, args=(there, url, number, attempts, amount))
        process.start()
        there.close()
        started.append((process, here))
    for _, here in started:
        here.recv()  # ready
    for _, here in started:
        here.send("go")
    counted: list[Admitted] = [here.recv() for _, here in started]
    for process, _ in started:
        process.join()
    return counted


def _race(parent: Connection, url: str, number: int, attempts: int, amount: int) -> None:
    ledger = open_ledger(url, now_us)
    remaining = iter(range(attempts))
    admitted = refused = 0

    async def caller() -> None:
        nonlocal admitted, refused
        for attempt in remaining:
            call = f"{number:02d}-{attempt:08d}"
            try:
                await until_answered(ledger, hold(call, [Leg("month", "spent", amount)]))
            except InsufficientFunds:
                refused += 1
                continue
            await until_answered(ledger, capture(call, [amount]))
            admitted += 1

    async def everybody() -> None:
        await asyncio.gather(*[caller() for _ in range(RACERS)])

    parent.send("ready")
    parent.recv()
    began = time.perf_counter()
    asyncio.run(everybody())
    parent.send(Admitted(admitted, refused, time.perf_counter() - began))
    ledger.close()


@dataclass(frozen=True, slots=True)
class Victim:
    """A writer that works until it is killed, and the pipe on which it says what was acknowledged to it."""

    process: BaseProcess
    said: Connection


def victim(url: str, name: str, seed: int) -> Victim:
    """Start a writer that holds, captures and voids without end; each acknowledged step is one message."""
    here, there = _processes.Pipe(duplex=False)
    process = _processes.Process(target=_live, args=(there, url, name, seed))
    process.start()
    there.close()
    return Victim(process, here)


def _live(said: Connection, url: str, name: str, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - a replayable load, not a secret
    ledger = open_ledger(url, now_us)

    async def caller(number: int) -> None:
        turn = 0
        while True:  # until the kill
            call, held = f"{name}-{number}-{turn}", chance.randrange(1, 1000)
            legs = [Leg("month", "spent", held), Leg("day", "treasury", held)]
            await ledger.transact(hold(call, legs))
            said.send_bytes(f"hold {call} {held}".encode())
            fate, taken = chance.random(), chance.randrange(held + 1)
            if fate < 0.6:  # most calls end well, some are void, the rest stay open
                await ledger.transact(capture(call, [taken, taken]))
                said.send_bytes(f"capture {call} {taken}".encode())
            elif fate < 0.9:
                await ledger.transact(void(call))
                said.send_bytes(f"void {call} 0".encode())
            turn += 1

    async def everybody() -> None:
        await asyncio.gather(*[caller(number) for number in range(CALLERS)])

    asyncio.run(everybody())
