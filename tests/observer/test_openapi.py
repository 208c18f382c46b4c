"""The API as its document says: a client made from `/openapi.json` meets no answer that is not in it."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import CHECKS

from ai.observer.app import routes
from ai.observer.openapi import OPERATIONS, document, operations
from tests.cli.commands import read_until
from tests.observer.conftest import TOKEN, Serve

ROOT = Path(__file__).parents[2]
EXAMPLES = 12  # requests an operation; admin ones are limited to 60 a minute, and a 429 is in the document as well
PATIENCE_SECONDS = 60
HELD = ("status_code_conformance", "content_type_conformance", "response_schema_conformance", "negative_data_rejection")
WITHOUT_END = {"/api/stream"}
NOT_FOR_PROGRAMS = {"/now", "/live", "/webhooks/kofi", "/openapi.json", "/api/admin/{kind}"}  # the last: a line a kind


@dataclass
class Daemon:
    """A daemon of its own that lives without a model, and where it answers."""

    process: subprocess.Popen[str]
    url: str


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    folder = tmp_path_factory.mktemp("daemon")
    environ = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ} | {
        "DATA_DIR": str(folder / "data"),
        "LOCAL_MODEL": "off",
        "EMBEDDINGS": "off",
        "OBSERVER_PORT": "0",
        "ADMIN_TOKEN": TOKEN,
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-m", "ai", "up"]
    with subprocess.Popen(command, cwd=folder, env=environ, stdout=subprocess.PIPE, text=True) as process:
        try:
            *_, served = read_until(process, "http://127.0.0.1:")
            log: list[str] = []
            reading = threading.Thread(target=lambda: log.extend(process.stdout or ()))  # so that it can go on writing
            reading.start()
            yield Daemon(process, next(word for word in served.split() if word.startswith("http://")).rstrip(".,)"))
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=PATIENCE_SECONDS) == 0
            reading.join(PATIENCE_SECONDS)
            assert "Traceback" not in "".join(log)
        finally:
            process.kill()


def test_every_address_for_programs_is_in_the_document() -> None:
    """Whoever adds a route adds its line in ai/observer/openapi.py."""
    paths = {route.path.replace(":number}", "}") for route in routes()}
    machine = {path for path in paths if path.startswith("/api/")} | {"/healthz", "/readyz", "/metrics"}
    described = {"/api/admin/{kind}" if path.count("/") == 3 and "/admin/" in path else path for path in OPERATIONS}
    assert machine - NOT_FOR_PROGRAMS - described == set()
    assert described - paths == set()


def test_the_document_is_served_as_it_is(daemon: Daemon) -> None:
    with urllib.request.urlopen(f"{daemon.url}/openapi.json", timeout=10) as answer:  # noqa: S310 - loopback
        assert json.load(answer) == json.loads(json.dumps(document()))
        assert answer.headers["Content-Type"] == "application/json"


def holds(path: str, method: str, url: str) -> None:
    """Ask one address in many ways, wrong ones too, and compare each answer with the document."""
    operation = schemathesis.openapi.from_dict(document())[path][method.upper()]
    checks = [CHECKS.get_one(name) for name in HELD]

    @settings(max_examples=EXAMPLES, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy())
    def hold(case: schemathesis.Case) -> None:
        caretaker = {"Authorization": f"Bearer {TOKEN}"}
        case.call_and_validate(base_url=url, headers=caretaker, checks=checks, timeout=30)

    hold()


EVERY = sorted((path, one.method) for path, one in operations() if path not in WITHOUT_END)


@pytest.mark.parametrize(("path", "method"), EVERY)
def test_the_daemon_answers_as_the_document_says(path: str, method: str, daemon: Daemon) -> None:
    """A generated client would break on a field, a status or a type that the document does not have."""
    holds(path, method, daemon.url)


@pytest.mark.parametrize(("path", "method"), [one for one in EVERY if "/admin/" not in one[0]])
@pytest.mark.asyncio(loop_scope="module")
async def test_an_app_with_lives_posts_and_money_does_too(path: str, method: str, serve: Serve) -> None:
    """The daemon above has lived nothing: each list there is empty, and most fields are null."""
    served = await serve(days=2, VISITORS="on", VOTES="on")
    served.app.letters.receive("visitor", "Ines", "What do you see?")
    await asyncio.to_thread(holds, path, method, served.url)
