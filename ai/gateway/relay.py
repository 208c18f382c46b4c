"""The way of one attempt's bytes from provider to client: as they come, read on the way, held back where they fail."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any

from ai.gateway.dialects.events import DONE, Event, EventSplitter
from ai.gateway.dialects.figures import Figures
from ai.gateway.replays import MAX_KEPT_BYTES
from ai.gateway.translate.translation import dumps, sse
from ai.llm.figures import as_mapping, parse_json
from ai.unreached import A_PAGE, is_page

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from ai.credit_tracker import Usage
    from ai.gateway.dialects.asked import Dialect
    from ai.gateway.translate.translation import StreamTranslator, Translation

MAX_WAITING_BYTES = 8 * 1024 * 1024  # for a client that reads slowly; beyond it the provider waits
SLOW_SECONDS = 60.0  # a client that takes nothing for so long has gone


class Relay:
    """Where one attempt's answer goes. `begun` as soon as the client may be answered, which `on_begun` is told.

    A stream is passed on event by event; its last events wait in `tail` until the call is booked. Nothing is passed
    on of an answer whose first event is an error, so that another model can be asked. `data` is a whole answer.
    """

    def __init__(  # noqa: PLR0913 - what is known of the request, each by its name
        self,
        dialect: Dialect,
        body: Mapping[str, Any],
        *,
        translation: Translation | None,
        usage_wanted: bool,
        usage_added: bool,
        cost_of: Callable[[Usage], int],
        keep: bool = False,
    ) -> None:
        self.figures = Figures()
        self.begun = False
        self.on_begun: Callable[[], None] | None = None
        self.tail = b""
        self.data: bytes | None = None
        self._dialect = dialect
        self._body = body
        self._translation = translation
        self._translator: StreamTranslator | None = None if translation is None else translation.stream(body)
        self._usage_wanted = usage_wanted
        self._usage_added = usage_added
        self._cost_of = cost_of
        self._held: list[bytes] = []
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self._gone = False
        self._closed = False
        self._kept_bytes = 0
        self._kept: list[bytes] | None = [] if keep else None  # what the client is told, for its idempotency key

    # --- from the provider -----------------------------------------------------------------------------------

    async def stream(self, pieces: AsyncIterator[bytes]) -> None:
        """Take a stream of events as it comes."""
        splitter = EventSplitter()
        try:
            async for piece in pieces:
                for event in splitter.feed(piece):
                    if not self.figures.ended:  # what follows the end is nobody's
                        await self._take(event)
                if self.figures.ended:
                    return
            rest = splitter.rest()
            if rest is not None:
                await self._take(rest)
        finally:
            self._finish()

    def _finish(self) -> None:
        """End the stream where the answer is whole: its last words may not have come, or are to be told otherwise."""
        if self.figures.complete:
            if self._translator is not None:
                self.tail += self._translator.end()
            elif not self.figures.ended:
                self.tail += self._dialect.end
            self.figures.ended = True

    async def whole(self, data: bytes) -> None:
        """Take a whole document."""
        try:
            document = parse_json(data.decode("utf-8-sig", "replace").strip())
        except ValueError:
            self.figures.broken = f"the answer is {A_PAGE}" if is_page(data) else "the answer is no JSON"
            return
        self._dialect.take(self.figures, document)
        if self._translation is not None and self.figures.ended:
            data = dumps(self._translation.answer(self._with_cost(document), self._body))
        self.data = data

    async def _take(self, event: Event) -> None:
        """Read one event, and pass on what it is told as; an error, and what follows it, is not."""
        failed = self.figures.error is not None
        self._dialect.take_event(self.figures, event)
        if failed or self.figures.error is not None or self.figures.broken is not None:
            return
        out = self._told(event)
        if self.figures.ended:
            self.tail += out
        elif not self.begun:
            self._held.append(out)
            if event.data:
                self.begun = True
                if self.on_begun is not None:
                    self.on_begun()
                await self._put(b"".join(self._held))
                self._held.clear()
        else:
            await self._put(out)
        if self.figures.ended and self._held:
            self.tail = b"".join(self._held) + self.tail
            self._held.clear()

    def _told(self, event: Event) -> bytes:
        """Return the bytes that the client gets for an event: as they came, but for what it did not ask for."""
        if self._translator is not None:
            if event.data in ("", DONE):
                return b""
            return self._translator.feed(self._with_cost(as_mapping(parse_json(event.data))))
        if self._dialect.name != "chat" or '"usage"' not in event.data:
            return event.raw
        chunk = as_mapping(parse_json(event.data))
        usage = as_mapping(chunk.get("usage"))
        if not usage:
            return event.raw
        if self._usage_added and not self._usage_wanted:
            return event.raw if chunk.get("choices") else b""
        return event.raw if usage.get("cost") is not None else sse(self._with_cost(chunk))

    def _with_cost(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """Return the answer with what it cost in its usage, where the provider does not say so itself."""
        usage = as_mapping(document.get("usage"))
        if not usage or usage.get("cost") is not None or self.figures.usage is None:
            return dict(document)
        return {**document, "usage": {**usage, "cost": self._cost_of(self.figures.usage) / 10**9}}

    # --- to the client ---------------------------------------------------------------------------------------

    async def _put(self, data: bytes) -> None:
        self._keep(data)
        if not data or self._gone:
            return
        while self._waiting_bytes + len(data) > MAX_WAITING_BYTES and self._waiting and not self._gone:
            self._room.clear()
            try:
                async with asyncio.timeout(SLOW_SECONDS):
                    await self._room.wait()
            except TimeoutError:
                self.leave()
        if not self._gone:
            self._waiting.append(data)
            self._waiting_bytes += len(data)
            self._news.set()

    def _keep(self, data: bytes) -> None:
        """Keep what the client is told for its idempotency key, up to what may be kept."""
        if self._kept is None:
            return
        self._kept.append(data)
        self._kept_bytes += len(data)
        if self._kept_bytes > MAX_KEPT_BYTES:
            self._kept = None

    def close(self) -> None:
        """Nothing more comes from this attempt."""
        self._closed = True
        self._news.set()

    def leave(self) -> None:
        """The client has gone: what comes is read for the books alone."""
        self._gone = True
        self._waiting.clear()
        self._waiting_bytes = 0
        self._room.set()
        self._news.set()

    def whole_answer(self) -> bytes | None:
        """Return all that the client is told, where it was kept and is not too large to be kept longer."""
        if self._kept is None:
            return None
        data = b"".join([*self._kept, self.tail]) if self.data is None else self.data
        return data if len(data) <= MAX_KEPT_BYTES else None

    @property
    def left(self) -> bool:
        """Whether the client has gone."""
        return self._gone

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield what the client is to get, until `close`."""
        while True:
            while self._waiting:
                data = b"".join(self._waiting)
                self._waiting.clear()
                self._waiting_bytes = 0
                self._room.set()
                yield data
            if self._closed or self._gone:
                return
            self._news.clear()
            if not self._waiting and not self._closed:
                await self._news.wait()
