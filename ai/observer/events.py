"""Events as the outside sees them: JSON with the log's own words, and without money where that is private."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ai.clock import parse_rfc3339, rfc3339
from ai.mind.database import MindDatabase
from ai.mind.events import message
from ai.mind.journal import Event, read_after
from ai.observer.veil import veiled

HEAD_BYTES = 200  # of an event beside its texts
READ_BYTES = 8_000_000  # of one question at most, where the asker names no other bound
HIDDEN = "…"
# Fields that name a key or a run of the gateway, by kind of event (and command): the caretaker alone sees who calls.
NAMED = {
    "gateway.calls": ("key", "run"),
    "gateway.refused": ("key", "run", "problem"),
    "caretaker.command revoke_key": ("result",),
    "caretaker.command topup_key": ("result",),
}
LAST_SEQ = 2**63 - 1  # above every rowid that SQLite gives


def told_to(event: Event, *, money: bool, names: bool) -> dict[str, Any]:
    """Return an event's data for who may see amounts (`money`), and names of the gateway's keys and runs (`names`)."""
    data = dict(event.data) if money else dict(veiled(event.data))
    named = NAMED.get(event.kind, ()) or NAMED.get(f"{event.kind} {data.get('command')}", ())
    return data if names else data | {field: HIDDEN for field in named if data.get(field)}


def event_json(event: Event, *, money: bool, names: bool) -> dict[str, Any]:
    """Return one event as `/api/events` and `/api/stream` give it; `line` is the log's line without its head."""
    data = told_to(event, money=money, names=names)
    return {
        "seq": event.seq,
        "at": rfc3339(event.at),
        "kind": event.kind,
        "life": event.life,
        "beat": event.beat,
        "data": data,
        "line": message(event.kind, data, life=event.life, beat=event.beat),
    }


def one_event(mind: MindDatabase, seq: int) -> Event | None:
    """Return the event with this number, None where there is none (any more)."""
    found = read_after(mind, seq - 1, 1)
    return found[0] if found and found[0].seq == seq else None


def page_of(  # noqa: PLR0913 - the question's own parts
    mind: MindDatabase,
    kinds: Collection[str] | None,
    *,
    limit: int,
    before: int | None = None,
    after: int | None = None,
    most_bytes: int = READ_BYTES,
) -> list[Event]:
    """Return up to `limit` events of `kinds` (None: all), newest first below `before`, or oldest first above `after`.

    Fewer where they hold more than `most_bytes`; the first is there, however large.

    Each kind is looked up by itself in the index (kind, seq): one question for all of them would make SQLite walk
    every event, or sort every event of those kinds, and either takes long where a million are kept.
    """
    newest_first = after is None
    edge = after if after is not None else (before if before is not None else LAST_SEQ)
    sign, order = ("<", "DESC") if newest_first else (">", "ASC")
    if kinds is None:
        chosen = f"SELECT seq FROM events WHERE seq {sign} ? ORDER BY seq {order} LIMIT ?"
        given: list[int | str] = [edge, limit]
    else:
        one = f"SELECT * FROM (SELECT seq FROM events WHERE kind = ? AND seq {sign} ? ORDER BY seq {order} LIMIT ?)"
        chosen = " UNION ALL ".join([one] * len(kinds)) + f" ORDER BY seq {order} LIMIT ?"
        given = [value for kind in sorted(kinds) for value in (kind, edge, limit)] + [limit]
        if not kinds:
            return []
    rows = mind.connection.execute(
        f"SELECT seq, at, kind, life, beat, data FROM events WHERE seq IN ({chosen}) ORDER BY seq {order}", given
    )
    found: list[Event] = []
    size = 0
    for r in rows:
        size += bytes_of(r[5]) + HEAD_BYTES
        if found and size > most_bytes:
            break
        found.append(Event(r[0], parse_rfc3339(r[1]), r[2], r[3], r[4], json.loads(r[5])))
    rows.close()
    return found


@dataclass(frozen=True, slots=True)
class Latest:
    """What every page shows of the journal's end."""

    thought: Event | None
    begun: datetime | None  # when the beat began that has not ended


def latest(mind: MindDatabase) -> Latest:
    """Return the newest thought, and when the beat under way began."""
    thoughts = page_of(mind, ("thought",), limit=1)
    edges = page_of(mind, ("beat.started", "beat.ended", "beat.interrupted", "beat.failed"), limit=1)
    begun = edges[0].at if edges and edges[0].kind == "beat.started" else None
    return Latest(thoughts[0] if thoughts else None, begun)


def bytes_of(text: str) -> int:
    """Return about how many bytes a text is in UTF-8, never less, without encoding it."""
    return len(text) if text.isascii() else 4 * len(text)


def weight(event: Event) -> int:
    """Return about how many bytes an event is, never much less."""
    return HEAD_BYTES + sum(bytes_of(value) for value in event.data.values() if isinstance(value, str))


def shown(event: Event, kinds: Collection[str] | None) -> bool:
    """Tell whether a filter shows this event."""
    return kinds is None or event.kind in kinds
