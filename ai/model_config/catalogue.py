"""Which models there are: the provider's live listing, else the last one kept, else what is shipped or built in."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, Protocol

import httpx2

from ai.clock import Clock, parse_rfc3339, rfc3339
from ai.durable import set_aside, write_whole
from ai.mind.journal import Journal
from ai.model_config.listing import FetchFailed, Listing, read_json, trimmed
from ai.model_config.model import Model, parse_openrouter
from ai.model_config.openai_models import Server, built_in, embedding_model, listed_models
from ai.settings import Settings
from ai.settings.addresses import is_openai

Source = Literal["live", "kept", "shipped", "built-in"]
REFRESH_EVERY = timedelta(hours=6)  # prices change by the day, free models come and go by the week
RETRY_AFTER = timedelta(minutes=10)  # a beat: an outage is noticed by its calls anyway
FETCH_SECONDS = 30.0
LOOKED_AT_EVERY = timedelta(seconds=1)  # for what has expired: every call of the gateway asks for all models
NO_KEY = "no key is set"
ABOUT_TO_GO = timedelta(days=7)  # of an announced shutdown: others are asked before it comes


class DateSeen(Protocol):
    """The provider's clock, as far as the catalogue knows it."""

    def observe(self, date_header: str | None) -> None:
        """Take in a `Date` header."""
        ...


@dataclass(frozen=True, slots=True)
class _Known:
    """The models that were there at a moment, and what they were made of."""

    of: list[Model]
    local: tuple[Model, ...]
    at: datetime
    models: dict[str, Model]

    def holds(self, remote: list[Model], local: tuple[Model, ...], now: datetime) -> bool:
        """Return whether they are still those that there are."""
        return self.of is remote and self.local == local and self.at <= now < self.at + LOOKED_AT_EVERY


