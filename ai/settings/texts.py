"""Kinds of text that a setting may be: each is checked, and told in words that hold nothing of a secret."""

import json
import re
import unicodedata
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, SecretStr

from ai.settings.place import Place, parse_place
from ai.settings.safe_addresses import database_problem, host_problem, network_problem, origin_of

MAX_FEEDS = 20  # each is asked twice an hour, and three lines of all are read a beat
LEAST_TOKEN = 16  # random characters; a shorter ADMIN_TOKEN is found by trying


def from_json(text: str) -> Any:
    """Return what a JSON text holds, decimals exact; raises ValueError that says where it is none, or a name twice."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        named = dict(pairs)
        for name, value in pairs:
            if named[name] is not value and named[name] != value:
                raise KeyError(name)
        return named

    try:
        return json.loads(text, parse_float=Decimal, object_pairs_hook=once)
    except KeyError as error:
        raise ValueError(f"names {error.args[0]!r} again, with another value; keep one") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"is not JSON (line {error.lineno}, letter {error.colno}: {error.msg.lower()})") from None
    except (ValueError, RecursionError):  # a number of thousands of digits, brackets a thousand deep
        raise ValueError("is not JSON that anybody could mean") from None


def plain_number(value: object) -> object:
    """Refuse what Python takes for a number and nobody means: `1_0`, which is ten, and digits of other scripts."""
    if isinstance(value, str) and ("_" in value or not value.isascii()):
        raise ValueError("is no number in plain digits")
    return value


def _http_url(value: str) -> str:
    if not origin_of(value):
        raise ValueError("is not an http(s) URL")
    return value.rstrip("/")


def _public_url(value: str) -> str:
    if not origin_of(value) or re.search(r"[/?#@]", value.rstrip("/").partition("://")[2]):
        raise ValueError("is not just scheme and host of an http(s) URL")
    return origin_of(value)


def _database_url(value: str) -> str:
    if problem := database_problem(value):
        raise ValueError(problem)
    return value


def _words(value: object) -> object:
    return tuple(value.replace(",", " ").split()) if isinstance(value, str) else value


def _host_names(value: tuple[str, ...]) -> tuple[str, ...]:
    if problem := next(filter(None, map(host_problem, value)), None):
        raise ValueError(problem)
    return tuple(name.strip("[]").lower() for name in value)


def _networks(value: tuple[str, ...]) -> tuple[str, ...]:
    if problem := next(filter(None, map(network_problem, value)), None):
        raise ValueError(problem)
    return value


def _place(value: object) -> object:
    return parse_place(value) if isinstance(value, str) else value


def _feeds(value: tuple[str, ...]) -> tuple[str, ...]:
    if wrong := next((address for address in value if not origin_of(address)), None):
        raise ValueError(f"holds {wrong[:80]!r}, which is not an http(s) URL")
    if len(value) > MAX_FEEDS:
        raise ValueError(f"holds {len(value)} addresses; {MAX_FEEDS} are the most")
    return tuple(dict.fromkeys(value))


def _sendable(value: SecretStr) -> SecretStr:
    """Refuse what no header can carry, by the letter and its place alone: a dash or blank that a page slipped in."""
    for place, letter in enumerate(value.get_secret_value(), 1):
        if not "!" <= letter <= "~":
            name = unicodedata.name(letter, "a control character").lower()
            raise ValueError(
                f"has U+{ord(letter):04X} ({name}) as letter {place}, which no header takes; copy it again"
            )
    return value


def home_path(value: Path) -> Path:
    """Return the path with `~` as a shell would take it; raises ValueError where this user has no home."""
    try:
        return value.expanduser()
    except RuntimeError:
        raise ValueError("begins with ~, and this user has no home folder; write the whole path") from None


def _long_enough(value: SecretStr) -> SecretStr:
    if len(value.get_secret_value()) < LEAST_TOKEN:
        raise ValueError(f"is shorter than {LEAST_TOKEN} characters; `openssl rand -base64 24` makes one")
    return value


HttpUrl = Annotated[str, AfterValidator(_http_url)]
PublicUrl = Annotated[str, AfterValidator(_public_url)]
DatabaseUrl = Annotated[str, AfterValidator(_database_url)]
HostNames = Annotated[tuple[str, ...], BeforeValidator(_words), AfterValidator(_host_names)]
Networks = Annotated[tuple[str, ...], BeforeValidator(_words), AfterValidator(_networks)]
PlaceOnEarth = Annotated[Place, BeforeValidator(_place)]
Feeds = Annotated[tuple[str, ...], BeforeValidator(_words), AfterValidator(_feeds)]
HeaderSecret = Annotated[SecretStr, AfterValidator(_sendable)]
AdminToken = Annotated[SecretStr, AfterValidator(_sendable), AfterValidator(_long_enough)]
HomePath = Annotated[Path, AfterValidator(home_path)]
