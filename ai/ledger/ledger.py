"""The ledger's door: many callers, one writer, one commit for all who wait, answered only when durable."""

import asyncio
import copy
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib.resources import files
from pathlib import Path
from queue import Empty, LifoQueue, SimpleQueue
from time import monotonic as seconds_here
from typing import TypeVar

from ai.ledger.batch import Answer, Batch, Work, run_work
from ai.ledger.circuit_breaker import CircuitBreaker
from ai.ledger.errors import LedgerError, StoreUnavailable
from ai.ledger.sqlite_store import SQLiteStore
from ai.ledger.store import ComponentFolders, OpenStore, Store
from ai.ledger.transaction import Looks, Transaction

T = TypeVar("T")

MIGRATIONS = files("ai.ledger") / "migrations"

MAX_BATCH = 256  # works that share one commit; more would make the first of them wait for no gain
MAX_WAITING = 10_000  # works in the queue; beyond it callers are told at once instead of piling up in memory
READERS = 2  # threads for `read`: a long report and a balance beside it
CLOSE_SECONDS = 5.0  # a daemon must end within ten; a batch that takes longer is with a store that is away

CLOSED = "the ledger is closed"


class Ledger:
    """The purse: write with `transact`, look with `read`; from any task, and `…_now` from any thread."""

    def __init__(self, open_store: OpenStore, clock_us: Callable[[], int], *, read_only: bool = False) -> None:
        self._clock_us = clock_us
        self._open_store = open_store
        self._read_only = read_only
        self._closed = False
        self._store = open_store(read_only)
        self._alone = threading.Lock()  # whoever holds it uses the writing connection
        self._door = threading.Lock()  # nothing enters the queue after the word to stop
        self._waiting: SimpleQueue[Work | None] = SimpleQueue()
        self._writer = threading.Thread(target=self._write_batches, name="ledger-writer", daemon=True)
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="ledger-reader")
        self._reading: LifoQueue[Store] = LifoQueue()

    async def transact(
        self, work: Callable[[Transaction], T], *, careful: Callable[[Transaction], T] | None = None
    ) -> T:
        """Run `work` in the writer's thread and return its result once it is durable.

        Works that wait at the same time share one commit, and those that ask nothing are written in one go. An
        exception that one raises undoes that one alone and is raised here. Where the schema refuses what a work
        writes, `careful` is run in its place (else the work itself, anew) to find out why, so a work may be begun
        more than once and does nothing beside the transaction. Cancelling the caller does not undo a work.
        Raises StoreUnavailable or CorruptStore where the store failed; then none of the batch is done, unless
        `outcome_unknown`, which the same ids again resolve.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        with self._door:
            self._refuse_unless_writable()
            if self._waiting.qsize() >= MAX_WAITING:
                raise StoreUnavailable(f"{MAX_WAITING:,} transactions wait for the purse already; try again later")
            if self._writer.ident is None:
                self._writer.start()
            self._waiting.put(Work(work, careful, loop, future))
        return await future

    def transact_now(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` in this thread and return its result once it is durable; as `transact`, but it blocks."""
        self._refuse_unless_writable()
        result: T
        with self._alone:
            try:
                self._store.begin(write=True)
                looks = Looks()
                result = run_work(Transaction(self._store, self._clock_us(), looks), work)
                looks.fill(self._store.commit(looks.accounts))
            except BaseException:
                self._store.rollback()
                raise
        return result

    async def read(self, query: Callable[[Transaction], T]) -> T:
        """Return `query`'s result over one moment of the purse, without waiting for writers; it cannot write."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, self.read_now, query)

    def read_now(self, query: Callable[[Transaction], T]) -> T:
        """Do as `read`, in this thread."""
        if self._closed:
            raise LedgerError(CLOSED)
        try:
            store = self._reading.get_nowait()
        except Empty:
            store = self._open_store(True)
        try:
            store.begin(write=False)
            return run_work(Transaction(store, self._clock_us()), query)
        finally:
            store.rollback()
            if self._closed:
                store.close()
            else:
                self._reading.put(store)

    def close(self) -> None:
        """Finish what waits, then close every connection; a second call does nothing."""
        with self._door:
            if self._closed:
                return
            self._closed = True
            self._waiting.put(None)
        if self._writer.ident is not None:
            self._writer.join(CLOSE_SECONDS)
        self._readers.shutdown(wait=False, cancel_futures=True)
        if self._alone.acquire(timeout=CLOSE_SECONDS):  # else the store is away, and its thread ends with the process
            self._store.close()
            self._alone.release()
        while not self._reading.empty():
            self._reading.get_nowait().close()

    def _refuse_unless_writable(self) -> None:
        if self._closed:
            raise LedgerError(CLOSED)
        if self._read_only:
            raise LedgerError("this ledger was opened for reading")

    def _write_batches(self) -> None:
        while (first := self._waiting.get()) is not None:
            works = [first]
            with self._alone:
                answers = self._commit_together(works)
            _deliver(works, answers)

    def _commit_together(self, works: list[Work]) -> list[Answer]:
        """Run the works, and those that came while they waited for their turn, in one transaction.

        Returns each one's result or error, after the commit.
        """
        begun = False
        try:
            self._store.begin(write=True)
            begun = True
            works += self._come()
            batch = Batch(self._store, self._clock_us)
            answers = batch.run(works)
            batch.looks.fill(self._store.commit(batch.looks.accounts))
        except BaseException as error:  # noqa: BLE001 - the store failed: that is every caller's answer; the thread lives on
            self._store.rollback()
            works += [] if begun else self._come()  # else each would wait as long to be told the same
            return [(None, copy.copy(error)) for _ in works]  # each caller adds its own traceback
        return answers

    def _come(self) -> list[Work]:
        """Return what waits to be written, up to a batch."""
        come: list[Work] = []
        with suppress(Empty):
            while len(come) < MAX_BATCH:
                work = self._waiting.get_nowait()
                if work is None:  # nothing comes after it
                    self._waiting.put(None)
                    break
                come.append(work)
        return come


def _deliver(works: list[Work], answers: list[Answer]) -> None:
    """Hand the answers to their event loops, with one wake-up for each loop."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[Work, Answer]]] = {}
    for work, answer in zip(works, answers, strict=True):
        by_loop.setdefault(work.loop, []).append((work, answer))
    for loop, answered in by_loop.items():
        with suppress(RuntimeError):  # the loop has ended, so nobody waits; what was done is durable
            loop.call_soon_threadsafe(_answer, answered)


