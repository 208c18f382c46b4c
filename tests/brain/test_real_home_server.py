"""A mind on a real llama.cpp server at home, over TCP as its users run it; skipped where its weights are not here."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ai.clock import SystemClock
from ai.operations.doctor import examine
from ai.settings.sources import load_settings
from tests.brain.lived import environment, mind

ROOT = Path(__file__).resolve().parent.parent.parent
WEIGHTS = Path(os.environ.get("GENESIS_MODELS_DIR", ROOT / ".cache" / "models")) / "smollm2-135m-instruct-q4_1.gguf"
pytestmark = [pytest.mark.local_model, pytest.mark.skipif(not WEIGHTS.exists(), reason=f"{WEIGHTS} is not here")]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    child = [sys.executable, str(ROOT / "tests" / "world" / "llama_child.py"), str(WEIGHTS)]
    with subprocess.Popen(child, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield server.stdout.readline().split()[1] + "/v1"
        server.kill()


async def test_it_thinks_there_and_its_doctor_hears_one_word(tmp_path: Path, address: str) -> None:
    server = {"OPENAI_BASE_URL": address, "LLM_TIMEOUT_SECONDS": "120", "MAX_OUTPUT_TOKENS": "200"}
    async with mind(None, tmp_path, SystemClock(), **server) as app:
        await app.live_one()
        answers = [event.data for event in app.journal.after(0, 1000, {"call.completed"})]
        assert answers
        assert {answer["model"] for answer in answers} == {str(WEIGHTS)}
        assert all(answer["prompt_tokens"] > 0 for answer in answers)
        balance = await app.tracker.balance()
        assert (balance.spent, balance.held) == (0, 0)
    settings = load_settings(environment(None, tmp_path, **server), tmp_path)
    checks = [check async for check in examine(settings, SystemClock())]
    assert all(check.ok is not False for check in checks), checks
