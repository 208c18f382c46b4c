"""Pays for calls: hold, send, and end the hold by the fate table, whoever asks and however the request is written."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from ai.asking import Purpose
from ai.credit_tracker import Expense, NotAffordable
from ai.ledger.errors import LedgerError, StoreUnavailable
from ai.ledger.ids import new_id
from ai.ledger.money import usd9
from ai.llm.calls import Wire
from ai.llm.fate import End, Fate, fate_of, table_cost, told_by_counts

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from ai.clock import Clock
    from ai.credit_tracker import Balance, Caller, CreditTracker, ProviderClock, Settlement, Usage
    from ai.llm.calls import Outcome
    from ai.llm.health import ModelHealth
    from ai.mind.journal import Journal
    from ai.model_config import Model

    Send = Callable[[Wire], Awaitable[Outcome]]  # writes the request, reads the answer, says how it ended

T = TypeVar("T")
MIND = "mind"
CANCELLED = "cancelled while the call was under way"
MINUTE_SECONDS = 60.0
DEARER_FACTOR = 2  # prompts written to a cache cost up to 1.25 times the listed price; twice is another price
DEARER_NANOS = 1_000_000  # and below a tenth of a cent it is not worth a line


@dataclass(frozen=True, slots=True)
class Payer:
    """Who pays for a call, and what for: handed in with each call.

    `purpose` stands in `by_purpose`, `client` is the program's name in the books (BUDGETS may cap either), `life` and
    `beat` are those it belongs to. `wish`: it also counts against the AI's own wishes. `caller`: whose key and run are
    held on as well, where another program asks.
    """

    purpose: str
    client: str = MIND
    life: int | None = None
    beat: int | None = None
    wish: bool = False
    caller: Caller | None = None

    @property
    def is_mind(self) -> bool:
        """Whether the mind itself asks, with words of its own."""
        return self.client == MIND and self.caller is None

    def expense(self, model: Model, most_nanos: int) -> Expense:
        """Return what is to be held for one call of `model`, under an id of its own."""
        return Expense(
            id=new_id(),
            subject=model.id,
            purpose=self.purpose,
            amount_nanos=most_nanos,
            life=self.life,
            beat=self.beat,
            free_requests=1 if model.free else 0,
            wish=self.wish,
            last=self.purpose == Purpose.DEATH,
            client=self.client,
            caller=self.caller,
        )


@dataclass(frozen=True, slots=True)
class Paid:
    """A call that was carried out: how it ended, and what became of its hold.

    `cost_nanos` is what was captured, 0 where `end` is REFUSE or VOID, or UNKNOWN: then the whole hold stays.
    `available` is what the narrowest cap of a caller of the gateway has left then, None where that is not known.
    """

    call_id: str
    outcome: Outcome
    end: End
    cost_nanos: int
    balance: Balance
    available: int | None = None


class Payments:
    """The one way to a model that costs money. `pay` knows no dialect: the caller hands in what sends."""

    def __init__(  # noqa: PLR0913 — the rooms that a payment touches, each handed in
        self,
        tracker: CreditTracker,
        provider_clock: ProviderClock,
        health: ModelHealth,
        journal: Journal,
        clock: Clock,
        *,
        free_requests_per_minute: int = 20,
    ) -> None:
        self.tracker = tracker
        self.health = health
        self.journal = journal
        self.clock = clock
        self._provider_clock = provider_clock
        self._free_at: deque[float] = deque(maxlen=max(1, free_requests_per_minute))
        self._dearer: set[str] = set()
        self._started: set[asyncio.Task[Paid]] = set()
        self._left_behind: dict[asyncio.Task[None], asyncio.Task[Outcome]] = {}

    async def pay(
        self, payer: Payer, model: Model, most_nanos: int, send: Send, *, linger_seconds: float = 0.0
    ) -> Paid:
        """Hold `most_nanos`, send once, and end the hold as the fate table says.

        `send(wire)` makes one attempt as `Wire` wants it, and returns how the call ended; it raises for nothing that
        a provider does. What it raises is passed on, the hold ended by how far the wire got.

        A caller that is cancelled ends the call too: void where nothing was sent, else of unknown outcome, which is
        asked for by the generation's id. With `linger_seconds` a call whose caller has gone is read to its end for so
        long at most, and booked by what it says.

        Raises NotAffordable and LedgerError where there is no hold; then nothing was sent.
        """
        if model.unmetered:  # a server at home: nothing to hold, whatever the purse says
            return await self.unpaid(payer, model, send)
        expense = payer.expense(model, most_nanos)
        await self._hold(expense)
        wire = Wire(expense.id, record=lambda generation_id: self._sent(expense.id, generation_id))
        sending = asyncio.ensure_future(_awaited(send, wire))
        try:
            outcome = await asyncio.shield(sending)
        except asyncio.CancelledError:
            if wire.sent and linger_seconds > 0 and not sending.done():
                self._leave_behind(expense, model, wire, sending, linger_seconds)
            else:
                sending.cancel()
                await finished(self._end_left(expense, model, wire, sending))
            raise
        except BaseException:
            await finished(self._abandon(expense, wire))
            raise
        return await finished(self._ended(expense, model, outcome, wire))

    def start_paying(
        self, payer: Payer, model: Model, most_nanos: int, send: Send, *, linger_seconds: float = 0.0
    ) -> asyncio.Task[Paid]:
        """Return `pay` as a task of its own, which `close` ends where whoever started it did not."""
        paying = asyncio.ensure_future(self.pay(payer, model, most_nanos, send, linger_seconds=linger_seconds))
        self._started.add(paying)
        paying.add_done_callback(self._started.discard)
        return paying

    async def unpaid(self, payer: Payer, model: Model, send: Send) -> Paid:
        """Carry out a call that costs nothing (an embedded model, a server at home): no hold, but a row of 0."""
        expense = payer.expense(model, 0)
        outcome = await send(Wire(expense.id))
        await finished(self._note_unpaid(expense, outcome))
        return Paid(expense.id, outcome, End.CAPTURE, 0, await self.tracker.balance())

    def free_request_due(self, model: Model) -> str | None:
        """Return why no free request may go out now (the provider's limit a minute), or None and count it."""
        if not model.free:
            return None
        now = self.clock.monotonic()
        if len(self._free_at) == self._free_at.maxlen and now - self._free_at[0] < MINUTE_SECONDS:
            return f"{self._free_at.maxlen} free requests in the last minute are the provider's limit"
        self._free_at.append(now)
        return None

    async def capture(  # noqa: PLR0913, PLR0917 — one call: which, of whom, held, ended, used, and at which prices
        self,
        call_id: str,
        model_id: str,
        held_nanos: int,
        fate: Fate,
        usage: Usage | None,
        model: Model | None = None,
        *,
        remote_id: str | None = None,
    ) -> Settlement:
        """Capture what a call cost; a model that billed above its bound is barred and a person told.

        With the `model` as it was when it was asked, a listing whose price explains the bill lifts the bar again.
        `remote_id` is the generation's id where it is not committed yet.
        """
        settlement = await self.tracker.settle(
            call_id, fate.cost_nanos, usage, estimated=fate.estimated, remote_id=remote_id
        )
        if fate.cost_nanos > held_nanos:
            reason = f"billed ${usd9(fate.cost_nanos)} where ${usd9(held_nanos)} was the bound of the call"
            priced = usage is not None and model is not None and table_cost(model, usage) < fate.cost_nanos
            self.health.bar(model_id, reason, (fate.cost_nanos, usage) if usage is not None and priced else None)
            lifted = "its listed price has caught up, or until " if priced else ""
            problem = f"{model_id} {reason}; it is not asked again until {lifted}`genesis unbar {model_id}`"
            self.journal.append("alert", problem=problem, model=model_id)
        return settlement

    @property
    def left_behind(self) -> int:
        """How many calls go on without their callers."""
        return len(self._left_behind)

    async def close(self) -> None:
        """End the calls that were started and those whose callers have gone; what they cost is asked for later."""
        for paying in self._started:
            paying.cancel()
        if self._started:
            await asyncio.wait(self._started)
        for sending in self._left_behind.values():
            sending.cancel()
        if self._left_behind:
            await asyncio.wait(self._left_behind)

    # --- before and under way --------------------------------------------------------------------------------

    async def _hold(self, expense: Expense) -> None:
        """Hold for a call that is about to be made; cancelled meanwhile, the hold is voided again."""
        task = asyncio.ensure_future(self.tracker.hold(expense))
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            await finished(self._let_go(task, expense))
            raise
        except StoreUnavailable as error:
            if error.outcome_unknown:  # it may stand in the books, and no call will follow it
                with suppress(LedgerError, KeyError):
                    await self.tracker.void(expense.id)
            raise

    async def _let_go(self, holding: asyncio.Task[None], expense: Expense) -> None:
        """Void a hold for which nobody waits any more, once it is placed."""
        await asyncio.wait({holding})
        if not holding.cancelled() and holding.exception() is None:
            await self.tracker.void(expense.id)

    async def _sent(self, call_id: str, generation_id: str | None) -> None:
        """Commit the generation id, so that a crash from here on can be asked about."""
        try:
            await self.tracker.sent(call_id, generation_id)
        except LedgerError as error:  # the call is under way: better an answer whose id is lost than neither
            self.journal.append("call.unrecorded", call_id=call_id, problem=str(error))

    # --- the end of a hold -----------------------------------------------------------------------------------

    async def _ended(self, expense: Expense, model: Model, outcome: Outcome, wire: Wire) -> Paid:
        self._provider_clock.observe(outcome.date)
        fate = fate_of(outcome, model)
        try:
            return await self._end(expense, model, outcome, fate, wire)
        except (
            LedgerError
        ) as error:  # settled otherwise meanwhile, or nowhere to write: the answer is there all the same
            self.journal.append("call.unrecorded", call_id=expense.id, problem=str(error))
            return Paid(expense.id, outcome, End.UNKNOWN, 0, await self.tracker.balance())

    async def _end(self, expense: Expense, model: Model, outcome: Outcome, fate: Fate, wire: Wire) -> Paid:
        if fate.end is End.CAPTURE:
            held, remote_id = expense.amount_nanos, None if wire.recorded else wire.generation_id
            settlement = await self.capture(
                expense.id, expense.subject, held, fate, outcome.usage, model, remote_id=remote_id
            )
            self._cross_check(model, outcome, settlement)
            return Paid(expense.id, outcome, fate.end, settlement.cost, settlement.balance, settlement.available)
        if fate.end is End.VOID:
            await self.tracker.void(expense.id)
        elif fate.end is End.REFUSE:
            await self.tracker.refuse(expense.id)
        else:
            await self._unknown(expense, fate.reason, wire)
        return Paid(expense.id, outcome, fate.end, 0, await self.tracker.balance())

    def _leave_behind(
        self, expense: Expense, model: Model, wire: Wire, sending: asyncio.Task[Outcome], seconds: float
    ) -> None:
        """Let a call go on without its caller, for so long at most."""
        patience = asyncio.get_running_loop().call_later(seconds, sending.cancel)
        sending.add_done_callback(lambda _: patience.cancel())
        ending = asyncio.ensure_future(self._end_left(expense, model, wire, sending))
        self._left_behind[ending] = sending
        ending.add_done_callback(self._left_behind.pop)

    async def _end_left(self, expense: Expense, model: Model, wire: Wire, sending: asyncio.Task[Outcome]) -> None:
        """End the hold of a call whose caller has gone: by its outcome where it came to one."""
        await asyncio.wait({sending})
        if sending.cancelled() or sending.exception() is not None:
            await self._abandon(expense, wire)
        else:
            await self._ended(expense, model, sending.result(), wire)

    async def _abandon(self, expense: Expense, wire: Wire) -> None:
        """End the hold of a call that came to no outcome: void if nothing left, else unknown."""
        if wire.sent:
            await self._unknown(expense, CANCELLED, wire)
        else:
            await self.tracker.void(expense.id)

    async def _unknown(self, expense: Expense, reason: str, wire: Wire) -> None:
        """Leave the outcome open; where nothing is held there is nothing to ask about, and it is captured as 0."""
        if expense.amount_nanos == 0:
            await self.tracker.settle(expense.id, 0, estimated=True)
            return
        if wire.generation_id is not None and not wire.recorded:
            await self._sent(expense.id, wire.generation_id)
        await self.tracker.leave_unknown(expense.id, reason)
        self.journal.append(
            "call.unknown", call_id=expense.id, model=expense.subject, held_nanos=expense.amount_nanos, reason=reason
        )

    async def _note_unpaid(self, expense: Expense, outcome: Outcome) -> None:
        """Write an embedded model's answer into the books as a row of 0; a purse that is away stops no thought."""
        if outcome.error is not None or outcome.usage is None:
            return
        with suppress(NotAffordable, LedgerError):
            await self.tracker.hold(expense)
            await self.tracker.settle(expense.id, 0, outcome.usage)

    def _cross_check(self, model: Model, outcome: Outcome, settlement: Settlement) -> None:
        """Say so where a provider's bill is above its own listed prices; the bill stands."""
        if outcome.usage is None or outcome.cost is None or not told_by_counts(outcome, model):
            return
        listed = table_cost(model, outcome.usage)
        if settlement.cost > DEARER_FACTOR * listed + DEARER_NANOS and model.id not in self._dearer:
            self._dearer.add(model.id)
            self.journal.append("call.dearer", model=model.id, cost_nanos=settlement.cost, listed_nanos=listed)


async def _awaited(send: Send, wire: Wire) -> Outcome:
    return await send(wire)


async def finished(work: Coroutine[object, object, T]) -> T:
    """Return what `work` returns; a caller cancelled meanwhile, once or again, is cancelled only when it is done."""
    task = asyncio.ensure_future(work)
    cancelled = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            cancelled = error
        except BaseException:  # noqa: BLE001, S110 - the task's own, which `result` raises below
            pass
    if cancelled is not None:
        raise cancelled
    return task.result()
