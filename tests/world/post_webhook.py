"""A receiver of posts for tests: verifies Standard Webhooks' signature by the book, and knows an id it has seen."""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.world.network import FakeNetwork

if TYPE_CHECKING:
    from tests.world.wire import Request

SECRET = "whsec_" + base64.b64encode(b"a key of twenty-four by.").decode()


@dataclass(slots=True)
class FakeReceiver(FakeNetwork):
    """One address."""

    secret: str = SECRET
    taken: dict[str, Any] = field(default_factory=dict)  # by webhook-id: a repeat is left aside
    forged: int = 0

    def posts(self, request: Request) -> bool:
        return request.method == "POST"

    def reply(self, request: Request) -> tuple[int, Any]:
        key = self.secret.removeprefix("whsec_")
        raw = base64.b64decode(key) if key != self.secret else key.encode()
        name, at = request.headers["webhook-id"], request.headers["webhook-timestamp"]
        right = hmac.new(raw, f"{name}.{at}.".encode() + request.body, hashlib.sha256).digest()
        if request.headers["webhook-signature"] != f"v1,{base64.b64encode(right).decode()}":
            self.forged += 1
            return 401, {"error": "signature"}
        self.taken.setdefault(name, request.json)
        return 200, {"ok": True}

    @property
    def texts(self) -> list[str]:
        """What was told, oldest first."""
        return [document["data"]["text"] for document in self.taken.values()]
