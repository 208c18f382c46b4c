"""Rooms that post: a real mind and purse on files, a virtual clock, and an X on loopback."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from ai.clock import VirtualClock
from ai.credit_tracker import CreditTracker, ProviderClock
from ai.credit_tracker.accounts import open_credit_ledger
from ai.ledger.audit import audit
from ai.ledger.ledger import Ledger
from ai.mind.database import MindDatabase, open_mind
from ai.mind.journal import Journal
from ai.settings import Settings
from ai.social import Outbox, Post
from ai.social.networks.x import X
from ai.social.networks.x_client import XClient
from tests.world.x import KEYS, FakeX

MORNING = datetime(2026, 11, 10, 9, tzinfo=UTC)


@dataclass
class Rooms:
    """Everything an outbox joins; `outbox()` opens one, again and again as restarts do."""

    folder: Path
    clock: VirtualClock
    mind: MindDatabase
    journal: Journal
    ledger: Ledger
    x: FakeX
    numbers: Any = field(default_factory=lambda: count(1))

    def settings(self, **given: Any) -> Settings:
        return Settings(
            **({"tweets": "live", "openrouter_api_key": "sk-or-v1-test", "tweet_min_gap_seconds": 0} | KEYS | given)
        )

    async def tracker(self, **given: Any) -> CreditTracker:
        provider_clock = ProviderClock(self.clock)
        provider_clock.observe(format_datetime(self.clock.now(), usegmt=True))
        tracker = CreditTracker(
            self.ledger, self.settings(**given), self.clock, mind_name="genesis", provider_clock=provider_clock
        )
        await tracker.open()
        return tracker

    def client(self, base_url: str | None = None, **keys: str) -> XClient:
        return XClient(KEYS | keys, base_url or self.x.base_url, self.clock, read_seconds=0.3)

    async def outbox(self, *, x: XClient | None = None, near: Any = None, worth: Any = None, **given: Any) -> Outbox:
        networks_open = given.pop("networks_open", None)
        settings = self.settings(**given)
        networks = networks_open or [X(settings, self.clock, x or self.client())]
        more = {name: value for name, value in (("near", near), ("worth", worth)) if value}
        return Outbox(
            self.mind, await self.tracker(**given), self.journal, self.clock, settings, networks,
            new_id=lambda: f"{next(self.numbers):06d}", **more,
        )  # fmt: skip

    async def say(self, outbox: Outbox, text: str, **given: Any) -> Post:
        """Queue a post, deliver what is due, and return the post as it stands."""
        post = await outbox.queue(text, **({"source": "action", "life": 1} | given))
        assert isinstance(post, Post), post
        await outbox.deliver_due()
        return self.again(outbox, post)

    def again(self, outbox: Outbox, post: Post) -> Post:
        found = outbox.post(post.id)
        assert found is not None
        return found

    async def later(self, outbox: Outbox, post: Post, seconds: float) -> Post:
        """Let time pass, deliver, and return the post as it stands."""
        self.clock.advance(seconds)
        await outbox.deliver_due()
        return self.again(outbox, post)

    def kinds(self) -> list[str]:
        return [event.kind for event in self.journal.after(0)]

    def alerts(self) -> list[str]:
        return [event.data["problem"] for event in self.journal.after(0, kinds=["alert"])]

    async def spent(self) -> int:
        return (await (await self.tracker()).balance()).spent

    async def held(self) -> int:
        return (await (await self.tracker()).balance()).held


@pytest.fixture
def x_clock() -> VirtualClock:
    return VirtualClock(MORNING)


@pytest.fixture
def fake_x(x_clock: VirtualClock) -> Iterator[FakeX]:
    with FakeX(now=x_clock.now) as server:
        yield server


@pytest.fixture
async def rooms(tmp_path: Path, x_clock: VirtualClock, fake_x: FakeX) -> AsyncIterator[Rooms]:
    mind = open_mind(tmp_path / "mind.db")
    ledger = open_credit_ledger(f"sqlite:///{tmp_path / 'ledger.db'}", x_clock)
    yield Rooms(tmp_path, x_clock, mind, Journal(mind, x_clock), ledger, fake_x)
    assert ledger.read_now(audit).ok
    ledger.close()
    mind.close()
