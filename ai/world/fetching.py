"""Fetches a page of the world: bounded in bytes, time and redirects, and never led to an address of ours."""

import asyncio
import ipaddress
import socket
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

import httpx2

from ai.unreached import why_unreached
from ai.world.happening import SourceTrouble

MAX_BYTES = 2_000_000  # a feed of a busy newspaper has 0.5 MB; counted after decompression
MAX_REDIRECTS = 4
SECONDS = 15.0  # whatever the server does
USER_AGENT = "Genesis (an AI that reads a few feeds; https://github.com/genesis-ai/genesis)"


@dataclass(frozen=True, slots=True)
class Page:
    """What an address answered: its bytes, and what a later request may be conditioned on. `body` None: unchanged."""

    body: bytes | None
    etag: str | None = None
    modified: str | None = None


class Fetcher:
    """One client for all sources. The address a person named is asked as it stands; where it redirects to is not."""

    def __init__(self, client: httpx2.AsyncClient | None = None) -> None:
        self._client = client or httpx2.AsyncClient(timeout=SECONDS, follow_redirects=False, trust_env=True)

    async def get(self, url: str, *, etag: str | None = None, modified: str | None = None) -> Page:
        """Return the page at `url`, or that it has not changed; raises SourceTrouble with one line."""
        headers = {"User-Agent": USER_AGENT, "Accept-Encoding": "gzip, identity"}
        headers |= {"If-None-Match": etag} if etag else {}
        headers |= {"If-Modified-Since": modified} if modified else {}
        host = urlsplit(url).hostname or url
        try:
            async with asyncio.timeout(SECONDS):
                return await self._follow(url, headers)
        except TimeoutError:
            raise SourceTrouble(f"{host} took longer than {SECONDS:.0f} s to answer") from None
        except (httpx2.HTTPError, httpx2.InvalidURL, zlib.error, OSError) as error:
            raise SourceTrouble(f"{host} could not be asked: {why_unreached(error)}") from None

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _follow(self, url: str, headers: Mapping[str, str]) -> Page:
        named = urlsplit(url)
        target, sent = url, dict(headers)
        extensions: dict[str, str] = {}
        for _ in range(MAX_REDIRECTS + 1):
            request = self._client.build_request("GET", target, headers=sent, extensions=extensions)
            response = await self._client.send(request, stream=True)
            try:
                if response.status_code == httpx2.codes.NOT_MODIFIED:
                    return Page(None, headers.get("If-None-Match"), headers.get("If-Modified-Since"))
                if not response.has_redirect_location:
                    return await _read(response, named.hostname or url)
                url = _leads_to(url, response.headers["location"], named.hostname or url)
            finally:
                await response.aclose()
            target, host, extensions = await _public(url, named.hostname or "")
            sent = {**headers, "Host": host}
        raise SourceTrouble(f"{named.hostname} redirects more than {MAX_REDIRECTS} times")


def _leads_to(url: str, location: str, host: str) -> str:
    """Return where a redirect leads; raises SourceTrouble for what is no address."""
    try:
        there = urljoin(url, location)
        httpx2.URL(there)
        _ = urlsplit(there).port
    except (ValueError, httpx2.InvalidURL):
        raise SourceTrouble(f"{host} redirects to {location[:80]!r}, which is no address") from None
    return there


async def _read(response: httpx2.Response, host: str) -> Page:
    """Read a body that must be whole within MAX_BYTES, compressed or not; a bomb is stopped while it unfolds."""
    if response.status_code != httpx2.codes.OK:
        raise SourceTrouble(f"{host} answered {response.status_code}; look at the address in a browser")
    packed = response.headers.get("content-encoding", "identity").strip().lower()
    if packed not in {"gzip", "x-gzip", "deflate", "identity", ""}:
        raise SourceTrouble(f"{host} answers in the encoding {packed[:20]!r}, which was not asked for")
    unpack = None if packed in {"identity", ""} else zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk if unpack is None else unpack.decompress(chunk, MAX_BYTES + 1 - len(body))
        if len(body) > MAX_BYTES or (unpack is not None and unpack.unconsumed_tail):
            raise SourceTrouble(f"{host} sends more than {MAX_BYTES:,} bytes; such a page is not read")
    return Page(bytes(body), response.headers.get("etag"), response.headers.get("last-modified"))


async def _public(url: str, named_host: str) -> tuple[str, str, dict[str, str]]:
    """Return the address to ask for a redirect to `url`, its Host header and TLS name; raises where it is not public.

    The name is resolved once and the address itself is asked, so that a second answer of the name server cannot lead
    elsewhere. A redirect on the named host itself (to https, to a longer path) is as good as the host.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise SourceTrouble(f"{named_host} redirects to {url[:80]!r}, which is no web page")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    host = parts.netloc.rpartition("@")[2]
    if parts.hostname == named_host:
        return url, host, {}
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:  # also a name that can be none
        raise SourceTrouble(f"{named_host} redirects to {parts.hostname[:80]}: {why_unreached(error)}") from None
    addresses = [ipaddress.ip_address(str(entry[4][0]).split("%")[0]) for entry in found]
    if not addresses or not all(_is_public(address) for address in addresses):
        raise SourceTrouble(f"{named_host} redirects to {parts.hostname}, an address that is not public; not followed")
    address = addresses[0]
    numeric = f"[{address}]" if address.version == 6 else str(address)  # noqa: PLR2004 - IPv6
    asked = parts._replace(netloc=f"{numeric}:{port}", fragment="").geturl()
    return asked, host, {"sni_hostname": parts.hostname}


def _is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    mapped = getattr(address, "ipv4_mapped", None) or getattr(address, "sixtofour", None)
    return _is_public(mapped) if mapped else address.is_global and not address.is_multicast
