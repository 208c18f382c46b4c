"""The gateway without a mind: opens the purse, the provider and the embedded model, and closes them again."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from ai.clock import Clock
from ai.credit_tracker import CreditTracker, ProviderClock, open_credit_ledger
from ai.gateway.gateway import Gateway
from ai.gateway.local import Embed
from ai.gateway.opening import Opened, close_gateway, open_gateway
from ai.gateway.serving import do_chores
from ai.gateway.slot import Slot, folder_id
from ai.ledger.errors import StoreUnavailable
from ai.llm import Limits, ModelHealth, PaidClient
from ai.llm.local.model_store import default_shelves
from ai.llm.local.supervisor import local_endpoint
from ai.llm.local.weights import default_sources
from ai.llm.providers import configured_endpoint
from ai.memory.embeddings import Embedder, MiniLM
from ai.mind.database import open_mind
from ai.mind.journal import Event, Journal
from ai.model_config.catalogue import Catalogue
from ai.settings import Settings


@dataclass(frozen=True, slots=True)
class Alone:
    """An open gateway, its place in the data folder, and what asks for unknown outcomes."""

    gateway: Gateway
    slot: Slot
    client: PaidClient

    async def settle_what_can_be(self, seconds: float) -> None:
        """Wait until nothing is under way or unknown any more, for so long at most."""
        rooms = self.gateway.rooms
        until = rooms.payments.clock.monotonic() + seconds
        while rooms.payments.clock.monotonic() < until:
            if not rooms.payments.left_behind and not await rooms.tracker.open_holds():
                return
            await self.client.settle_unknowns()
            await rooms.payments.clock.sleep(0.2)


def vectors_of(embedder: Embedder) -> Embed:
    """Return what makes plain lists of numbers out of texts."""

    async def embed(texts: Sequence[str]) -> list[list[float]]:
        return [[float(number) for number in vector] for vector in await embedder.embed(texts)]

    return embed


@asynccontextmanager
async def open_alone(
    settings: Settings, clock: Clock, *, listen: Callable[[Event], None] | None = None
) -> AsyncIterator[Alone]:
    """Open everything that the gateway needs in `settings.data_dir`, beside a daemon or without one.

    What the last gateway in this place left open becomes of unknown outcome first, and is asked for. Raises
    NewerSchema, CorruptStore, OSError: one line each.
    """
    async with AsyncExitStack() as stack:
        slot = Slot.take(settings.data_dir)
        stack.callback(slot.close)
        mind = open_mind(settings.data_dir / "mind.db", secrets=settings.secrets())
        stack.callback(mind.close)
        ledger = open_credit_ledger(settings.purse_url, clock)
        stack.callback(ledger.close)
        journal = Journal(mind, clock)
        if listen is not None:
            journal.listen(listen)
        provider, local = configured_endpoint(settings, clock), local_endpoint(settings, clock, journal)
        endpoints = [endpoint for endpoint in (provider, local) if endpoint is not None]
        for endpoint in endpoints:
            stack.push_async_callback(endpoint.close)
        provider_clock = ProviderClock(clock, required=settings.asks_for_date)
        catalogue = Catalogue(settings, clock, provider_clock, journal, local_models=local.models if local else tuple)
        name = f"{settings.mind}/gateway-{folder_id(settings.data_dir)}.{slot.number}"
        tracker = CreditTracker(ledger, settings, clock, mind_name=name, provider_clock=provider_clock)
        health = ModelHealth(mind, clock)
        client = PaidClient(
            {endpoint.name: endpoint for endpoint in endpoints}, tracker, health, journal, clock,
            provider_clock=provider_clock, limits=Limits.of(settings),
        )  # fmt: skip
        stack.push_async_callback(client.close)
        embedder = MiniLM(settings.data_dir / "models", default_shelves(), default_sources(), journal, clock)
        stack.push_async_callback(embedder.close)
        await catalogue.refresh()  # also tells the provider's date, without which no month opens
        await client.resolve_open()  # nobody else has this place's name, so what is open under it was left behind
        with contextlib.suppress(StoreUnavailable):  # calls are refused until it is back
            await tracker.open()
        gateway = open_gateway(
            Opened(
                settings, clock, ledger, tracker, client.payments, health, journal, catalogue, local,
                local.models if local else tuple, vectors_of(embedder),
            )
        )  # fmt: skip
        stack.push_async_callback(close_gateway, gateway)
        chores = asyncio.create_task(do_chores(gateway, client.settle_unknowns, clock), name="gateway-chores")
        stack.callback(chores.cancel)
        yield Alone(gateway, slot, client)
