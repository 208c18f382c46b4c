"""What every route of the Observer works with: sources, readers of the journal, the gate and shared recent reads."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, cast

from starlette.requests import Request

from ai.mind.redaction import Redactor
from ai.model_config.row import ModelRow
from ai.observer.answers import Encoded, encoded_json
from ai.observer.assets import Assets
from ai.observer.events import Latest, latest
from ai.observer.frames import Frames
from ai.observer.gate import Gate
from ai.observer.hosts import Hosts
from ai.observer.money import MonthFigures
from ai.observer.month import FIRST_COUNT_SECONDS, PATIENCE_SECONDS, Figures, Month
from ai.observer.places import CONNECTIONS, Places
from ai.observer.reader import Reader
from ai.observer.recent import Recent
from ai.observer.sight import Sight
from ai.observer.sources import (
    Budget,
    ByDay,
    CallerRow,
    GatewayLook,
    ObserverSources,
    State,
    Tweet,
)
from ai.observer.tail import Tail
from ai.observer.turns import (
    BURST,
    JOBS_BURST,
    JOBS_PER_SECOND,
    PROBE_SECONDS,
    PROBES_PER_SECOND,
    REQUEST_SECONDS,
    REQUESTS_PER_SECOND,
    Takings,
    Turns,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

STREAMS = 400  # open at once; each is a socket and a small task
TWEETS = 100  # posts shown and served; older ones stand in the journal


class View:
    """One Observer: made once by `create_app`, found by each route with `view_of`."""

    def __init__(self, sources: ObserverSources) -> None:
        clock = sources.clock
        self.sources = sources
        self.gate = Gate(sources.settings.admin_token, clock)
        self.hosts = Hosts(sources.settings)
        self.assets = Assets()
        self.frames = Frames()
        self.places: Places | None = None  # set by the server that seats the visitors
        takings = Takings()
        self.turns = Turns(REQUESTS_PER_SECOND, BURST, takings, seconds=REQUEST_SECONDS)
        self.probes = Turns(PROBES_PER_SECOND, BURST, takings, seconds=PROBE_SECONDS)
        jobs = Turns(JOBS_PER_SECOND, JOBS_BURST, takings, at_once=1, waiting_of_one=CONNECTIONS, waiting=CONNECTIONS)
        self.reader = Reader(sources.mind_path, "pages", jobs)
        self.counter = Reader(sources.mind_path, "counter")
        self.tail = Tail(Reader(sources.mind_path, "tail"), self.reader.read)
        self.month = Month(self.counter, clock)
        self._counting: asyncio.Task[None] | None = None

        def newest() -> int:
            return self.tail.newest

        self.state: Recent[State] = Recent(sources.state, clock, newest)
        self.budget: Recent[Budget] = Recent(sources.budget, clock, newest)
        self.callers: Recent[Sequence[CallerRow]] = Recent(sources.callers, clock, newest)
        self.gateway: Recent[GatewayLook] = Recent(sources.gateway, clock, newest)
        self.days: Recent[Sequence[ByDay]] = Recent(sources.days, clock, newest)
        self.models: Recent[Sequence[ModelRow]] = Recent(sources.models, clock, newest)
        self.latest: Recent[Latest] = Recent(lambda: self.reader.read(latest), clock, newest)
        self.tweets: Recent[Sequence[Tweet]] = Recent(lambda: sources.tweets(TWEETS), clock, newest)
        self._documents: dict[str, Recent[Encoded]] = {}  # whole answers that many share, by name

        redact = Redactor(sources.settings.secrets()).all_of
        self._sights = {money: Sight(self, self.reader, clock, newest, redact, money=money) for money in (False, True)}

    def sight(self, request: Request) -> Sight:
        """Return the documents as this visitor may see them."""
        return self._sights[self.money(request)]

    def money(self, request: Request) -> bool:
        """Tell whether this visitor may see amounts: PUBLIC_BUDGET is on, or it is the caretaker."""
        return self.sources.settings.public_budget or self.gate.is_caretaker(request)

    def names(self, request: Request) -> bool:
        """Tell whether this visitor may see what the gateway's keys and runs are called: the caretaker alone."""
        return self.gate.is_caretaker(request)

    async def document(self, name: str, make: Callable[[], Awaitable[Any]]) -> Encoded:
        """Return what `make` gives as JSON; many share one answer under `name`, which says who may see it, too."""

        async def ask() -> Encoded:
            made = await make()
            return await self.reader.work(lambda: encoded_json(made))

        return await self.shared(name, ask)

    async def shared(self, name: str, ask: Callable[[], Awaitable[Encoded]]) -> Encoded:
        """Return the answer `name`, asked for anew by `ask` where it is no longer fresh."""
        if name not in self._documents:
            self._documents[name] = Recent(ask, self.sources.clock, lambda: self.tail.newest)
        return await self._documents[name].get()

    async def books(self) -> MonthFigures:
        """Return the month as the purse tells it; raises StoreUnavailable while the purse is away."""
        return MonthFigures(await self.budget.get(), await self.days.get(), await self.models.get())

    async def start(self) -> None:
        """Begin to follow the journal."""
        self.sources.listen(self.tail.wake)
        await self.tail.start()
        self._counting = asyncio.create_task(self.month.keep_up(self.tail.grown()), name="observer-figures")
        await self.month.upto(self.tail.newest, FIRST_COUNT_SECONDS)

    async def figures(self) -> Figures:
        """Return the month's figures; a count under way is waited for, but not longer than a page may take."""
        await self.month.upto(self.tail.newest, PATIENCE_SECONDS)
        return self.month.figures

    async def close(self) -> None:
        """End streams and readers."""
        await self.tail.stop()
        if self._counting is not None:
            self._counting.cancel()
            await asyncio.gather(self._counting, return_exceptions=True)
        for reader in (self.reader, self.counter, self.tail.reader):
            await reader.close()


def view_of(request: Request) -> View:
    """Return the View of the app that serves `request`."""
    return cast("View", request.app.state.view)
