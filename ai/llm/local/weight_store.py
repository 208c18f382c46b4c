"""Weights for the rooms that need them: found on disk or fetched, with every step in the journal."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ai.clock import Clock
from ai.llm.local.sources import Source
from ai.llm.local.table import Weight
from ai.llm.local.weights import Fetcher, FetchEvent, FetchFailed, Fetching, SourceTrouble, find

RETRY_SECONDS = (60.0, 600.0, 3_600.0, 21_600.0, 86_400.0)  # after all sources failed; then not before a restart
PROGRESS_STEPS = 10  # journal lines a download: a first life may wait for it


class Recorder(Protocol):
    """Where events go; `ai.mind.journal.Journal` is one."""

    def append(self, kind: str, /, **data: object) -> object:
        """Keep one event."""
        ...


@dataclass(frozen=True, slots=True)
class Download:
    """How far a fetch has come, in bytes."""

    name: str
    source: str
    done: int
    total: int


class WeightStore:
    """Finds and fetches weights for one room; `download` is what is being fetched now."""

    def __init__(
        self, folder: Path, shelves: Sequence[Path], sources: Sequence[Source], recorder: Recorder, clock: Clock
    ) -> None:
        self._folders = (folder, *shelves)
        self._fetcher = Fetcher(folder, sources, self._tell)
        self._recorder = recorder
        self._clock = clock
        self.download: Download | None = None

    async def find(self, weight: Weight) -> tuple[Path, ...] | None:
        """Return the whole files of `weight` that are on disk already, None where one lacks."""
        return await asyncio.to_thread(find, weight, self._folders)

    def offers(self, weight: Weight) -> bool:
        """Say whether any source is worth asking for `weight`."""
        return self._fetcher.offers(weight)

    async def fetch(self, weight: Weight) -> tuple[Path, ...] | None:
        """Return the files of `weight`, fetched now; None where no source gives it, which the journal then says."""
        begun = self._clock.monotonic()
        try:
            paths = await self._fetcher.fetch(weight)
        except FetchFailed as error:
            self._recorder.append("local.fetch_failed", weight=weight.name, source="every source", problem=str(error))
            return None
        finally:
            source, self.download = self.download.source if self.download else "disk", None
        seconds = round(self._clock.monotonic() - begun, 1)
        self._recorder.append("local.fetched", weight=weight.name, source=source, bytes=weight.bytes, seconds=seconds)
        return paths

    def _tell(self, event: FetchEvent) -> None:
        """Keep how far a fetch has come, and journal its beginning, its tenths and its troubles."""
        if isinstance(event, SourceTrouble):
            name, source = event.weight.name, event.source
            self._recorder.append("local.fetch_failed", weight=name, source=source, problem=event.problem)
        elif isinstance(event, Fetching):
            before, now = self.download, Download(event.weight.name, event.source, event.done, event.total)
            self.download = now
            begins = before is None or (before.name, before.source) != (now.name, now.source)
            if begins or _step(now) > _step(before):
                self._recorder.append(
                    "local.fetching", weight=now.name, source=now.source, done=now.done, total=now.total
                )


def _step(download: Download | None) -> int:
    return 0 if download is None else download.done * PROGRESS_STEPS // download.total
