"""The two others: LiteLLM's proxy and Portkey's gateway, installed at their first use under `.cache/rivals`."""

import asyncio
import json
import os
import shutil
import subprocess
import time
import venv
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from benchmarks.gateway_doors import CAP, PROVIDER_KEY, Door, NotOpened, Provider, answers, running_process
from benchmarks.gateway_provider import PRICES

RIVALS = Path(__file__).resolve().parents[1] / ".cache" / "rivals"
LITELLM = "litellm[proxy]==1.108.7"
# Portkey wants `@hono/node-server` ^1.3.3. From 1.4 to 1.19 that hands it headers which cannot be written to, and every
# stream is answered with 500; 2.1.9 does not.
PORTKEY = {
    "dependencies": {"@portkey-ai/gateway": "1.15.2"},
    "overrides": {"@hono/node-server": "2.1.9"},
}
INSTALL_SECONDS = 600.0


@asynccontextmanager
async def litellm(given: Provider, folder: Path, port: int) -> AsyncIterator[Door]:
    """Run LiteLLM's proxy with a budget of CAP for its provider: its keys have budgets only with a database client."""
    program = RIVALS / "litellm" / "bin" / "litellm"
    if not program.exists():
        venv.create(RIVALS / "litellm", with_pip=True, clear=True)
        pip = (str(RIVALS / "litellm" / "bin" / "python"), "-m", "pip", "install", "--quiet", LITELLM)
        await _install(pip)
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
    async with running_process(command, env) as process:
        url = f"http://127.0.0.1:{port}/v1/chat/completions"
        door = Door("LiteLLM", url, {"authorization": "Bearer sk-benchmark"}, process)
        await answers(door, began)
        yield door


@asynccontextmanager
async def portkey(given: Provider, port: int) -> AsyncIterator[Door]:
    """Run Portkey's gateway; it has no books."""
    script = RIVALS / "portkey" / "node_modules" / "@portkey-ai" / "gateway" / "build" / "start-server.js"
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        raise NotOpened("Portkey's gateway needs node and npm on PATH")
    wanted = json.dumps(PORTKEY)
    package = RIVALS / "portkey" / "package.json"
    if not package.exists() or package.read_text() != wanted or not script.exists():
        shutil.rmtree(package.parent, ignore_errors=True)
        _write(package, wanted)
        await _install((npm, "install", "--silent", "--no-save", "--prefix", str(package.parent)))
    env = {**os.environ, "NODE_ENV": "production", "TRUSTED_CUSTOM_HOSTS": "127.0.0.1,localhost"}
    began = time.perf_counter()
    async with running_process((node, str(script), f"--port={port}", "--headless"), env) as process:
        headers = {
            "authorization": f"Bearer {PROVIDER_KEY}",
            "x-portkey-provider": "openrouter",
            "x-portkey-custom-host": given.base,
        }
        door = Door("Portkey", f"http://127.0.0.1:{port}/v1/chat/completions", headers, process)
        await answers(door, began)
        yield door


async def _install(command: tuple[str, ...]) -> None:
    try:
        await asyncio.to_thread(subprocess.run, command, check=True, timeout=INSTALL_SECONDS, stdout=subprocess.DEVNULL)
    except (OSError, subprocess.SubprocessError) as error:
        raise NotOpened(f"{command[0]} could not install it: {error}") from error


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
