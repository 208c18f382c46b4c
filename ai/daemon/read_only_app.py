"""The rooms as those see them who only look (`status`, `budget`, `models` …): nothing is spent, nothing is written."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from ai.clock import Clock
from ai.credit_tracker import CreditTracker, ProviderClock
from ai.credit_tracker.accounts import open_credit_ledger
from ai.ledger import Ledger
from ai.life.chronicle import Chronicle
from ai.llm import ModelHealth
from ai.llm.local.listing import embedded_models
from ai.llm.local.machine import read_machine
from ai.mind.database import MindDatabase, mind_in, open_mind
from ai.mind.journal import Journal
from ai.mind.schedule import Schedule
from ai.model_config import Model
from ai.model_config.catalogue import Catalogue
from ai.model_config.row import ModelRow
from ai.model_rotator.rotation import Rotation
from ai.settings import Settings
from ai.social import Outbox, open_networks
from ai.social.network import Network


@dataclass(frozen=True, slots=True)
class ReadOnlyApp:
    """The rooms as those who only look see them: nothing is spent, nothing is written."""

    settings: Settings
    clock: Clock
    mind: MindDatabase
    ledger: Ledger
    tracker: CreditTracker
    health: ModelHealth
    catalogue: Catalogue
    rotation: Rotation
    outbox: Outbox
    schedule: Schedule
    chronicle: Chronicle

    async def models(self) -> list[ModelRow]:
        """Return the catalogue, best first; without a key also what one would open."""
        return await self.rotation.table(self.catalogue.out_of_reach())

    def thinker(self) -> tuple[str | None, Model | None]:
        """Return the id of who thought last, and what the catalogue knows of it; both None before the first thought."""
        current = self.rotation.current()
        return current, self.catalogue.models().get(current or "")


@asynccontextmanager
async def open_read_only_app(settings: Settings, clock: Clock) -> AsyncIterator[ReadOnlyApp]:
    """Open what is there for reading alone. Raises StoreUnavailable where nothing was started here yet."""
    mind = open_mind(mind_in(settings.data_dir), read_only=True)
    ledger = open_credit_ledger(settings.purse_url, clock, read_only=True)
    journal, provider_clock = Journal(mind, clock), ProviderClock(clock, required=False)
    embedded = embedded_models(settings.local_model, read_machine())
    catalogue = Catalogue(settings, clock, provider_clock, local_models=lambda: embedded)
    try:
        yield rooms_to_read(settings, clock, mind, ledger, journal, provider_clock, catalogue)
    finally:
        ledger.close()
        mind.close()


def rooms_to_read(  # noqa: PLR0913, PLR0917 - the same
    settings: Settings,
    clock: Clock,
    mind: MindDatabase,
    ledger: Ledger,
    journal: Journal,
    provider_clock: ProviderClock,
    catalogue: Catalogue,
    networks: Sequence[Network] | None = None,
) -> ReadOnlyApp:
    """Return these rooms on what is open already; `networks` in place of those that the settings name."""
    tracker = CreditTracker(ledger, settings, clock, mind_name=settings.mind, provider_clock=provider_clock)
    health = ModelHealth(mind, clock)
    rotation = Rotation(mind, catalogue, tracker, health, settings, clock, journal)
    rotation.tell_holds()
    opened = open_networks(settings, clock) if networks is None else networks
    return ReadOnlyApp(
        settings=settings,
        clock=clock,
        mind=mind,
        ledger=ledger,
        tracker=tracker,
        health=health,
        catalogue=catalogue,
        rotation=rotation,
        outbox=Outbox(mind, tracker, journal, clock, settings, opened, worth=rotation.worth_posting),
        schedule=Schedule(mind, clock, settings.think_interval_seconds),
        chronicle=Chronicle(mind),
    )
