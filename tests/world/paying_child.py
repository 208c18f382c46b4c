"""A program that pays for answers until it is killed; what it was told is paid it writes down outside the purse."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

from ai.asking import Message, Purpose
from ai.clock import VirtualClock
from ai.credit_tracker import CreditTracker, ProviderClock
from ai.credit_tracker.accounts import open_credit_ledger
from ai.ledger.ledger import Ledger
from ai.llm import Limits, ModelHealth, NoAnswer, OpenAIEndpoint, PaidClient, Payer
from ai.mind.database import open_mind
from ai.mind.journal import Journal
from ai.model_config import parse_openrouter
from ai.settings import Settings
from tests.world.openrouter_books import DEFAULT_MODELS

MODELS = [model for model in parse_openrouter(DEFAULT_MODELS) if model.id.startswith("acme/small-")]
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Child:
    """What one run needs: whom to pay, where the purse is, what time it is."""

    folder: Path
    base_url: str
    key: str
    now: datetime
    asks: int

    @property
    def acknowledged(self) -> Path:
        """Where the costs that were acknowledged are written, one a line."""
        return self.folder / "acknowledged"


async def open_client(child: Child) -> tuple[PaidClient, CreditTracker, Ledger, VirtualClock]:
    """The rooms of a paid call, opened as a daemon opens them at a start."""
    clock = VirtualClock(child.now)
    ledger = open_credit_ledger(f"sqlite:///{child.folder / 'ledger.db'}", clock)
    settings = Settings(openrouter_api_key=child.key, monthly_budget_usd="50")
    provider_clock = ProviderClock(clock)
    provider_clock.observe(format_datetime(child.now, usegmt=True))
    tracker = CreditTracker(ledger, settings, clock, mind_name="genesis", provider_clock=provider_clock)
    await tracker.open()
    mind = open_mind(child.folder / "mind.db")
    endpoint = OpenAIEndpoint("openrouter", child.base_url, child.key, headers={}, clock=clock)
    client = PaidClient(
        {"openrouter": endpoint}, tracker, ModelHealth(mind, clock), Journal(mind, clock), clock,
        provider_clock=provider_clock, limits=Limits(max_output_tokens=100),
    )  # fmt: skip
    await client.resolve_open()
    clock.advance(60)
    await client.settle_unknowns()
    return client, tracker, ledger, clock


async def pay(child: Child) -> None:
    """Ask again and again; write each acknowledged cost to a file, outside the purse."""
    client, _, _, _ = await open_client(child)
    told = os.open(child.acknowledged, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    for number in range(child.asks):
        ask = [Message(role="user", content=f"Number {number}?")]
        try:
            answer = await client.complete(MODELS, ask, payer=Payer(Purpose.THOUGHT))
        except NoAnswer:
            continue
        os.write(told, f"{answer.generation_id} {answer.cost_nanos}\n".encode())


def run(child: Child) -> None:
    """Run in a process of its own."""
    asyncio.run(pay(child))
