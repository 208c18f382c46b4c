"""Cuts a stream of server-sent events into whole events, byte for byte; pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_EVENT_BYTES = 16 * 1024 * 1024  # a Responses stream repeats the whole answer in its last event
# An event ends with an empty line; the three ends of a line are those of the HTML standard.
_END = re.compile(rb"\r\n\r\n|\n\n|\r\r|\n\r\n|\r\n\n")
_LINE = re.compile(r"\r\n|\n|\r")
DONE = "[DONE]"


class EventTooLarge(ValueError):
    """An event went beyond its bound."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event: its bytes as they came, and what they say; a comment has neither name nor data."""

    raw: bytes
    name: str = ""
    data: str = ""


class EventSplitter:
    """Takes bytes as they come and gives back whole events; what `raw` of all of them holds is what came."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._looked = 0

    def feed(self, piece: bytes) -> list[Event]:
        """Return the events that `piece` completes. Raises EventTooLarge."""
        self._held += piece
        events: list[Event] = []
        start = 0
        look = max(0, self._looked - 3)  # an end may lie across two pieces
        while (found := _END.search(self._held, look)) is not None:
            events.append(parse(bytes(self._held[start : found.end()])))
            start = look = found.end()
        del self._held[:start]
        self._looked = len(self._held)
        if self._looked > MAX_EVENT_BYTES:
            raise EventTooLarge(f"an event of the stream is larger than {MAX_EVENT_BYTES:,} bytes")
        return events

    def rest(self) -> Event | None:
        """Return what came after the last whole event, None where nothing did."""
        raw, self._held, self._looked = bytes(self._held), bytearray(), 0
        return parse(raw) if raw else None


def parse(raw: bytes) -> Event:
    """Return the event that these bytes are."""
    name, data = "", []
    for line in _LINE.split(raw.decode("utf-8-sig", "replace")):
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "data":
            data.append(value)
        elif field == "event":
            name = value
    return Event(raw, name, "\n".join(data))
