"""The doors that are measured side by side: straight to the provider, ours, LiteLLM's proxy, Portkey's gateway.

The two others are installed at their first use, each into an environment of its own under `.cache/rivals`.
"""

import asyncio
import json
import os
import shutil
import subprocess
import sys
import time
import venv
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
from benchmarks.gateway_provider import FAST, PRICES

RIVALS = Path(__file__).resolve().parents[1] / ".cache" / "rivals"
LITELLM = "litellm[proxy]==1.108.7"
PORTKEY = "@portkey-ai/gateway@1.15.2"
START_SECONDS = 180.0
CAP = "0.10"  # dollars, of the race
PROVIDER_KEY = "sk-or-benchmark"


@dataclass(slots=True)
class Door:
    """Where calls go, with which headers and model; `process` is None for the provider itself."""

    name: str
    url: str
    headers: Mapping[str, str]
    process: asyncio.subprocess.Process | None
    start_seconds: float = 0.0

    def asks(self, model: str = FAST, *, stream: bool = False, key: str | None = None) -> bytes:
        """Return one request as bytes; `key` instead of the usual one."""
        headers = {**self.headers, **({} if key is None else {"authorization": f"Bearer {key}"})}
        return request(self.url, headers, call_body(model, stream=stream))

    @property
    def memory_mb(self) -> float:
        """What its processes have in memory together."""
        return 0.0 if self.process is None else sum(map(_resident, _family(self.process.pid)))


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
    return {
        **os.environ, "DATA_DIR": str(settings.data_dir), "OPENROUTER_API_KEY": PROVIDER_KEY, "LOCAL_MODEL": "off",
        "OPENROUTER_BASE_URL": settings.openrouter_base_url, "OBSERVER_PORT": "0", "MONTHLY_BUDGET_USD": "1000",
        "DATABASE_URL": settings.database_url or "",
    }  # fmt: skip


@asynccontextmanager
async def ours(name: str, settings: Settings, secret: str, workers: int = 1) -> AsyncIterator[Door]:
    """Run our gateway as a person does."""
    more = () if workers == 1 else ("--workers", str(workers))
    began = time.perf_counter()
    command = (sys.executable, "-m", "ai", "gateway", *more)
    async with _process(command, our_environment(settings)) as process:
        until = time.monotonic() + START_SECONDS
        while len(urls := list(running(settings.data_dir))) < workers:
            if process.returncode is not None or time.monotonic() > until:
                raise SystemExit(f"{name} did not start")
            await asyncio.sleep(0.01)
        door = Door(name, f"{urls[0]}/v1/chat/completions", {"authorization": f"Bearer {secret}"}, process)
        await _answers(door, began)
        yield door


@asynccontextmanager
async def litellm(given: Provider, folder: Path, port: int) -> AsyncIterator[Door]:
    """Run LiteLLM's proxy with a budget of CAP for its provider: its keys have budgets only with a database client."""
    program = RIVALS / "litellm" / "bin" / "litellm"
    if not program.exists():
        venv.create(RIVALS / "litellm", with_pip=True, clear=True)
        pip = (str(RIVALS / "litellm" / "bin" / "python"), "-m", "pip", "install", "--quiet", LITELLM)
        await asyncio.to_thread(subprocess.run, pip, check=True)
    models = [
        {
            "model_name": name,
            "litellm_params": {
                "model": f"openai/{name}", "api_base": given.base, "api_key": PROVIDER_KEY,
                "input_cost_per_token": float(prices[0]), "output_cost_per_token": float(prices[1]),
            },
        }
        for name, prices in PRICES.items()
    ]  # fmt: skip
    config = {
        "model_list": models,
        "general_settings": {"master_key": "sk-benchmark"},
        "litellm_settings": {"telemetry": False, "num_retries": 0},
        "router_settings": {
            "num_retries": 0,
            "provider_budget_config": {"openai": {"budget_limit": float(CAP), "time_period": "1d"}},
        },
    }
    _write(folder / "config.yaml", json.dumps(config))
    command = (str(program), "--config", str(folder / "config.yaml"), "--port", str(port), "--host", "127.0.0.1")
    env = {**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR", "PYTHONPATH": ""}
    began = time.perf_counter()
    async with _process(command, env) as process:
        url = f"http://127.0.0.1:{port}/v1/chat/completions"
        door = Door("LiteLLM", url, {"authorization": "Bearer sk-benchmark"}, process)
        await _answers(door, began)
        yield door


@asynccontextmanager
async def portkey(given: Provider, port: int) -> AsyncIterator[Door]:
    """Run Portkey's gateway; it has no books."""
    script = RIVALS / "portkey" / "node_modules" / "@portkey-ai" / "gateway" / "build" / "start-server.js"
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        raise SystemExit("Portkey's gateway needs node and npm on PATH")
    if not script.exists():
        (RIVALS / "portkey").mkdir(parents=True, exist_ok=True)
        command = (npm, "install", "--silent", "--prefix", str(RIVALS / "portkey"), PORTKEY)
        await asyncio.to_thread(subprocess.run, command, check=True)
    env = {**os.environ, "NODE_ENV": "production", "TRUSTED_CUSTOM_HOSTS": "127.0.0.1,localhost"}
    began = time.perf_counter()
    async with _process((node, str(script), f"--port={port}", "--headless"), env) as process:
        headers = {
            "authorization": f"Bearer {PROVIDER_KEY}",
            "x-portkey-provider": "openrouter",
            "x-portkey-custom-host": given.base,
        }
        door = Door("Portkey", f"http://127.0.0.1:{port}/v1/chat/completions", headers, process)
        await _answers(door, began)
        yield door


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


@asynccontextmanager
async def _process(command: tuple[str, ...], env: Mapping[str, str]) -> AsyncIterator[asyncio.subprocess.Process]:
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


async def _answers(door: Door, began: float) -> None:
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
    raise SystemExit(f"{door.name} did not answer a call; it said: {last[:300]!r}")


def _family(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children")
    below = [int(child) for child in children.read_text().split()] if children.exists() else []
    return [pid, *(one for child in below for one in _family(child))]


def _resident(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0
