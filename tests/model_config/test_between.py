"""A network that stands between is told in one line, with what a person can do about it."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from ai.clock import SystemClock
from ai.credit_tracker import ProviderClock
from ai.model_config.catalogue import Catalogue
from ai.settings import Settings
from tests.world.proxy import FakeProxy
from tests.world.wire import Request, Wire, WireServer

CERTIFICATE = Path(__file__).parents[1] / "world" / "localhost.pem"


async def _sign_in(_: Request, wire: Wire) -> None:
    page = b"<html>Welcome to the hotel: please sign in</html>"
    await wire.head(200, {"Content-Type": "text/html", "Content-Length": str(len(page))})
    await wire.write(page)


async def told(url: str) -> str:
    settings = Settings(openrouter_api_key="sk-or-v1-hunter2", openrouter_base_url=url)
    catalogue = Catalogue(settings, SystemClock(), ProviderClock(SystemClock()))
    assert not await catalogue.refresh()
    said = str(catalogue.problem)
    assert "\n" not in said
    assert "hunter2" not in said
    return said


async def test_what_stands_between_is_told_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """`ConnectError` says neither that the hotel wants a signature nor that a clock is wrong."""
    plain = WireServer(_sign_in).start()
    assert "sign-in page" in await told(f"http://127.0.0.1:{plain.port}/api/v1")
    assert "nobody listens there" in await told("http://127.0.0.1:9/api/v1")
    assert "its name is not found" in await told("http://nobody.invalid/api/v1")
    monkeypatch.setenv("HTTPS_PROXY", f"http://me:hunter2@127.0.0.1:{plain.port}")
    with FakeProxy(407) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.base_url.replace("://", "://me:hunter2@"))
        assert "the proxy wants a name and a password" in await told("https://openrouter.example/api/v1")
    monkeypatch.delenv("HTTPS_PROXY")
    plain.stop()

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(CERTIFICATE)
    tls = WireServer(_sign_in, tls=context).start()
    assert "name its authority in SSL_CERT_FILE" in await told(f"https://127.0.0.1:{tls.port}/api/v1")
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    assert "certificate is not valid for" in await told(f"https://127.1:{tls.port}/api/v1")  # by another name
    tls.stop()
