"""Which local models there are to think with: the best one on disk at once, a better one fetched in the background."""

import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ai.clock import Clock
from ai.llm.local.child import SERVER, LocalModel, default_places
from ai.llm.local.machine import Machine, read_machine
from ai.llm.local.sources import Source
from ai.llm.local.table import LANGUAGE_MODELS, MEGABYTE, Weight
from ai.llm.local.weight_store import RETRY_SECONDS, Download, Recorder, WeightStore
from ai.llm.local.weights import default_sources

RESERVE_BYTES = 200 * MEGABYTE  # left for the daemon and the system beside a model
OWN_OVERHEAD_BYTES = 460 * MEGABYTE  # context, buffers and prompt cache of a file that the table does not know
OWN_PROMPT_CACHE_MIB = 112  # as of the largest in the table
OWN_QUALITY = 2.0  # a person's own file is taken for as good as the best of the table
GOOD_ENOUGH = 1.5  # quality: below it thoughts drift, and who is born on it drifts from the first word on
BIRTH_WAITS_SECONDS = 600.0  # for something larger; whoever started it does not look at an empty page for longer
GGUF = b"GGUF"  # how a file that the runtime reads begins


def default_shelves(environ: Mapping[str, str] = os.environ) -> tuple[Path, ...]:
    """Return folders that may hold weights already: GENESIS_MODELS_DIR, and the installation's own (the image's)."""
    named = environ.get("GENESIS_MODELS_DIR")
    return (*([Path(named)] if named else []), Path(sys.prefix) / "share/genesis/models")


@dataclass(frozen=True, slots=True)
class Environment:
    """What the embedded model reaches outside itself: journal, clock, machine, sources, folders; handed in by tests.

    `shelves` are folders that may hold weights already and are only read; `places` are where its socket may lie.
    """

    recorder: Recorder
    clock: Clock
    machine: Machine = field(default_factory=read_machine)
    sources: Sequence[Source] = field(default_factory=default_sources)
    shelves: Sequence[Path] = field(default_factory=default_shelves)
    places: Sequence[Path] = field(default_factory=default_places)
    table: Sequence[Weight] = LANGUAGE_MODELS  # the largest first
    program: Path = SERVER


