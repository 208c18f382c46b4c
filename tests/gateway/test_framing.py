"""Requests whose length is told in two ways: one of them is believed by whoever stands in front, the other by us."""

from __future__ import annotations

import asyncio

import pytest

from tests.gateway.conftest import Open

BOTH = "Transfer-Encoding: chunked\r\nContent-Length: 5"
SMUGGLED = b"0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize(
    "framing", [BOTH, "Content-Length: 5\r\nTransfer-Encoding: Chunked"], ids=["coding first", "length first"]
)
@pytest.mark.parametrize("before", [b"", b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"], ids=["alone", "behind another"])
async def test_a_request_with_two_lengths_is_refused_and_ends_its_connection(
    gateway: Open, framing: str, before: bytes
) -> None:
    """What followed it was answered as a request of its own, which a proxy in front took for its body (RFC 9112)."""
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n{framing}\r\n\r\n".encode()
    reader, writer = await asyncio.open_connection("127.0.0.1", int(gateway.url.rsplit(":", 1)[1]))
    writer.write(before + head + SMUGGLED)
    async with asyncio.timeout(30):
        said = await reader.read()
    writer.close()
    assert said.count(b"HTTP/1.1 ") == said.count(b"HTTP/1.1 200") + said.count(b"HTTP/1.1 400")
    assert said.count(b"HTTP/1.1 200") == bool(before)
    assert said.count(b"HTTP/1.1 400") == 1
    assert b"Transfer-Encoding" in said
    assert b"Content-Length" in said
    assert not gateway.provider.calls


async def test_a_body_that_goes_wrong_behind_its_refusal_is_no_fault_of_ours(
    gateway: Open, caplog: pytest.LogCaptureFixture
) -> None:
    """A second answer was tried under one that was over: a traceback of asyncio's stood in the program's log."""
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", int(gateway.url.rsplit(":", 1)[1]))
    writer.write(head)
    async with asyncio.timeout(30):
        assert b"401" in await reader.readuntil(b"\r\n\r\n")
        writer.write(b"this is no chunk\r\n")
        await reader.read()
    writer.close()
    assert not [record for record in caplog.records if record.exc_info]
