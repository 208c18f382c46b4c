"""Events as the outside sees them: JSON with the log's own words, and without money where that is private."""

import json
import re
from collections.abc import Collection, Mapping
from typing import Any

from ai.clock import parse_rfc3339, rfc3339
from ai.mind.database import MindDatabase
from ai.mind.events import message
from ai.mind.journal import Event, read_after

DOLLARS = re.compile(r"\$\s?\d[\d,.]*")
HIDDEN = "$…"
LAST_SEQ = 2**63 - 1  # above every rowid that SQLite gives


def without_money(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return `data` for visitors where PUBLIC_BUDGET is off: no amounts, neither as fields nor in the words."""
    return {key: _veiled(value) for key, value in data.items() if not key.endswith("_nanos")}


def _veiled(value: Any) -> Any:
    if isinstance(value, str):
        return DOLLARS.sub(HIDDEN, value)
    if isinstance(value, Mapping):
        return without_money(value)
    if isinstance(value, list):
        return [_veiled(item) for item in value]
    return value


def event_json(event: Event, *, money: bool) -> dict[str, Any]:
    """Return one event as `/api/events` and `/api/stream` give it; `line` is the log's line without its head."""
    data = dict(event.data) if money else without_money(event.data)
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


def page_of(
    mind: MindDatabase,
    kinds: Collection[str] | None,
    *,
    limit: int,
    before: int | None = None,
    after: int | None = None,
) -> list[Event]:
    """Return up to `limit` events of `kinds` (None: all), newest first below `before`, or oldest first above `after`.

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
    return [Event(r[0], parse_rfc3339(r[1]), r[2], r[3], r[4], json.loads(r[5])) for r in rows.fetchall()]


def shown(event: Event, kinds: Collection[str] | None) -> bool:
    """Tell whether a filter shows this event."""
    return kinds is None or event.kind in kinds
