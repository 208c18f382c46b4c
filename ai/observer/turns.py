"""Turns: visitors are served one after the other, each address in its round, for a share of the mind's time."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from ai.observer.gate import Gate
from ai.observer.headers import refuse
from ai.observer.hosts import visitor_of

REQUESTS_PER_SECOND = 50.0  # a request takes the loop about a millisecond; thinking keeps the rest
BURST = 300  # requests that need not wait: a page with all its files is ten, a look at every address a hundred
PROBES_PER_SECOND = 150.0  # of health probes, which cost a fifth of that
JOBS_PER_SECOND = 400.0  # of the readers' thread, had they no cost; each is charged for beside that
JOBS_BURST = 100
AFTERWARDS = 5.0  # the readers' thread holds the loop up: a sixth of the time may go into its work for strangers
WAITING_OF_ONE = 64  # requests of one visitor that wait; a browser opens six connections
WAITING = 512  # of all visitors together
LATE_SECONDS = 2.0  # a refusal comes this late, so that asking again and again gains nothing
PROBES = frozenset({"/healthz", "/readyz"})


ASKING: ContextVar[tuple[str, str] | None] = ContextVar("asking", default=None)  # who asks for what, of strangers


_NOTHING: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()


class Turns:
    """Grants turns at a steady rate: round by round of the visitors, and of the things that each of them asks for."""

    def __init__(
        self,
        per_second: float,
        burst: int,
        *,
        at_once: int = WAITING,
        waiting_of_one: int = WAITING_OF_ONE,
        waiting: int = WAITING,
    ) -> None:
        """Grant `per_second` turns after a `burst`; of those that are ended by `end`, only `at_once` together."""
        self._every = 1.0 / per_second
        self._burst = burst * self._every
        self._at_once = at_once
        self._under_way = 0
        self._waiting_of_one = waiting_of_one
        self._most = waiting
        self._free_at = 0.0  # on the loop's clock: when all that was granted is paid for
        self._visitors: OrderedDict[str, OrderedDict[str, deque[asyncio.Future[None]]]] = OrderedDict()
        self._waiting = 0
        self._timer: asyncio.TimerHandle | None = None

    async def take(self, who: str, what: str = "") -> bool:
        """Wait for a turn of visitor `who` for the thing `what`; False where too many wait already."""
        if not self._waiting and self._may_grant():
            self.charge(self._every)
            return True
        if (
            sum(map(len, self._visitors.get(who, _NOTHING).values())) >= self._waiting_of_one
            or self._waiting >= self._most
        ):
            return False
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._visitors.setdefault(who, OrderedDict()).setdefault(what, deque()).append(turn)
        self._waiting += 1
        self._arm()
        await turn
        return True

    @asynccontextmanager
    async def turn(self, who: str, what: str) -> AsyncIterator[None]:
        """Wait for a turn that counts as under way until it is left; the caller charges for what it took."""
        await self.take(who, what)
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1
            self._arm()

    def charge(self, seconds: float) -> None:
        """Put the next turns off by `seconds` of work."""
        now = asyncio.get_running_loop().time()
        self._free_at = max(self._free_at, now) + seconds

    def _may_grant(self) -> bool:
        now = asyncio.get_running_loop().time()
        return self._under_way < self._at_once and self._free_at <= now + self._burst

    def _arm(self) -> None:
        if self._timer is None and self._waiting and self._under_way < self._at_once:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_at(max(loop.time(), self._free_at - self._burst), self._grant)

    def _grant(self) -> None:
        self._timer = None
        while self._waiting and self._may_grant():
            turn = self._next()
            if not turn.done():  # its asker may have left
                turn.set_result(None)
                self.charge(self._every)
                break  # it is under way only once its task runs
        self._arm()

    def _next(self) -> asyncio.Future[None]:
        """Take out who is next; a visitor, and the thing it asked for, go to the end of their rounds."""
        who, things = self._visitors.popitem(last=False)
        what, queue = things.popitem(last=False)
        turn = queue.popleft()
        self._waiting -= 1
        if queue:
            things[what] = queue
        if things:
            self._visitors[who] = things
        return turn


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
            asking = visitor_of(scope), scope["path"] + "?" + scope["query_string"].decode("latin-1")
            if line is self._turns:
                ASKING.set(asking)
            if not await line.take(*asking):
                await asyncio.sleep(LATE_SECONDS)
                text = "too many requests are waiting; come again in a few seconds"
                await refuse(send, 429, text, {"retry-after": "5", "connection": "close"})
                return
        await self._app(scope, receive, send)
