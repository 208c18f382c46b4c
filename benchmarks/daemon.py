"""What the daemon costs beside thinking: a beat's own time, start to healthy, idle CPU, memory while it remembers.

python -m benchmarks.daemon [--beats 200] [--idle-seconds 20] [--json]

Memory is that of the real daemon, as RSS and PSS (its share of pages that others map as well): without embeddings;
with MiniLM loaded, after its first beat and after `--beats` more; and of the embedded model's process apart.
"""

import argparse
import asyncio
import http.client
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from ai.clock import VirtualClock
from benchmarks.month import Scripted
from tests.brain.lived import environment, mind, thinker
from tests.world.openrouter import FakeOpenRouter
from tests.world.openrouter_faults import status

ROOT = Path(__file__).resolve().parent.parent
HEALTHY_SECONDS_AT_MOST = 60.0
Types = Callable[..., None]  # runs one command beside the daemon to its end


class TimedModel:
    """A client's door that notes how long the models took, so that a beat's own time is what is left."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def around(self, complete: Any) -> Any:
        """Return `complete` with its time added up here."""

        async def timed(*args: Any, **kwargs: Any) -> Any:
            begun = time.perf_counter()
            try:
                return await complete(*args, **kwargs)
            finally:
                self.seconds += time.perf_counter() - begun

        return timed


async def beats(count: int, advance: Any) -> list[float]:
    """Return seconds that each of `count` beats took besides waiting for the provider's answers."""
    clock, own = VirtualClock(datetime(2026, 11, 22, tzinfo=UTC)), []
    with tempfile.TemporaryDirectory() as folder, FakeOpenRouter(reply=thinker(3), date=clock.now) as provider:
        async with mind(provider, Path(folder), clock) as app:
            model = TimedModel()
            assert app.provider is not None
            app.provider.complete = model.around(app.provider.complete)  # type: ignore[method-assign]
            await app.live_one()
            for _ in range(count):
                model.seconds, begun = 0.0, time.perf_counter()
                await app.live_one()
                own.append(time.perf_counter() - begun - model.seconds)
                clock.advance(600)
                advance()
    return own


@contextmanager
def awake(folder: Path, provider: FakeOpenRouter, **settings: str) -> Iterator[tuple[psutil.Process, float, Types]]:
    """Start the daemon in `folder`; yield its process, the seconds until it was healthy, and who types commands."""
    port = _free_port()
    told = environment(provider, folder, OBSERVER_PORT=str(port), LLM_TIMEOUT_SECONDS="60", **settings)
    models = {"GENESIS_MODELS_DIR": str(ROOT / ".cache" / "models")}  # where `make models` puts them
    variables = {**models, **os.environ, **told, "PYTHONPATH": str(ROOT)}

    def types(*words: str) -> None:
        command = [sys.executable, "-m", "ai", *words]
        subprocess.run(command, env=variables, cwd=folder, stdout=subprocess.DEVNULL, check=True)

    begun = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-m", "ai", "up"], env=variables, cwd=folder, stdout=subprocess.DEVNULL
    ) as process:
        try:
            while not _ready(port):
                if process.poll() is not None or time.perf_counter() - begun > HEALTHY_SECONDS_AT_MOST:
                    raise SystemExit("the daemon did not become healthy; run `genesis up` and read its log")
                time.sleep(0.02)
            yield psutil.Process(process.pid), time.perf_counter() - begun, types
        finally:
            process.kill()


def daemon(idle_seconds: float) -> dict[str, float]:
    """Return what a daemon without embedded models takes: seconds to healthy and to stop, idle memory and CPU."""
    with (
        tempfile.TemporaryDirectory() as folder,
        FakeOpenRouter(reply=thinker(4)) as provider,
        awake(Path(folder), provider) as (process, healthy, _),
    ):
        time.sleep(5)  # the first beat is lived
        before, since = sum(process.cpu_times()[:2]), time.perf_counter()
        time.sleep(idle_seconds)
        cpu = (sum(process.cpu_times()[:2]) - before) / (time.perf_counter() - since)
        memory = _memory("idle", process)
        stopping = time.perf_counter()
        process.send_signal(signal.SIGTERM)
        process.wait(30)
        return {
            "start_to_healthy_seconds": round(healthy, 2),
            **memory,
            "idle_cpu_percent": round(100 * cpu, 2),
            "stop_seconds": round(time.perf_counter() - stopping, 2),
        }


def remembering(count: int) -> dict[str, float]:
    """Return MB of a daemon that embeds and retrieves: after a beat, after `count` more; and of its model's child."""
    with (
        tempfile.TemporaryDirectory() as folder,
        FakeOpenRouter(reply=Scripted(5)) as provider,
        awake(Path(folder), provider, EMBEDDINGS="local", LOCAL_MODEL="135m") as (process, _, types),
    ):
        types("run", "2")  # the second has something to retrieve
        if not any("minilm" in mapped.path for mapped in process.memory_maps()):
            raise SystemExit("MiniLM is not loaded: are its weights there? `make models` fetches them")
        early = _memory("embeddings", process)
        types("run", str(count))
        late = _memory(f"embeddings_after_{count}_beats", process)
        provider.fault_for = lambda _: status(503)
        types("run", "1")  # the embedded model thinks
        return {**early, **late, **_memory("model_child", *process.children())}


def _memory(name: str, *processes: psutil.Process) -> dict[str, float]:
    seen = [process.memory_full_info() for process in processes]
    return {
        f"{name}_rss_mb": round(sum(one.rss for one in seen) / 1e6, 1),
        f"{name}_pss_mb": round(sum(one.pss for one in seen) / 1e6, 1),
    }


def _ready(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == http.client.OK
    except OSError:
        return False
    finally:
        connection.close()


def _free_port() -> int:
    import socket  # noqa: PLC0415 - for this alone

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--beats", type=int, default=200)
    parser.add_argument("--idle-seconds", type=float, default=20.0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("beats", total=options.beats)
        own = asyncio.run(beats(options.beats, lambda: progress.advance(task)))
    figures: dict[str, Any] = {
        "beats": len(own),
        "own_milliseconds_median": round(1000 * statistics.median(own), 2),
        "own_milliseconds_p95": round(1000 * sorted(own)[int(len(own) * 0.95)], 2),
        **daemon(options.idle_seconds),
        **remembering(options.beats),
    }
    if options.json:
        print(json.dumps(figures))
        return
    table = Table(title="the daemon beside thinking", title_justify="left")
    table.add_column("what")
    table.add_column("figure", justify="right")
    for name, value in figures.items():
        table.add_row(name.replace("_", " "), str(value))
    Console().print(table)


if __name__ == "__main__":
    main()
