"""The journal's end, followed live: many streams share one read of each new event, and none has a queue of its own."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator

from ai.mind.database import MindDatabase
from ai.mind.journal import Event, read_after
from ai.observer.reader import Reader

KEPT_EVENTS = 512  # a reader this far behind is served from the database instead
KEPT_CHARS = 4_000_000  # text kept in memory at most, whatever the events hold
PAGE = 200  # events a read, so that a week's gap comes in bites
SPARE_SECONDS = 20.0  # look by oneself this often too: another process may have written


def newest_seq(mind: MindDatabase) -> int:
    """Return the number of the journal's newest event, 0 where there is none."""
    return int(mind.connection.execute("SELECT coalesce(max(seq), 0) FROM events").fetchone()[0])


def _weight(event: Event) -> int:
    return 200 + sum(len(value) for value in event.data.values() if isinstance(value, str))


class Tail:
    """Reads each new event once and lets any number of followers have it."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self._kept: deque[Event] = deque()
        self._chars = 0
        self._floor = 0  # every event above this number is in `_kept`
        self.newest = 0
        self.following = 0
        self._wake = asyncio.Event()
        self._grown = asyncio.Event()
        self._ended = False
        self._pump: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def start(self) -> None:
        """Find the journal's end and begin to follow it."""
        self._loop = asyncio.get_running_loop()
        self.newest = self._floor = await self.reader.read(newest_seq)
        self._pump = asyncio.create_task(self._follow_journal(), name="observer-tail")

    def wake(self) -> None:
        """Say that the journal has grown; may be called from any thread, never blocks."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake.set)

    def end_streams(self) -> None:
        """Let every follower come to its end, so that the server can stop with readers connected."""
        self._ended = True
        self._tell()

    async def stop(self) -> None:
        """End the streams and the reading."""
        self.end_streams()
        if self._pump is not None:
            self._pump.cancel()
            await asyncio.gather(self._pump, return_exceptions=True)

    async def follow(self, after: int) -> AsyncIterator[list[Event]]:
        """Yield every event above `after`, in order, in batches of at most PAGE, until the streams end."""
        position = after
        self.following += 1
        try:
            while not self._ended:
                grown = self._grown
                batch = await self._batch(position)
                if batch:
                    position = batch[-1].seq
                    yield batch
                else:
                    await grown.wait()
        finally:
            self.following -= 1

    async def grown(self) -> AsyncIterator[int]:
        """Yield the newest number now and whenever it has grown since, until the streams end."""
        while not self._ended:
            grown = self._grown
            yield self.newest
            await grown.wait()

    async def _batch(self, position: int) -> list[Event]:
        if position >= self.newest:
            return []
        if position >= self._floor:
            return [event for event in self._kept if event.seq > position][:PAGE]
        return await self.reader.read(lambda mind: read_after(mind, position, PAGE))

    async def _follow_journal(self) -> None:
        while not self._ended:
            try:
                new = await self.reader.read(lambda mind: read_after(mind, self.newest, PAGE))
            except Exception:  # noqa: BLE001 - a locked or vanished database is tried again; `ready` tells people
                new = []
            if new:
                self._keep(new)
                self._tell()
            if len(new) < PAGE:
                await self._until_woken()

    async def _until_woken(self) -> None:
        try:
            await asyncio.wait_for(self._wake.wait(), SPARE_SECONDS)
        except TimeoutError:
            return
        finally:
            self._wake.clear()

    def _keep(self, new: list[Event]) -> None:
        for event in new:
            self._kept.append(event)
            self._chars += _weight(event)
        self.newest = new[-1].seq
        while len(self._kept) > KEPT_EVENTS or self._chars > KEPT_CHARS:
            gone = self._kept.popleft()
            self._chars -= _weight(gone)
            self._floor = gone.seq

    def _tell(self) -> None:
        self._grown.set()
        self._grown = asyncio.Event()
