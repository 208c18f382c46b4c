"""What stands in an address: whether it can be understood, and which parts of it are secrets."""

import ipaddress
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, quote_plus, unquote, unquote_plus, urlsplit

SQLITE = "sqlite:///"
POSTGRES = ("postgresql://", "postgres://")
ESCAPES = "in a URL, write / @ : % ? # and blanks of a password as %2F %40 %3A %25 %3F %23 %20"
SECRET_PARTS = ("password", "sslpassword", "oauth_client_secret")

# libpq looks for a user before the first / alone, so that a password with a / in it becomes host, port and database.
_POSTGRES_URL = re.compile(r"postgres(?:ql)?://(?:(?P<user>[^@/]*)@)?(?P<hosts>[^/?]*)(?:/(?P<database>[^?]*))?")
_HOST = re.compile(r"[\w.-]*|[0-9a-f:.]+(?:%\w+)?|/[\w./-]+|@[\w./-]+", re.ASCII | re.IGNORECASE)
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,252}[a-z0-9])?", re.ASCII)


def database_problem(url: str) -> str | None:
    """Return why `url` can be no purse's address, in words without any part of it; None where it can be one."""
    if url.startswith(SQLITE):
        return None if len(url) > len(SQLITE) else "names no file after sqlite:///"
    if not is_postgres(url):
        return "is neither sqlite:///… nor postgresql://… nor libpq's host=… dbname=…"
    given = _parts(url)
    if given is None:
        return f"cannot be read as PostgreSQL's libpq reads it; {ESCAPES}"
    raw = _POSTGRES_URL.match(url)
    suspects = {
        "a port that is no number": not all(map(_is_port, str(given.get("port") or "").split(","))),
        "a host that is no name": not all(map(_HOST.fullmatch, str(given.get("host") or "").split(","))),
        "a / @ or : in its database's name": raw is not None and re.search(r"[/@:]", raw["database"] or "") is not None,
    }
    return next((f"has {what}; {ESCAPES}" for what, found in suspects.items() if found), None)


def _parts(url: str) -> Mapping[str, Any] | None:
    """Return what libpq reads in an address, None where it cannot."""
    import psycopg  # noqa: PLC0415 - a sixth of a second of every command, only where the purse is PostgreSQL
    from psycopg.conninfo import conninfo_to_dict  # noqa: PLC0415 - the same

    try:
        return conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        return None


def _is_port(text: str) -> bool:
    return not text or (text.isascii() and text.isdigit() and 0 < int(text[:6]) < 65_536)  # noqa: PLR2004 - TCP's own


def is_postgres(url: str) -> bool:
    """Tell whether `url` is meant for libpq: a URL of its schemes, or `key=value` pairs."""
    return url.startswith(POSTGRES) or ("://" not in url.split("=", 1)[0] and "=" in url)


def secrets_of_database(url: str) -> Iterator[str]:
    """Yield every spelling of the secrets in a purse's address, also of one that cannot be understood."""
    if not url or url.startswith(SQLITE):
        return
    given = _parts(url) or {}
    for name in SECRET_PARTS:
        yield from spellings(str(given.get(name) or ""))
    raw = _POSTGRES_URL.match(url)
    if raw is not None and ":" in (raw["user"] or ""):
        yield from spellings(raw["user"].partition(":")[2])


def secrets_of_url(url: str) -> Iterator[str]:
    """Yield every spelling of the password that stands in an http(s) URL."""
    user, at, _ = url.partition("://")[2].partition("/")[0].rpartition("@")
    if at:
        yield from spellings(user.partition(":")[2] or user)


def spellings(secret: str) -> Iterator[str]:
    """Yield a secret as it was written, as URLs escape it, and as it reads without the escapes."""
    if secret:
        yield from {secret, quote(secret, safe=""), quote(secret), quote_plus(secret), unquote(secret),
                    unquote_plus(secret)}  # fmt: skip


def origin_of(url: str) -> str:
    """Return scheme, host and port of a URL as a browser's `Origin` header has them; empty where it has none."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return ""
    if parts.scheme not in {"http", "https"} or not host:
        return ""
    usual = {"http": 80, "https": 443}[parts.scheme]
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}" + ("" if port in {None, usual} else f":{port}")


def host_problem(name: str) -> str | None:
    """Return why `name` is no host that a browser could name, or None."""
    bare = name.strip("[]")
    try:
        ipaddress.ip_address(bare)
    except ValueError:
        return None if _NAME.fullmatch(bare.lower()) else f"{name[:80]!r} is no host name; leave scheme and port out"
    return None


def network_problem(text: str) -> str | None:
    """Return why `text` is no address or network of a proxy, or None."""
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return f"{text[:80]!r} is no IP address or network like 127.0.0.1 or 172.16.0.0/12"
    return None
