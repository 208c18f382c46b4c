"""The way of a request to its provider: straight, or through the proxy that the environment names."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import h11
import httpx2

from ai.gateway.limits import CALLS_IN_ALL
from ai.gateway.lines import Lines
from ai.llm.wire import EXCHANGE, new_http_client, watch

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from contextlib import AbstractAsyncContextManager

    from ai.llm.wire import Exchange

BROKEN = (OSError, h11.RemoteProtocolError, httpx2.HTTPError)  # what a connection that broke is told as


class Way(Protocol):
    """How requests get to one address."""

    def post(self, path: str, body: bytes, exchange: Exchange) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Send a request, and give its answer's body as it comes; status and headers stand in `exchange` then."""
        ...

    async def close(self) -> None:
        """Close its connections."""
        ...


def way_to(url: str, headers: Mapping[str, str]) -> Way:
    """Return the way to `url`; every request bears `headers`."""
    parts, proxies = urlsplit(url), getproxies()
    proxied = (parts.scheme in proxies or "all" in proxies) and not proxy_bypass(parts.hostname or "")
    return ThroughProxy(url, headers) if proxied else Lines(url, headers)


class ThroughProxy:
    """As the HTTP library goes, which knows all kinds of proxies."""

    def __init__(self, url: str, headers: Mapping[str, str]) -> None:
        self._url = url
        self._headers = headers
        self._http = new_http_client(CALLS_IN_ALL)
        watch(self._http)

    @asynccontextmanager
    async def post(self, path: str, body: bytes, exchange: Exchange) -> AsyncIterator[AsyncIterator[bytes]]:
        """Do as `Way.post`. Raises httpx2's HTTPError."""
        token = EXCHANGE.set(exchange)
        try:
            async with self._http.stream("POST", self._url + path, content=body, headers=self._headers) as response:
                yield response.aiter_raw()
        finally:
            EXCHANGE.reset(token)

    async def close(self) -> None:
        """Close its connections."""
        await self._http.aclose()
