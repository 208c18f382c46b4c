"""The gateway in the daemon: on its purse, its provider and its embedded model, on the page's address."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from starlette.types import ASGIApp

from ai.daemon.app import App
from ai.daemon.gateway_alone import vectors_of
from ai.gateway.app import create_app
from ai.gateway.opening import Opened, close_gateway, open_gateway
from ai.gateway.serving import keep_house
from ai.gateway.slot import Slot
from ai.memory.embeddings import MiniLM


@dataclass(frozen=True, slots=True)
class Beside:
    """The gateway's app, and its place in the data folder."""

    app: ASGIApp
    slot: Slot
    house: App

    def publish(self, url: str) -> None:
        """Say where programs find the gateway."""
        self.slot.publish(url)
        self.house.journal.append("gateway.serving", url=url)


@asynccontextmanager
async def open_beside(house: App) -> AsyncIterator[Beside]:
    """Open the gateway of a living mind's house; closed, what is under way is booked or asked for at the next start."""
    async with AsyncExitStack() as stack:
        slot = Slot.take(house.settings.data_dir)
        stack.callback(slot.close)
        embedder = house.embedder if isinstance(house.embedder, MiniLM) else None
        gateway = open_gateway(
            Opened(
                house.settings, house.clock, house.ledger, house.tracker, house.client.payments, house.health,
                house.journal, house.catalogue, house.local, house.local.models if house.local else tuple,
                None if embedder is None else vectors_of(embedder),
            )
        )  # fmt: skip
        stack.push_async_callback(close_gateway, gateway)
        chores = asyncio.create_task(
            keep_house(gateway, house.client.settle_unknowns, house.clock), name="gateway-chores"
        )
        stack.callback(chores.cancel)
        yield Beside(create_app(gateway), slot, house)
