"""Clients that send nothing more: where each held a connection for good, a few thousand would shut the door."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ai.connection import Patience
from ai.gateway.serving import GatewayServer, listen
from tests.gateway.conftest import Open, serving
from tests.world.openrouter import FakeOpenRouter


@pytest.fixture
async def impatient(tmp_path: Path, provider: FakeOpenRouter) -> AsyncIterator[Open]:
    """A gateway that waits for nobody longer than a moment."""
    async with serving(tmp_path, provider) as gateway:
        patience = Patience(head=0.3, body=0.3, unread=0.3, unwanted=0.3)
        gateway.server = GatewayServer(gateway.alone.gateway, listen("127.0.0.1", 0), patience=patience)
        await gateway.server.start()
        yield gateway
        await gateway.server.stop()


async def connect(gateway: Open, sent: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(gateway.url.rsplit(":", 1)[1]))
    writer.write(sent)
    await writer.drain()
    return reader, writer


async def until_closed(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(30):
        try:
            return await reader.read()
        except ConnectionError:
            return b""


def head(secret: str, length: int) -> bytes:
    lines = ("POST /v1/chat/completions HTTP/1.1", "Host: x", f"Authorization: Bearer {secret}",
             "Content-Type: application/json", f"Content-Length: {length}", "", "")  # fmt: skip
    return "\r\n".join(lines).encode()


@pytest.mark.parametrize("sent", [b"", b"POST /v1/ch", b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: "])
async def test_a_head_that_does_not_come_whole_holds_no_connection(impatient: Open, sent: bytes) -> None:
    reader, writer = await connect(impatient, sent)
    assert await until_closed(reader) == b""
    writer.close()


async def test_a_body_that_does_not_come_holds_no_connection(impatient: Open) -> None:
    reader, writer = await connect(impatient, head(await impatient.key(), 1000) + b'{"model":')
    await until_closed(reader)
    writer.close()
    assert not impatient.provider.calls


async def test_a_body_that_was_refused_unread_holds_no_connection(impatient: Open) -> None:
    reader, writer = await connect(impatient, head("gk-wrong", 30_000_000) + b"x" * 1000)
    assert b"401 Unauthorized" in await until_closed(reader)
    writer.close()
