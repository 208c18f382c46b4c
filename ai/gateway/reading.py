"""Reads a request off the wire: its key, its options, its body, within bounds of size and time."""

from __future__ import annotations

import asyncio
import json
import math
from typing import TYPE_CHECKING, Any, NoReturn

from starlette.requests import ClientDisconnect, Request

from ai.gateway.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_BODY_BYTES = 32 * 1024 * 1024  # CONTRACT §7
BODY_SECONDS = 120.0  # a client that sends more slowly than 32 MB in this time holds a connection for nothing


async def read_body(request: Request) -> bytes:
    """Return the body's bytes. Raises Refusal: 413 beyond MAX_BODY_BYTES, 408 beyond BODY_SECONDS, 415 if packed."""
    packed = request.headers.get("content-encoding", "identity")
    if packed.lower() != "identity":
        raise Refusal(
            415, f"a body packed with {packed[:40]!r} is not read; send it plain", code="unsupported_encoding"
        )
    stated = request.headers.get("content-length", "")
    if stated.isascii() and stated.isdigit() and int(stated) > MAX_BODY_BYTES:
        raise _too_large()
    pieces, size = [], 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for piece in request.stream():
                size += len(piece)
                if size > MAX_BODY_BYTES:
                    raise _too_large()
                pieces.append(piece)
    except TimeoutError:
        raise Refusal(408, f"the body did not come whole within {BODY_SECONDS:.0f} s", code="timeout") from None
    except ClientDisconnect:
        raise Refusal(400, "the client left before its body was whole") from None
    return b"".join(pieces)


def _too_large() -> Refusal:
    return Refusal(413, f"the body is larger than {MAX_BODY_BYTES:,} bytes", code="request_too_large")


def parsed(raw: bytes) -> dict[str, Any]:
    """Return the JSON object that a body is. Raises Refusal for any other."""
    try:
        document = _READ(raw.decode(json.detect_encoding(raw), "surrogatepass"))
    except (ValueError, RecursionError):
        raise Refusal(400, "the body is no JSON that can be read", code="invalid_json") from None
    if not isinstance(document, dict):
        raise Refusal(400, "the body is JSON but no object", code="invalid_json")
    return document


def headers_of(request: Request) -> Mapping[str, str]:
    """Return the headers by lower-case names; one that came twice is one list, as HTTP reads it, so none is dropped."""
    headers: dict[str, str] = {}
    for name, value in request.headers.raw:
        known, text = name.decode("latin-1").lower(), value.decode("latin-1")
        headers[known] = f"{headers[known]}, {text}" if known in headers else text
    return headers


def _no_number(text: str) -> NoReturn:
    raise ValueError(text)


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError(text)
    return value


_READ = json.JSONDecoder(parse_constant=_no_number, parse_float=_finite).decode  # `loads` makes one for each body
