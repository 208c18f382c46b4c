"""The doors that are measured side by side, as processes of their own: straight to the provider, and ours."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

from ai.clock import SystemClock
from ai.credit_tracker import open_credit_ledger
from ai.credit_tracker.caller_books import CallerBooks
from ai.credit_tracker.callers import KeyTerms
from ai.gateway.slot import running
from ai.settings import Settings
from benchmarks.gateway_load import OK, Line, call_body, request
from benchmarks.gateway_provider import FAST

START_SECONDS = 180.0
CAP = "0.10"  # dollars, of the race
PROVIDER_KEY = "sk-or-benchmark"
TICK_SECONDS = 1 / os.sysconf("SC_CLK_TCK")


class NotOpened(Exception):
    """A door that does not answer, or cannot be had here; the message says why."""


@dataclass(slots=True)
class Door:
    """Where calls go, with which headers; `process` is None for the provider itself, `database` the server's number."""

    name: str
    url: str
    headers: Mapping[str, str]
    process: asyncio.subprocess.Process | None
    start_seconds: float = 0.0
    database: int | None = None

    def asks(self, model: str = FAST, *, stream: bool = False, key: str | None = None) -> bytes:
        """Return one request as bytes; `key` instead of the usual one."""
        headers = {**self.headers, **({} if key is None else {"authorization": f"Bearer {key}"})}
        return request(self.url, headers, call_body(model, stream=stream))

    @property
    def memory_mb(self) -> float:
        """What its processes have in memory together; what several share counts once (PSS)."""
        return 0.0 if self.process is None else sum(map(_proportional, _family(self.process.pid)))

    def cpu_seconds(self) -> tuple[float, float]:
        """Return the processor time that its processes took so far, and that its database's did."""
        numbers = [None if self.process is None else self.process.pid, self.database]
        own, database = (0.0 if number is None else sum(map(_cpu, _family(number))) for number in numbers)
        return own, database


@dataclass(frozen=True, slots=True)
class Provider:
    """The fake provider's address."""

    port: int

    @property
    def base(self) -> str:
        """Return its address with `/v1`."""
        return f"http://127.0.0.1:{self.port}/v1"

    def billed(self) -> int:
        """Return what it billed so far, in nano-dollars."""
        with urlopen(f"{self.base}/bills") as answer:  # noqa: S310 - loopback
            return int(json.load(answer)["nanos"])


@contextmanager
def provider() -> Iterator[Provider]:
    """Run the fast provider in a process of its own."""
    command = (sys.executable, "-m", "benchmarks.gateway_provider")
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        try:
            yield Provider(int(process.stdout.readline()))
        finally:
            process.stdin.close()
            process.wait(10)


def straight(given: Provider) -> Door:
    """Return the provider itself."""
    return Door("straight", f"{given.base}/chat/completions", {"authorization": f"Bearer {PROVIDER_KEY}"}, None)


def our_settings(given: Provider, folder: Path, database_url: str = "") -> Settings:
    """Return the settings of a gateway before the fast provider."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "credits").mkdir(exist_ok=True)
    more = {"database_url": database_url} if database_url else {}
    return Settings(
        openrouter_api_key=PROVIDER_KEY, openrouter_base_url=given.base, data_dir=folder, local_model="off",
        monthly_budget_usd="1000", observer_port=0, **more,
    )  # fmt: skip


async def make_key(settings: Settings, name: str, terms: KeyTerms) -> str:
    """Make a key on the purse of these settings; return its secret."""
    ledger = open_credit_ledger(settings.purse_url, SystemClock())
    try:
        return (await CallerBooks(ledger, settings, SystemClock()).create_key(name, terms))[1]
    finally:
        ledger.close()


def our_environment(settings: Settings) -> dict[str, str]:
    """Return these settings as the environment of a process."""
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {
        **inherited, "DATA_DIR": str(settings.data_dir), "OPENROUTER_API_KEY": PROVIDER_KEY, "LOCAL_MODEL": "off",
        "OPENROUTER_BASE_URL": settings.openrouter_base_url, "OBSERVER_PORT": "0", "MONTHLY_BUDGET_USD": "1000",
        "DATABASE_URL": settings.database_url or "",
    }  # fmt: skip


@asynccontextmanager
async def ours(
    name: str, settings: Settings, secret: str, workers: int = 1, database: int | None = None
) -> AsyncIterator[Door]:
    """Run our gateway as a person does."""
    more = () if workers == 1 else ("--workers", str(workers))
    began = time.perf_counter()
    command = (sys.executable, "-m", "ai", "gateway", *more)
    async with running_process(command, our_environment(settings)) as process:
        until = time.monotonic() + START_SECONDS
        while len(urls := list(running(settings.data_dir))) < workers:
            if process.returncode is not None or time.monotonic() > until:
                raise NotOpened(f"{name} did not start")
            await asyncio.sleep(0.01)
        door = Door(name, f"{urls[0]}/v1/chat/completions", {"authorization": f"Bearer {secret}"}, process)
        door.database = database
        await answers(door, began)
        yield door


@asynccontextmanager
async def running_process(
    command: tuple[str, ...], env: Mapping[str, str]
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a program, and end it."""
    quiet = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(*command, env=dict(env), stdout=quiet, stderr=quiet)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), 15)
            except TimeoutError:
                process.kill()
                await process.wait()


async def answers(door: Door, began: float) -> None:
    """Wait until a call is answered, and note how long that took from `began` on."""
    line, last = Line(door.url), b""
    while time.perf_counter() - began < START_SECONDS:
        assert door.process is not None
        if door.process.returncode is not None:
            break
        try:
            answer = await line.ask(door.asks())
        except (OSError, EOFError, TimeoutError):
            line.close()
        else:
            last = answer.body
            if answer.status == OK:
                door.start_seconds = time.perf_counter() - began
                line.close()
                return
        await asyncio.sleep(0.02)
    raise NotOpened(f"{door.name} did not answer a call; it said: {last[:300]!r}")


def _family(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children")
    below = [int(child) for child in children.read_text().split()] if children.exists() else []
    return [pid, *(one for child in below for one in _family(child))]


def _proportional(pid: int) -> float:
    """Return a process's memory in megabytes, of what it shares with others its share."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    return 0.0


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * TICK_SECONDS