class ModelStore:
    """Chooses, finds and fetches model files. `choice` is the setting LOCAL_MODEL.

    `current` is the best model that is whole, None before one is; `problem` says in one line why there is none.
    """

    def __init__(self, choice: str, folder: Path, around: Environment) -> None:
        self._supply = WeightStore(folder, around.shelves, around.sources, around.recorder, around.clock)
        self._machine = around.machine
        self._table = around.table
        self._recorder = around.recorder
        self._clock = around.clock
        self._models: dict[str, LocalModel] = {}
        self._settled = asyncio.Event()
        self._looked = asyncio.Event()  # the disk was looked at; a download may still take long
        self._task: asyncio.Task[None] | None = None
        self._begun = 0.0
        self._went_round = False
        self.current: LocalModel | None = None
        self.problem: str | None = self._machine.problem() if choice != "off" else "LOCAL_MODEL is off"
        self._wanted: Sequence[Weight] = ()
        if self.problem is None:
            self._choose(choice)
        if self.problem is not None or not self._wanted:
            self._looked.set()
        if self.problem is not None:
            self._settled.set()

    @property
    def download(self) -> Download | None:
        """What is being fetched now."""
        return self._supply.download

    def expected(self) -> Weight | None:
        """Return the weight that will think first where none is whole yet, None where there is one or never will."""
        return self._smallest()[0] if self._wanted and self.current is None and self.problem is None else None

    def awaited(self) -> Weight | None:
        """Return the weight that a birth should wait for, None where there is nothing to wait for (any more).

        That is one larger than what can think now, still being found or fetched for the first time, for
        BIRTH_WAITS_SECONDS at most, and only while nothing that is GOOD_ENOUGH can think.
        """
        if self._task is None or self._went_round or self.problem is not None:
            return None
        if self._clock.monotonic() - self._begun >= BIRTH_WAITS_SECONDS:
            return None
        if self.current is not None and self.current.quality >= GOOD_ENOUGH:
            return None
        coming = (w for w in self._wanted if self._improves(w))
        return next((w for w in coming if self._supply.offers(w) or not self._looked.is_set()), None)

    def get(self, model_id: str) -> LocalModel | None:
        """Return the whole model of that id, else the current one."""
        return self._models.get(model_id) or self.current

    def smaller_than(self, model: LocalModel) -> LocalModel | None:
        """Return the best whole model that takes less memory than `model`, None where there is none."""
        less = [other for other in self._models.values() if other.memory_bytes < model.memory_bytes]
        return max(less, key=lambda other: other.memory_bytes, default=None)

    def prepare(self) -> None:
        """Begin to find and fetch in the background, once."""
        if self._task is None and self.problem is None:
            self._begun = self._clock.monotonic()
            self._task = asyncio.create_task(self._provide(), name="local model's weights")

    async def looked(self) -> None:
        """Wait until it is known what is on disk already."""
        self.prepare()
        await self._looked.wait()

    async def settled(self) -> None:
        """Wait until there is a model, or until it is known that there is none."""
        self.prepare()
        await self._settled.wait()

    def give_up(self, problem: str) -> None:
        """Take it as final that no local model runs here."""
        self.problem, self.current = problem, None
        self._models.clear()
        self._recorder.append("local.unavailable", problem=problem)
        self._settled.set()

    async def close(self) -> None:
        """End the background work; a fetch that was cut is gone on with next time."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _choose(self, choice: str) -> None:
        room = self._machine.memory_bytes
        named = [weight for weight in self._table if choice == weight.name or (choice == "auto" and weight.auto)]
        if not named:
            self._own(Path(choice).expanduser())
            return
        self._wanted = [w for w in named if room is None or w.memory_bytes + RESERVE_BYTES <= room]
        if not self._wanted and room is not None:
            least = (named[-1].memory_bytes + RESERVE_BYTES) // MEGABYTE
            self.problem = f"LOCAL_MODEL {choice} needs {least:,} MB of memory, {room // MEGABYTE:,} MB are free"

    def _own(self, path: Path) -> None:
        """Take a person's own file, named by its path."""
        try:
            with path.open("rb") as file:
                known = file.read(len(GGUF)) == GGUF
            size = path.stat().st_size
        except OSError as error:
            self.problem = f"LOCAL_MODEL {path}: {error.strerror}; give {self._choices()}"
            return
        if not known:
            self.problem = f"LOCAL_MODEL {path} is not a GGUF file; give {self._choices()}"
            return
        need, room = size + OWN_OVERHEAD_BYTES, self._machine.memory_bytes
        if room is not None and need + RESERVE_BYTES > room:
            needed = (need + RESERVE_BYTES) // MEGABYTE
            self.problem = f"LOCAL_MODEL {path} needs {needed:,} MB of memory, {room // MEGABYTE:,} MB are free"
            return
        model_id, title = f"local/{path.stem.lower()}", f"{path.stem} (embedded)"
        self._have(LocalModel(model_id, title, path, need, OWN_QUALITY, OWN_PROMPT_CACHE_MIB))

    async def _provide(self) -> None:
        """Find what is on disk; then fetch what is better, and go on trying for a while where it cannot be had."""
        try:
            for weight in self._wanted:
                if paths := await self._supply.find(weight):
                    self._have(_model(weight, paths[0]))
        finally:
            self._looked.set()
        for delay in (0.0, *RETRY_SECONDS):
            if delay:
                await self._clock.sleep(delay)
            for weight in self._order():
                if self._improves(weight):
                    await self._fetch(weight)
            self._went_round = True
            if not self._improves(self._wanted[0]):
                return
            if self.current is None and self.problem is None:
                self.problem = f"no weights could be had of {_names(self._wanted)}"
                self._recorder.append("local.unavailable", problem=self.problem)
                self._settled.set()

    def _order(self) -> Sequence[Weight]:
        """Return what sources offer of the wanted weights, the smallest first where nobody thinks yet."""
        offered = [weight for weight in self._wanted if self._supply.offers(weight)]
        smallest = self._smallest() if self.current is None else []
        return [*(w for w in offered if w in smallest), *(w for w in offered if w not in smallest)]

    def _smallest(self) -> Sequence[Weight]:
        """Return the wanted weights that take the least memory, the first to be tried first."""
        return [weight for weight in self._wanted if weight.memory_bytes == self._wanted[-1].memory_bytes]

    def _choices(self) -> str:
        return f"{_names(self._table)}, auto, off or a GGUF file"

    def _improves(self, weight: Weight) -> bool:
        return self.current is None or weight.memory_bytes > self.current.memory_bytes

    async def _fetch(self, weight: Weight) -> None:
        paths = await self._supply.fetch(weight)
        if paths is not None:
            self._have(_model(weight, paths[0]))

    def _have(self, model: LocalModel) -> None:
        before = self.current
        self._models[model.id] = model
        if before is None or model.memory_bytes > before.memory_bytes:
            self.current, self.problem = model, None
            if before is not None:
                self._recorder.append("local.takes_over", model=model.id, before=before.id)
        self._settled.set()


def _names(weights: Sequence[Weight]) -> str:
    return ", ".join(dict.fromkeys(weight.name for weight in weights))


def _model(weight: Weight, path: Path) -> LocalModel:
    return LocalModel(weight.model_id, weight.title, path, weight.memory_bytes, weight.quality, weight.prompt_cache_mib)
