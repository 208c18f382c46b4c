"""Turns: visitors are served one after the other, each address in its round, for a share of the mind's time."""

import asyncio
from collections import OrderedDict, deque

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from ai.observer.gate import Gate
from ai.observer.headers import refuse
from ai.observer.hosts import visitor_of

REQUESTS_PER_SECOND = 50.0  # a request takes the loop about a millisecond; thinking keeps the rest
BURST = 150  # requests that need not wait: a page with all its files is ten
PROBES_PER_SECOND = 150.0  # of health probes, which cost a fifth of that
WAITING_OF_ONE = 64  # requests of one address that wait; a browser opens six connections
WAITING = 512  # of all addresses together
LATE_SECONDS = 2.0  # a refusal comes this late, so that asking again and again gains nothing
AFTERWARDS = 7.0  # work in a thread of its own holds the loop up too: an eighth of the time may go into it
PROBES = frozenset({"/healthz", "/readyz"})


class Turns:
    """Grants turns at a steady rate, round by round of the addresses that wait."""

    def __init__(self, per_second: float, burst: int, waiting_of_one: int = WAITING_OF_ONE) -> None:
        self._every = 1.0 / per_second
        self._burst = burst * self._every
        self._waiting_of_one = waiting_of_one
        self._free_at = 0.0  # on the loop's clock: when all that was granted is paid for
        self._queues: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()
        self._waiting = 0
        self._timer: asyncio.TimerHandle | None = None

    async def take(self, who: str) -> bool:
        """Wait for a turn of `who`; False where too many wait already."""
        loop = asyncio.get_running_loop()
        if not self._waiting and self._free_at <= loop.time() + self._burst:
            self.charge(self._every)
            return True
        queue = self._queues.setdefault(who, deque())
        if len(queue) >= self._waiting_of_one or self._waiting >= WAITING:
            return False
        turn: asyncio.Future[None] = loop.create_future()
        queue.append(turn)
        self._waiting += 1
        self._arm(loop)
        await turn
        return True

    def charge(self, seconds: float) -> None:
        """Put the next turns off by `seconds` of work."""
        now = asyncio.get_running_loop().time()
        self._free_at = max(self._free_at, now) + seconds

    def _arm(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._timer is None and self._waiting:
            self._timer = loop.call_at(max(loop.time(), self._free_at), self._grant)

    def _grant(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = None
        while self._waiting and self._free_at <= loop.time():
            who, queue = self._queues.popitem(last=False)
            turn = queue.popleft()
            self._waiting -= 1
            if queue:
                self._queues[who] = queue
            if not turn.done():  # its asker may have left
                turn.set_result(None)
                self.charge(self._every)
        self._arm(loop)


class InTurn:
    """Lets strangers in one after the other; the caretaker goes ahead, and probes have a line of their own."""

    def __init__(self, app: ASGIApp, turns: Turns, gate: Gate) -> None:
        self._app = app
        self._turns = turns
        self._probes = Turns(PROBES_PER_SECOND, BURST)
        self._gate = gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request (ASGI)."""
        if scope["type"] == "http" and not self._gate.is_caretaker(HTTPConnection(scope)):
            line = self._probes if scope["path"] in PROBES else self._turns
            if not await line.take(visitor_of(scope)):
                await asyncio.sleep(LATE_SECONDS)
                text = "too many requests are waiting; come again in a few seconds"
                await refuse(send, 429, text, {"retry-after": "5", "connection": "close"})
                return
        await self._app(scope, receive, send)
