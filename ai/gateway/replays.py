"""The answer to a request with an Idempotency-Key as it is kept, and how a request is told from another one; pure."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_KEPT_BYTES = 8 * 1024 * 1024  # a larger answer is not kept; asking again is then refused as lost


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """One answer as the client got it."""

    media_type: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


def pack(answer: KeptAnswer) -> bytes:
    """Return the answer as bytes: a line of JSON, then its body."""
    head = {"media_type": answer.media_type, "headers": dict(answer.headers)}
    return json.dumps(head).encode() + b"\n" + answer.body


def unpack(data: bytes) -> KeptAnswer:
    """Return what `pack` made."""
    head, _, body = data.partition(b"\n")
    fields = json.loads(head)
    return KeptAnswer(fields["media_type"], body, fields["headers"])


def fingerprint(path: str, body: bytes) -> str:
    """Return what tells a request from another with the same key."""
    return hashlib.sha256(path.encode() + b"\n" + body).hexdigest()
