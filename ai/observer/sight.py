"""The app's documents as a visitor may see them: without secrets, and without money where that is private."""

import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar, cast

from ai.clock import Clock
from ai.ledger.errors import LedgerError
from ai.model_config.row import ModelRow
from ai.observer.reader import Reader
from ai.observer.recent import Recent
from ai.observer.sources import LifeRow, ObserverSources, State, Tweet
from ai.observer.veil import veiled

T = TypeVar("T")


class Documents(Protocol):
    """The same documents as the app gives them."""

    sources: ObserverSources
    state: Recent[State]
    models: Recent[Sequence[ModelRow]]
    tweets: Recent[Sequence[Tweet]]


class Sight:
    """What visitors see who may (`money`) or may not see amounts; each document is prepared once for all of them."""

    def __init__(  # noqa: PLR0913 - what it looks through
        self,
        documents: Documents,
        reader: Reader,
        clock: Clock,
        newest: Callable[[], int],
        redact: Callable[[Any], Any],
        *,
        money: bool,
    ) -> None:
        self.money = money
        self._sources = documents.sources
        self._reader = reader
        self._redact = redact

        def recent(whole: Recent[T]) -> Recent[T]:
            return Recent(lambda: self._seen(whole.get()), clock, newest)

        self.state = recent(documents.state)
        self.models = recent(documents.models)
        self.tweets = recent(documents.tweets)
        self.newest_life: Recent[Sequence[LifeRow]] = Recent(lambda: self.lives(1), clock, newest)

    async def lives(self, limit: int, before: int | None = None) -> Sequence[LifeRow]:
        """Return up to `limit` lives below number `before`, newest first; what they cost is None while nobody knows."""
        rows = await self._reader.read(lambda mind: self._sources.lives(mind, limit, before))
        costs: Mapping[int, str] = {}
        with contextlib.suppress(LedgerError):
            costs = await self._sources.costs_of_lives([row["number"] for row in rows])
        known: Sequence[LifeRow] = [{**row, "cost": costs.get(row["number"])} for row in rows]
        return await self._reader.work(lambda: self.filtered(known))

    def filtered(self, whole: T) -> T:
        """Return a document as these visitors may see it."""
        return cast("T", self._redact(whole if self.money else veiled(whole)))

    async def _seen(self, asked: Awaitable[T]) -> T:
        whole = await asked
        return await self._reader.work(lambda: self.filtered(whole))
