"""The door: takes connections as fast as they can be seated, and slower instead of spinning where files run out."""

import asyncio
import errno
import logging
import socket
from collections.abc import Callable

from ai.observer.hosts import visitor_of
from ai.observer.once_a_minute import OnceAMinute
from ai.observer.places import Places

SHORT = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
SHORT_SECONDS = 0.5  # until the next try where the system has no file left
PER_SECOND = 400.0  # connections taken; one costs the loop a fifth of a millisecond
TOGETHER = 32  # taken in one go; what files are spared for is far more
BURST = 2000  # taken at once: after a restart all readers come back together

_log = logging.getLogger("observer")


async def accept(
    listener: socket.socket, connection: Callable[[], asyncio.Protocol], places: Places, told: OnceAMinute
) -> None:
    """Seat whoever connects to `listener`, until cancelled."""
    loop = asyncio.get_running_loop()
    paid_until = loop.time()

    async def seat(accepted: socket.socket) -> None:
        try:
            peer = visitor_of({"client": accepted.getpeername()})
            if places.room_for(peer):
                places.expected += 1
                try:
                    await loop.connect_accepted_socket(connection, accepted)
                finally:
                    places.expected -= 1
                return
            _tell(told, "places", f"all {places.most} places are taken; some visitors are turned away")
        except OSError:
            pass  # it left before it was seated
        accepted.close()

    while True:
        try:
            first, _ = await loop.sock_accept(listener)
            together = [first, *_waiting(listener)]
        except OSError as error:
            if error.errno in SHORT:
                _tell(told, "files", f"no file is left for another visitor ({error.strerror}); they wait")
                await asyncio.sleep(SHORT_SECONDS)
            continue
        await asyncio.gather(*map(seat, together))
        paid_until = max(paid_until, loop.time() - BURST / PER_SECOND) + len(together) / PER_SECOND
        if paid_until > loop.time():
            await asyncio.sleep(paid_until - loop.time())


def _waiting(listener: socket.socket) -> list[socket.socket]:
    """Take more of those who wait already: on a busy loop, one at a time would leave them standing for seconds."""
    found: list[socket.socket] = []
    while len(found) < TOGETHER:
        try:
            accepted, _ = listener.accept()
        except OSError:  # nobody waits, or no file is left: the next look says which
            break
        accepted.setblocking(False)
        found.append(accepted)
    return found


def _tell(told: OnceAMinute, sort: str, text: str) -> None:
    if told.now(sort):
        missed = told.since(sort)
        _log.warning("%s%s", text, f" ({missed} times more since the last line)" if missed else "")
