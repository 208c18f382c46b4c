"""A Bluesky for tests: sessions that lapse, records under keys of the client's choice, and its own limits."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.world.network import FakeNetwork

if TYPE_CHECKING:
    from tests.world.wire import Request

HANDLE, PASSWORD, DID = "genesis.test", "abcd-efgh-ijkl-mnop", "did:plc:2222222222222222genesis"
TID = re.compile(r"^[234567abcdefghij][234567abcdefghijklmnopqrstuvwxyz]{12}$")
KEYS = {"bluesky_handle": HANDLE, "bluesky_app_password": PASSWORD}


@dataclass(slots=True)
class FakeBluesky(FakeNetwork):
    """One account; `lapse()` ends its sessions as two hours do."""

    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    written: int = 0  # writes of records, those that took the place of another too
    sessions: int = 0
    active: bool = True
    _token: str = ""

    @property
    def texts(self) -> list[str]:
        """What stands in the repository, oldest first."""
        return [record["text"] for record in self.records.values()]

    def lapse(self) -> None:
        """End every session."""
        self._token = ""

    def posts(self, request: Request) -> bool:
        return request.path.endswith("com.atproto.repo.putRecord")

    def reply(self, request: Request) -> tuple[int, Any]:
        procedure = request.path.removeprefix("/xrpc/")
        if procedure == "com.atproto.server.createSession":
            return self._session(request.json)
        if request.headers.get("authorization") != f"Bearer {self._token}":
            return 400, {"error": "ExpiredToken", "message": "Token has expired"}
        if procedure == "com.atproto.repo.putRecord":
            return self._put(request.json)
        if procedure == "com.atproto.repo.getRecord":
            record = self.records.get(request.query["rkey"])
            if record is None:
                return 400, {"error": "RecordNotFound", "message": f"Could not locate record: {request.query['rkey']}"}
            return 200, {"uri": _uri(request.query["rkey"]), "cid": "bafyrei", "value": record}
        return 501, {"error": "MethodNotImplemented", "message": "Method Not Implemented"}

    def _session(self, given: dict[str, str]) -> tuple[int, Any]:
        if (given.get("identifier"), given.get("password")) != (HANDLE, PASSWORD):
            return 401, {"error": "AuthenticationRequired", "message": "Invalid identifier or password"}
        self.sessions += 1
        self._token = f"jwt-{self.sessions}"
        status = {} if self.active else {"active": False, "status": "takendown"}
        return 200, {"accessJwt": self._token, "refreshJwt": "r", "handle": HANDLE, "did": DID, "active": True} | status

    def _put(self, given: dict[str, Any]) -> tuple[int, Any]:
        record, key = given["record"], given["rkey"]
        text = str(record.get("text", ""))
        if given["repo"] != DID or given["collection"] != record["$type"] or not TID.match(key):
            return 400, {"error": "InvalidRequest", "message": "Invalid record key"}
        if len(text.encode()) > 3000:
            return 400, {"error": "InvalidRequest", "message": "Record/text must not be longer than 3000"}
        for facet in record.get("facets", []):
            part = text.encode()[facet["index"]["byteStart"] : facet["index"]["byteEnd"]].decode()
            if part not in facet["features"][0]["uri"]:
                return 400, {"error": "InvalidRequest", "message": "facet"}
        self.records[key] = record
        self.written += 1
        return 200, {"uri": _uri(key), "cid": "bafyrei", "validationStatus": "valid"}


def _uri(key: str) -> str:
    return f"at://{DID}/app.bsky.feed.post/{key}"
