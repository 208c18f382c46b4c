"""A gateway as it runs: its own server on loopback, a real provider's stand-in, a purse on disk."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest

from ai.clock import Clock, SystemClock
from ai.credit_tracker.callers import KeyTerms
from ai.daemon.gateway_alone import Alone, open_alone
from ai.gateway.serving import GatewayServer, listen
from ai.settings import Settings
from tests.world.openrouter import FakeOpenRouter
from tests.world.waiting import until


@dataclass
class Open:
    """An open gateway, its address and its provider."""

    alone: Alone
    server: GatewayServer
    provider: FakeOpenRouter
    settings: Settings
    http: httpx2.AsyncClient

    @property
    def url(self) -> str:
        return self.server.url

    @property
    def books(self) -> Any:
        return self.alone.gateway.rooms.books

    async def key(self, name: str = "agent", **terms: Any) -> str:
        """A new key's secret."""
        return (await self.books.create_key(name, KeyTerms(**terms)))[1]

    def sdk(self, secret: str, run: str | None = None, **more: Any) -> openai.AsyncOpenAI:
        """OpenAI's own client, its retries off."""
        path = f"{self.url}/runs/{run}/v1" if run else f"{self.url}/v1"
        return openai.AsyncOpenAI(api_key=secret, base_url=path, max_retries=0, **more)

    async def post(self, path: str, secret: str | None, body: Any, **headers: str) -> httpx2.Response:
        """One plain request."""
        bearer = {} if secret is None else {"Authorization": f"Bearer {secret}"}
        kind = {"content": body} if isinstance(body, bytes) else {"json": body}
        return await self.http.post(f"{self.url}{path}", headers={**bearer, **headers}, **kind)

    async def spent(self, **of: str) -> int:
        """What the books say was spent, in nano-dollars."""
        return (await self.books.statement(**of)).cost

    async def settled(self) -> None:
        """Wait until nothing is under way, and nobody is being answered."""
        await until(lambda: not self.alone.gateway.rooms.under_way.calls)
        await self.alone.settle_what_can_be(1)


def settings_for(provider: FakeOpenRouter, folder: Path, **more: Any) -> Settings:
    given = {
        "openrouter_api_key": provider.key,
        "openrouter_base_url": provider.base_url,
        "local_model": "off",
        "data_dir": folder,
        "llm_timeout_seconds": 5,
    }
    return Settings(**{**given, **more})


@asynccontextmanager
async def serving(
    folder: Path, provider: FakeOpenRouter, clock: Clock | None = None, **more: Any
) -> AsyncIterator[Open]:
    """A gateway that answers."""
    settings = settings_for(provider, folder, **more)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    (settings.data_dir / "credits").mkdir(exist_ok=True)
    async with AsyncExitStack() as stack:
        alone = await stack.enter_async_context(open_alone(settings, clock or SystemClock()))
        server = GatewayServer(alone.gateway, listen("127.0.0.1", 0))
        await server.start()
        stack.push_async_callback(server.stop)
        http = await stack.enter_async_context(httpx2.AsyncClient(timeout=30, trust_env=False, verify=False))
        yield Open(alone, server, provider, settings, http)


@pytest.fixture
def provider() -> Any:
    with FakeOpenRouter() as server:
        yield server


@pytest.fixture
async def gateway(tmp_path: Path, provider: FakeOpenRouter) -> AsyncIterator[Open]:
    async with serving(tmp_path / "data", provider) as found:
        yield found
