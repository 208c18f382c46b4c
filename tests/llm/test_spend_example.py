"""The purse for one's own program: the example of the docs, run as a process against a real provider."""

import os
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from ai.clock import SystemClock
from ai.ledger.errors import LedgerError
from ai.llm import NoAnswer, open_purse
from ai.settings import Cap, Settings
from ai.settings.sources import SettingsError
from tests.world.openrouter import FakeOpenRouter

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "docs" / "examples" / "spend.py"


@pytest.fixture
def today():
    with FakeOpenRouter(date=lambda: datetime.now(UTC), reply="Hello to you, dear reader.") as server:
        yield server


def _run(folder, provider, **more):
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "DATA_DIR": str(folder / "data"),
        "OPENROUTER_API_KEY": provider.key,
        "OPENROUTER_BASE_URL": provider.base_url,
        **more,
    }
    return subprocess.run(
        [sys.executable, str(EXAMPLE)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_example_prints_the_answer_and_what_it_cost(tmp_path, today):
    done = _run(tmp_path, today)
    assert done.returncode == 0, done.stderr
    cost = today.billed_nanos
    assert done.stdout.splitlines() == [
        "Hello to you, dear reader.",
        f"It cost $0.{cost:09d}; $4.{10**9 - cost:09d} are left this month.",
    ]
    again = _run(tmp_path, today)
    assert f"$4.{10**9 - today.billed_nanos:09d} are left" in again.stdout


def test_the_example_says_in_one_line_why_nothing_was_bought(tmp_path, today):
    done = _run(tmp_path, today, MONTHLY_BUDGET_USD="0.0000001")
    assert done.returncode == 1
    assert "month: $" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert today.calls == []


def test_the_page_shows_the_example_word_for_word():
    assert EXAMPLE.read_text().strip() in (ROOT / "docs" / "purse.md").read_text()


@pytest.fixture
def settings(tmp_path, today):
    return Settings(data_dir=tmp_path / "data", openrouter_api_key=today.key, openrouter_base_url=today.base_url)


async def test_an_unknown_model_is_named(settings):
    async with open_purse(settings) as purse:
        with pytest.raises(NoAnswer, match="acme/nobody: no such model"):
            await purse.ask("Hello?", model="acme/nobody")


async def test_the_books_name_the_program(settings, today):
    async with open_purse(settings, client="mine") as purse:
        answer = await purse.ask([{"role": "user", "content": "Hello?"}], model="acme/tiny-1", max_tokens=20)
        calls = await purse.tracker.calls(10)
        assert (await purse.balance()).spent == answer.cost_nanos == today.billed_nanos
    assert calls[0]["client"] == "mine"


async def test_a_program_can_have_a_cap_of_its_own(settings, today):
    cap = Cap(name="toys", amount=Decimal("0.000001"), period="day", covers=["mine"])
    capped = settings.model_copy(update={"budgets": [cap]})
    async with open_purse(capped, client="mine") as purse:
        with pytest.raises(NoAnswer, match=r"toys: \$0\.0\d+ needed, \$0\.000001000 left; resets"):
            await purse.ask("Hello?", model="acme/tiny-1")
    async with open_purse(capped, client="another") as purse:
        await purse.ask("Hello?", model="acme/tiny-1")
    assert len(today.calls) == 1


async def test_without_a_key_there_is_nobody_to_pay(tmp_path):
    with pytest.raises(SettingsError, match="OPENROUTER_API_KEY"):
        async with open_purse(Settings(data_dir=tmp_path, openrouter_api_key=None, openai_api_key=None)):
            pass


async def test_it_closes_what_it_opened(settings):
    async with open_purse(settings, clock=SystemClock()) as purse:
        tracker = purse.tracker
    with pytest.raises(LedgerError):
        await tracker.topup(1, "nobody", "late")
