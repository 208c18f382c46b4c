"""Who may stay connected: places are shared by address, and whoever only sits makes room for whoever asks."""

import resource
from collections import Counter, defaultdict
from typing import Protocol

CONNECTIONS = 1536  # open at once at most: 400 streams, and room for as many again who do nothing
SPARE_FILES = 256  # of the process's limit: databases, the provider, the embedded model, pipes
FILES = 8192  # what the process's limit is raised to where it may be; far above what is used
LEAST = 32


class Seat(Protocol):
    """One connection."""

    peer: str
    visitor: str  # whose stream it follows; behind a proxy that is not who connected
    since: float  # when it last began to do nothing, on the loop's clock

    @property
    def idle(self) -> bool:
        """Whether no request of it is under way."""
        ...

    @property
    def kept(self) -> bool:
        """Whether it is in the middle of what must not be cut: a call that somebody pays for."""
        ...

    @property
    def streaming(self) -> bool:
        """Whether it follows a stream."""
        ...

    @property
    def stalled(self) -> bool:
        """Whether it has not taken for a while what was sent to it."""
        ...

    def let_go(self) -> None:
        """End it at once."""
        ...


def raise_file_limit() -> int:
    """Raise the process's limit of open files as far as it may, up to FILES; return the limit that holds."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return FILES if soft == resource.RLIM_INFINITY else soft
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (OSError, ValueError):  # forbidden here: the limit stays, and places are few
        return soft
    return wanted


class Places:
    """The open connections, at most `most`."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._by_peer: defaultdict[str, set[Seat]] = defaultdict(set)
        self.taken = 0
        self.expected = 0  # accepted and about to be seated

    def add(self, seat: Seat) -> None:
        """Seat a connection."""
        self._by_peer[seat.peer].add(seat)
        self.taken += 1

    def remove(self, seat: Seat) -> None:
        """Free its place; a second time changes nothing."""
        seats = self._by_peer.get(seat.peer, set())
        if seat in seats:
            seats.remove(seat)
            self.taken -= 1
            if not seats:
                del self._by_peer[seat.peer]

    def room_for(self, peer: str) -> bool:
        """Tell whether `peer` may have a place, making room where somebody only sits or has more than a fair share."""
        if self.taken + self.expected < self.most:
            return True
        crowds = sorted(self._by_peer.values(), key=len, reverse=True)
        for seats in crowds:
            idle = [seat for seat in seats if seat.idle]
            if idle:
                self._free(min(idle, key=lambda seat: seat.since))
                return True
        if self._share(peer, self._streams()):
            return True
        waiting = [seat for seat in crowds[0] if not seat.kept and not seat.streaming]
        if len(waiting) < LEAST:
            return False
        self._free(min(waiting, key=lambda seat: seat.since))
        return True

    def room_for_stream(self, visitor: str, most: int) -> bool:
        """Tell whether `visitor` may follow one stream more, of `most` in all, letting go whom nobody misses."""
        streams = self._streams()
        if len(streams) < most:
            return True
        stalled = [seat for seat in streams if seat.stalled]
        if stalled:
            self._free(min(stalled, key=lambda seat: seat.since))
            return True
        return self._share(visitor, streams)

    def _streams(self) -> list[Seat]:
        return [seat for seats in self._by_peer.values() for seat in seats if seat.streaming]

    def _share(self, visitor: str, streams: list[Seat]) -> bool:
        """Let go the oldest stream of whoever has the most, where that is more than `visitor` would have."""
        counts = Counter(seat.visitor for seat in streams)
        who, most = counts.most_common(1)[0] if counts else (visitor, 0)
        if who == visitor or most <= counts[visitor] + 1:
            return False
        self._free(min((seat for seat in streams if seat.visitor == who), key=lambda seat: seat.since))
        return True

    def _free(self, seat: Seat) -> None:
        self.remove(seat)
        seat.let_go()
