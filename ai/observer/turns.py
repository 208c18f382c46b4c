"""Turns: visitors are served one after the other, who took least first, for a share of the mind's time."""

import asyncio
import math
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from ai.observer.gate import Gate
from ai.observer.headers import refuse
from ai.observer.hosts import visitor_of

REQUESTS_PER_SECOND = 50.0  # a request takes the loop about a millisecond; thinking keeps the rest
BURST = 300  # requests that need not wait: a page with all its files is ten, a look at every address a hundred
REQUEST_SECONDS = 0.001  # of the loop, that a request is counted as beside its work in the readers' thread
PROBES_PER_SECOND = 150.0  # of health probes, which cost a fifth of that
PROBE_SECONDS = 0.0002
JOBS_PER_SECOND = 400.0  # of the readers' thread, had they no cost; each is charged for beside that
JOBS_BURST = 100
AFTERWARDS = 5.0  # the readers' thread holds the loop up: a sixth of the time may go into its work for strangers
HALF_LIFE_SECONDS = 40.0  # after which half of what a visitor took is forgotten
LIGHT_SECONDS = 0.05  # who took less lately waits for no heavy visitor: fifty shared pages at once, then one a second
LONG_SECONDS = 0.005  # of the readers' thread, after which a request lets short ones go first; a usual page takes less
VISITORS = 4096  # whose takings are remembered; whoever took nothing for longest is forgotten first
WAITING_OF_ONE = 64  # requests of one visitor that wait; a browser opens six connections
WAITING = 512  # of all visitors together
LATE_SECONDS = 2.0  # a refusal comes this late, so that asking again and again gains nothing
PROBES = frozenset({"/healthz", "/readyz"})


@dataclass(slots=True)
class Asking:
    """A request of a stranger: whose, for what, and how many seconds of the readers' thread it took so far."""

    who: str
    what: str = ""
    taken: float = 0.0

    @property
    def long(self) -> bool:
        """Whether it took so much that short ones go first."""
        return self.taken > LONG_SECONDS


ASKING: ContextVar[Asking | None] = ContextVar("asking", default=None)


class Takings:
    """What each visitor took of the mind's time lately, in seconds; half of it is forgotten every HALF_LIFE_SECONDS."""

    def __init__(self) -> None:
        # The logarithm of what somebody took, as if at the loop's beginning: so it is compared without forgetting.
        self._ranks: OrderedDict[str, float] = OrderedDict()

    def rank(self, who: str) -> float:
        """Return a number that is the greater the more `who` took."""
        return self._ranks.get(who, -math.inf)

    def light(self, who: str) -> bool:
        """Tell whether `who` took less than LIGHT_SECONDS."""
        return self.rank(who) < math.log2(LIGHT_SECONDS) + self._forgotten()

    def add(self, who: str, seconds: float) -> None:
        """Count what `who` takes."""
        forgotten = self._forgotten()
        taken = 2.0 ** (self.rank(who) - forgotten) + seconds
        self._ranks[who] = math.log2(taken) + forgotten if taken else -math.inf
        self._ranks.move_to_end(who)
        while len(self._ranks) > VISITORS:
            self._ranks.popitem(last=False)

    def _forgotten(self) -> float:
        return asyncio.get_running_loop().time() / HALF_LIFE_SECONDS


Things = OrderedDict[str, deque[asyncio.Future[bool]]]


class _Line:
    """When the next turn may be granted, at a steady rate after a burst."""

    def __init__(self, burst: float) -> None:
        self._burst = burst
        self._free_at = 0.0  # on the loop's clock: when all that was granted is paid for

    @property
    def due(self) -> float:
        return self._free_at - self._burst

    def charge(self, seconds: float) -> None:
        self._free_at = max(self._free_at, asyncio.get_running_loop().time()) + seconds


