"""One connection of a visitor: a seat among the places, and no line in the log for a stranger's noise."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from starlette.types import Receive, Scope, Send
from uvicorn.config import Config
from uvicorn.server import ServerState

from ai.connection import Patience, PatientConnection
from ai.observer.headers import SECURITY_HEADERS
from ai.observer.hosts import visitor_of
from ai.observer.once_a_minute import OnceAMinute
from ai.observer.places import Places

_BAD_REQUEST = b'{"error": "that is no HTTP/1.1 request"}'
_REFUSAL = (
    b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-type: application/json\r\n"
    + b"".join(f"{name}: {value}\r\n".encode() for name, value in SECURITY_HEADERS.items())
    + b"content-length: %d\r\n\r\n%s" % (len(_BAD_REQUEST), _BAD_REQUEST)
)


class NoiseFilter(logging.Filter):
    """Lets each sort of line of uvicorn's through once a minute."""

    def __init__(self, told: OnceAMinute) -> None:
        super().__init__()
        self._told = told

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether this line is written."""
        return self._told.now(str(record.msg))


class Connection(PatientConnection):
    """A seat among the Places; `scope["state"]["connection"]` leads a route to it."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        places: Places,
        patience: Patience,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop, patience=patience)
        self._places = places
        self._answer = self.app
        self.app = self._seated
        self.peer = "unknown"
        self.visitor = "unknown"  # whose stream it follows; behind a proxy that is not who connected
        self.since = self.loop.time()
        self.kept = False  # set while a mounted app answers
        self.on_lost: Callable[[], None] | None = None  # set while it follows a stream

    async def _seated(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["state"]["connection"] = self
        await self._answer(scope, receive, send)

    @property
    def streaming(self) -> bool:
        """Whether it follows a stream."""
        return self.on_lost is not None

    @property
    def gone(self) -> bool:
        """Whether nobody is there any more."""
        return self.transport.is_closing()

    # --- what asyncio and uvicorn tell -------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a place."""
        super().connection_made(transport)
        self.peer = visitor_of({"client": self.client})
        self._places.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Free the place."""
        self._places.remove(self)
        super().connection_lost(exc)
        if self.on_lost is not None:
            self.on_lost()

    def on_response_complete(self) -> None:
        """Be idle from now on."""
        self.since = self.loop.time()
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no request, with the headers of every answer."""
        del msg
        if self.cycle is None or self.cycle.response_complete:
            self.transport.write(_REFUSAL)
        self.transport.close()
        self._unread_timer = self._unread_timer or self.loop.call_later(self._patience.unread, self.let_go)
