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
from ai.gateway.serving import do_chores
from ai.gateway.slot import Slot
from ai.memory.embeddings import MiniLM
from ai.mind.journal import Journal


@dataclass(frozen=True, slots=True)
class Beside:
    """The gateway's app, and its place in the data folder."""

    app: ASGIApp
    slot: Slot
    journal: Journal

    def publish(self, url: str) -> None:
        """Say where programs find the gateway."""
        self.slot.publish(url)
        self.journal.append("gateway.serving", url=url)


@asynccontextmanager
async def open_beside(app: App) -> AsyncIterator[Beside]:
    """Open the gateway of a living mind; closed, what is under way is booked or asked for at the next start."""
    async with AsyncExitStack() as stack:
        slot = Slot.take(app.settings.data_dir)
        stack.callback(slot.close)
        embedder = app.embedder if isinstance(app.embedder, MiniLM) else None
        gateway = open_gateway(
            Opened(
                app.settings, app.clock, app.ledger, app.tracker, app.client.payments, app.health,
                app.journal, app.catalogue, app.local, app.local.models if app.local else tuple,
                None if embedder is None else vectors_of(embedder),
            )
        )  # fmt: skip
        stack.push_async_callback(close_gateway, gateway)
        chores = asyncio.create_task(do_chores(gateway, app.client.settle_unknowns, app.clock), name="gateway-chores")
        stack.callback(chores.cancel)
        yield Beside(create_app(gateway), slot, app.journal)