class Turns:
    """Grants turns at a steady rate: to short requests first, of these to whoever took least, in rounds of its things.

    Short requests of light visitors have a rate of their own, which others cannot use up; these have what they leave.
    """

    def __init__(  # noqa: PLR0913 - the bounds
        self,
        per_second: float,
        burst: int,
        takings: Takings,
        *,
        seconds: float = 0.0,
        at_once: int = WAITING,
        waiting_of_one: int = WAITING_OF_ONE,
        waiting: int = WAITING,
    ) -> None:
        """Grant `per_second` turns after a `burst`, each counted as `seconds` taken by its visitor.

        Of those that are taken with `turn`, only `at_once` are granted together.
        """
        self._every = 1.0 / per_second
        self._takings = takings
        self._seconds = seconds
        self._at_once = at_once
        self._under_way = 0
        self._waiting_of_one = waiting_of_one
        self._most = waiting
        self._all, self._light = _Line(burst * self._every), _Line(burst * self._every)
        self._short: dict[str, Things] = {}
        self._long: dict[str, Things] = {}
        self._counts: Counter[str] = Counter()  # of what waits, by visitor
        self._timer: asyncio.TimerHandle | None = None

    async def take(self, asking: Asking) -> bool:
        """Wait for a turn; False where too many wait already."""
        if not self._counts and self._may_grant(asking.who, short=not asking.long):
            self.charge(asking, self._seconds, self._every)
            return True
        if self._counts.get(asking.who, 0) >= self._waiting_of_one or not self._has_room(asking.who):
            return False
        turn: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        level = self._long if asking.long else self._short
        level.setdefault(asking.who, OrderedDict()).setdefault(asking.what, deque()).append(turn)
        self._counts[asking.who] += 1
        self._arm()
        if granted := await turn:
            self.charge(asking, self._seconds, self._every)
        return granted

    @asynccontextmanager
    async def turn(self, asking: Asking) -> AsyncIterator[None]:
        """Wait for a turn that counts as under way until it is left; the caller charges for what it took."""
        await self.take(asking)
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1
            self._arm()

    def charge(self, asking: Asking, seconds: float, put_off: float) -> None:
        """Count `seconds` of work as taken by a request and its visitor, and put the next turns off by `put_off`."""
        if not asking.long and self._takings.light(asking.who):
            self._light.charge(put_off)
        self._all.charge(put_off)
        self._takings.add(asking.who, seconds)
        asking.taken += seconds

    def _due(self, who: str, *, short: bool) -> float:
        return min(self._all.due, self._light.due) if short and self._takings.light(who) else self._all.due

    def _may_grant(self, who: str, *, short: bool) -> bool:
        return self._under_way < self._at_once and self._due(who, short=short) <= asyncio.get_running_loop().time()

    def _has_room(self, who: str) -> bool:
        """Tell whether one more may wait; where all places are taken, whoever took most gives one to who took less."""
        if self._counts.total() < self._most:
            return True
        level = self._long or self._short
        heaviest = max(level, key=self._takings.rank)
        if who == heaviest or self._takings.rank(heaviest) <= self._takings.rank(who):
            return False
        refused = self._take_out(level, heaviest)
        if not refused.done():
            refused.set_result(False)
        return True

    def _next(self) -> tuple[dict[str, Things], str]:
        """Return who is next: whoever took least; of those that took the same, whose last turn is longest ago."""
        level = self._short or self._long
        return level, min(level, key=self._takings.rank)

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._counts and self._under_way < self._at_once:
            loop, (level, who) = asyncio.get_running_loop(), self._next()
            self._timer = loop.call_at(max(loop.time(), self._due(who, short=level is self._short)), self._grant)

    def _grant(self) -> None:
        self._timer = None
        while self._counts:
            level, who = self._next()
            if not self._may_grant(who, short=level is self._short):
                break
            turn = self._take_out(level, who)
            if not turn.done():  # its asker may have left
                turn.set_result(True)
                break  # it is under way only once its task runs
        self._arm()

    def _take_out(self, level: dict[str, Things], who: str) -> asyncio.Future[bool]:
        """Take out the next turn of `who`, who goes to the end of the round, as does the thing it asked for."""
        things = level.pop(who)
        what, queue = things.popitem(last=False)
        turn = queue.popleft()
        if queue:
            things[what] = queue
        if things:
            level[who] = things
        self._counts[who] -= 1
        if not self._counts[who]:
            del self._counts[who]
        return turn


class InTurn:
    """Lets strangers in one after the other; the caretaker goes ahead, and probes have a line of their own."""

    def __init__(self, app: ASGIApp, turns: Turns, probes: Turns, gate: Gate) -> None:
        self._app = app
        self._turns = turns
        self._probes = probes
        self._gate = gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request (ASGI)."""
        if scope["type"] == "http" and not self._gate.is_caretaker(HTTPConnection(scope)):
            line = self._probes if scope["path"] in PROBES else self._turns
            asking = Asking(visitor_of(scope), scope["path"] + "?" + scope["query_string"].decode("latin-1"))
            if line is self._turns:
                ASKING.set(asking)
            if not await line.take(asking):
                await asyncio.sleep(LATE_SECONDS)
                text = "too many requests are waiting; come again in a few seconds"
                await refuse(send, 429, text, {"retry-after": "5", "connection": "close"})
                return
        await self._app(scope, receive, send)
