"""Fetches a provider's `/models`, whole or not at all, and cuts it down to what is read of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import httpx2

from ai.unreached import A_PAGE, is_page, why_unreached

CONNECT_SECONDS = 10.0
MAX_LISTING_BYTES = 16 * 1024 * 1024  # fifty times the recorded listing
MAX_PAGES = 20  # the listing has one today; `links.next` may split it
OK = 200
# What is read of `supported_parameters`: what the mind sends, and what callers of the gateway may need.
PARAMETERS_READ = frozenset({
    "max_tokens", "max_completion_tokens", "temperature", "response_format", "structured_outputs", "reasoning",
    "reasoning_effort", "tools", "tool_choice", "parallel_tool_calls", "seed", "stop", "top_p", "top_k", "logprobs",
    "top_logprobs", "logit_bias", "presence_penalty", "frequency_penalty", "verbosity",
})  # fmt: skip
PARTS_READ = {
    "architecture": ("input_modalities", "output_modalities"),
    "top_provider": ("context_length", "max_completion_tokens"),
    "reasoning": ("mandatory",),
    "meta": ("n_ctx",),
}
PRICES_NOT_READ = frozenset({"audio", "web_search"})
FIELDS_READ = ("id", "name", "created", "context_length", "max_model_len", "expiration_date", "shutdown_date")


class FetchFailed(Exception):
    """The live listing could not be had."""


class Listing:
    """Where a provider lists its models; `see_date` is told the Date header of every answer."""

    def __init__(
        self,
        base_url: str,
        key: str | None,
        see_date: Callable[[str | None], None],
        http_client: httpx2.AsyncClient | None = None,
    ) -> None:
        self._url = f"{base_url}/models"
        bearer = {"Authorization": f"Bearer {key}"} if key else {}
        self._headers = {"Accept": "application/json", "Accept-Encoding": "identity", **bearer}
        self._see_date = see_date
        self._http = http_client

    async def fetch(self) -> list[Any]:
        """Return the entries of all pages. Raises FetchFailed: half a listing would evict models that are there."""
        if self._http is not None:
            return await self._pages(self._http)
        async with httpx2.AsyncClient(timeout=CONNECT_SECONDS) as http:
            return await self._pages(http)

    async def _pages(self, http: httpx2.AsyncClient) -> list[Any]:
        entries: list[Any] = []
        url = httpx2.URL(self._url)
        for _ in range(MAX_PAGES):
            document = await self._page(http, url)
            data = document.get("data")
            if not isinstance(data, list):
                raise FetchFailed("its listing has no list of models")
            entries += data
            links = document.get("links")
            following = links.get("next") if isinstance(links, Mapping) else None
            if not isinstance(following, str) or not following:
                return _whole(entries, document.get("total_count"))
            url = _same_origin(url, following)
        raise FetchFailed(f"its listing has more than {MAX_PAGES} pages")

    async def _page(self, http: httpx2.AsyncClient, url: httpx2.URL) -> Mapping[str, Any]:
        body = bytearray()
        try:
            async with http.stream("GET", url, headers=self._headers, follow_redirects=False) as response:
                self._see_date(response.headers.get("date"))
                if response.status_code != OK:
                    raise FetchFailed(f"its listing answered with status {response.status_code}")
                async for piece in response.aiter_raw():
                    body += piece
                    if len(body) > MAX_LISTING_BYTES:
                        raise FetchFailed(f"its listing is larger than {MAX_LISTING_BYTES:,} bytes")
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise FetchFailed(f"its listing could not be fetched: {why_unreached(error)}") from None
        document = read_json(bytes(body))
        if document is None:
            raise FetchFailed(f"its listing is {A_PAGE if is_page(body) else 'no JSON object'}")
        return document


def read_json(body: bytes) -> Mapping[str, Any] | None:
    """Return the JSON object with every fraction as Decimal; None where it is none."""
    try:
        document = json.loads(body, parse_float=Decimal)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def trimmed(entry: object) -> dict[str, Any]:
    """Return an entry of a listing with only what is read of it; nothing of what is no entry."""
    if not isinstance(entry, Mapping):
        return {}
    kept: dict[str, Any] = {name: entry[name] for name in FIELDS_READ if entry.get(name) is not None}
    for name, read in PARTS_READ.items():
        part = entry.get(name)
        if isinstance(part, Mapping):
            kept[name] = {key: part[key] for key in read if part.get(key) is not None}
    pricing = entry.get("pricing")
    if isinstance(pricing, Mapping):
        kept["pricing"] = {key: price for key, price in pricing.items() if key not in PRICES_NOT_READ}
    parameters = entry.get("supported_parameters")
    if isinstance(parameters, list):
        kept["supported_parameters"] = [name for name in parameters if name in PARAMETERS_READ]
    return kept


def _whole(entries: list[Any], total: object) -> list[Any]:
    if isinstance(total, int) and not isinstance(total, bool) and total > len(entries):
        raise FetchFailed(f"its listing has {len(entries):,} of {total:,} models")
    return entries


def _same_origin(url: httpx2.URL, following: str) -> httpx2.URL:
    try:
        joined = url.join(following)
    except httpx2.InvalidURL:
        raise FetchFailed("its listing names a next page that is no URL") from None
    if (joined.scheme, joined.host, joined.port) != (url.scheme, url.host, url.port):
        raise FetchFailed("its listing names a next page elsewhere")  # the key stays where it belongs
    return joined
