"""The only importer of tweepy: it asks X where X_API_BASE_URL says, and each answer is read into a plain result."""

import json
import os
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import requests
import tweepy
from urllib3.exceptions import HTTPError

from ai.clock import Clock, parse_rfc3339
from ai.social.network import Answer, Result
from ai.social.networks.road import Road
from ai.unreached import why_unreached

TIMELINE_PAGE = 5  # the least that X gives; each post read is charged
TWEEPY_HOST = "https://api.twitter.com"  # fixed in tweepy's code
CONNECT_SECONDS, READ_SECONDS = 10.0, 30.0
MIN_RETRY, MAX_RETRY = timedelta(minutes=1), timedelta(days=1)
USUAL_RETRY = timedelta(minutes=15)  # X's rate-limit window, where it does not say when it ends
LIMITS = ("x-rate-limit", "x-user-limit-24hour", "x-app-limit-24hour")  # the window's first; X names each when it is 0
PASSING = (  # refusals that pass by themselves: words of X, and how long to wait where it does not say
    ("daily", timedelta(hours=3)),
    ("update limit", timedelta(hours=3)),
    ("try again", timedelta(hours=1)),
)
MAX_DETAIL_CHARS = 300
MAX_BODY_BYTES = 2_000_000  # a page of posts is a hundredth of it
PIECE_BYTES = 64 * 1024
MAX_ID_CHARS = 64  # of an id; X has 19 digits now


@dataclass(frozen=True, slots=True)
class XPost:
    """A post on X's timeline; `text` as X wrote it: links wrapped, three characters escaped."""

    id: str
    text: str
    created_at: datetime | None


@dataclass(frozen=True, slots=True)
class Timeline:
    """A page of posts, newest first."""

    posts: tuple[XPost, ...]
    next_page: str | None


class _Doorway(requests.Session):
    """Asks `base_url` for what tweepy means for its own host, before it is signed; a time-out on every request."""

    def __init__(self, base_url: str, read_seconds: float, road: Road) -> None:
        super().__init__()
        self._base_url = base_url
        self._timeout = (CONNECT_SECONDS, read_seconds)
        self.seen: requests.Response | None = None  # what X answered
        self.max_redirects = 0  # a redirected POST would be sent twice
        self.headers.update({"Connection": "close", "Accept-Encoding": "identity"})
        self.hooks["response"].append(self._take_in)
        self.verify = os.environ.get("SSL_CERT_FILE") or True  # as every other address is asked
        for scheme in ("https://", "http://"):
            self.mount(scheme, _OneWay(road))

    def request(self, method: str | bytes, url: str | bytes, *args: Any, **options: Any) -> requests.Response:
        """Ask with the time-out of this room, whatever the caller said."""
        asked = self._base_url + str(url).removeprefix(TWEEPY_HOST)
        return super().request(method, asked, *args, **options | {"timeout": self._timeout, "stream": True})

    def _take_in(self, response: requests.Response, **_: Any) -> None:
        """Read an answer before others would read all of it, however long; of one too long, or cut, nothing counts."""
        body = bytearray()
        try:
            while (piece := response.raw.read1(PIECE_BYTES, decode_content=True)) and len(body) <= MAX_BODY_BYTES:
                body += piece
        except (OSError, HTTPError):
            body.clear()
        response._content = bytes(body) if len(body) <= MAX_BODY_BYTES else b""  # noqa: SLF001 - where requests keeps it
        response._content_consumed = True  # type: ignore[attr-defined]  # noqa: SLF001
        self.seen = response


class _OneWay(requests.adapters.HTTPAdapter):
    """Connections that tell when a request itself leaves on them."""

    def __init__(self, road: Road) -> None:
        super().__init__()
        self._road = road

    def get_connection_with_tls_context(self, *args: Any, **options: Any) -> Any:
        """Return the pool whose one connection is used."""
        pool: Any = super().get_connection_with_tls_context(*args, **options)
        road = self._road

        class Told(pool.ConnectionCls):  # type: ignore[misc]
            def request(self, *args: Any, **options: Any) -> None:
                if self.is_closed:  # over TLS it is connected by now, behind a proxy too
                    self.connect()
                road.on(self.sock)
                road.left = True
                super().request(*args, **options)

        pool.ConnectionCls = Told
        return pool


