"""`genesis exec`: runs any program under a cap, through the gateway that is there or one that lives as long as it."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import httpx2

from ai.clock import Clock
from ai.credit_tracker import RunUsage, open_credit_ledger
from ai.credit_tracker.caller_books import CallerBooks
from ai.credit_tracker.keys import KeyTerms
from ai.daemon.gateway_alone import open_alone
from ai.gateway.environment import environment
from ai.gateway.serving import GatewayServer, listen
from ai.gateway.slot import running
from ai.operations.modes import keep_private
from ai.settings import Settings

LOOPBACK = "127.0.0.1"
LOOK_SECONDS = 2.0  # for a gateway that says it is there to answer
KEY_LIVES = timedelta(days=30)  # it is revoked when its program ends; this is for where `exec` was killed
SETTLE_SECONDS = 10.0  # after the program's end, for calls under way and unknown outcomes to be told
PROGRESS_SECONDS = 1.0
NOT_FOUND, NOT_EXECUTABLE, SIGNALLED = 127, 126, 128
UNAUTHORIZED = 401


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be run, under which cap in nano-dollars, booked to which run, on which model (None: any)."""

    command: Sequence[str]
    budget: int
    run: str
    model: str | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended: its status, what it used, and what is still unknown of that."""

    status: int
    usage: RunUsage
    unknown: int


def made_name(program: str, now: datetime) -> str:
    """Return a run's name for a program: its own, the time, and a chance part."""
    stem = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "-" for c in Path(program).name)[:32]
    return f"{stem.strip('.') or 'run'}-{now:%m%d-%H%M}-{secrets.token_hex(2)}"


async def execute(settings: Settings, clock: Clock, order: Order, progress: Callable[[int, int], None]) -> Ended:
    """Run a program to its end. `progress(calls, cost in nano-dollars)` is told while it runs.

    Raises OSError, LedgerError, ValueError with one line for people; a program that is not there ends with 127.
    """
    began = clock.now()
    async with _door(settings, clock) as (url, books):
        await books.set_run_budget(order.run, order.budget)
        name = f"exec-{secrets.token_hex(6)}"
        terms = KeyTerms(model=order.model, expires_at=began + KEY_LIVES)
        _, secret = await books.create_key(name, terms)
        telling = asyncio.create_task(_tell(books, clock, order.run, progress))
        try:
            status = await _run(order.command, environment(os.environ, settings, url, order.run, secret))
        finally:
            telling.cancel()
            await books.revoke_key(name)
        unknown = await _settled(books, clock, order.run)
        return Ended(status, await books.usage_of_run(order.run, began), unknown)


@asynccontextmanager
async def _door(settings: Settings, clock: Clock) -> AsyncIterator[tuple[str, CallerBooks]]:
    """Yield the address of a gateway on this purse, and the purse's books of callers."""
    async with AsyncExitStack() as stack:
        url = await _found(settings.data_dir)
        if url is not None:
            ledger = open_credit_ledger(settings.purse_url, clock)
            stack.callback(ledger.close)
            yield url, CallerBooks(ledger, settings, clock)
            return
        alone = await stack.enter_async_context(open_alone(settings, clock))
        server = GatewayServer(alone.gateway, listen(LOOPBACK, 0))
        await server.start()
        stack.push_async_callback(server.stop)
        yield server.url, alone.gateway.rooms.books


async def _found(data_dir: Path) -> str | None:
    """Return the address of a gateway that answers in this data folder, None where there is none."""
    async with httpx2.AsyncClient(timeout=LOOK_SECONDS, trust_env=False) as http:
        for url in running(data_dir):
            with suppress(httpx2.HTTPError):
                if (await http.get(f"{url}/v1/models")).status_code == UNAUTHORIZED:
                    return url
    return None


async def _run(command: Sequence[str], env: dict[str, str]) -> int:
    """Run the program with our own stdin, stdout and stderr; return its status, 128 + n where signal n ended it."""
    on_terminal = sys.stdin is not None and sys.stdin.isatty()
    try:
        # On a terminal it stays in our group: the terminal itself sends it Ctrl-C. Elsewhere it has its own, so that a
        # signal to our group reaches it once, by our hand.
        process = await asyncio.create_subprocess_exec(
            *command,
            env=env,
            process_group=None if on_terminal else 0,
            umask=keep_private(),  # the person's own
        )
    except FileNotFoundError:
        sys.stderr.write(f"genesis: there is no program {command[0]!r}\n")
        return NOT_FOUND
    except PermissionError:
        sys.stderr.write(f"genesis: {command[0]!r} is no program that may be run\n")
        return NOT_EXECUTABLE

    def pass_on(number: int) -> None:
        with suppress(ProcessLookupError):
            process.send_signal(number)

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, pass_on, number)
    loop.add_signal_handler(signal.SIGINT, (lambda: None) if on_terminal else (lambda: pass_on(signal.SIGINT)))
    status = await process.wait()
    return SIGNALLED - status if status < 0 else status


async def _settled(books: CallerBooks, clock: Clock, run: str) -> int:
    """Wait until nothing of the run is under way or unknown, for a while; return how many outcomes are unknown."""
    until = clock.monotonic() + SETTLE_SECONDS
    while True:
        statement = await books.statement(run=run)
        if (statement.held == 0 and statement.unknown == 0) or clock.monotonic() > until:
            return statement.unknown
        await clock.sleep(0.1)


async def _tell(books: CallerBooks, clock: Clock, run: str, progress: Callable[[int, int], None]) -> None:
    while True:
        await clock.sleep(PROGRESS_SECONDS)
        with suppress(Exception):  # a purse that is away is the gateway's trouble
            statement = await books.statement(run=run)
            progress(statement.calls, statement.cost)
