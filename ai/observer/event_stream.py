"""A stream of server-sent events: one task a reader, no queue, and an end for whoever does not read."""

import asyncio
from collections.abc import Callable

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ai.mind.journal import Event
from ai.observer.reader import Reader
from ai.observer.tail import Tail

ToFrame = Callable[[Event], bytes]
PING_SECONDS = 15.0  # under the usual minute of silence that proxies allow
RETRY_MILLISECONDS = 2000  # a restart takes about this long
PING = b": ping\n\n"
HELLO = b": genesis\nretry: %d\n\n" % RETRY_MILLISECONDS


class EventStream(Response):
    """Sends what `frame` makes of each event above `after`, in batches of bounded size, as fast as they are taken."""

    media_type = "text/event-stream"

    def __init__(self, tail: Tail, after: int, frames: tuple[ToFrame, ToFrame], reader: Reader, who: str) -> None:
        """Follow `tail` for visitor `who`; `frames`: one shared with others, one for the thread of `reader`."""
        super().__init__(headers={"cache-control": "no-store", "x-accel-buffering": "no"}, media_type=self.media_type)
        del self.headers["content-length"]
        self._tail = tail
        self._after = after
        self._shared, self._alone = frames
        self._reader = reader
        self._who = who

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one reader (ASGI) until it leaves or the streams end."""
        del receive  # its leaving is told by its connection
        connection = scope.get("state", {}).get("connection")
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await _send(send, HELLO)
        with self._tail.following(self._after) as reader:
            if connection is not None:
                connection.visitor, connection.on_lost = self._who, reader.wake
            try:
                while not reader.ended and (connection is None or not connection.gone):
                    lags = reader.lags
                    batch = await reader.batch(PING_SECONDS)
                    await _send(send, await self._told(batch, lags=lags) or PING)
            finally:
                if connection is not None:
                    connection.on_lost = None
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _told(self, batch: list[Event], *, lags: bool) -> bytes:
        if lags:  # a week's gap is work, and done where the work of strangers is bounded
            return await self._reader.work(lambda: b"".join(map(self._alone, batch)))
        return b"".join(map(self._shared, batch))


async def _send(send: Send, chunk: bytes) -> None:
    await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await asyncio.sleep(0)  # a long gap comes in many batches: others in between
