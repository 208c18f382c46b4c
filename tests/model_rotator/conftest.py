"""A rotation on a real mind and a real purse under a virtual clock, with a small catalogue of its own."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import format_datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from ai.clock import VirtualClock
from ai.credit_tracker import CreditTracker, Expense, ProviderClock
from ai.credit_tracker.accounts import open_credit_ledger
from ai.ledger.ledger import Ledger
from ai.llm import ModelHealth
from ai.mind.database import MindDatabase, open_mind
from ai.mind.journal import Journal
from ai.model_config import Model, Prices, Tier, tier_of
from ai.model_rotator.rotation import Rotation
from ai.settings import Settings

NOON = datetime(2026, 11, 10, 12, tzinfo=UTC)
USD = 10**9


def a_model(model_id: str, usd_in: str = "0", usd_out: str = "0", quality: float = 6.0, **fields: Any) -> Model:
    """A remote model with prices in USD per million tokens."""
    prices = Prices(Decimal(usd_in) / 10**6, Decimal(usd_out) / 10**6)
    given = {
        "endpoint": "openrouter", "tier": tier_of(prices), "context_length": 131_072, "max_completion_tokens": None,
        "barred": None,
    } | fields  # fmt: skip
    return Model(
        id=model_id, name=model_id, prices=prices, quality=quality, parameters=frozenset({"max_tokens"}),
        created=None, expires=None, **given,
    )  # fmt: skip


SMALL = [
    *(a_model(f"acme/free-{n:02}:free", quality=6 + n / 20) for n in range(12)),
    *(a_model(f"acme/tiny-{n:02}", "0.05", "0.2", quality=6.5 + n / 20) for n in range(12)),
    *(a_model(f"acme/haiku-{n:02}", "1", "5", quality=8 + n / 20) for n in range(4)),
    *(a_model(f"acme/sonnet-{n:02}", "3", "15", quality=9 + n / 20) for n in range(2)),
    a_model("acme/oracle", "3", "15", quality=9.9, barred="its reasoning cannot be switched off"),
    a_model("local/small", quality=2.0, endpoint="local", tier=Tier.LOCAL, context_length=4096),
]


@dataclass
class Listed:
    """A catalogue that holds what a test says."""

    known: list[Model] = field(default_factory=lambda: list(SMALL))
    problem: str | None = None

    def models(self) -> dict[str, Model]:
        return {model.id: model for model in self.known}


@dataclass
class Rooms:
    """The rotation and the rooms it looks into."""

    clock: VirtualClock
    ledger: Ledger
    mind: MindDatabase
    journal: Journal
    tracker: CreditTracker
    health: ModelHealth
    listed: Listed
    rotation: Rotation
    settings: Settings
    provider_clock: ProviderClock
    numbers: Any = field(default_factory=lambda: count(1))

    async def spend(self, cost: int, **fields: Any) -> None:
        given = {"subject": "acme/haiku-00", "purpose": "thought", "life": 1, "beat": 1} | fields
        expense = Expense(id=f"call-{next(self.numbers)}", amount_nanos=cost, **given)
        await self.tracker.hold(expense)
        await self.tracker.settle(expense.id, cost)

    def events(self, kind: str) -> list[dict[str, Any]]:
        return [dict(event.data) for event in self.journal.after(0, 10_000, [kind])]

    def again(self) -> Rotation:
        """The rotation as a restart would find it."""
        return Rotation(self.mind, self.listed, self.tracker, self.health, self.settings, self.clock, self.journal)


@pytest.fixture
async def build(tmp_path: Path) -> AsyncIterator[Callable[..., Any]]:
    """`await build(**settings)`: the rooms, on files of their own."""
    opened: list[Rooms] = []

    async def make(**fields: Any) -> Rooms:
        fields.setdefault("openrouter_api_key", "sk-or-test")
        settings = Settings(data_dir=tmp_path, **fields)
        clock = VirtualClock(NOON)
        provider_clock = ProviderClock(clock, required=True)
        provider_clock.observe(format_datetime(NOON, usegmt=True))
        ledger = open_credit_ledger(f"sqlite:///{tmp_path / f'ledger-{len(opened)}.db'}", clock)
        mind = open_mind(tmp_path / f"mind-{len(opened)}.db")
        journal, health, listed = Journal(mind, clock), ModelHealth(mind, clock), Listed()
        tracker = CreditTracker(ledger, settings, clock, mind_name="genesis", provider_clock=provider_clock)
        await tracker.open()
        rotation = Rotation(mind, listed, tracker, health, settings, clock, journal)
        opened.append(Rooms(clock, ledger, mind, journal, tracker, health, listed, rotation, settings, provider_clock))
        return opened[-1]

    yield make
    for rooms in opened:
        rooms.ledger.close()
        rooms.mind.close()


@pytest.fixture
async def rooms(build: Callable[..., Any]) -> Rooms:
    made: Rooms = await build()
    return made
