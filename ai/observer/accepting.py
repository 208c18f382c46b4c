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
BURST = 2000  # taken at once: after a restart all readers come back together

_log = logging.getLogger("observer")


async def accept(
    listener: socket.socket, connection: Callable[[], asyncio.Protocol], places: Places, told: OnceAMinute
) -> None:
    """Seat whoever connects to `listener`, until cancelled."""
    loop = asyncio.get_running_loop()
    paid_until = loop.time()
    while True:
        try:
            accepted, _ = await loop.sock_accept(listener)
            peer = visitor_of({"client": accepted.getpeername()})
            if places.room_for(peer):
                await loop.connect_accepted_socket(connection, accepted)
            else:
                accepted.close()
                _tell(told, "places", f"all {places.most} places are taken; some visitors are turned away")
        except OSError as error:
            if error.errno in SHORT:
                _tell(told, "files", f"no file is left for another visitor ({error.strerror}); they wait")
                await asyncio.sleep(SHORT_SECONDS)
            continue  # else it left before it was seated
        paid_until = max(paid_until, loop.time() - BURST / PER_SECOND) + 1 / PER_SECOND
        if paid_until > loop.time():
            await asyncio.sleep(paid_until - loop.time())


def _tell(told: OnceAMinute, sort: str, text: str) -> None:
    if told.now(sort):
        missed = told.since(sort)
        _log.warning("%s%s", text, f" ({missed} times more since the last line)" if missed else "")
