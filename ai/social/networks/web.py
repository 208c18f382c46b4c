"""One HTTP request to a network: bounded in time and size, never repeated, and read into a document or an Answer."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2

from ai.clock import Clock
from ai.social.network import Answer, Result
from ai.social.networks.road import Road
from ai.unreached import why_unreached

CONNECT_SECONDS, READ_SECONDS = 10.0, 30.0
MAX_BODY_BYTES = 2_000_000  # a page of forty posts is a tenth of it
MAX_DETAIL_CHARS = 300
MIN_RETRY, MAX_RETRY = timedelta(minutes=1), timedelta(days=1)
USUAL_RETRY = timedelta(minutes=15)  # where the network does not say when its limit ends
RESETS = ("x-ratelimit-reset", "ratelimit-reset")  # Mastodon: RFC 3339; Bluesky: epoch seconds
_NOT_SENT = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    httpx2.ProxyError,
    httpx2.UnsupportedProtocol,
    httpx2.InvalidURL,
    httpx2.LocalProtocolError,
)


@dataclass(frozen=True, slots=True)
class Document:
    """A whole answer: `body` is its JSON object or list, or None where it is neither."""

    status: int
    body: Any

    def field(self, name: str) -> Any:
        """Return a field of the object, or None."""
        return self.body.get(name) if isinstance(self.body, dict) else None


class Web:
    """Asks one server; `setting` is where a person says which. Blocks, and never raises for the server."""

    def __init__(self, title: str, setting: str, clock: Clock, *, read_seconds: float = READ_SECONDS) -> None:
        self._title = title
        self._setting = setting
        self._clock = clock
        self._timeout = httpx2.Timeout(read_seconds, connect=CONNECT_SECONDS)

    def ask(
        self, method: str, url: str, *, headers: dict[str, str] | None = None, content: bytes | None = None
    ) -> Answer | Document:
        """Return the document of a 2xx, or what else came of it: see `refusal` for statuses from 300 to 499."""
        try:
            response, body = self._send(method, url, headers or {}, content)
        except _NOT_SENT as error:
            return Answer(Result.NOT_SENT, detail=f"{self._title} could not be reached: {why_unreached(error)}")
        except (httpx2.HTTPError, httpx2.StreamError, OSError, ValueError) as error:
            return Answer(Result.UNKNOWN, detail=f"the connection to {self._title} broke ({type(error).__name__})")
        if response.is_success:
            return Document(response.status_code, _json(body))
        return self._refusal(response, _json(body))

    def _send(
        self, method: str, url: str, headers: dict[str, str], content: bytes | None
    ) -> tuple[httpx2.Response, bytes]:
        sent = {"User-Agent": "genesis", "Accept": "application/json", "Accept-Encoding": "identity"} | headers
        with (
            Road() as road,
            httpx2.Client(timeout=self._timeout, follow_redirects=False) as client,
            client.stream(method, url, headers=sent, content=content, extensions=_traced(road)) as response,
        ):
            body = bytearray()
            for piece in response.iter_bytes():
                body += piece
                if len(body) > MAX_BODY_BYTES:
                    raise ValueError(f"an answer of more than {MAX_BODY_BYTES:,} bytes")
            return response, bytes(body)

    def _refusal(self, response: httpx2.Response, document: Any) -> Answer:
        status = response.status_code
        detail = f"{self._title} answered {status}: {_words(document) or response.reason_phrase}"
        if status >= 500 or status in {408, 409}:  # noqa: PLR2004 - it may have been published all the same
            return Answer(Result.UNKNOWN, detail=detail)
        if status in {425, 429}:
            return Answer(Result.RATE_LIMITED, detail=detail, retry_at=self._retry_at(response))
        if status in {401, 402, 403, 410}:
            return Answer(Result.ACCOUNT, detail=detail)
        if 300 <= status < 400:  # noqa: PLR2004 - the redirects of HTTP
            detail = f"{self._title} answered {status} (a redirect, not followed); check {self._setting}"
        if status in {404, 405}:
            detail = f"{detail}; check {self._setting}"
        return Answer(Result.REFUSED, detail=detail)

    def _retry_at(self, response: httpx2.Response) -> datetime:
        now = self._clock.now()
        told = [_moment(response.headers[name]) for name in RESETS if name in response.headers]
        told.append(_after(response.headers.get("retry-after"), now))
        known = [when for when in told if when is not None]
        return min(max(*known, now + MIN_RETRY), now + MAX_RETRY) if known else now + USUAL_RETRY


def _traced(road: Road) -> dict[str, Any]:
    """Have the HTTP library tell which socket it uses."""

    def told(event: str, info: dict[str, Any]) -> None:
        stream = info.get("return_value")
        if event.endswith((".connect_tcp.complete", ".start_tls.complete")) and stream is not None:
            road.on(stream.get_extra_info("socket"))

    return {"trace": told}


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _words(document: Any) -> str:
    """Return a server's own words: `error_description`, `message` or `error`, whichever it has."""
    if not isinstance(document, dict):
        return ""
    parts = [document.get(name) for name in ("error", "error_description", "message")]
    return " ".join(": ".join(part for part in parts if isinstance(part, str)).split())[:MAX_DETAIL_CHARS]


def _moment(text: str) -> datetime | None:
    try:
        when = datetime.fromtimestamp(int(text), UTC) if text.strip().isdigit() else datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        return None
    return when if when.tzinfo is not None else when.replace(tzinfo=UTC)


def _after(text: str | None, now: datetime) -> datetime | None:
    if text is None:
        return None
    try:
        return now + timedelta(seconds=int(text)) if text.strip().isdigit() else parsedate_to_datetime(text)
    except (ValueError, OverflowError, TypeError):
        return None
