"""A Mastodon for tests: its own limits, statuses as HTML, an idempotency key that is kept for an hour."""

from __future__ import annotations

import html
import itertools
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from tests.world.network import FakeNetwork

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.world.wire import Request

TOKEN, ACCOUNT = "mastodon-token-0007", "109348476543210987"
KEYS = {"mastodon_access_token": TOKEN}
LINK = re.compile(r"https?://\S+")


@dataclass(frozen=True, slots=True)
class Status:
    """A status that is there."""

    id: str
    text: str
    at: datetime


@dataclass(slots=True)
class FakeMastodon(FakeNetwork):
    """One account on one server."""

    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    max_characters: int = 500
    url_characters: int = 23
    scopes: tuple[str, ...] = ("read", "write:statuses")
    forgetful: bool = False  # keeps no idempotency keys, as after a flush of its cache
    statuses: list[Status] = field(default_factory=list)
    _keys: dict[str, Status] = field(default_factory=dict)
    _ids: itertools.count[int] = field(default_factory=lambda: itertools.count(113_000_000_000_000_001, 65_536))

    @property
    def texts(self) -> list[str]:
        """What the account said, oldest first."""
        return [status.text for status in self.statuses]

    def toot_elsewhere(self, text: str) -> None:
        """Let the account's owner post by hand."""
        self.statuses.append(Status(str(next(self._ids)), text, self.now()))

    def posts(self, request: Request) -> bool:
        return (request.method, request.path) == ("POST", "/api/v1/statuses")

    def reply(self, request: Request) -> tuple[int, Any]:
        if request.path == "/api/v2/instance":
            limits = {"max_characters": self.max_characters, "characters_reserved_per_url": self.url_characters}
            return 200, {"domain": "social.test", "version": "4.4.1", "configuration": {"statuses": limits}}
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return 401, {"error": "The access token is invalid"}
        if self.posts(request):
            return self._create(request)
        known: dict[str, Callable[[], Any]] = {
            "/api/v1/apps/verify_credentials": lambda: {"name": "Genesis", "scopes": list(self.scopes)},
            "/api/v1/accounts/verify_credentials": lambda: {
                "id": ACCOUNT,
                "acct": "genesis",
                "note": "<p>a program</p>",
            },
            f"/api/v1/accounts/{ACCOUNT}/statuses": lambda: self._page(request.query),
        }
        return (200, known[request.path]()) if request.path in known else (404, {"error": "Record not found"})

    def _create(self, request: Request) -> tuple[int, Any]:
        text = str((request.json or {}).get("status", ""))
        if not {"write", "write:statuses"} & set(self.scopes):
            return 403, {"error": "This action is outside the authorized scopes"}
        if len(LINK.sub("x" * self.url_characters, text)) > self.max_characters:
            return 422, {"error": f"Validation failed: Text character limit of {self.max_characters} exceeded"}
        key = request.headers.get("idempotency-key", "")
        known = None if self.forgetful else self._keys.get(key)
        if known is None or self.now() - known.at > timedelta(hours=1):
            known = Status(str(next(self._ids)), text, self.now())
            self.statuses.append(known)
            self._keys[key] = known
        return 200, _document(known)

    def _page(self, query: dict[str, str]) -> list[dict[str, Any]]:
        since, most = int(query.get("since_id", "0")), int(query.get("max_id", str(10**30)))
        found = [status for status in reversed(self.statuses) if since < int(status.id) < most]
        return [_document(status) for status in found[: min(40, int(query.get("limit", "20")))]]


def _document(status: Status) -> dict[str, Any]:
    """Return a status as the server tells it: paragraphs, links in three spans, tags and names as links."""
    said = html.escape(status.text, quote=True).replace("&#x27;", "&#39;")
    said = LINK.sub(
        lambda m: (
            f'<a href="{m[0]}" rel="nofollow"><span class="invisible">{m[0][:8]}</span>'
            f'<span class="ellipsis">{m[0][8:20]}</span><span class="invisible">{m[0][20:]}</span></a>'
        ),
        said,
    )
    said = re.sub(r"(?<!&)#(\w+)", r'<a href="/tags/\1" class="mention hashtag">#<span>\1</span></a>', said)
    paragraphs = "".join(f"<p>{part.replace(chr(10), '<br />')}</p>" for part in said.split("\n\n"))
    return {"id": status.id, "created_at": f"{status.at:%Y-%m-%dT%H:%M:%S.000Z}", "content": paragraphs, "reblog": None}
