"""One commit's works: those that only write are judged together in one go, all others and the refused one by one."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Never, TypeVar

from ai.ledger.errors import CorruptStore, StoreUnavailable
from ai.ledger.store import BulkStatement, Rows, Store, Written
from ai.ledger.transaction import CAPTURES, Looks, Transaction

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


@dataclass(frozen=True, slots=True)
class _Waiting:
    """What the work at a `place` wrote `at` its time, taken down and not judged yet."""

    place: int
    work: Work
    at: int
    written: Written


class Batch:
    """Runs works in a transaction that was begun; its order is theirs, but what ends a hold goes before what holds."""

    def __init__(self, store: Store, clock_us: Callable[[], int]) -> None:
        self.looks = Looks()
        self._store = store
        self._clock_us = clock_us
        self._answers: dict[int, Answer] = {}

    def run(self, works: Sequence[Work]) -> list[Answer]:
        """Return each work's result or error. Raises StoreUnavailable or CorruptStore, after which nothing is done."""
        waiting: list[_Waiting] = []
        changed: set[tuple[BulkStatement, object]] = set()  # rows that what waits changes
        for place, work in enumerate(works):
            at = self._clock_us()
            written = self._take_down(place, work, at) if len(works) > 1 or work.careful is not work.run else None
            changes = _changes(written or [])
            if written is None or not changed.isdisjoint(changes):
                self._judge(waiting)  # what is asked for, or changed again, is to show what those before it wrote
                waiting, changed = [], set()
            if written is None:
                self._alone(place, work.run, at)
            elif written:
                waiting.append(_Waiting(place, work, at, written))
                changed.update(changes)
        self._judge(waiting)
        return [self._answers[place] for place in range(len(works))]

    def _take_down(self, place: int, work: Work, at: int) -> Written | None:
        """Return what a work writes, its answer foretold; None where that depends on what the store would say."""
        recorder = _Recorder()
        try:
            answer: Answer = run_work(Transaction(recorder, at, self.looks), work.run), None
        except _Asked:
            return None
        except BaseException as error:  # noqa: BLE001 - whatever one caller's work raises is that caller's answer
            if recorder.written:
                return None
            answer = None, error
        if recorder.asked or len(set(changes := _changes(recorder.written))) < len(changes):
            return None
        self._answers[place] = answer
        return recorder.written

    def _judge(self, waiting: Sequence[_Waiting]) -> None:
        """Write what waits; where something of it is refused, find out whose: a few together, then each alone."""
        if not waiting or self._taken(waiting):
            return
        for first in range(0, len(waiting), FEW):
            some = waiting[first : first + FEW]
            if len(waiting) > len(some) > 1 and self._taken(some):
                continue
            for one in some:
                straight = one.work.careful is not one.work.run and len(waiting) > 1
                if not (straight and self._taken([one])):
                    self._alone(one.place, one.work.careful, one.at)

    def _taken(self, waiting: Sequence[_Waiting]) -> bool:
        """Write what waits, or nothing where the schema or the driver refuses some of it."""
        try:
            self._store.judge(_merged([one.written for one in waiting]))
        except (StoreUnavailable, CorruptStore):
            raise
        except Exception:  # noqa: BLE001 - asked again alone, each caller hears of its own
            return False
        return True

    def _alone(self, place: int, run: Callable[[Transaction], Any], at: int) -> None:
        """Run one work by itself; an error that it raises undoes it alone."""
        self._store.mark()
        try:
            self._answers[place] = run_work(Transaction(self._store, at, self.looks), run), None
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


def _changes(written: Written) -> list[tuple[BulkStatement, object]]:
    """Return which rows are changed by statements that change each row once."""
    found: list[tuple[BulkStatement, object]] = []
    for statement, rows in written:
        if statement.once is not None:
            place = list(statement.fields).index(statement.once)
            found += [(statement, row[place]) for row in rows]
    return found


def _merged(all_written: Sequence[Written]) -> Written:
    """Return the statements of several works, each once with the rows of all; captures first: they make room."""
    merged: dict[BulkStatement, list[Sequence[object]]] = {CAPTURES: []}
    for written in all_written:
        for statement, rows in written:
            merged.setdefault(statement, []).extend(rows)
    return [(statement, _added_up(statement, rows)) for statement, rows in merged.items() if rows]


def _added_up(statement: BulkStatement, rows: list[Sequence[object]]) -> list[Sequence[object]]:
    if not statement.sums:
        return rows
    names = len(statement.fields) - statement.sums
    totals: dict[Sequence[object], Sequence[Any]] = {}
    for row in rows:
        name, values = row[:names], row[names:]
        before = totals.get(name)
        totals[name] = values if before is None else [one + more for one, more in zip(before, values, strict=True)]
    return [(*name, *values) for name, values in totals.items()]
