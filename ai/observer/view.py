"""What every route of the Observer works with: the house, readers of the journal, the gate and shared recent reads."""

import asyncio
from typing import TYPE_CHECKING, Any, cast

from starlette.requests import Request

from ai.observer.assets import Assets
from ai.observer.frames import Frames
from ai.observer.gate import Gate
from ai.observer.hosts import Hosts
from ai.observer.money import MonthFigures
from ai.observer.month import FIRST_COUNT_SECONDS, PATIENCE_SECONDS, Figures, Month
from ai.observer.reader import Reader
from ai.observer.recent import Recent
from ai.observer.sources import Budget, ByDay, LifeRow, ModelRow, ObserverSources, State, Tweet
from ai.observer.tail import Tail

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TWEETS = 100  # posts shown and served; older ones stand in the journal


class View:
    """One Observer: made once by `create_app`, found by each route with `view_of`."""

    def __init__(self, house: ObserverSources) -> None:
        clock = house.clock
        self.house = house
        self.gate = Gate(house.settings.admin_token, clock)
        self.hosts = Hosts(house.settings)
        self.assets = Assets()
        self.frames = Frames()
        self.reader = Reader(house.mind_path, "pages")
        self.counter = Reader(house.mind_path, "counter")
        self.tail = Tail(Reader(house.mind_path, "tail"))
        self.month = Month(self.counter, clock)
        self._counting: asyncio.Task[None] | None = None

        def newest() -> int:
            return self.tail.newest

        self.state: Recent[State] = Recent(house.state, clock, newest)
        self.budget: Recent[Budget] = Recent(house.budget, clock, newest)
        self.days: Recent[Sequence[ByDay]] = Recent(house.days, clock, newest)
        self.models: Recent[Sequence[ModelRow]] = Recent(house.models, clock, newest)
        self.tweets: Recent[Sequence[Tweet]] = Recent(lambda: house.tweets(TWEETS), clock, newest)
        self.heads: dict[bool, Recent[bytes]] = {}  # of `/now`, with and without money; filled by its route
        self.lives: Recent[Sequence[LifeRow]] = Recent(house.lives, clock, newest)

    def money(self, request: Request) -> bool:
        """Tell whether this visitor may see amounts: PUBLIC_BUDGET is on, or it is the caretaker."""
        return self.house.settings.public_budget or self.gate.is_caretaker(request)

    async def books(self) -> MonthFigures:
        """Return the month as the purse tells it; raises StoreUnavailable while the purse is away."""
        return MonthFigures(await self.budget.get(), await self.days.get(), await self.models.get())

    async def start(self) -> None:
        """Begin to follow the journal."""
        self.house.listen(self.tail.wake)
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


def veiled(state: State) -> dict[str, Any]:
    """Return `state` without amounts; the band stays, since it says nothing of the sum."""
    budget: Mapping[str, Any] = {**state["budget"], "available": None, "granted": None}
    return {**state, "budget": budget}
