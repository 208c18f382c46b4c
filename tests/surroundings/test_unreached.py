"""What a person is told of an address that cannot be reached: a next step that is right, and no password."""

from __future__ import annotations

import asyncio
import socket
import ssl
from contextlib import suppress

import httpx2
import pytest
import requests

from ai.unreached import why_unreached

MALFORMED = "the address or HTTPS_PROXY is malformed: http://USER:PASSWORD@HOST:PORT, percent-encoded"


@pytest.mark.parametrize(("get", "port"), [(requests.get, "80800"), (httpx2.get, "port")], ids=["requests", "httpx2"])
def test_no_password_of_a_proxy_is_told(get: object, port: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://me:hunter2@proxy:{port}")
    with pytest.raises((requests.RequestException, httpx2.InvalidURL)) as raised:
        get("https://nobody.example", timeout=1)  # type: ignore[operator]
    assert why_unreached(raised.value) == MALFORMED


def test_no_value_of_a_header_is_told() -> None:
    assert why_unreached(httpx2.LocalProtocolError("Illegal header value b'Bearer hunter2 '")) == "LocalProtocolError"


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ConnectionResetError(104, "Connection reset by peer"), "ConnectionResetError: [Errno 104] Connection reset"),
        (ConnectionRefusedError(111, "refused"), "nobody listens there: is it running, and are the address, port and"),
        (requests.exceptions.ProxyError("host='a', port=4407: Max retries"), "the proxy of HTTPS_PROXY shows nobody"),
        (httpx2.ProxyError("407 Proxy Authentication Required"), "the proxy wants a name and a password"),
        (OSError("Tunnel connection failed: 407 Who are you?"), "OSError: Tunnel connection failed: 407"),
    ],
)
def test_each_is_told_with_its_own_next_step(error: Exception, told: str) -> None:
    assert why_unreached(error).startswith(told)


async def test_tls_of_another_kind_is_not_taken_for_no_tls() -> None:
    """A server whose TLS is too old, or broke off, was said to speak none: `http://` would have sent the key bare."""

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(bytes.fromhex("15030300020228"))  # an alert: handshake failure
        with suppress(OSError):
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0, family=socket.AF_INET)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(ssl.SSLError) as raised:
        await asyncio.open_connection("127.0.0.1", port, ssl=ssl.create_default_context())
    server.close()
    assert why_unreached(raised.value).startswith("TLS failed (")
