"""One connection: uvicorn's HTTP/1.1, with an end to every silence, and no line in the log for a stranger's noise."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import h11
from starlette.types import Receive, Scope, Send
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from ai.observer.headers import SECURITY_HEADERS
from ai.observer.hosts import visitor_of
from ai.observer.once_a_minute import OnceAMinute
from ai.observer.places import Places


@dataclass(frozen=True, slots=True)
class Patience:
    """How many seconds each silence of a visitor may last."""

    head: float = 10.0  # from its first byte (or from connecting) until a request's head is whole
    body: float = 30.0  # no byte of a body that was announced
    unread: float = 20.0  # nothing taken of what was sent; a stream's reader resumes by its last id
    stalled: float = 5.0  # nothing taken: from then on it makes room before anybody else where places are short


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


class Connection(H11Protocol):
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
        super().__init__(config, server_state, app_state, _loop)
        self._places = places
        self._patience = patience
        self._answer = self.app
        self.app = self._seated
        self._head_timer: asyncio.TimerHandle | None = None
        self._body_timer: asyncio.TimerHandle | None = None
        self._unread_timer: asyncio.TimerHandle | None = None
        self._unread_since: float | None = None
        self.peer = "unknown"
        self.visitor = "unknown"  # whose stream it follows; behind a proxy that is not who connected
        self.since = self.loop.time()
        self.kept = False  # set while a mounted app answers
        self.on_lost: Callable[[], None] | None = None  # set while it follows a stream

    async def _seated(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["state"]["connection"] = self
        await self._answer(scope, receive, send)

    @property
    def idle(self) -> bool:
        """Whether no request of it is under way."""
        return self.cycle is None or self.cycle.response_complete

    @property
    def streaming(self) -> bool:
        """Whether it follows a stream."""
        return self.on_lost is not None

    @property
    def stalled(self) -> bool:
        """Whether it has not taken for a while what was sent to it."""
        return self._unread_since is not None and self.loop.time() - self._unread_since > self._patience.stalled

    @property
    def gone(self) -> bool:
        """Whether nobody is there any more."""
        return self.transport.is_closing()

    def let_go(self) -> None:
        """End it at once; what it did not read is lost to it."""
        if self.transport is not None:
            self.transport.abort()

    # --- what asyncio and uvicorn tell -------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a place."""
        super().connection_made(transport)
        self.peer = visitor_of({"client": self.client})
        self._places.add(self)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Free the place."""
        self._places.remove(self)
        for timer in (self._head_timer, self._body_timer, self._unread_timer):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)
        if self.on_lost is not None:
            self.on_lost()

    def data_received(self, data: bytes) -> None:
        """Read on; a head has `Patience.head` in all, however slowly it trickles in."""
        super().data_received(data)
        if self.idle:
            self._await_head()
        else:
            self._await_body()

    def on_response_complete(self) -> None:
        """Be idle again; a body that nobody wanted is not read on, and what is not fetched is thrown away."""
        self.since = self.loop.time()
        unread_body = self.conn.their_state is h11.SEND_BODY
        super().on_response_complete()
        if unread_body and not self.transport.is_closing():
            self.transport.close()
        if self.transport.is_closing():
            self._unread_timer = self._unread_timer or self.loop.call_later(self._patience.unread, self.let_go)
        elif not self.idle:  # the next request had come already
            self._await_body()

    def timeout_keep_alive_handler(self) -> None:
        """Close an idle connection, for good even where its last answer was not read."""
        super().timeout_keep_alive_handler()
        self._unread_timer = self._unread_timer or self.loop.call_later(self._patience.unread, self.let_go)

    def pause_writing(self) -> None:
        """Begin to wait for a reader who does not read."""
        super().pause_writing()
        self._unread_since = self.loop.time()
        if self._unread_timer is None:
            self._unread_timer = self.loop.call_later(self._patience.unread, self.let_go)

    def resume_writing(self) -> None:
        """Go on: it reads."""
        super().resume_writing()
        self._unread_since = None
        if self._unread_timer is not None and not self.transport.is_closing():
            self._unread_timer.cancel()
            self._unread_timer = None

    def send_400_response(self, msg: str) -> None:
        """Answer what is no request, with the headers of every answer."""
        del msg
        if self.cycle is None or self.cycle.response_complete:
            self.transport.write(_REFUSAL)
        self.transport.close()
        self._unread_timer = self._unread_timer or self.loop.call_later(self._patience.unread, self.let_go)

    # --- silences ----------------------------------------------------------------------------------------

    def _await_head(self) -> None:
        if self._head_timer is None and not self.transport.is_closing():
            self._head_timer = self.loop.call_later(self._patience.head, self._end_silence)

    def _await_body(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
        if self._body_timer is not None:
            self._body_timer.cancel()
            self._body_timer = None
        if self.cycle is not None and self.cycle.more_body:
            self._body_timer = self.loop.call_later(self._patience.body, self._end_body_silence)

    def _end_silence(self) -> None:
        self._head_timer = None
        if self.idle:
            self.let_go()

    def _end_body_silence(self) -> None:
        self._body_timer = None
        if self.idle or not self.cycle.more_body:
            return
        if self.flow.read_paused:  # it is we who do not read: the app behind has not asked for more yet
            self._await_body()
        else:
            self.let_go()
