"""An answer of `/api/events`: read, told and compressed slice by slice, so that a long one holds nobody up."""

from collections.abc import Collection

from ai.mind.database import MindDatabase
from ai.observer.answers import JSON, Encoded, Growing, json_bytes
from ai.observer.events import event_json, page_of
from ai.observer.tail import newest_seq

ANSWER_BYTES = 256 * 1024  # of one answer, about; `more` says that there are others
SLICE_BYTES, SLICE_EVENTS = 64 * 1024, 50  # of the journal in one turn of the readers' thread: a millisecond or two


class EventsPage:
    """Up to `limit` events above `after` (oldest first) or else below `before` (newest first), ANSWER_BYTES at most."""

    def __init__(  # noqa: PLR0913 - the question's own parts
        self,
        kinds: Collection[str] | None,
        limit: int,
        after: int | None,
        before: int | None,
        *,
        money: bool,
        names: bool,
        zipped: bool,
    ) -> None:
        self._kinds = kinds
        self._left = limit
        self._edge = {"before": before} if after is None else {"after": after}
        self._seen_by = {"money": money, "names": names}
        self._body = Growing(zipped=zipped)

    def go_on(self, mind: MindDatabase) -> Encoded | None:
        """Take the next slice; return the answer once it is whole."""
        asked = min(self._left, SLICE_EVENTS)
        found = page_of(mind, self._kinds, limit=asked, most_bytes=SLICE_BYTES, **self._edge)
        told = b",".join(json_bytes(event_json(event, **self._seen_by)) for event in found)
        begin = b"," if self._body.size else b'{"events":['
        self._body.add(begin + told if found or not self._body.size else b"")
        self._left -= len(found)
        more = False
        if found:
            self._edge = dict.fromkeys(self._edge, found[-1].seq)
            more = bool(page_of(mind, self._kinds, limit=1, **self._edge))
        if more and self._left and self._body.size < ANSWER_BYTES:
            return None
        self._body.add(b'],"newest":%d,"more":%s}' % (newest_seq(mind), b"true" if more else b"false"))
        return self._body.done(JSON)
