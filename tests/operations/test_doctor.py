"""The doctor says what a person can mend before a beat fails of it, and spends nothing."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ai.clock import VirtualClock
from ai.operations.doctor import examine
from ai.operations.provider_check import Check
from ai.settings.sources import load_settings
from tests.brain.lived import environment
from tests.world.openai_like import OpenAILike
from tests.world.openrouter import FakeOpenRouter
from tests.world.wire import Cut, Request, Wire, WireServer

NOW = datetime(2026, 11, 22, 5, tzinfo=UTC)


async def found(folder: Path, provider: FakeOpenRouter | None = None, **more: str) -> dict[str, Check]:
    settings = load_settings(environment(provider, folder, **more), folder)
    return {check.name: check async for check in examine(settings, VirtualClock(NOW), folder)}


class Dateless(FakeOpenRouter):
    """A provider behind a proxy that takes the Date away."""

    def _common(self) -> dict[str, str]:
        return {}


async def test_a_networks_sign_in_page_accepts_no_key(tmp_path: Path) -> None:
    """It said `key: accepted` of a page that answers everything with 200."""

    async def sign_in(_: Request, wire: Wire) -> None:
        page = b"<html>Welcome to the hotel: please sign in</html>"
        await wire.head(200, {"Content-Type": "text/html", "Content-Length": str(len(page))})
        await wire.write(page)

    portal = WireServer(sign_in).start()
    url = f"http://127.0.0.1:{portal.port}/api/v1"
    checks = await found(tmp_path, OPENROUTER_API_KEY="sk-or-v1-test", OPENROUTER_BASE_URL=url)
    portal.stop()
    assert (checks["provider"].ok, "key" in checks) == (False, False)
    assert "sign-in page" in checks["provider"].found


@pytest.mark.parametrize(("wait", "said"), [(0.0, "answers with more than 16,777,216 bytes"), (0.05, "in time")])
async def test_an_answer_without_end_ends_the_question(
    tmp_path: Path, wait: float, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was read into memory for as long as it came, fast or drop by drop."""
    monkeypatch.setattr("ai.operations.provider_check.ANSWER_SECONDS", 0.5 if wait else 60.0)
    sent = 0

    async def endless(_: Request, wire: Wire) -> None:
        nonlocal sent
        await wire.head(200, {"Content-Type": "application/json", "Content-Length": str(10**12)})
        while sent < 100_000_000:  # where nobody hangs up, the test is red and not endless
            await wire.raw(b" " * (1 if wait else 65_536))
            sent += 65_536
            await asyncio.sleep(wait)
        raise Cut

    server = WireServer(endless).start()
    url = f"http://127.0.0.1:{server.port}/api/v1"
    checks = await found(tmp_path, OPENROUTER_API_KEY="sk-or-v1-test", OPENROUTER_BASE_URL=url)
    server.stop()
    assert (checks["provider"].ok, "key" in checks) == (False, False)
    assert said in checks["provider"].found
    assert sent < 100_000_000


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"limit": 5, "limit_remaining": 0, "limit_reset": "monthly"}, "limit of $5 is used up"),
        ({"limit": 5, "limit_remaining": -0.01}, "limit of $5 is used up"),
        ({"expires_at": "2026-11-01T00:00:00Z"}, "last day was 2026-11-01"),
        ({"disabled": True}, "disabled"),
        ({"budgets": [{"name": "team", "remaining": 0}]}, "used up (team)"),
        ({"effective_budget": {"remaining": "0"}}, "used up (workspace)"),
    ],
)
async def test_a_key_that_cannot_pay_is_told(tmp_path: Path, document: dict[str, Any], said: str) -> None:
    with FakeOpenRouter(date=lambda: NOW, key_document=document) as provider:
        check = (await found(tmp_path, provider))["key"]
    assert check.ok is False
    assert said in check.found
    assert check.advice


async def test_a_good_key_says_what_is_left_of_it_and_until_when(tmp_path: Path) -> None:
    document = {"limit": 5, "limit_remaining": 4.5, "expires_at": "2027-01-01T00:00:00Z", "budgets": "?"}
    with FakeOpenRouter(date=lambda: NOW, key_document=document) as provider:
        checks = await found(tmp_path, provider)
        assert not provider.calls
    assert checks["key"].found == "accepted, $4.5 of its own limit left, valid until 2027-01-01"
    assert checks["clock"].ok is True