class Catalogue:
    """The models of the configured provider, and the embedded one. `source` says where the remote ones are from.

    `local_models` are asked for anew each time, since a larger one may have been fetched meanwhile. Without a
    `journal` nothing is written and nothing is told: for those who only look.
    """

    def __init__(  # noqa: PLR0913 - settings, clocks and transport are handed in
        self,
        settings: Settings,
        clock: Clock,
        provider_clock: DateSeen,
        journal: Journal | None = None,
        *,
        local_models: Callable[[], Sequence[Model]] = tuple,
        http_client: httpx2.AsyncClient | None = None,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._provider_clock = provider_clock
        self._journal = journal
        self._local_models = local_models
        self._http = http_client
        self._tried_at: datetime | None = None
        self.fetched_at: datetime | None = None  # when the listing at hand was live
        self._failing = False
        self.source: Source = "built-in"
        self.problem: str | None = None  # why the last listing could not be had, in one line
        self._remote: list[Model] = []
        self._known: _Known | None = None
        if settings.provider != "local":
            self._remote = self._kept() or self._without_listing()

    def models(self) -> Mapping[str, Model]:
        """Return every model by id, the embedded one last; what has expired is left out."""
        now, local = self._clock.now(), tuple(self._local_models())
        known = self._known
        if known is None or not known.holds(self._remote, local, now):
            self._known = known = _Known(self._remote, local, now, self._models_at(now, local))
        return known.models

    def _models_at(self, now: datetime, local: Sequence[Model]) -> dict[str, Model]:
        known = [model for model in self._remote if not model.expired(now)]
        if self._settings.provider == "openai":
            known = _those_that_stay(known, now)
        return {model.id: model for model in (*known, *local)}

    def out_of_reach(self) -> list[Model]:
        """Return what a key would open, each barred with that reason; nothing where there is a provider."""
        if self._settings.provider != "local":
            return []
        return [replace(model, barred=model.barred or NO_KEY) for model in shipped_models()]

    def embedding_model(self) -> Model | None:
        """Return the model that makes embeddings at the configured provider; None where there is none."""
        provider = self._settings.provider
        return None if provider == "local" or self._settings.serves_at_home else embedding_model(provider)

    async def refresh_if_due(self) -> None:
        """Fetch the listing at a start, six hours after the last one, or ten minutes after a failure."""
        now = self._clock.now()
        every = RETRY_AFTER if self._failing or self._settings.serves_at_home else REFRESH_EVERY
        if self._tried_at is None or not timedelta(0) <= now - self._tried_at < every:
            await self.refresh()

    async def refresh(self) -> bool:
        """Fetch the live listing and keep it; False, and the one at hand stays, where it cannot be had.

        Tells the provider's clock the `Date` of every answer.
        """
        if self._settings.provider == "local":
            return False
        self._tried_at = self._clock.now()
        try:
            models, entries = await self._fetch()
        except FetchFailed as error:
            self._tell_failure(str(error))
            return False
        self._failing, self.problem, self.fetched_at = False, None, self._clock.now()
        self._take(models, entries)
        return True

    # --- the live listing ----------------------------------------------------------------------------------

    def _listing(self) -> Listing:
        settings = self._settings
        key = settings.openrouter_api_key if settings.provider == "openrouter" else settings.openai_api_key
        bearer = key.get_secret_value() if key else None
        return Listing(settings.provider_url, bearer, self._provider_clock.observe, self._http)

    async def _fetch(self) -> tuple[list[Model], list[Any]]:
        """Return the live models and their entries; raises FetchFailed, with the reason in one line."""
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                entries = [trimmed(entry) for entry in await self._listing().fetch()]
        except TimeoutError:
            raise FetchFailed(f"its listing did not come whole within {FETCH_SECONDS:.0f} s") from None
        models = self._parse(entries)
        if not any(model.barred is None for model in models):
            raise FetchFailed("its listing has no model that could be used")
        return models, entries

    def _parse(self, entries: list[Any]) -> list[Model]:
        if self._settings.provider == "openrouter":
            return parse_openrouter({"data": entries})
        return listed_models(entries, self._server())

    def _server(self) -> Server:
        settings = self._settings
        return Server(
            own=is_openai(settings.openai_base_url),
            home=settings.serves_at_home,
            keyed=settings.openai_api_key is not None,
            prices=settings.openai_prices,
            pinned=settings.openai_model,
        )

    def _take(self, models: list[Model], entries: list[Any]) -> None:
        before = {model.id for model in self._remote}
        after = {model.id for model in models}
        self._remote, first = models, self.source != "live"
        self.source = "live"
        self._keep(entries)
        if self._journal is not None and (first or before != after):
            usable = sum(model.barred is None for model in models)
            self._journal.append(
                "catalogue.refreshed",
                usable=usable,
                listed=len(models),
                added=len(after - before),
                gone=len(before - after),
            )

    def _tell_failure(self, problem: str) -> None:
        if not self._failing and self._journal is not None:
            self._journal.append("catalogue.failed", problem=problem, source=self.source, listed=len(self._remote))
        self._failing, self.problem = True, problem

    # --- the listing at hand -------------------------------------------------------------------------------

    @property
    def _path(self) -> Path:
        name = "catalogue.json" if self._settings.provider == "openrouter" else "catalogue-openai.json"
        return self._settings.data_dir / "models" / name

    def _kept(self) -> list[Model]:
        """Return the kept listing's models; a broken copy is set aside under another name."""
        try:
            document = read_json(self._path.read_bytes())
        except OSError:
            return []
        entries = document.get("data") if document else None
        models = self._parse(entries) if isinstance(entries, list) else []
        if document is None or not models:
            self._set_aside()
            return []
        if document.get("url", self._settings.provider_url) != self._settings.provider_url:
            return []  # another server's: its ids say nothing of this one's
        try:
            self.fetched_at = parse_rfc3339(str(document.get("fetched_at")))
        except ValueError:
            self.fetched_at = None
        self.source = "kept"
        return models

    def _without_listing(self) -> list[Model]:
        if self._settings.provider == "openai":
            return built_in(self._server())
        self.source = "shipped"
        return list(shipped_models())

    def _keep(self, entries: list[Any]) -> None:
        """Write the listing aside, sync and rename it: a crash leaves the old one or the new one whole."""
        if self._journal is None:
            return
        document = {
            "fetched_at": rfc3339(self._clock.now()),
            "url": self._settings.provider_url,
            "data": entries,
        }
        written = json.dumps(document, ensure_ascii=False, default=str).encode(errors="backslashreplace")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(self._path, written)
        except OSError as error:
            self._journal.append("catalogue.unkept", problem=error.strerror or str(error))

    def _set_aside(self) -> None:
        if self._journal is None:
            return
        aside = set_aside(self._path)
        if aside is not None:
            self._journal.append("catalogue.corrupt", name=aside.name)


def _those_that_stay(models: list[Model], now: datetime) -> list[Model]:
    """Leave out what is shut down within days, as long as something else that thinks for money or nothing stays."""
    stay = [model for model in models if model.expires is None or model.expires - now > ABOUT_TO_GO]
    return stay if any(model.barred is None for model in stay) else models


@cache
def shipped_models() -> tuple[Model, ...]:
    """Return the models of the shipped listing, read once: that takes 30 ms."""
    return tuple(parse_openrouter(shipped()))


def shipped() -> Any:
    """Return the shipped listing, a real one of May 2026, as OpenRouter's document."""
    return read_json((files("ai.model_config") / "models.json").read_bytes())
