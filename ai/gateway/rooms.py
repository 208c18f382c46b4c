"""Everything that the gateway works with, handed in once: money, models, who serves, and what is told of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ai.gateway.choosing import Habits
from ai.gateway.limits import UnderWay

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ai.credit_tracker import Caller, CreditTracker
    from ai.credit_tracker.caller_books import CallerBooks
    from ai.gateway.aftermath import Aftercare
    from ai.gateway.telling import Telling
    from ai.gateway.upstream import Sender
    from ai.llm.health import ModelHealth
    from ai.llm.payment import Paid, Payments
    from ai.model_config import Model
    from ai.model_config.catalogue import Catalogue


@dataclass(slots=True)
class Rooms:
    """`senders` by endpoint; `pinned` serves every chat completion; `embedding_model` is the embedded one."""

    provider: str
    catalogue: Catalogue
    tracker: CreditTracker
    books: CallerBooks
    payments: Payments
    health: ModelHealth
    aftercare: Aftercare
    telling: Telling
    senders: Mapping[str, Sender]
    pinned: str | None = None
    embedding_model: Model | None = None
    habits: Habits = field(default_factory=Habits)
    under_way: UnderWay = field(default_factory=UnderWay)

    @property
    def local_speaks(self) -> frozenset[str]:
        """What the embedded model serves itself."""
        local = self.senders.get("local")
        return frozenset() if local is None else local.speaks

    async def free_left(self) -> int:
        """Return how many free requests are left today."""
        return (await self.tracker.balance()).free_left

    def after(self, model: Model, paid: Paid, caller: Caller) -> None:
        """Take in how a call ended: the model's health, the caller's habits, what is told."""
        self.aftercare.note(model, paid.outcome, self.payments.clock.monotonic())
        if paid.outcome.error is None:
            self.habits.note(caller.key, caller.run, model.id)
        self.telling.called(model, paid, caller)