class XClient:
    """X v2 with OAuth 1.0a. Its methods block, wait `read_seconds` at a time, and never raise for X."""

    def __init__(
        self, keys: Mapping[str, str], base_url: str, clock: Clock, *, read_seconds: float = READ_SECONDS
    ) -> None:
        """Take the four keys by their settings' names, the URL to reach X at, and a clock for retry times."""
        self._keys = keys
        self._base_url = base_url.rstrip("/")
        self._clock = clock
        self._read_seconds = read_seconds
        owner = re.match(r"(\d{1,25})-", keys["x_access_token"])
        self.user_id = owner[1] if owner else None  # X's access tokens begin with their user's id

    def post(self, text: str) -> Answer:
        """Publish `text`; DONE has the post's id."""
        return self._read_id(self._ask(lambda x: x.create_tweet(text=text, user_auth=True)))

    def me(self) -> Answer:
        """Ask whose keys these are; DONE has the user's id. X charges a user read."""
        return self._read_id(self._ask(lambda x: x.get_me(user_auth=True)))

    def check(self) -> Answer:
        """Ask X to publish nothing at all: it says whether the keys may post before it misses the text; free."""
        answer = self._ask(lambda x: x.create_tweet(user_auth=True))
        if isinstance(answer, Answer) and answer.result is Result.REFUSED and " 400:" in answer.detail:
            return Answer(Result.DONE)
        return answer if isinstance(answer, Answer) else Answer(Result.UNKNOWN, detail="X published an empty post")

    def timeline(self, user_id: str, *, since_id: str | None, page: str | None) -> Answer | Timeline:
        """Return up to TIMELINE_PAGE posts of a user, newest first, only those after `since_id`."""
        answer = self._ask(
            lambda x: x.get_users_tweets(
                user_id,
                user_auth=True,
                max_results=TIMELINE_PAGE,
                since_id=since_id,
                pagination_token=page,
                tweet_fields=["created_at"],
            )
        )
        return answer if isinstance(answer, Answer) else _timeline(answer)

    def _read_id(self, answer: Answer | Mapping[str, Any]) -> Answer:
        if isinstance(answer, Answer):
            return answer
        data = answer.get("data")
        found = data.get("id") if isinstance(data, dict) else None
        if isinstance(found, str | int) and 0 < len(str(found)) <= MAX_ID_CHARS:
            return Answer(Result.DONE, remote_id=str(found))
        return Answer(Result.UNKNOWN, detail="X answered without an id")

    def _ask(self, request: Callable[[Any], object]) -> Answer | Mapping[str, Any]:
        """Make one request on a connection of its own; return the document of a success, or what else came of it."""
        problem: Exception | None = None
        with Road() as road, _Doorway(self._base_url, self._read_seconds, road) as doorway:
            try:
                request(self._client(doorway))
            except Exception as error:  # noqa: BLE001 - tweepy stumbles over odd answers; the answer is read below
                problem = error
        if doorway.seen is not None:
            return self._sort(doorway.seen)
        if problem is not None and not road.left:
            return Answer(Result.NOT_SENT, detail=f"X could not be reached: {why_unreached(problem)}")
        return Answer(Result.UNKNOWN, detail=f"the connection to X broke ({type(problem).__name__})")

    def _client(self, doorway: _Doorway) -> Any:
        """Return a fresh tweepy client that asks through `doorway`."""
        client = tweepy.Client(
            consumer_key=self._keys["x_api_key"],
            consumer_secret=self._keys["x_api_secret"],
            access_token=self._keys["x_access_token"],
            access_token_secret=self._keys["x_access_token_secret"],
            return_type=requests.Response,
        )
        client.session = doorway
        return client

    def _sort(self, response: requests.Response) -> Answer | Mapping[str, Any]:
        """Return the document of a success, or what a failure means."""
        status = response.status_code
        document = _document(response)
        detail = f"X answered {status}: {_detail(document, response)}"
        if 200 <= status < 300:  # noqa: PLR2004 - the successes of HTTP
            return document or Answer(Result.UNKNOWN, detail=f"X answered {status} without a document")
        if status >= 500 or status < 200 or status == 408:  # noqa: PLR2004 - it may be published; 1xx: more was to come
            return Answer(Result.UNKNOWN, detail=detail)
        return self._refusal(response, document, detail)

    def _refusal(self, response: requests.Response, document: Mapping[str, Any], detail: str) -> Answer:
        """Return what a status from 300 to 499 means: nothing was published."""
        status, words = response.status_code, detail.lower()
        if status == 403 and "duplicate" in words:  # noqa: PLR2004 - HTTP's number for it
            return Answer(Result.DUPLICATE, detail=detail)
        if status in {401, 402} or (status in {403, 429} and _concerns_account(document, detail)):
            return Answer(Result.ACCOUNT, detail=detail)
        passing = [wait for said, wait in PASSING if status == 403 and said in words]  # noqa: PLR2004 - same
        if status in {425, 429} or passing:
            return Answer(
                Result.RATE_LIMITED, detail=detail, retry_at=self._retry_at(response, [*passing, USUAL_RETRY][0])
            )
        if 300 <= status < 400:  # noqa: PLR2004 - the redirects of HTTP
            detail = f"X answered {status} (a redirect, not followed); check X_API_BASE_URL"
        return Answer(Result.REFUSED, detail=detail)

    def _retry_at(self, response: requests.Response, usual: timedelta) -> datetime:
        """Return when the last of the limits that are used up ends, as far as X says; else after the `usual` time."""
        now, headers = self._clock.now(), response.headers
        windows = [(headers.get(f"{name}-remaining"), headers.get(f"{name}-reset")) for name in LIMITS]
        used_up = [_epoch(reset) for remaining, reset in windows if remaining == "0"]
        told = [when for when in used_up or [_epoch(windows[0][1])] if when is not None]
        with suppress(KeyError, ValueError, OverflowError):
            told.append(now + timedelta(seconds=int(headers["retry-after"])))
        return min(max(*told, now + MIN_RETRY), now + MAX_RETRY) if told else now + usual


