"""Bluesky: an app password, 300 graphemes, a record key of our own choice, so that a post can be asked for by name."""

import json
import zlib
from datetime import datetime
from typing import Any

from ai.clock import Clock, microseconds, rfc3339
from ai.settings import Settings
from ai.social.network import Answer, Draft, FreeNetwork, Result
from ai.social.networks.web import Document, Web
from ai.social.text import graphemes, links

MAX_GRAPHEMES = 300  # app.bsky.feed.post
MAX_BYTES = 3_000
COLLECTION = "app.bsky.feed.post"
TID_LETTERS = "234567abcdefghijklmnopqrstuvwxyz"  # base32, in the order of the values
LAPSED = frozenset({"ExpiredToken", "InvalidToken", "AuthMissing"})


class Bluesky(FreeNetwork):
    """One account of an AT Protocol server; its session lives as long as this object."""

    name = "bluesky"
    title = "Bluesky"

    def __init__(self, settings: Settings, clock: Clock, web: Web | None = None) -> None:
        self._settings = settings
        self._web = web or Web(self.title, "BLUESKY_URL", clock)
        self._session: tuple[str, str] | None = None  # access token, did

    def problem(self, text: str) -> str | None:
        """Return what Bluesky would not take: more than 300 graphemes or 3,000 bytes."""
        count, size = graphemes(text), len(text.encode())
        if count > MAX_GRAPHEMES:
            return f"the post has {count:,} characters and Bluesky takes {MAX_GRAPHEMES}; shorten it"
        if size > MAX_BYTES:
            return f"the post has {size:,} bytes and Bluesky takes {MAX_BYTES:,}; shorten it"
        return None

    def post(self, draft: Draft) -> Answer:
        """Write the record under its key: written again it takes the place of the first, and is no second post."""
        session = self._signed_in()
        if isinstance(session, Answer):  # nothing was published before anybody was signed in
            return Answer(Result.NOT_SENT, detail=session.detail) if session.result is Result.UNKNOWN else session
        record = {"$type": COLLECTION, "text": draft.text, "createdAt": _zulu(draft.sent_at or draft.written_at)}
        facets = _facets(draft.text)
        answer = self._call(
            "POST",
            "com.atproto.repo.putRecord",
            {
                "repo": session[1],
                "collection": COLLECTION,
                "rkey": record_key(draft),
                "record": record | ({"facets": facets} if facets else {}),
            },
        )
        if isinstance(answer, Answer):
            return answer
        uri = answer.field("uri")
        if isinstance(uri, str) and uri.startswith("at://"):
            return Answer(Result.DONE, remote_id=uri)
        return Answer(Result.UNKNOWN, detail="Bluesky answered without the post's address")

    def look(self, draft: Draft, page: str | None) -> Answer:  # noqa: ARG002 - one request tells
        """Ask for the record by its key."""
        session = self._signed_in()
        if isinstance(session, Answer):
            return session
        key = record_key(draft)
        answer = self._call(
            "GET", f"com.atproto.repo.getRecord?repo={session[1]}&collection={COLLECTION}&rkey={key}", None
        )
        if isinstance(answer, Document):
            there = answer.field("uri") or f"at://{session[1]}/{COLLECTION}/{key}"
            return Answer(Result.DONE, remote_id=str(there))
        if answer.result is Result.REFUSED and "RecordNotFound" in answer.detail:
            return Answer(Result.DONE, detail="Bluesky does not have it")
        return answer

    def check(self) -> Answer:
        """Sign in anew."""
        self._session = None
        session = self._signed_in()
        return session if isinstance(session, Answer) else Answer(Result.DONE)

    def _call(self, method: str, procedure: str, document: dict[str, Any] | None) -> Answer | Document:
        """Make one call signed in; a session that has lapsed is replaced once: nothing was done under it."""
        answer: Answer | Document = Answer(Result.NOT_SENT, detail="Bluesky lets nobody in")
        for _ in range(2):
            session = self._signed_in()
            if isinstance(session, Answer):
                return session
            answer = self._xrpc(method, procedure, document, session[0])
            if isinstance(answer, Document) or not any(word in answer.detail for word in LAPSED):
                return answer
            self._session = None
        return answer

    def _signed_in(self) -> tuple[str, str] | Answer:
        """Return access token and did, signing in where there is no session yet."""
        if self._session is not None:
            return self._session
        password = self._settings.bluesky_app_password
        answer = self._xrpc(
            "POST",
            "com.atproto.server.createSession",
            {
                "identifier": (self._settings.bluesky_handle or "").removeprefix("@"),
                "password": password.get_secret_value() if password else "",
            },
            None,
        )
        if isinstance(answer, Answer):
            wrong = answer.result is Result.REFUSED  # a handle or a password that nobody has
            return Answer(Result.ACCOUNT, detail=answer.detail) if wrong else answer
        token, did = answer.field("accessJwt"), answer.field("did")
        if not isinstance(token, str) or not isinstance(did, str):
            return Answer(Result.NOT_SENT, detail="Bluesky signed in without a session; check BLUESKY_URL")
        if answer.field("active") is False:
            return Answer(Result.ACCOUNT, detail=f"Bluesky says the account is {answer.field('status') or 'inactive'}")
        self._session = (token, did)
        return self._session

    def _xrpc(
        self, method: str, procedure: str, document: dict[str, Any] | None, token: str | None
    ) -> Answer | Document:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        content = None
        if document is not None:
            headers["Content-Type"] = "application/json"
            content = json.dumps(document, ensure_ascii=False).encode()
        return self._web.ask(method, f"{self._settings.bluesky_url}/xrpc/{procedure}", headers=headers, content=content)


def record_key(draft: Draft) -> str:
    """Return a post's record key: a TID (its time, and ten bits of its own), the same at every attempt."""
    number = (microseconds(draft.written_at) << 10) | (zlib.crc32(draft.key.encode()) & 0x3FF)
    return "".join(TID_LETTERS[(number >> shift) & 31] for shift in range(60, -1, -5))


def _zulu(when: datetime) -> str:
    return f"{rfc3339(when)[:-4]}Z"  # milliseconds, as the lexicon prefers


def _facets(text: str) -> list[dict[str, Any]]:
    """Return where links stand, in UTF-8 bytes: without them Bluesky shows an address as plain words."""
    return [
        {
            "index": {"byteStart": len(text[:start].encode()), "byteEnd": len(text[:end].encode())},
            "features": [
                {
                    "$type": "app.bsky.richtext.facet#link",
                    "uri": text[start:end] if "://" in text[start:end] else f"https://{text[start:end]}",
                }
            ],
        }
        for start, end, certain in links(text)
        if certain
    ]


def open_network(settings: Settings, clock: Clock) -> Bluesky:
    """Return Bluesky with the settings' account."""
    return Bluesky(settings, clock)
