"""A demonstration app served by the real Observer on loopback, for tests over real HTTP."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest_asyncio

from ai.observer import ObserverServer
from tests.observer.demo_app import DemoApp

TOKEN = "correct-horse-battery-staple"


@dataclass
class Served:
    """What a test works with: the app behind, and a client at the door."""

    app: DemoApp
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
            app = DemoApp(tmp_path, days=days, **settings)
            stack.callback(app.mind.close)
            server = ObserverServer(app)
            await server.start()
            stack.push_async_callback(server.stop)
            client = httpx2.AsyncClient(base_url=server.url, timeout=10)
            await stack.enter_async_context(client)
            return Served(app, server, client)

        yield start


@pytest_asyncio.fixture(loop_scope="module")
async def served(serve: Serve) -> Served:
    return await serve()
