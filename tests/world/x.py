"""An X for tests: a real HTTP server of its v2 posts with a fault script, a price list and its own record."""

from __future__ import annotations

import base64
import hmac
import html
import itertools
import json
import re
import threading
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote, unquote

from tests.world.wire import Cut, FakeServer, Request, Wire

if TYPE_CHECKING:
    from collections.abc import Callable

POST_NANOS, POST_WITH_URL_NANOS, READ_NANOS, USER_NANOS = 15_000_000, 200_000_000, 1_000_000, 10_000_000  # own reads
USER_ID = "2244994945"
LINK = re.compile(r"https?://\S+|\b[\w-]+\.(?:com|org|net|io|dev)\b\S*")
OAUTH_PARTS = ("oauth_consumer_key", "oauth_token", "oauth_nonce", "oauth_timestamp", "oauth_signature")
KEYS = {
    "x_api_key": "consumer-key-0001",
    "x_api_secret": "consumer-secret-0002",
    "x_access_token": f"{USER_ID}-access-token-0003",
    "x_access_token_secret": "access-secret-0004",
}


@dataclass(frozen=True, slots=True)
class XFault:
    """What goes wrong with one request; `published`: the post is there all the same, and was charged."""

    kind: str
    status: int = 0
    document: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    published: bool = False


def answer(status: int, document: dict[str, Any] | None = None, *, published: bool = False, **headers: str) -> XFault:
    """Answer with a status, a document and headers (underscores in their names become dashes)."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return XFault("answer", status, document or {"title": f"status {status}"}, named, None, published)


def problem(status: int, detail: str, title: str = "Forbidden", kind: str = "about:blank") -> XFault:
    """Answer with X's problem document."""
    return answer(status, {"title": title, "detail": detail, "type": kind, "status": status})


def hints_first(*, published: bool = True) -> XFault:
    """Answer 103 Early Hints before the answer itself, as RFC 9110 allows."""
    return XFault("hints", published=published)


def cut(*, published: bool, where: str = "before") -> XFault:
    """Break the connection `before` any byte or in the `body`, after publishing or not."""
    return XFault(f"cut_{where}", published=published)


def hang(*, published: bool) -> XFault:
    """Say nothing more until the client goes."""
    return XFault("hang", published=published)


def garbled(body: bytes, status: int = 201, *, published: bool = True) -> XFault:
    """Answer with a body that is not what X sends."""
    return XFault("answer", status, body=body, published=published)


DUPLICATE = problem(403, "You are not allowed to create a Tweet with duplicate content.")
SUSPENDED = problem(403, "Your account is suspended and is not permitted to access this feature.")
REVOKED = answer(401, {"title": "Unauthorized", "detail": "Unauthorized", "status": 401})
READ_ONLY_APP = problem(
    403,
    "Your client app is not configured with the appropriate oauth1 app permissions for this endpoint.",
    kind="https://api.twitter.com/2/problems/oauth1-permissions",
)
NO_CREDITS = problem(402, "Your enrolled account does not have any credits.", title="CreditsDepleted")
AUTOMATED = problem(
    403,
    "This request looks like it might be automated. To protect our users from spam and other malicious activity, we "
    "can't complete this action right now. Please try again later.",
)
OVER_DAILY = problem(403, "User is over daily status update limit.")
USAGE_CAPPED = XFault(
    "answer",
    429,
    {
        "title": "UsageCapExceeded",
        "detail": "Usage cap exceeded: Monthly product cap",
        "type": "https://api.twitter.com/2/problems/usage-capped",
        "period": "Monthly",
    },
)
NOT_THIS_TEXT = problem(403, "You are not permitted to perform this action.")


def rate_limited(reset: int | str | None) -> XFault:
    """Answer 429, with the epoch second at which the limit ends."""
    headers = {} if reset is None else {"x-rate-limit-reset": str(reset)}
    return XFault("answer", 429, {"title": "Too Many Requests", "detail": "Too Many Requests", "status": 429}, headers)


