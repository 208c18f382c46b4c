"""A small real world for actions: real files, a real mind, and other rooms as small plain objects."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ai.actions import ActionContext, ActionResult, Registry, Reply
from ai.clock import VirtualClock
from ai.credit_tracker.records import Balance, Band
from ai.life.own_files import OwnFiles
from ai.memory.memory import Kind, Memory
from ai.mind.database import MindDatabase, open_mind
from ai.mind.journal import Journal
from ai.people import Letters, Persons, Works
from ai.settings import Settings
from ai.social import Outbox
from ai.social.networks.x import X
from tests.life.conftest import world as life_world

NOON = datetime(2026, 11, 10, 12, tzinfo=UTC)
BALANCE = Balance(
    period="2026-11",
    granted=5_000_000_000,
    donated=0,
    spent=12_000_000,
    held=0,
    held_unknown=0,
    available=4_988_000_000,
    band=Band.COMFORTABLE,
    resets_at=datetime(2026, 12, 1, tzinfo=UTC),
    runway_days=31.5,
    free_left=31,
    free_quota=50,
    posts_left=4,
    overrun=0,
)


@dataclass
class Notebook:
    """A memory of lists: everything that holds a word of the query comes back."""

    clock: VirtualClock
    kept: list[Memory] = field(default_factory=list)

    def add(self, text: str, kind: Kind, importance: int | None = None) -> Memory:
        if not text.strip():
            raise ValueError("nothing to remember")
        memory = Memory(1, len(self.kept) + 1, self.clock.now(), kind, text, importance or 6)
        self.kept.append(memory)
        return memory

    def recent(self, n: int, kind: Kind | None = None) -> list[Memory]:
        return [memory for memory in self.kept if kind in {None, memory.kind}][-n:]

    async def retrieve(self, query: str, k: int) -> list[Memory]:
        words = query.lower().split()
        return [memory for memory in self.kept if any(word in memory.text.lower() for word in words)][:k]


@dataclass
class FixedPurse:
    """A purse that always says the same; posts of a dry run need no more."""

    balance_now: Balance = BALANCE

    async def balance(self) -> Balance:
        return self.balance_now

    async def open_holds(self) -> list[Any]:
        return []


class Wishes:
    """A rotation that grants what is not dear."""

    async def wish(self, model_id: str) -> str:
        if "opus" in model_id:
            return f"refused: {model_id} costs more than a tenth of the month; choose a cheaper one"
        return f"{model_id} thinks from the next beat on"


def model(name: str, tier: str, quality: float, price: str, barred: str | None = None) -> Any:
    prices = SimpleNamespace(prompt=Decimal(price), completion=Decimal(price) * 4)
    return SimpleNamespace(
        id=name, tier=tier, quality=quality, intelligence=round(quality), prices=prices, barred=barred
    )


class Catalogue:
    """A handful of models."""

    def models(self) -> dict[str, Any]:
        found = [
            model("lab/premium", "premium", 9.1, "0.000003"),
            model("lab/mini", "ultra_cheap", 6.2, "0.00000015"),
            *(model(f"lab/free-{n}:free", "free", 4 + n / 10, "0") for n in range(6)),
            model("local/small", "local", 2.0, "0"),
            model("lab/dynamic", "cheap", 8.0, "0.000001", barred="its price is dynamic"),
        ]
        return {entry.id: entry for entry in found}


@dataclass
class Desk:
    """Registry and context of one life; `do` performs an action as a reply would ask for it."""

    folder: Path
    mind: MindDatabase
    clock: VirtualClock
    registry: Registry
    context: ActionContext

    async def do(self, action: str | None, thought: str = "I do this.", **params: Any) -> ActionResult:
        return await self.registry.perform(Reply(thought, action, params), self.context)

    def change(self, **fields: Any) -> None:
        self.context = replace(self.context, **fields)

    def events(self, kind: str) -> list[dict[str, Any]]:
        return [dict(event.data) for event in self.context.journal.after(0, kinds=[kind])]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    clock = VirtualClock(NOON)
    mind = open_mind(tmp_path / "mind.db")
    journal = Journal(mind, clock)
    settings = Settings(admin_token="a-secret-of-this-mind")
    purse = FixedPurse()

    def rest(seconds: float) -> datetime:
        return clock.now() + timedelta(seconds=seconds)

    async def reflect() -> str:
        return "you understood that rain comes back"

    context = ActionContext(
        life=1,
        beat=7,
        memory=Notebook(clock),
        tracker=purse,
        rotation=Wishes(),
        catalogue=Catalogue(),
        outbox=Outbox(mind, purse, journal, clock, settings, [X(settings, clock)]),
        workspace=OwnFiles(tmp_path / "workspace", mind),
        letters=Letters(mind, journal, clock),
        persons=Persons(mind, clock),
        works=Works(mind, journal, clock),
        rest=rest,
        reflect=reflect,
        journal=journal,
        clock=clock,
        settings=settings,
    )
    yield Desk(tmp_path, mind, clock, Registry(mind, clock), context)
    mind.close()


world = life_world  # for what the mind says of itself, which is kept in its life
