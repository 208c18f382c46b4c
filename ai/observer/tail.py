"""The journal's end, followed live: many streams share one read of each new event, and none has a queue of its own."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager

from ai.mind.database import MindDatabase
from ai.mind.journal import Event
from ai.observer.events import page_of, weight
from ai.observer.reader import Reader

KEPT_EVENTS = 512  # a reader this far behind is served from the database instead
KEPT_BYTES = 8_000_000  # kept in memory at most, whatever the events hold
PAGE = 50  # events a read, so that a week's gap comes in bites: told in five milliseconds
LIVE = 32  # the newest events: told on the loop, once for all who follow, as `Frames` keeps them; older ones in turn
BATCH_BYTES = 32 * 1024  # of events at once to one reader, told in up to twice that: what is not read waits in memory
READ_BYTES = 1_000_000  # read of the journal at once, whatever the events hold
SPARE_SECONDS = 20.0  # look by oneself this often too: another process may have written
TOLD_AT_ONCE, TOLD_SECONDS = 16, 0.002
READER_SECONDS = 0.0025  # readers are told together, so seldom that telling them takes the loop a few per cent


CatchUp = Callable[[Callable[[MindDatabase], list[Event]]], Awaitable[list[Event]]]


def newest_seq(mind: MindDatabase) -> int:
    """Return the number of the journal's newest event, 0 where there is none."""
    return int(mind.connection.execute("SELECT coalesce(max(seq), 0) FROM events").fetchone()[0])


class Follower:
    """One reader of the journal's end."""

    def __init__(self, tail: "Tail", after: int) -> None:
        self._tail = tail
        self._position = after
        self._woken = asyncio.Event()

    @property
    def ended(self) -> bool:
        """Whether the streams end."""
        return self._tail.ended

    @property
    def lags(self) -> bool:
        """Whether what comes next is older than what all who follow share, so that it is made for this reader alone."""
        return self._position < max(self._tail.floor, self._tail.newest - LIVE)

    def wake(self) -> None:
        """Let `batch` return, with what there is."""
        self._woken.set()

    async def batch(self, seconds: float) -> list[Event]:
        """Return the next events in order, of at most PAGE and about BATCH_BYTES; nothing where none came in time."""
        self._woken.clear()
        found = await self._tail.events_above(self._position)
        if not found:
            try:
                async with asyncio.timeout(seconds):
                    await self._woken.wait()
            except TimeoutError:
                return []
            if self.ended:
                return []
            found = await self._tail.events_above(self._position)
        if found:
            self._position = found[-1].seq
        return found


class Tail:
    """Reads each new event once and lets any number of followers have it.

    `catch_up` reads older events from the database for a follower that lags, when it is its turn.
    """

    def __init__(self, reader: Reader, catch_up: CatchUp) -> None:
        self.reader = reader
        self._catch_up = catch_up
        self._kept: deque[Event] = deque()
        self._bytes = 0
        self.floor = 0  # every event above this number is in `_kept`
        self.newest = 0
        self.ended = False
        self._followers: set[Follower] = set()
        self._told_at = 0.0
        self._telling: asyncio.TimerHandle | None = None
        self._wake = asyncio.Event()
        self._grown = asyncio.Event()
        self._pump: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def start(self) -> None:
        """Find the journal's end and begin to follow it."""
        self._loop = asyncio.get_running_loop()
        self.newest = self.floor = await self.reader.read(newest_seq)
        self._pump = asyncio.create_task(self._follow_journal(), name="observer-tail")

    def wake(self) -> None:
        """Say that the journal has grown; may be called from any thread, never blocks."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake.set)

    @property
    def readers(self) -> int:
        """How many follow."""
        return len(self._followers)

    def end_streams(self) -> None:
        """Let every follower come to its end, so that the server can stop with readers connected."""
        self.ended = True
        self._grown.set()
        for follower in self._followers:
            follower.wake()

    async def stop(self) -> None:
        """End the streams and the reading."""
        self.end_streams()
        if self._pump is not None:
            self._pump.cancel()
            await asyncio.gather(self._pump, return_exceptions=True)

    @contextmanager
    def following(self, after: int) -> Iterator[Follower]:
        """Hand out a reader of every event above `after`."""
        follower = Follower(self, after)
        self._followers.add(follower)
        try:
            yield follower
        finally:
            self._followers.discard(follower)

    async def grown(self) -> AsyncIterator[int]:
        """Yield the newest number now and whenever it has grown since, until the streams end."""
        while not self.ended:
            grown = self._grown
            yield self.newest
            await grown.wait()

    async def events_above(self, position: int) -> list[Event]:
        """Return the events that follow number `position`, as many as make one batch."""
        if position >= self.newest:
            return []
        if position >= self.floor:
            return self._kept_above(position)
        return await self._catch_up(
            lambda mind: page_of(mind, None, limit=PAGE, after=position, most_bytes=BATCH_BYTES)
        )

    def _kept_above(self, position: int) -> list[Event]:
        newer: list[Event] = []
        for event in reversed(self._kept):  # who follows is near the end
            if event.seq <= position:
                break
            newer.append(event)
        newer.reverse()
        size = 0
        for number, event in enumerate(newer):
            size += weight(event)
            if number and (size > BATCH_BYTES or number >= PAGE):
                return newer[:number]
        return newer

    async def _follow_journal(self) -> None:
        while not self.ended:
            try:
                new = await self.reader.read(
                    lambda mind: page_of(mind, None, limit=PAGE, after=self.newest, most_bytes=READ_BYTES)
                )
            except Exception:  # noqa: BLE001 - a locked or vanished database is tried again; `ready` tells people
                new = []
            if new:
                self._keep(new)
                self._tell()
            else:
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
            self._bytes += weight(event)
        self.newest = new[-1].seq
        while len(self._kept) > KEPT_EVENTS or self._bytes > KEPT_BYTES:
            gone = self._kept.popleft()
            self._bytes -= weight(gone)
            self.floor = gone.seq

    def _tell(self) -> None:
        """Tell that there is more: whoever counts at once, the many readers together and not too often."""
        self._grown.set()
        self._grown = asyncio.Event()
        if self._telling is None:
            loop = asyncio.get_running_loop()
            due = self._told_at + READER_SECONDS * len(self._followers)
            self._telling = loop.call_at(max(loop.time(), due), self._tell_all)

    def _tell_all(self) -> None:
        self._telling = None
        self._told_at = asyncio.get_running_loop().time()
        self._tell_some(list(self._followers))

    def _tell_some(self, followers: list[Follower]) -> None:
        """Wake a few at a time, so that who asks for something else is served in between."""
        for follower in followers[:TOLD_AT_ONCE]:
            follower.wake()
        if rest := followers[TOLD_AT_ONCE:]:
            asyncio.get_running_loop().call_later(TOLD_SECONDS, self._tell_some, rest)
