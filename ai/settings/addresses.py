"""Whose server a base URL names: OpenAI's own, one at home that costs nothing, or a stranger's. Pure."""

from ipaddress import ip_address
from urllib.parse import urlsplit

OPENAI_URL = "https://api.openai.com/v1"
OPENAI_HOST = "openai.com"
# Names that no public DNS answers for: what routers, mDNS and containers give to machines of the house.
HOME_ENDINGS = (".local", ".lan", ".home", ".internal", ".localdomain", ".localhost", ".home.arpa", ".intranet")


def is_openai(url: str) -> bool:
    """Return whether this is OpenAI's own API (regional hosts too)."""
    host = _host(url)
    return host == OPENAI_HOST or host.endswith(f".{OPENAI_HOST}")


def is_home(url: str) -> bool:
    """Return whether this is a server of the house: a loopback or private address, or a name without public DNS."""
    host = _host(url)
    try:
        return not ip_address(host.partition("%")[0]).is_global
    except ValueError:
        return "." not in host or host.endswith(HOME_ENDINGS)


def _host(url: str) -> str:
    return (urlsplit(url).hostname or "").rstrip(".").lower()
