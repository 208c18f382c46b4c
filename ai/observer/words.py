"""Figures in words for the page: ages, moments, counts, names of models."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ai.clock import parse_rfc3339
from ai.mind.events import line_for, message
from ai.mind.journal import Event
from ai.observer.events import told_to
from ai.observer.kinds import group_of, tone_of
from ai.observer.money import usd_of_nanos

CLIP_CHARS = 1_200  # of one event in the stream; its own page shows all of it
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Told:
    """One event as the page tells it; every text is data and is escaped by the template."""

    seq: int
    at: datetime
    kind: str
    group: str
    label: str  # what sort of thing it is, for the mark's name
    tone: str
    life: int | None
    head: str
    body: str
    detail: str
    clipped: bool


def told(event: Event, *, money: bool, names: bool = False, whole: bool = False) -> Told:
    """Return how the page tells `event`: `whole` on its own page, clipped in the stream."""
    data = told_to(event, money=money, names=names)
    head, body, detail = _parts(event, data)
    group = group_of(event.kind)
    clipped = not whole and len(body) > CLIP_CHARS
    return Told(
        event.seq,
        event.at,
        event.kind,
        group.name,
        group.one,
        tone_of(event.kind),
        event.life,
        _clip(head, 120),
        _clip(body, CLIP_CHARS) if clipped else body,
        _clip(detail, 400),
        clipped,
    )


def _parts(event: Event, data: Mapping[str, Any]) -> tuple[str, str, str]:
    def text(name: str) -> str:
        value = data.get(name)
        return "" if value is None else str(value)

    match event.kind:
        case "thought":
            parts = "", text("text"), ""
        case "action.performed" | "action.refused":
            parts = text("action").replace("_", " "), text("result"), text("params")
        case "call.completed":
            parts = text("model"), _call(data), text("purpose")
        case "call.fallback":
            parts = text("failed"), text("problem"), f"next: {text('next') or 'nobody'}"
        case "model.switched":
            parts = text("to_model"), text("reason"), f"before: {text('from_model') or 'nobody'}"
        case "caretaker.message":
            parts = f"{text('by')} says", text("text"), ""
        case "letter.arrived":
            parts = f"{text('by')} writes", text("text"), ""
        case "letter.answered":
            parts = f"to {text('to')}", text("text"), ""
        case kind:
            parts = "", message(kind, data, life=event.life, beat=event.beat), ""
    return parts


def _call(data: Mapping[str, Any]) -> str:
    parts = [f"{count(data.get('prompt_tokens'))}→{count(data.get('completion_tokens'))} tokens"]
    if "cost_nanos" in data:
        cost = _whole(data["cost_nanos"])
        parts.append("free" if cost == 0 else usd_of_nanos(cost, 4))
    latency = _whole(data.get("latency_ms"))
    if latency is not None:
        parts.append(f"{latency / 1000:.1f} s")
    return " · ".join(parts)


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _clip(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def count(value: object) -> str:
    """Return a count with thousands separators, a dash where it is not known."""
    return f"{value:,}" if isinstance(value, int) else "–"


def plural(number: int, one: str, many: str = "") -> str:
    """Return `number` with its noun: 1 beat, 2,000 beats."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def span(length: timedelta) -> str:
    """Return a length of time in its two largest units: 2 days 4 hours."""
    length = max(length, timedelta(0))
    days, hours, minutes = length // DAY, length % DAY // HOUR, length % HOUR // MINUTE
    if days >= 14:  # noqa: PLR2004 - from two weeks on, hours say nothing
        return plural(days, "day")
    if days:
        return plural(days, "day") + (f" {plural(hours, 'hour')}" if hours else "")
    if hours:
        return plural(hours, "hour") + (f" {plural(minutes, 'minute')}" if minutes else "")
    return plural(minutes, "minute") if minutes else "less than a minute"


def age(since: str | None, now: datetime) -> str:
    """Return how long ago `since` was."""
    return "" if since is None else span(now - parse_rfc3339(since))


def moment(when: datetime | str | None) -> str:
    """Return a full moment: 22 November 2026, 14:26 UTC."""
    if when is None:
        return "–"
    at = parse_rfc3339(when) if isinstance(when, str) else when
    return f"{at.day} {at:%B %Y, %H:%M} UTC"


def clock(when: datetime | str) -> str:
    """Return the time of day: 14:26."""
    return f"{parse_rfc3339(when) if isinstance(when, str) else when:%H:%M}"


def day(when: datetime | str) -> str:
    """Return the day: Sunday 22 November."""
    at = parse_rfc3339(when) if isinstance(when, str) else when
    return f"{at:%A} {at.day} {at:%B}"


def short_model(model: str | None) -> str:
    """Return a model's name without its maker: claude-haiku-4.5."""
    return "nobody" if not model else model.rsplit("/", 1)[-1]


def meaning(kind: str) -> str:
    """Return what an event of this kind means, in one sentence."""
    return line_for(kind).meaning
