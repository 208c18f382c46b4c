"""Mastodon: an access token, a server's own limits, an idempotency key, and the account's statuses to look through."""

import html
import json
import re
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from ai.clock import Clock, parse_rfc3339
from ai.settings import Settings
from ai.social.network import Answer, Draft, FreeNetwork, Result
from ai.social.networks.web import Document, Web
from ai.social.text import graphemes, letters, links

MAX_CHARACTERS, URL_CHARACTERS = 500, 23  # where the server does not say otherwise
LEARN_AGAIN = timedelta(days=1)
PAGE_STATUSES = 40  # the most that a server gives
MAX_PAGES = 5  # of statuses, before they are too many to tell


class Mastodon(FreeNetwork):
    """One account of a server that speaks Mastodon's API."""

    name = "mastodon"
    title = "Mastodon"

    def __init__(self, settings: Settings, clock: Clock, web: Web | None = None) -> None:
        self._settings = settings
        self._clock = clock
        self._web = web or Web(self.title, "MASTODON_URL", clock)
        self._account: str | None = None
        self._limits = (MAX_CHARACTERS, URL_CHARACTERS)
        self._learn_at: datetime | None = None

    def problem(self, text: str) -> str | None:
        """Return what the server would not take: more characters than its limit, a link counting 23 or as it says."""
        most, url = self._limits
        at, count = 0, 0
        for start, end, _certain in links(text):
            plain = graphemes(text[start:end])
            linked = url if "://" in text[start:end] else max(url, plain)  # without a scheme it may be seen or not
            count += graphemes(text[at:start]) + linked
            at = end
        count += graphemes(text[at:])
        if count > most:
            return (
                f"the post counts {count:,} and this Mastodon server takes {most:,} (a link counts {url}); shorten it"
            )
        return None

    def learn(self) -> None:
        """Ask the server once a day how long a status may be; what it does not tell stays as it was."""
        now = self._clock.now()
        if self._learn_at is not None and now < self._learn_at <= now + LEARN_AGAIN:
            return
        self._learn_at = now + LEARN_AGAIN
        answer = self._get("/api/v2/instance", signed=False)
        found: Any = answer.body if isinstance(answer, Document) else {}
        for part in ("configuration", "statuses"):
            found = found.get(part) if isinstance(found, dict) else None
        if isinstance(found, dict):
            told = (found.get("max_characters"), found.get("characters_reserved_per_url"))
            most, url = (value if isinstance(value, int) and value > 0 else None for value in told)
            self._limits = (most or self._limits[0], url or self._limits[1])

    def post(self, draft: Draft) -> Answer:
        """Publish a status under its idempotency key: for an hour the server takes the same key for the same status."""
        answer = self._web.ask(
            "POST",
            f"{self._settings.mastodon_url}/api/v1/statuses",
            headers=self._token() | {"Content-Type": "application/json", "Idempotency-Key": draft.key},
            content=json.dumps({"status": draft.text}, ensure_ascii=False).encode(),
        )
        if isinstance(answer, Answer):
            return answer
        found = answer.field("id")
        if isinstance(found, str | int) and str(found):
            return Answer(Result.DONE, remote_id=str(found))
        return Answer(Result.UNKNOWN, detail="Mastodon answered without an id")

    def look(self, draft: Draft, page: str | None) -> Answer:
        """Read a page of the account's own statuses, newest first, as far back as the first sending."""
        if self._account is None:
            who = self._get("/api/v1/accounts/verify_credentials")
            if isinstance(who, Answer):
                return who
            if not isinstance(who.field("id"), str):
                return Answer(Result.UNKNOWN, detail="Mastodon does not say whose token this is")
            self._account = who.field("id")
        number, _, max_id = (page or "0 ").partition(" ")
        asked = {"limit": str(PAGE_STATUSES), "exclude_reblogs": "true"}
        asked |= {name: value for name, value in (("since_id", draft.after_id), ("max_id", max_id)) if value}
        answer = self._get(f"/api/v1/accounts/{self._account}/statuses?{urlencode(asked)}")
        if isinstance(answer, Answer):
            return answer
        if not isinstance(answer.body, list):
            return Answer(Result.UNKNOWN, detail="Mastodon answered without statuses")
        return _judge(draft, [one for one in answer.body if isinstance(one, dict)], int(number) + 1)

    def check(self) -> Answer:
        """Ask whose token it is, and whether it may write where the server says so."""
        answer = self._get("/api/v1/apps/verify_credentials")
        scopes = answer.field("scopes") if isinstance(answer, Document) else None
        if isinstance(scopes, list) and not {"write", "write:statuses"} & set(map(str, scopes)):
            return Answer(Result.ACCOUNT, detail="the token may not write; make one with read and write:statuses")
        who = self._get("/api/v1/accounts/verify_credentials")
        return who if isinstance(who, Answer) else Answer(Result.DONE)

    def _get(self, path: str, *, signed: bool = True) -> Answer | Document:
        return self._web.ask("GET", f"{self._settings.mastodon_url}{path}", headers=self._token() if signed else {})

    def _token(self) -> dict[str, str]:
        token = self._settings.mastodon_access_token
        return {"Authorization": f"Bearer {token.get_secret_value()}"} if token else {}


def _judge(draft: Draft, statuses: list[dict[str, Any]], pages: int) -> Answer:
    ours = next((one for one in statuses if same_status(draft.text, str(one.get("content", "")))), None)
    if ours is not None:
        return Answer(Result.DONE, remote_id=str(ours.get("id")))
    times = [when for one in statuses if (when := _when(one.get("created_at"))) is not None]
    last = str(statuses[-1].get("id", "")) if statuses else ""
    if not last or draft.past_it(min(times, default=None)):
        return Answer(Result.DONE, detail="Mastodon does not have it")
    if pages >= MAX_PAGES:
        return Answer(Result.UNKNOWN, detail="the account has too many statuses to tell")
    return Answer(Result.DONE, next_page=f"{pages} {last}")


def same_status(ours: str, content: str) -> bool:
    """Say whether a status's HTML says what we said: Mastodon wraps paragraphs, links, tags and names in markup."""
    broken = re.sub(r"<br\s*/?>|</p>", "\n", content)
    return letters(ours) == letters(html.unescape(re.sub(r"<[^>]*>", "", broken)))


def _when(text: object) -> datetime | None:
    try:
        return parse_rfc3339(text) if isinstance(text, str) else None
    except ValueError:
        return None


def open_network(settings: Settings, clock: Clock) -> Mastodon:
    """Return Mastodon with the settings' account."""
    return Mastodon(settings, clock)
