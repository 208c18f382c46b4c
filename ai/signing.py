"""Signs what is POSTed to a person's own address, so that their program can tell it from anybody else's."""

import base64
import binascii
import hashlib
import hmac
from datetime import datetime

STANDARD_PREFIX = "whsec_"  # Standard Webhooks: base64 of the key follows


def sign(secret: str, body: bytes) -> str:
    """Return the signature of a body: `sha256=` and the hexadecimal HMAC-SHA256 under the secret."""
    return "sha256=" + _digest(secret.encode(), body).hex()


def standard_headers(secret: str, message_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """Return the three headers of Standard Webhooks: the message's id, its time, and its signature (v1).

    `secret` is `whsec_` and base64, or any other text, whose bytes are the key. The id is the same at every attempt;
    receivers leave aside an id that they have seen.
    """
    stamp = str(int(at.timestamp()))
    signed = _digest(_key(secret), f"{message_id}.{stamp}.".encode() + body)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": stamp,
        "webhook-signature": f"v1,{base64.b64encode(signed).decode()}",
    }


def _key(secret: str) -> bytes:
    if secret.startswith(STANDARD_PREFIX):
        try:
            return base64.b64decode(secret.removeprefix(STANDARD_PREFIX), validate=True)
        except binascii.Error:
            return secret.encode()
    return secret.encode()


def _digest(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, hashlib.sha256)
