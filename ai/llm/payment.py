"""Where calls meet the purse: every hold is made here, and every hold is ended here, cancelled or not."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from ai.ledger.errors import LedgerError, StoreUnavailable
from ai.ledger.money import usd9
from ai.llm.fate import End, Fate, fate_of

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from ai.credit_tracker import CreditTracker, Expense, ProviderClock, Settlement, Usage
    from ai.llm.calls import Outcome, Wire
    from ai.llm.health import ModelHealth
    from ai.mind.journal import Journal
    from ai.model_config import Model

T = TypeVar("T")
CANCELLED = "cancelled while the call was under way"


class Payments:
    """Holds before a call and ends the hold after it, by the fate table."""

    def __init__(
        self, tracker: CreditTracker, provider_clock: ProviderClock, health: ModelHealth, journal: Journal
    ) -> None:
        self.tracker = tracker
        self._provider_clock = provider_clock
        self._health = health
        self._journal = journal

    async def hold(self, expense: Expense) -> None:
        """Hold for a call that is about to be made; cancelled meanwhile, the hold is voided again.

        Raises NotAffordable, and LedgerError where the purse is away.
        """
        task = asyncio.ensure_future(self.tracker.hold(expense))
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            await asyncio.wait({task})
            if task.exception() is None:
                await self.tracker.void(expense.id)
            raise
        except StoreUnavailable as error:
            if error.outcome_unknown:  # it may stand in the books, and no call will follow it
                with suppress(LedgerError, KeyError):
                    await self.tracker.void(expense.id)
            raise

    async def sent(self, call_id: str, generation_id: str | None) -> None:
        """Commit the generation id, so that a crash from here on can be asked about."""
        try:
            await self.tracker.sent(call_id, generation_id)
        except LedgerError as error:  # the call is under way: better an answer whose id is lost than neither
            self._journal.append("call.unrecorded", call_id=call_id, problem=str(error))

    async def end(self, expense: Expense, model: Model, outcome: Outcome) -> Settlement | None:
        """End the hold as the fate table says; finished even if cancelled. None: nothing was captured."""
        self._provider_clock.observe(outcome.date)
        return await finished(self._end(expense, model, outcome))

    async def abandon(self, expense: Expense, wire: Wire, reason: str = CANCELLED) -> None:
        """End the hold of a call whose caller was cancelled: void if nothing left, else of unknown outcome."""
        if wire.sent:
            await finished(self._unknown(expense, reason))
        else:
            await finished(self.tracker.void(expense.id))

    async def _end(self, expense: Expense, model: Model, outcome: Outcome) -> Settlement | None:
        fate = fate_of(outcome, model)
        if fate.end is End.VOID:
            await self.tracker.void(expense.id)
        elif fate.end is End.REFUSE:
            await self.tracker.refuse(expense.id)
        elif fate.end is End.UNKNOWN:
            await self._unknown(expense, fate.reason)
        else:
            return await self.capture(expense.id, expense.subject, expense.amount_nanos, fate, outcome.usage)
        return None

    async def capture(
        self, call_id: str, model_id: str, held_nanos: int, fate: Fate, usage: Usage | None
    ) -> Settlement:
        """Capture what a call cost; a model that billed above its bound is barred and a person told."""
        settlement = await self.tracker.settle(call_id, fate.cost_nanos, usage, estimated=fate.estimated)
        if fate.cost_nanos > held_nanos:
            reason = f"billed ${usd9(fate.cost_nanos)} where ${usd9(held_nanos)} was the bound of the call"
            self._health.bar(model_id, reason)
            self._journal.append("alert", problem=f"{model_id} {reason}; it is not asked again", model=model_id)
        return settlement

    async def _unknown(self, expense: Expense, reason: str) -> None:
        """Leave the outcome open; where nothing is held there is nothing to ask about, and it is captured as 0."""
        if expense.amount_nanos == 0:
            await self.tracker.settle(expense.id, 0, estimated=True)
            return
        await self.tracker.leave_unknown(expense.id, reason)
        self._journal.append(
            "call.unknown", call_id=expense.id, model=expense.subject, held_nanos=expense.amount_nanos, reason=reason
        )


async def finished(work: Coroutine[object, object, T]) -> T:
    """Return what `work` returns; a caller cancelled meanwhile is cancelled only when it is done."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise
