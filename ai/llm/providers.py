"""Which provider the settings name, as an endpoint with its key and its attribution headers."""

from __future__ import annotations

import os
import unicodedata
from typing import TYPE_CHECKING
from urllib.parse import quote

import httpx2

from ai.llm.endpoint import OpenAIEndpoint
from ai.llm.figures import one_line
from ai.llm.wire import new_http_client
from ai.settings.sources import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ai.clock import Clock
    from ai.settings import Settings

PROXY_SETTINGS = ("ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY")  # in small letters too; read by the HTTP library
IN_ADDRESSES = "%/:=&?~#+!$,;'@()*[]"  # what stays as it is in an address that is sent as a header


def configured_endpoint(settings: Settings, clock: Clock) -> OpenAIEndpoint | None:
    """Return OpenRouter where its key is set, else OpenAI or a server at home, else None: the embedded model alone.

    Raises SettingsError for an address or a proxy that cannot be used.
    """
    if settings.openrouter_api_key:
        key = settings.openrouter_api_key.get_secret_value()
        return _endpoint("openrouter", settings.openrouter_base_url, key, attribution(settings), clock)
    if settings.provider == "local":
        return None
    own = settings.openai_api_key.get_secret_value() if settings.openai_api_key else None
    return _endpoint("openai", settings.openai_base_url, own, {}, clock)


def attribution(settings: Settings) -> dict[str, str]:
    """Return the headers that name the app to OpenRouter, in letters that headers take."""
    return {
        "HTTP-Referer": quote(settings.openrouter_referer, safe=IN_ADDRESSES),
        "X-OpenRouter-Title": as_header(settings.openrouter_title),
    }


async def unusable(settings: Settings, clock: Clock) -> str | None:
    """Return in one line why the provider that the settings name cannot be asked at all from here, or None."""
    try:
        endpoint = configured_endpoint(settings, clock)
    except SettingsError as error:
        return str(error)
    if endpoint is None:
        return None
    await endpoint.close()
    return endpoint.problem


def as_header(text: str) -> str:
    """Return the nearest that a header takes: accents dropped, other letters as a question mark, on one line."""
    plain = "".join(letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter))
    return one_line("".join(letter if letter.isascii() else "?" for letter in plain if letter.isprintable()))


def _endpoint(name: str, base_url: str, key: str | None, names: Mapping[str, str], clock: Clock) -> OpenAIEndpoint:
    try:
        http = new_http_client()
    except (ImportError, ValueError, httpx2.InvalidURL) as error:
        raise SettingsError(_no_proxy(error)) from None
    headers = {header: value for header, value in names.items() if value}
    try:
        return OpenAIEndpoint(name, base_url, key, headers=headers, clock=clock, http_client=http)
    except (ValueError, httpx2.InvalidURL):
        setting = f"{name.upper()}_BASE_URL"
        raise SettingsError(f"{setting} is no address; give one like https://openrouter.ai/api/v1") from None


def _no_proxy(error: Exception) -> str:
    """Say in one line which proxy cannot be used; never its address, which may hold a password."""
    known = [name for upper in PROXY_SETTINGS for name in (upper, upper.lower()) if os.environ.get(name)]
    named = " or ".join(known) or PROXY_SETTINGS[0]
    if isinstance(error, ImportError):
        return f"{named} names a SOCKS proxy, which needs the package socksio; install it, or give http://HOST:PORT"
    return f"{named} names no proxy that can be used; give one like http://127.0.0.1:3128"
