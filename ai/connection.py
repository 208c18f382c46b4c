"""One connection to a server of ours: uvicorn's HTTP/1.1, with an end to every silence of whoever is there."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable

    from uvicorn.config import Config
    from uvicorn.server import ServerState


ENDED_SECONDS = 2.0  # for an answer that was cancelled to be over; a whole stop has ten
TWO_LENGTHS = "A request has a Transfer-Encoding or a Content-Length, not both."
HEAD_BYTES = 32_768  # of a request's line and headers, where the server says nothing else
LENGTHS = frozenset({b"transfer-encoding", b"content-length"})


@dataclass(frozen=True, slots=True)
class Patience:
    """How many seconds each silence may last."""

    head: float = 10.0  # from its first byte (or from connecting) until a request's head is whole
    body: float = 30.0  # no byte of a body that was announced
    unread: float = 20.0  # nothing taken of what was sent; a stream's reader resumes by its last id
    unwanted: float = 0.0  # the rest of a body that was refused: who is still sending it cannot read why before
    stalled: float = 5.0  # nothing taken: from then on it makes room before anybody else where places are short


async def ended(tasks: Iterable[asyncio.Task[None]]) -> None:
    """Wait until a server's answers are over: uvicorn cancels those that last too long, and does not wait for them."""
    left = set(tasks)
    if left:
        await asyncio.wait(left, timeout=ENDED_SECONDS)


class OneLength(h11.Connection):
    """HTTP/1.1 in which no request tells its length twice: who stands in front may believe the other one.

    What follows such a request would be answered as one of its own (RFC 9112, 6.3: refuse it, or close behind it).
    """

    problem: str | None = None

    def next_event(self) -> type[h11.NEED_DATA | h11.PAUSED] | h11.Event:
        """Return what came next. Raises RemoteProtocolError for what is no request; `problem` says why, if we do."""
        event = super().next_event()
        if isinstance(event, h11.Request) and {name for name, _ in event.headers} >= LENGTHS:
            self.problem = TWO_LENGTHS
            raise h11.RemoteProtocolError(TWO_LENGTHS)
        return event


class PatientConnection(H11Protocol):
    """HTTP/1.1 that waits for nobody longer than `patience` says."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        patience: Patience,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.conn: OneLength = OneLength(h11.SERVER, config.h11_max_incomplete_event_size or HEAD_BYTES)
        self._patience = patience
        self._head_timer: asyncio.TimerHandle | None = None
        self._body_timer: asyncio.TimerHandle | None = None
        self._unread_timer: asyncio.TimerHandle | None = None
        self._unwanted_timer: asyncio.TimerHandle | None = None
        self._unread_since: float | None = None

    @property
    def idle(self) -> bool:
        """Whether no request of it is under way."""
        return self.cycle is None or self.cycle.response_complete

    @property
    def stalled(self) -> bool:
        """Whether it has not taken for a while what was sent to it."""
        return self._unread_since is not None and self.loop.time() - self._unread_since > self._patience.stalled

    def let_go(self) -> None:
        """End it at once; what it did not read is lost to it."""
        if self.transport is not None:
            self.transport.abort()

    # --- what asyncio and uvicorn tell -------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first head."""
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing more."""
        for timer in (self._head_timer, self._body_timer, self._unread_timer, self._unwanted_timer):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on; a head has `Patience.head` in all, however slowly it trickles in."""
        super().data_received(data)
        if self._unwanted_timer is not None and self.conn.their_state is not h11.SEND_BODY:
            self._unwanted_timer.cancel()
            self._unwanted_timer = None
        if self.idle:
            self._await_head()
        else:
            self._await_body()

    def on_response_complete(self) -> None:
        """Be idle again; a body that nobody wanted is read no longer than it must, what is not fetched thrown away."""
        unread_body = self.conn.their_state is h11.SEND_BODY
        super().on_response_complete()
        if unread_body and not self.transport.is_closing():
            if self._patience.unwanted:
                self._unwanted_timer = self.loop.call_later(self._patience.unwanted, self.let_go)
            else:
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
        """Say what is no request, where no answer has begun; the connection ends with it either way."""
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            super().send_400_response(self.conn.problem or msg)
        else:
            self.transport.close()

    def _unsupported_upgrade_warning(self) -> None:
        """Advise nobody to install a WebSocket's library: there is none here, and the app says so."""

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
