"""Under which names the Observer is asked, whose forms it takes, and whom it believes about a visitor's address."""

import ipaddress
from collections.abc import Iterable, Mapping

from starlette.datastructures import Headers
from starlette.types import Scope

from ai.settings import Settings
from ai.settings.safe_addresses import origin_of

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
MOST_HOPS = 32  # addresses of one X-Forwarded-For that are looked at; nobody stands behind more proxies
PREFIX_V6 = 64  # a household has a network of this size, so one visitor has as many addresses

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def host_name(header: str) -> str:
    """Return the host of a Host header without port and brackets, in lower case."""
    text = header.strip().lower()
    if text.startswith("["):
        return text[1:].split("]", 1)[0]
    return text.rsplit(":", 1)[0] if text.count(":") == 1 else text


class Hosts:
    """Answers from settings: ALLOWED_HOSTS, PUBLIC_URL, TRUSTED_PROXIES, and loopback's own names."""

    def __init__(self, settings: Settings) -> None:
        self._names = LOOPBACK_NAMES | set(settings.allowed_hosts)
        self._public = settings.public_url or ""
        if self._public:
            self._names |= {host_name(self._public.partition("://")[2])}
        if _is_one_address(settings.observer_host):
            self._names |= {settings.observer_host.lower()}
        self._trusted = tuple(ipaddress.ip_network(text, strict=False) for text in settings.trusted_proxies)

    def answers_to(self, name: str) -> bool:
        """Tell whether `name` (of a Host header) is this server; any other may be a page's own (DNS rebinding)."""
        return name in self._names

    def is_own_origin(self, origin: str, host: str) -> bool:
        """Tell whether a form with this `Origin` comes from a page of this server, asked for under `host`."""
        own = origin_of(origin)
        return bool(own) and (own == self._public or host_name(own.partition("://")[2]) == host_name(host))

    def is_secure(self, scope: Scope) -> bool:
        """Tell whether the visitor's browser speaks TLS: its proxy says so, or it came for an https PUBLIC_URL."""
        public = host_name(self._public.partition("://")[2])
        asked = {host_name(Headers(scope=scope).get("host", "")), host_name(origin_host(scope))}
        return scope["scheme"] == "https" or (self._public.startswith("https://") and public in asked)

    def trusts(self, address: str) -> bool:
        """Tell whether `address` is one of TRUSTED_PROXIES."""
        return _within(address, self._trusted)

    def seen_from(self, scope: Scope) -> Scope:
        """Return `scope` with the visitor's own address and scheme, where a trusted proxy tells of them."""
        client = scope.get("client")
        if client is None or not self.trusts(client[0]):
            return scope
        headers = Headers(scope=scope)
        told = [part.strip() for part in ",".join(headers.getlist("x-forwarded-for")).split(",")][-MOST_HOPS:]
        visitor = next((hop for hop in reversed(told) if not self.trusts(hop)), told[0])
        known = _is_one_address(visitor)
        scheme = headers.get("x-forwarded-proto", "").rsplit(",", 1)[-1].strip().lower()
        return {
            **scope,
            "client": (visitor if known else client[0], 0),
            "scheme": scheme if scheme in {"http", "https"} else scope["scheme"],
        }


def origin_host(scope: Scope) -> str:
    """Return host and port of the `Origin` header, empty where there is none."""
    return origin_of(Headers(scope=scope).get("origin", "")).partition("://")[2]


def visitor_of(scope: Mapping[str, object]) -> str:
    """Return what limits are counted on: an IPv4 address, or the /64 that an IPv6 address is of."""
    client = scope.get("client")
    text = str(client[0]) if isinstance(client, tuple) else "unknown"
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return text
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, PREFIX_V6), strict=False))
    return text


def _is_one_address(text: str) -> bool:
    try:
        return not ipaddress.ip_address(text).is_unspecified
    except ValueError:
        return False


def _within(text: str, networks: Iterable[Network]) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return any((mapped or address) in network for network in networks)