def _epoch(seconds: str | None) -> datetime | None:
    try:
        return None if seconds is None else datetime.fromtimestamp(int(seconds), UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _document(response: requests.Response) -> dict[str, Any]:
    try:
        found = json.loads(response.content)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _detail(document: Mapping[str, Any], response: requests.Response) -> str:
    """Return X's own words: v2 has `detail` and `title`, its older parts `errors[].message`."""
    errors = document.get("errors")
    first = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}
    words = document.get("detail") or first.get("message") or document.get("title") or response.reason
    return " ".join(str(words).split())[:MAX_DETAIL_CHARS]


def _concerns_account(document: Mapping[str, Any], detail: str) -> bool:
    """Say whether a 403 is about the account or the app rather than about this one text."""
    kind = f"{document.get('type', '')} {document.get('reason', '')} {document.get('title', '')}".lower()
    marks = (
        "client-forbidden",
        "client-not-enrolled",
        "oauth1-permissions",
        "unsupported-authentication",
        "usage-capped",
    )
    lowered = detail.lower()
    return any(mark in kind for mark in marks) or any(word in lowered for word in ("suspend", "locked", "revoked"))


def _timeline(document: Mapping[str, Any]) -> Answer | Timeline:
    meta, data = document.get("meta", {}), document.get("data", [])
    if not isinstance(meta, dict) or not isinstance(data, list) or not document.keys() & {"meta", "data"}:
        return Answer(Result.UNKNOWN, detail="X answered without a timeline")
    posts = [
        XPost(str(item["id"]), str(item["text"]), _when(item.get("created_at")))
        for item in data
        if isinstance(item, dict) and "id" in item and "text" in item
    ]
    token = meta.get("next_token")
    return Timeline(tuple(posts), token if isinstance(token, str) else None)


def _when(text: object) -> datetime | None:
    try:
        return parse_rfc3339(text) if isinstance(text, str) else None
    except ValueError:
        return None
