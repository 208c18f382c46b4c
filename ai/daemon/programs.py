"""`genesis exec`: runs any program under a cap, through the gateway that is there or one that lives as long as it."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import httpx2

from ai.clock import Clock
from ai.credit_tracker import RunUsage, open_credit_ledger
from ai.credit_tracker.caller_books import CallerBooks
from ai.credit_tracker.callers import Key, KeyTerms
from ai.daemon.child_program import run_program
from ai.daemon.gateway_alone import open_alone
from ai.gateway.environment import environment
from ai.gateway.pins import pin_problem
from ai.gateway.serving import GatewayServer, listen
from ai.gateway.slot import running
from ai.settings import Settings

LOOPBACK = "127.0.0.1"
LOOK_SECONDS = 2.0  # for a gateway that says it is there to answer
KEY_LIVES = timedelta(minutes=5)  # revoked with its program's end, else renewed; so long a killed `exec` leaves it good
KEY_LEFT = timedelta(minutes=4)  # with less of that it is renewed; a purse that is away for minutes costs no key
SETTLE_SECONDS = 10.0  # after the program's end, for calls under way and unknown outcomes to be told
PROGRESS_SECONDS = 1.0
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


class NotRun(Exception):
    """The program was not started; the message is one line that says why."""


def made_name(program: str, now: datetime) -> str:
    """Return a run's name for a program: its own, the time, and a chance part."""
    stem = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "-" for c in Path(program).name)[:32]
    return f"{stem.strip('.') or 'run'}-{now:%m%d-%H%M}-{secrets.token_hex(2)}"


async def execute(settings: Settings, clock: Clock, order: Order, progress: Callable[[int, int], None]) -> Ended:
    """Run a program to its end. `progress(calls, cost in nano-dollars)` is told while it runs.

    Raises NotRun, OSError, LedgerError with one line for people; a program that is not there ends with 127.
    """
    began = clock.now()
    async with _door(settings, clock, order.model) as (url, books):
        await _refuse_within(settings, books)
        await books.set_run_budget(order.run, order.budget)
        name = f"exec-{secrets.token_hex(6)}"
        key, secret = await books.create_key(name, KeyTerms(model=order.model, expires_at=began + KEY_LIVES))
        keeping = asyncio.create_task(keep_key(books, clock, key, order.run, progress))
        try:
            status = await run_program(order.command, environment(os.environ, settings, url, order.run, secret))
        finally:
            keeping.cancel()
            await books.revoke_key(name)
        unknown = await _settled(books, clock, order.run)
        return Ended(status, await books.usage_of_run(order.run, began), unknown)


async def _refuse_within(settings: Settings, books: CallerBooks) -> None:
    """Refuse where the provider's key is one of this very purse: each call would be booked on it twice."""
    key = settings.openrouter_api_key or settings.openai_api_key
    if key is not None and await books.key_of(key.get_secret_value()) is not None:
        raise NotRun("this runs under `genesis exec` already, whose cap binds; run the program itself")


@asynccontextmanager
async def _door(settings: Settings, clock: Clock, pin: str | None) -> AsyncIterator[tuple[str, CallerBooks]]:
    """Yield the address of a gateway on this purse, and the purse's books of callers.

    Raises NotRun where the catalogue at hand has nothing that a `pin` could mean.
    """
    async with AsyncExitStack() as stack:
        url = await _found(settings.data_dir)
        if url is not None:
            ledger = open_credit_ledger(settings.purse_url, clock)
            stack.callback(ledger.close)
            yield url, CallerBooks(ledger, settings, clock)
            return
        alone = await stack.enter_async_context(open_alone(settings, clock))
        problem = None if pin is None else pin_problem(pin, alone.gateway.rooms.catalogue, clock.now())
        if problem is not None:
            raise NotRun(problem)
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


async def _settled(books: CallerBooks, clock: Clock, run: str) -> int:
    """Wait until nothing of the run is under way or unknown, for a while; return how many outcomes are unknown."""
    until = clock.monotonic() + SETTLE_SECONDS
    while True:
        statement = await books.statement(run=run)
        if (statement.held == 0 and statement.unknown == 0) or clock.monotonic() > until:
            return statement.unknown
        await clock.sleep(0.1)


async def keep_key(books: CallerBooks, clock: Clock, key: Key, run: str, progress: Callable[[int, int], None]) -> None:
    """Tell how the run stands and keep its key good as long as this process lives; one that was revoked stays so."""
    while True:
        await clock.sleep(PROGRESS_SECONDS)
        with suppress(Exception):  # a purse that is away is the gateway's trouble
            now, good_until = clock.now(), key.terms.expires_at
            if good_until is None or good_until - now < KEY_LEFT:  # at once too where the machine has slept
                key = await books.renew_key(key.name, now + KEY_LIVES)
            statement = await books.statement(run=run)
            progress(statement.calls, statement.cost)
