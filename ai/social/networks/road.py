"""The connection of one blocking request: whether the request left on it, and its end where a server drips bytes."""

import socket
import threading
from contextlib import suppress
from typing import Any, Self

from ai.social.reaching import CALL_SECONDS


class Road:
    """Around one request: CALL_SECONDS after its beginning the connection is cut, and with it the thread is free.

    Nobody waits for the answer any more then, but each byte that drips in would keep the thread waiting for the next.
    """

    def __init__(self, seconds: float = CALL_SECONDS) -> None:
        self.left = False  # the request itself, not what a proxy was asked before
        self._socket: socket.socket | None = None
        self._over = False
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def on(self, connected: Any) -> None:
        """Take in the socket that is used from now on. Raises TimeoutError where it came too late to be used."""
        self._socket = connected
        if self._over:
            self._cut()
            raise TimeoutError

    def _cut(self) -> None:
        self._over = True
        if self._socket is not None:
            with suppress(OSError):
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)  # TLS has its own, which says farewell first
