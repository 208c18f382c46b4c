"""Everything that the gateway works with, handed in once: money, models, who serves, and what is told of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ai.gateway.choosing import payer_name
from ai.gateway.limits import UnderWay
from ai.model_rotator.payers import Payers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ai.credit_tracker import CreditTracker
    from ai.credit_tracker.caller_books import CallerBooks
    from ai.gateway.aftermath import Aftercare
    from ai.gateway.attempt import Request
    from ai.gateway.spans import Spans
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
    payers: Payers = field(default_factory=Payers)
    spans: Spans | None = None
    under_way: UnderWay = field(default_factory=UnderWay)

    @property
    def local_speaks(self) -> frozenset[str]:
        """What the embedded model serves itself."""
        local = self.senders.get("local")
        return frozenset() if local is None else local.speaks

    def after(self, model: Model, paid: Paid, request: Request) -> None:
        """Take in how a call ended: the model's health, who answered this caller, what is told."""
        caller, clock = request.caller, self.payments.clock
        self.aftercare.note(model, paid.outcome, clock.monotonic())
        if paid.outcome.error is None:
            payer = payer_name(caller.key, caller.run)
            self.payers.used(payer, model.id, clock.now(), weight=request.options.weight)
        self.telling.called(model, paid, caller)
        if self.spans is not None:
            self.spans.ended(model, paid, request)
