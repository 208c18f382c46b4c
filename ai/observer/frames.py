"""Events as frames of a stream: made once, however many readers follow."""

from collections import OrderedDict
from collections.abc import Callable

from ai.mind.journal import Event

KEPT_FRAMES = 1024  # two flavours of what the tail keeps
KEPT_BYTES = 8_000_000


def frame(seq: int, data: str | None) -> bytes:
    """Return one server-sent event: `data` under the id `seq`; None moves the reader's id on and says nothing."""
    if data is None:
        return b"event: seq\nid: %d\ndata:\n\n" % seq
    # Only CR and LF end a line of a stream (HTML §9.2.6); `splitlines` would cut at U+2028 and others, too.
    lines = "".join(f"data: {line}\n" for line in data.replace("\r\n", "\n").replace("\r", "\n").split("\n"))
    return f"id: {seq}\n{lines}\n".encode("utf-8", "replace")


class Frames:
    """The newest frames, by flavour (format, filter, money shown or not)."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, int], bytes] = OrderedDict()
        self._bytes = 0

    def of(self, event: Event, flavour: str, tell: Callable[[Event], str | None]) -> bytes:
        """Return the frame of `event`, made by `tell` the first time."""
        key = (flavour, event.seq)
        kept = self._kept.get(key)
        if kept is None:
            kept = self._kept[key] = frame(event.seq, tell(event))
            self._bytes += len(kept)
            while len(self._kept) > KEPT_FRAMES or self._bytes > KEPT_BYTES:
                self._bytes -= len(self._kept.popitem(last=False)[1])
        return kept