def day_is_full(reset: int, window_reset: int) -> XFault:
    """Answer 429 for the account's 24 hours, while the window of 15 minutes still has room."""
    headers = {
        "x-rate-limit-remaining": "97",
        "x-rate-limit-reset": str(window_reset),
        "x-user-limit-24hour-limit": "100",
        "x-user-limit-24hour-remaining": "0",
        "x-user-limit-24hour-reset": str(reset),
    }
    return XFault("answer", 429, {"title": "Too Many Requests", "detail": "Too Many Requests", "status": 429}, headers)


@dataclass(frozen=True, slots=True)
class Published:
    """A post that is on X."""

    id: str
    text: str
    at: datetime


@dataclass(slots=True)
class FakeX(FakeServer):
    """X; start with `with`. Records may be read from any thread.

    `watch(request)` is called in the server's thread before anything is done with a request. `lagging`: so many
    readings of the timeline do not show the newest post. `next_fault(request)` scripts by request.
    """

    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    watch: Callable[[Request], None] | None = None
    next_fault: Callable[[Request], XFault | None] | None = None
    lagging: int = 0
    forgetful: bool = False  # publishes the same text again, so that nothing but the sender prevents a double

    published: list[Published] = field(default_factory=list)
    charges: list[tuple[str, int]] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    unsigned: int = 0
    _script: deque[XFault | None] = field(default_factory=deque)
    _read_script: deque[XFault | None] = field(default_factory=deque)
    _read_today: set[tuple[str, str]] = field(default_factory=set)
    _ids: itertools.count[int] = field(default_factory=lambda: itertools.count(1_990_000_000_000_000_001, 4096))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def then(self, *faults: XFault | None) -> Self:
        """Script the next posts: None goes well."""
        self._script.extend(faults)
        return self

    def then_reading(self, *faults: XFault | None) -> Self:
        """Script the next readings."""
        self._read_script.extend(faults)
        return self

    def post_elsewhere(self, text: str, at: datetime | None = None) -> Published:
        """Let the account's owner post by hand."""
        return self._publish(text, at)

    @property
    def texts(self) -> list[str]:
        """What is on the timeline, oldest first."""
        return [post.text for post in self.published]

    @property
    def charged_nanos(self) -> int:
        """Everything X charged."""
        return sum(nanos for _, nanos in self.charges)

    def charged_for(self, kind: str) -> int:
        """Everything X charged for `post`, `read` or `user`."""
        return sum(nanos for name, nanos in self.charges if name == kind)

    # --- answering --------------------------------------------------------------------------------------
    async def _handle(self, request: Request, wire: Wire) -> None:
        if self.watch is not None:
            self.watch(request)
        self.requests.append(request)
        if not _signed(request):
            self.unsigned += 1
            await self._json(wire, 401, {"title": "Unauthorized", "detail": "Unauthorized", "status": 401})
        elif (request.method, request.path) == ("POST", "/2/tweets"):
            await self._create(request, wire)
        elif request.method == "GET" and request.path == "/2/users/me":
            if not await self._faulty(self._read_script, request, wire):
                self._charge_read("user", f"user/{USER_ID}", USER_NANOS)
                await self._json(wire, 200, {"data": {"id": USER_ID, "name": "Genesis", "username": "genesis"}})
        elif request.method == "GET" and request.path == f"/2/users/{USER_ID}/tweets":
            if not await self._faulty(self._read_script, request, wire):
                await self._json(wire, 200, self._timeline(request.query))
        else:
            await self._json(wire, 404, {"title": "Not Found", "detail": request.path, "status": 404})

    async def _create(self, request: Request, wire: Wire) -> None:
        fault = self._script.popleft() if self._script else None
        if fault is None and self.next_fault is not None:
            fault = self.next_fault(request)
        text = str((request.json or {}).get("text", ""))
        if fault is not None:
            if fault.published:
                self._create_post(text)
            await self._fail(fault, wire)
            return
        if not text or len(text) > 280 * 4:
            await self._json(wire, 400, {"title": "Invalid Request", "detail": "text", "status": 400})
        elif (post := self._create_post(text)) is None:
            await self._fail(DUPLICATE, wire)
        else:
            await self._json(wire, 201, {"data": {"id": post.id, "text": post.text}})

    def _create_post(self, text: str) -> Published | None:
        with self._lock:
            known = any(html.unescape(_wrapped(text)) == html.unescape(post.text) for post in self.published)
            if known and not self.forgetful:
                return None
            self.charges.append(("post", POST_WITH_URL_NANOS if LINK.search(text) else POST_NANOS))
        return self._publish(text)

    def _publish(self, text: str, at: datetime | None = None) -> Published:
        post = Published(str(next(self._ids)), _wrapped(text), at or self.now())
        self.published.append(post)
        return post

    def _timeline(self, query: dict[str, str]) -> dict[str, Any]:
        newest = [post for post in reversed(self.published) if int(post.id) > int(query.get("since_id", "0"))]
        if self.lagging > 0:
            self.lagging -= 1
            newest = newest[1:]
        start = int(query.get("pagination_token", "0") or 0)
        size = max(5, int(query.get("max_results", "10")))
        page = newest[start : start + size]
        for post in page:
            self._charge_read("read", post.id, READ_NANOS)
        meta: dict[str, Any] = {"result_count": len(page)}
        if start + size < len(newest):
            meta["next_token"] = str(start + size)
        data = [{"id": p.id, "text": p.text, "created_at": f"{p.at:%Y-%m-%dT%H:%M:%S.000Z}"} for p in page]
        return {"data": data, "meta": meta} if data else {"meta": meta}

    def _charge_read(self, kind: str, resource: str, nanos: int) -> None:
        key = (f"{self.now():%Y-%m-%d}", resource)
        with self._lock:
            if key not in self._read_today:
                self._read_today.add(key)
                self.charges.append((kind, nanos))

    async def _faulty(self, script: deque[XFault | None], request: Request, wire: Wire) -> bool:
        fault = script.popleft() if script else None
        if fault is None:
            return False
        if fault.published:  # a reading that was charged, though its answer never came
            self._timeline(request.query)
        await self._fail(fault, wire)
        return True

    async def _fail(self, fault: XFault, wire: Wire) -> None:
        if fault.kind == "cut_before":
            raise Cut
        if fault.kind == "cut_body":
            await wire.raw(b"HTTP/1.1 201 Created\r\nContent-Length: 400\r\n\r\n" + b'{"data": {"id": "19')
            raise Cut
        if fault.kind == "hints":
            await wire.raw(b"HTTP/1.1 103 Early Hints\r\nLink: </card.css>; rel=preload\r\n\r\n")
            await self._json(wire, 201, {"data": {"id": self.published[-1].id, "text": self.published[-1].text}})
            return
        if fault.kind == "hang":
            await wire.client_gone()
            raise Cut
        body = fault.body if fault.body is not None else json.dumps(fault.document).encode()
        await wire.head(fault.status, {**fault.headers, "Content-Length": str(len(body))})
        await wire.write(body)

    async def _json(self, wire: Wire, status: int, document: dict[str, Any]) -> None:
        body = json.dumps(document).encode()
        await wire.head(status, {"Content-Type": "application/json", "Content-Length": str(len(body))})
        await wire.write(body)


def _signed(request: Request) -> bool:
    """Verify the signature as X does: over the address that was asked, whatever that is (RFC 5849, section 3.4)."""
    given = dict(re.findall(r'(\w+)="([^"]*)"', request.headers.get("authorization", "")))
    if not all(part in given for part in OAUTH_PARTS):
        return False
    signed = {name: unquote(value) for name, value in given.items() if name != "oauth_signature"} | request.query
    params = "&".join(f"{quote(name, '')}={quote(value, '')}" for name, value in sorted(signed.items()))
    address = f"http://{request.headers['host']}{request.path}"
    base = "&".join(quote(part, "") for part in (request.method, address, params))
    key = f"{KEYS['x_api_secret']}&{KEYS['x_access_token_secret']}"
    right = base64.b64encode(hmac.digest(key.encode(), base.encode(), "sha1")).decode()
    return hmac.compare_digest(right, unquote(given["oauth_signature"]))


def _wrapped(text: str) -> str:
    """Return the text as X stores it: links wrapped, three characters escaped."""
    return html.escape(LINK.sub(lambda match: f"https://t.co/{abs(hash(match[0])) % 10**10:010d}", text), quote=False)