async def test_a_provider_without_a_date_cannot_be_paid_and_that_is_told(tmp_path: Path) -> None:
    with Dateless() as provider:
        check = (await found(tmp_path, provider))["clock"]
    assert check.ok is False
    assert "no Date" in check.found


async def test_a_pinned_model_that_the_account_does_not_allow_is_told(tmp_path: Path) -> None:
    allowed = ["acme/tiny-1", "acme/small-1"]
    with FakeOpenRouter(date=lambda: NOW, allowed=allowed) as provider:
        check = (await found(tmp_path, provider, OPENROUTER_MODEL="acme/tiny-2"))["models"]
        assert check.ok is False
        assert "acme/tiny-2 is not among the 2 models that your account's settings allow" in check.found
        assert (await found(tmp_path, provider, OPENROUTER_MODEL="acme/tiny-1"))["models"].ok is True


@pytest.mark.parametrize("name", [".env", "vault/credentials.json"])
async def test_keys_that_every_user_can_read_are_told(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    key = '{"OPENAI_API_KEY": "sk-x"}' if name.endswith("json") else "OPENAI_API_KEY=sk-x"
    path.write_text(key.replace("sk-x", ""))
    path.chmod(0o644)
    assert (await found(tmp_path))[name].ok is True  # nothing to be read
    path.write_text(key)
    assert (await found(tmp_path))[name].ok is False
    path.chmod(0o600)
    assert (await found(tmp_path))[name].ok is True


async def test_a_copy_of_the_example_holds_no_secret(tmp_path: Path) -> None:
    """Whoever copied it as it says was told that others could read the keys in it."""
    example = (Path(__file__).parents[2] / ".env.example").read_text(encoding="utf-8")
    (tmp_path / ".env").write_text(example, encoding="utf-8")
    (tmp_path / ".env").chmod(0o644)
    assert (await found(tmp_path))[".env"] == Check(".env", True, "no key is in it")
    (tmp_path / ".env").write_text(f"{example}\n#OPENAI_API_KEY=sk-mine\n", encoding="utf-8")
    assert (await found(tmp_path))[".env"].ok is False  # what is commented out can be read as well


async def test_a_sub_budget_that_covers_nothing_is_told_before_the_start(tmp_path: Path) -> None:
    budgets = '[{"name": "mini", "amount": "1", "period": "month", "covers": ["%s"]}]'
    with FakeOpenRouter(date=lambda: NOW) as provider:
        check = (await found(tmp_path, provider, BUDGETS=budgets % "gpt-4o-mini"))["budgets"]
        assert (check.ok, "openai/gpt-4o-mini" in check.advice) == (False, True)
        assert (await found(tmp_path, provider, BUDGETS=budgets % "openai/gpt-4o-mini"))["budgets"].ok is True


async def test_a_server_at_home_is_asked_for_one_word_and_nothing_is_written(tmp_path: Path) -> None:
    with OpenAILike.at_home("ollama", ["llama3.2:latest"], reply="Hello!") as server:
        home = {"OPENAI_BASE_URL": server.base_url}
        checks = await found(tmp_path, None, **home)
        assert checks["one word"].found == "llama3.2:latest says 'Hello!'"
        assert checks["clock"].ok is None
        assert checks["key"].ok is None
        assert len(server.calls) == 1
        assert all(check.ok is not False for check in checks.values())
        assert not (tmp_path / "data").exists()
        named = await found(tmp_path, None, **home, OPENAI_MODEL="llama3")
        assert named["models"].ok is False
        assert "llama3.2:latest" in named["models"].found
        assert named["one word"].ok is False


async def test_a_server_at_home_that_lists_nothing_is_told(tmp_path: Path) -> None:
    with OpenAILike.at_home("lmstudio", []) as server:
        checks = await found(tmp_path, None, OPENAI_BASE_URL=server.base_url)
    assert checks["models"].ok is False


async def test_a_pinned_free_model_is_asked_for_one_word_out_of_the_quota(tmp_path: Path) -> None:
    with FakeOpenRouter(date=lambda: NOW, reply="Yes.") as provider:
        pin = {"OPENROUTER_MODEL": "acme/free-1:free"}
        assert "one word" not in await found(tmp_path, provider, **pin)  # nobody lives here: nothing to book it in
        data = tmp_path / "data"
        data.mkdir()
        (data / "mind.db").touch()
        assert (await found(tmp_path, provider, **pin))["one word"].found == "acme/free-1:free says 'Yes.'"
        assert provider.billed_nanos == 0
