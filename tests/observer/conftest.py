"""A demonstration house served by the real Observer on loopback, for tests over real HTTP."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest_asyncio

from ai.observer import ObserverServer
from tests.observer.demo_house import DemoHouse

TOKEN = "correct-horse-battery-staple"


@dataclass
class Served:
    """What a test works with: the house behind, and a client at the door."""

    house: DemoHouse
    server: ObserverServer
    client: httpx2.AsyncClient

    @property
    def url(self) -> str:
        return self.server.url

    def admin(self) -> dict[str, str]:
        return {"authorization": f"Bearer {TOKEN}"}


Serve = Callable[..., Awaitable[Served]]


@pytest_asyncio.fixture(loop_scope="module")
async def serve(tmp_path: Path) -> AsyncIterator[Serve]:
    async with AsyncExitStack() as stack:

        async def start(days: float = 0.5, *, token: str | None = TOKEN, **settings: Any) -> Served:
            if token is not None:
                settings["ADMIN_TOKEN"] = token
            house = DemoHouse(tmp_path, days=days, **settings)
            stack.callback(house.mind.close)
            server = ObserverServer(house)
            await server.start()
            stack.push_async_callback(server.stop)
            client = httpx2.AsyncClient(base_url=server.url, timeout=10)
            await stack.enter_async_context(client)
            return Served(house, server, client)

        yield start


@pytest_asyncio.fixture(loop_scope="module")
async def served(serve: Serve) -> Served:
    return await serve()