def _answer(answered: list[tuple[Work, Answer]]) -> None:
    for work, (result, error) in answered:
        if work.future.done():  # its caller was cancelled
            continue
        if error is None:
            work.future.set_result(result)
        else:
            work.future.set_exception(error)


def open_ledger(
    url: str,
    clock_us: Callable[[], int],
    *,
    components: ComponentFolders = (),
    read_only: bool = False,
    monotonic: Callable[[], float] = seconds_here,
) -> Ledger:
    """Open the purse at `url` (`sqlite:///path` or `postgresql://…`) with its tables, and those of `components`.

    `clock_us` gives microseconds since 1970, UTC, `monotonic` seconds. A store that cannot be reached now is tried
    again at each call, a server that was silent after QUIET_SECONDS, so that a purse that is away stops no thinking.
    Raises ValueError for another kind of URL, NewerSchema, CorruptStore.
    """
    ledger = Ledger(_opener(url, components, CircuitBreaker(monotonic)), clock_us, read_only=read_only)
    try:
        ledger.read_now(lambda _: None) if read_only else ledger.transact_now(lambda _: None)
    except StoreUnavailable:
        pass
    except BaseException:
        ledger.close()
        raise
    return ledger


def _opener(url: str, components: ComponentFolders, breaker: CircuitBreaker) -> OpenStore:
    scheme, _, rest = url.partition("://")
    own: ComponentFolders = [("ledger", {kind: MIGRATIONS / kind for kind in ("sqlite", "postgres")})]
    everything = [*own, *components]
    if scheme == "sqlite" and len(rest) > 1 and rest.startswith("/"):
        folders = [(component, by_store["sqlite"]) for component, by_store in everything]
        return lambda read_only: SQLiteStore(Path(rest[1:]), folders, read_only=read_only)
    if scheme in {"postgresql", "postgres"} or "=" in scheme:  # a URL, or libpq's key=value pairs
        from ai.ledger.postgres_store import PostgresStore  # noqa: PLC0415 - psycopg is slow to load, and rarely wanted

        folders = [(component, by_store["postgres"]) for component, by_store in everything]
        return lambda read_only: PostgresStore(url, folders, read_only=read_only, breaker=breaker)
    named = f", not {scheme!r}" if scheme.isalpha() and scheme != url else ""
    raise ValueError(f"the purse is sqlite:///path/to/file or postgresql://user@host/database{named}")
