"""A paid client on a real purse and a real mind, beside the provider it pays."""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import format_datetime
from itertools import count
from pathlib import Path
from typing import Any

import httpx2
import pytest

from ai.asking import Purpose
from ai.clock import VirtualClock
from ai.credit_tracker import CallRecord, CreditTracker, ProviderClock
from ai.credit_tracker.accounts import open_credit_ledger
from ai.credit_tracker.calls import last_calls
from ai.ledger.audit import audit
from ai.ledger.ledger import Ledger
from ai.llm import Completion, Endpoint, Limits, ModelHealth, OpenAIEndpoint, PaidClient, Payer
from ai.mind.database import MindDatabase, open_mind
from ai.mind.journal import Journal
from ai.model_config import Model, parse_openrouter
from ai.settings import Settings
from tests.world.openrouter import FakeOpenRouter

NOBODY_THERE = "postgresql://127.0.0.1:1/purse"  # port 1 refuses at once
START = datetime(2026, 11, 10, 12, tzinfo=UTC)
QUESTION = [{"role": "system", "content": "You are terse."}, {"role": "user", "content": "Are you there?"}]


@dataclass
class Rooms:
    """All rooms that a paid call touches; `client` is what the tests use."""

    folder: Path
    provider: FakeOpenRouter
    clock: VirtualClock
    ledger: Ledger
    mind: MindDatabase
    journal: Journal
    tracker: CreditTracker
    health: ModelHealth
    endpoint: OpenAIEndpoint
    client: PaidClient
    models: dict[str, Model]
    provider_clock: ProviderClock
    numbers: Any = field(default_factory=lambda: count(1))

    def impatient(self) -> None:
        """From here on a call takes 0.3 s at most: for providers that hang, and only then, as machines are busy."""
        self.client.limits = replace(self.client.limits, timeout_seconds=0.3)

    async def ask(self, *model_ids: str, **choices: Any) -> Completion:
        who = {name: choices.pop(name) for name in ("client", "life", "beat", "wish") if name in choices}
        payer = Payer(choices.pop("purpose", Purpose.THOUGHT), **who)
        return await self.client.complete([self.models[i] for i in model_ids], QUESTION, payer=payer, **choices)

    def events(self, kind: str) -> list[dict[str, Any]]:
        return [dict(event.data) for event in self.journal.after(0, 10_000, [kind])]

    def calls(self) -> list[CallRecord]:
        """The books' rows, oldest first."""
        return self.ledger.read_now(lambda tx: last_calls(tx, 1000))[::-1]

    async def spent(self) -> int:
        return (await self.tracker.balance()).spent

    async def available(self) -> int:
        return (await self.tracker.balance()).available


@pytest.fixture
def provider() -> Iterator[FakeOpenRouter]:
    with FakeOpenRouter(date=lambda: START) as server:
        yield server


@pytest.fixture
async def rooms(build: "Build") -> Rooms:
    return await build()


Build = Callable[..., Any]


@pytest.fixture
async def build(tmp_path: Path, provider: FakeOpenRouter) -> AsyncIterator[Build]:
    """`await build(monthly_budget_usd="5.00", …)` makes the rooms; what it opened is closed and audited at the end."""
    async with AsyncExitStack() as stack:

        async def make(
            *,
            limits: Limits | None = None,
            others: Sequence[Endpoint] = (),
            extra_models: Sequence[Model] = (),
            dialect: str = "openrouter",
            base_url: str | None = None,
            folder: Path = tmp_path,
            clock: VirtualClock | None = None,
            purse_away: bool = False,
            **chosen: Any,
        ) -> Rooms:
            clock = clock or VirtualClock(START)
            settings = Settings(**{"openrouter_api_key": provider.key, **chosen})
            url = NOBODY_THERE if purse_away else f"sqlite:///{folder / 'ledger.db'}"
            ledger = open_credit_ledger(url, clock)
            stack.callback(ledger.close if purse_away else lambda: _close_sound(ledger))
            mind = open_mind(folder / "mind.db")
            stack.callback(mind.close)
            provider_clock = ProviderClock(clock)
            provider_clock.observe(format_datetime(clock.now(), usegmt=True))
            tracker = CreditTracker(ledger, settings, clock, mind_name="genesis", provider_clock=provider_clock)
            if not purse_away:
                await tracker.open()
            journal = Journal(mind, clock)
            health = ModelHealth(mind, clock)
            http = httpx2.AsyncClient(verify=False, timeout=None)
            address = base_url or provider.base_url
            endpoint = OpenAIEndpoint(dialect, address, provider.key, headers={}, clock=clock, http_client=http)
            stack.push_async_callback(endpoint.close)
            client = PaidClient(
                {endpoint.name: endpoint, **{other.name: other for other in others}},
                tracker, health, journal, clock, provider_clock=provider_clock, limits=limits,
            )  # fmt: skip
            listed = [replace(model, endpoint=dialect) for model in parse_openrouter(provider.models)]
            models = {model.id: model for model in [*listed, *extra_models]}
            return Rooms(
                folder, provider, clock, ledger, mind, journal, tracker, health, endpoint, client, models,
                provider_clock,
            )  # fmt: skip

        yield make


def _close_sound(ledger: Ledger) -> None:
    report = ledger.read_now(audit)
    ledger.close()
    assert report.ok, report
