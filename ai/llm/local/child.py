"""One child process that serves one model: started, waited for, watched, stopped."""

import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from ai.llm.local.bare import bare

SERVER = Path(__file__).with_name("server.py")  # run as a script: its memory holds the model and nothing of ours
CONTEXT_TOKENS = 4_096  # the memory figures of `table.py` are for this context
SOCKET_PATH_BYTES = 107  # sockaddr_un holds 108 with the closing zero; a longer path fails to bind
LOAD_SECONDS = 120.0  # 1.5b loads in 1.3 s from a warm disk; a cold, busy one may take a minute
STDERR_BYTES = 4_096  # kept of what it complained about
COMPLAINT_CHARS = 200


class ChildFailed(Exception):
    """The child did not start; the message is one line. `signal_number` is what killed it, if anything did."""

    def __init__(self, message: str, signal_number: int | None = None) -> None:
        super().__init__(message)
        self.signal_number = signal_number


def socket_folder(places: Iterable[Path]) -> Path:
    """Make and return a private (0700) folder in the first of `places` where a socket's path is short enough.

    Raises ChildFailed where there is none.
    """
    for place in places:
        try:
            folder = Path(tempfile.mkdtemp(prefix="genesis-", dir=place))
        except OSError:
            continue
        if len(os.fsencode(socket_path(folder))) <= SOCKET_PATH_BYTES:
            return folder
        folder.rmdir()
    raise ChildFailed(f"no writable folder with a path short enough for a socket ({SOCKET_PATH_BYTES} bytes)")


def default_places() -> tuple[Path, ...]:
    """Return where a socket may lie, best first: the session's own folder, the temporary one, /tmp, /dev/shm."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    named = [Path(runtime)] if runtime else []
    return (*named, Path(tempfile.gettempdir()), Path("/tmp"), Path("/dev/shm"))  # noqa: S108 - mkdtemp makes a private folder inside


def socket_path(folder: Path) -> Path:
    """Return the path of the socket inside `folder`."""
    return folder / "mind.sock"


@dataclass(frozen=True, slots=True)
class LocalModel:
    """A model file that is whole: its id among all models, its file, and what it takes and gives.

    What it read of prompts before the last one is kept in `prompt_cache_mib`.
    """

    id: str
    title: str
    path: Path
    memory_bytes: int
    quality: float
    prompt_cache_mib: int


class Child:
    """A running server process for one model file."""

    def __init__(self, process: asyncio.subprocess.Process, folder: Path, model_id: str) -> None:
        self._process = process
        self._folder = folder
        self._complaints = b""
        self._reader = asyncio.create_task(self._listen(), name="local model's stderr")
        self.model_id = model_id

    @classmethod
    async def start(cls, model: LocalModel, threads: int, places: Iterable[Path], program: Path = SERVER) -> Self:
        """Start a server for a model and return it when it is ready to answer; raises ChildFailed."""
        folder = socket_folder(places)
        options = ("--model", model.path, "--alias", model.id, "--socket", socket_path(folder))
        numbers = ("--threads", threads, "--context", CONTEXT_TOKENS, "--prompt-cache", model.prompt_cache_mib)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", program, *options),
            *map(str, numbers),
            env=bare(os.environ),  # llama.cpp reads a stranger's text: no key is there to be read
            stdin=asyncio.subprocess.PIPE,  # held open as long as we live: the child ends when it ends
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,  # Ctrl-C in a terminal is for us: the beat in hand still needs its thinker
        )
        child = cls(process, folder, model.id)
        try:
            await child._until_ready()
        except BaseException:
            await child.stop()
            raise
        return child

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    @property
    def socket(self) -> Path:
        """Where it answers."""
        return socket_path(self._folder)

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process.returncode is None

    async def died(self, within: float) -> str | None:
        """Return how the process died if it does within some seconds (a cut connection is seen before the death)."""
        try:
            async with asyncio.timeout(within):
                await self._process.wait()
        except TimeoutError:
            return None
        return self._end()[0]

    async def stop(self) -> None:
        """Kill the process, which has nothing to save and may compute for seconds yet, and remove its socket."""
        if self.alive:
            self._process.kill()
        await self._process.wait()
        self._reader.cancel()
        await asyncio.gather(self._reader, return_exceptions=True)
        self.socket.unlink(missing_ok=True)
        if self._folder.exists():
            self._folder.rmdir()

    async def _until_ready(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 - it was asked for as a pipe; for the type checker
        try:
            async with asyncio.timeout(LOAD_SECONDS):
                line = await self._process.stdout.readline()
                if line.startswith(b"ready"):
                    return
                await self._process.wait()
        except TimeoutError:
            raise ChildFailed(f"{self.model_id} was not loaded after {LOAD_SECONDS:.0f} s") from None
        await asyncio.gather(self._reader, return_exceptions=True)
        how, number = self._end()
        raise ChildFailed(f"{self.model_id} did not start: {how}", number)

    def _end(self) -> tuple[str, int | None]:
        code = self._process.returncode or 0
        if code < 0:
            return f"killed by {signal.Signals(-code).name}", -code
        said = self._complaints.decode(errors="replace").strip().splitlines()
        return f"ended with {code}{': ' + said[-1][:COMPLAINT_CHARS] if said else ''}", None

    async def _listen(self) -> None:
        """Keep the end of stderr, so that a full pipe never stops the child; ends with the process."""
        assert self._process.stderr is not None  # noqa: S101 - it was asked for as a pipe; for the type checker
        while said := await self._process.stderr.read(STDERR_BYTES):
            self._complaints = (self._complaints + said)[-STDERR_BYTES:]
