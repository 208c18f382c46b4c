"""One commit's works: those that only write are judged together in one go, all others and the refused one by one."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Never, TypeVar

from ai.ledger.errors import CorruptStore, StoreUnavailable
from ai.ledger.store import BulkStatement, Rows, Store, Written
from ai.ledger.transaction import CAPTURES, Transaction

T = TypeVar("T")
Answer = tuple[Any, BaseException | None]  # a work's result, or what it raised

FEW = 8  # works judged together again after a refusal among many; where that is refused too, each goes alone


class Work:
    """One caller's work, what is run in its place where the schema refuses it, and where its answer goes."""

    __slots__ = ("careful", "future", "loop", "run")

    def __init__(
        self,
        run: Callable[[Transaction], Any],
        careful: Callable[[Transaction], Any] | None,
        loop: asyncio.AbstractEventLoop,
        future: "asyncio.Future[Any]",
    ) -> None:
        self.run = run
        self.careful = careful or run
        self.loop = loop
        self.future = future


class _Asked(BaseException):
    """A work that was to be written down only asks the store something; not an Exception, so that no work keeps it."""


class _Recorder:
    """Takes down what a work writes, without a store."""

    def __init__(self) -> None:
        self.written: list[tuple[BulkStatement, Sequence[Sequence[object]]]] = []
        self.asked = False

    def execute(self, _sql: str, _params: Sequence[object] = ()) -> Rows:
        self._end()

    def check(self) -> str | None:
        self._end()

    def judge(self, written: Written) -> None:
        self.written += written

    def _end(self) -> Never:
        self.asked = True
        raise _Asked


class Batch:
    """Runs works in a transaction that was begun; its order is theirs, but what ends a hold goes before what holds."""

    def __init__(self, store: Store, clock_us: Callable[[], int]) -> None:
        self._store = store
        self._clock_us = clock_us
        self._answers: dict[int, Answer] = {}

    def run(self, works: Sequence[Work]) -> list[Answer]:
        """Return each work's result or error. Raises StoreUnavailable or CorruptStore, after which nothing is done."""
        waiting: list[tuple[int, Work, Written]] = []
        for place, work in enumerate(works):
            written = self._take_down(place, work) if len(works) > 1 or work.careful is not work.run else None
            if written is not None:
                if written:
                    waiting.append((place, work, written))
                continue
            self._judge(waiting)  # what it asks for is to show what those before it wrote
            waiting = []
            self._alone(place, work.run)
        self._judge(waiting)
        return [self._answers[place] for place in range(len(works))]

    def _take_down(self, place: int, work: Work) -> Written | None:
        """Return what a work writes, its answer foretold; None where that depends on what the store would say."""
        recorder = _Recorder()
        try:
            answer: Answer = run_work(Transaction(recorder, self._clock_us()), work.run), None
        except _Asked:
            return None
        except BaseException as error:  # noqa: BLE001 - whatever one caller's work raises is that caller's answer
            if recorder.written:
                return None
            answer = None, error
        if recorder.asked:
            return None
        self._answers[place] = answer
        return recorder.written

    def _judge(self, waiting: Sequence[tuple[int, Work, Written]], most: int | None = None) -> None:
        """Write what waits, `most` works at a time; where something of it is refused, find out whose it was."""
        step = most or max(len(waiting), 1)
        for first in range(0, len(waiting), step):
            some = waiting[first : first + step]
            try:
                self._store.judge(_merged([written for _, _, written in some]))
            except (StoreUnavailable, CorruptStore):
                raise
            except Exception:  # noqa: BLE001 - by the schema or by the driver: its own caller hears of it below
                if len(some) > FEW:
                    self._judge(some, FEW)
                    continue
                for place, work, _ in some:
                    self._alone(place, work.careful)

    def _alone(self, place: int, run: Callable[[Transaction], Any]) -> None:
        """Run one work by itself; an error that it raises undoes it alone."""
        self._store.mark()
        try:
            self._answers[place] = run_work(Transaction(self._store, self._clock_us()), run), None
        except (StoreUnavailable, CorruptStore):
            raise
        except BaseException as error:  # noqa: BLE001 - whatever one caller's work raises is that caller's answer
            self._store.undo()
            self._answers[place] = None, error


def run_work(transaction: Transaction, work: Callable[[Transaction], T]) -> T:
    """Return the work's result; raises what it raised, or what the store had said where it caught that."""
    try:
        result = work(transaction)
    except StopIteration as error:  # a future cannot carry it, so its caller would wait for ever
        raise RuntimeError("the work raised StopIteration") from error
    if transaction.failed is not None:  # the work caught it, but the database did not go on
        raise transaction.failed
    return result


def _merged(all_written: Sequence[Written]) -> Written:
    """Return the statements of several works, each once with the rows of all; captures first: they make room."""
    merged: dict[BulkStatement, list[Sequence[object]]] = {CAPTURES: []}
    for written in all_written:
        for statement, rows in written:
            merged.setdefault(statement, []).extend(rows)
    return [(statement, rows) for statement, rows in merged.items() if rows]
