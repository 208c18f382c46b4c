"""What others publish: RSS, Atom and JSON feeds that the caretaker named; their words are a stranger's."""

import asyncio
import calendar
import html
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import feedparser

from ai.clock import EPOCH, Clock
from ai.memory.untrusted import clean
from ai.mind.database import MindDatabase
from ai.world.fetching import Fetcher
from ai.world.happening import FRESH, Happening, SourceTrouble

FIRST_LOOK = 2  # entries of a feed that is seen for the first time: the rest was there before the mind looked
NEW_AT_ONCE = 5
UNREAD_AT_ONCE = 20  # beside them, to be read in quiet beats
READ_AT_MOST = 200  # entries of one feed; the newest stand first in nearly all
SUMMARY_CHARS = 200
KEYS_KEPT = 400  # of entries seen, a feed
_TAG = re.compile(r"<[^<>]{0,2000}>")


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a feed: what tells it from others, when it was published (None: not said), and its words."""

    key: str
    at: datetime | None
    text: str


class Feed:
    """One feed, asked every half hour with conditional requests."""

    every_seconds = 1_800.0

    def __init__(self, url: str, fetcher: Fetcher, mind: MindDatabase, clock: Clock) -> None:
        self.name = urlsplit(url).hostname or url
        self._url = url
        self._fetcher = fetcher
        self._mind = mind
        self._clock = clock

    async def since(self, _when: datetime) -> Sequence[Happening]:
        """Return the entries that were not seen before, oldest first.

        The newest few are news; more of them, and what stood in the feed before the first look, is there to be read.
        """
        kept = self._mind.recall(self._state)
        state: dict[str, Any] = kept if isinstance(kept, dict) else {}
        page = await self._fetcher.get(self._url, etag=state.get("etag"), modified=state.get("modified"))
        if page.body is None:
            return []
        entries = await asyncio.to_thread(parse_feed, page.body, self.name)
        seen = list(state.get("seen", ()))
        new = [entry for entry in entries if entry.key not in set(seen)]
        self._mind.remember(
            self._state,
            {
                "etag": page.etag,
                "modified": page.modified,
                "seen": [*[entry.key for entry in new][::-1], *seen][:KEYS_KEPT],
            },
        )
        most = NEW_AT_ONCE if seen else FIRST_LOOK
        unread = [self._unread(entry) for entry in new[most : most + UNREAD_AT_ONCE][::-1]]
        return [*unread, *(self._happening(entry) for entry in new[:most][::-1])]

    def present(self) -> str | None:
        """See nothing: what a feed brought was shown when it came."""
        return None

    @property
    def _state(self) -> str:
        return f"world:feed {self._url}"[:300]

    def _happening(self, entry: Entry) -> Happening:
        """Make an entry a happening; one that says it is of tomorrow, or of years ago, happened when it was seen."""
        now = self._clock.now()
        at = entry.at if entry.at is not None and now - timedelta(days=1) < entry.at <= now else now
        return Happening(at, self.name, entry.key, entry.text, strangers=True)

    def _unread(self, entry: Entry) -> Happening:
        """Make an entry one that is no news, however new it is."""
        before = self._clock.now() - FRESH - timedelta(seconds=1)
        at = entry.at if entry.at is not None and EPOCH <= entry.at <= before else before
        return Happening(at, self.name, entry.key, entry.text, strangers=True)


def parse_feed(body: bytes, name: str) -> list[Entry]:
    """Return the entries of a feed, newest first, at most READ_AT_MOST; raises SourceTrouble where it is none.

    Entities are expanded no further than expat's guard against bombs allows, and nothing outside the feed is read.
    """
    entries = _json_feed(body) if body.lstrip()[:1] == b"{" else _xml_feed(body, name)
    found = [entry for entry in entries if entry.text]
    if not found and not entries:
        raise SourceTrouble(f"{name} has no entries, or is no feed; give the address of its RSS, Atom or JSON feed")
    dated = sorted(enumerate(found), key=lambda one: (-(one[1].at.timestamp() if one[1].at else 0.0), one[0]))
    return [entry for _, entry in dated] if all(entry.at for entry in found) else found


def _xml_feed(body: bytes, name: str) -> list[Entry]:
    parsed = feedparser.parse(body, sanitize_html=False, resolve_relative_uris=False)
    if not parsed.entries and parsed.bozo:
        problem = " ".join(str(parsed.bozo_exception).split())[:100]
        raise SourceTrouble(f"{name} is no feed that can be read: {problem}")
    found = []
    for entry in parsed.entries[:READ_AT_MOST]:
        when = entry.get("published_parsed") or entry.get("updated_parsed")
        title, summary = str(entry.get("title", "")), str(entry.get("summary", ""))
        key = str(entry.get("id") or entry.get("link") or title)
        found.append(Entry(key[:300], _time(when), _words(title, summary)))
    return found


def _json_feed(body: bytes) -> list[Entry]:
    try:
        items = json.loads(body)["items"]
        rows = [item for item in items[:READ_AT_MOST] if isinstance(item, dict)]
    except (ValueError, KeyError, TypeError, RecursionError):
        return []
    found = []
    for item in rows:
        said = str(item.get("date_published") or item.get("date_modified") or "")
        try:
            at = datetime.fromisoformat(said)
            at = at if at.tzinfo else at.replace(tzinfo=UTC)
        except ValueError:
            at = None
        title = str(item.get("title") or "")
        words = _words(title, str(item.get("summary") or item.get("content_text") or item.get("content_html") or ""))
        found.append(Entry(str(item.get("id") or item.get("url") or title)[:300], at, words))
    return found


def _time(when: Any) -> datetime | None:
    try:
        return datetime.fromtimestamp(calendar.timegm(when), UTC) if when else None
    except (ValueError, OverflowError, OSError, TypeError):
        return None


def _words(title: str, summary: str) -> str:
    """Return title and the beginning of the summary as plain text: no tags, no marks, whole words."""
    head, rest = _plain(title, SUMMARY_CHARS), _plain(summary, SUMMARY_CHARS)
    if not rest or rest.startswith(head[:40]) or head.startswith(rest):
        return head or rest
    return f"{head}: {rest}" if head else rest


def _plain(text: str, limit: int) -> str:
    words = " ".join(clean(html.unescape(_TAG.sub(" ", text[:20_000])), 4_000).split())
    return words if len(words) <= limit else words[: limit - 1].rsplit(" ", 1)[0] + "…"
