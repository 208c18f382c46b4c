"""Sub-budgets that cover nothing are refused with the right name, and an address says whose server it is."""

from decimal import Decimal
from pathlib import Path

import pytest

from ai.settings.covers import model_meant, purpose_meant
from ai.settings.sources import SettingsError, load_settings

IDS = ["openai/gpt-4o-mini", "openai/gpt-4o", "anthropic/claude-haiku-4.5", "x-ai/grok-4-fast"]


def settings(tmp_path: Path, **environ: str):
    return load_settings(environ, tmp_path)


@pytest.mark.parametrize(
    ("written", "right"),
    [
        ("thoughts", "thought"),
        ("Thought", "thought"),
        ("posts", "post"),
        ("reflections", "reflection"),
        ("brith", "birth"),
    ],
)
def test_a_sub_budget_for_a_misspelt_purpose_stops_the_start_with_the_right_name(tmp_path, written, right):
    budgets = f'[{{"name": "cap", "amount": "1", "period": "month", "covers": ["mind", "{written}"]}}]'
    with pytest.raises(SettingsError, match=f"covers '{written}', which is nothing; did you mean '{right}'"):
        settings(tmp_path, BUDGETS=budgets)


@pytest.mark.parametrize("pattern", ["thought", "post*", "x/post", "summaries", "*", "sim-*", "openai/gpt-4o", "mind"])
def test_what_may_be_a_client_or_a_model_is_taken_as_it_is(pattern):
    assert purpose_meant(pattern) is None


@pytest.mark.parametrize(
    ("written", "right"),
    [
        ("gpt-4o-mini", "openai/gpt-4o-mini"),
        ("gpt-4o*", "openai/gpt-4o*"),
        ("opnai/*", "openai/*"),
        ("OpenAI/GPT-4o", "openai/gpt-4o"),
        ("openai/gpt-4o-mni", "openai/gpt-4o-mini"),
        ("claude-haiku-4.5", "anthropic/claude-haiku-4.5"),
        ("acme/unheard-of", None),
        ("anthropic/*", None),
        ("x/post", None),
        ("summaries", None),
        ("*", None),
    ],
)
def test_a_model_without_its_maker_or_misspelt_is_recognised(written, right):
    assert model_meant(written, IDS) == right


def test_where_ids_are_bare_a_maker_is_too_much():
    assert model_meant("openai/gpt-4o-mini", ["gpt-4o-mini", "gpt-4o"]) == "gpt-4o-mini"


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:11434/v1",
        "http://localhost:1234/v1",
        "http://[::1]:8080/v1",
        "http://192.168.1.20:8000/v1/",
        "http://100.64.3.2:4000",
        "http://ollama:11434/v1",
        "http://host.docker.internal:11434/v1",
        "http://nas.local/v1",
    ],
)
def test_a_server_at_home_needs_no_key_no_date_and_no_money(tmp_path, url):
    found = settings(tmp_path, OPENAI_BASE_URL=url)
    assert (found.provider, found.serves_at_home, found.pays, found.asks_for_date) == ("openai", True, False, False)
    priced = settings(tmp_path, OPENAI_BASE_URL=url, OPENAI_PRICES='{"big": [1.5, "2"]}')
    assert priced.pays
    assert priced.openai_prices == {"big": (Decimal("1.5"), Decimal(2))}


def test_openai_itself_and_strangers_are_paid_and_asked_for_their_date(tmp_path):
    stranger = settings(tmp_path, OPENAI_BASE_URL="https://api.groq.com/openai/v1")
    assert (stranger.provider, stranger.serves_at_home, stranger.pays, stranger.asks_for_date) == (
        "openai", False, True, True,
    )  # fmt: skip
    assert settings(tmp_path, OPENAI_BASE_URL="https://api.openai.com/v1/").provider == "local"
    assert settings(tmp_path, OPENAI_API_KEY="sk-x", OPENAI_BASE_URL="https://eu.api.openai.com/v1").asks_for_date


def test_each_provider_has_its_own_pin(tmp_path):
    pins = {"OPENROUTER_MODEL": "openai/gpt-4o", "OPENAI_MODEL": "llama3.2"}
    home = settings(tmp_path, OPENAI_BASE_URL="http://localhost:1234/v1", **pins)
    assert (home.pinned_model, home.pinned_by) == ("llama3.2", "OPENAI_MODEL")
    router = settings(tmp_path, OPENROUTER_API_KEY="sk-or-x", **pins)
    assert (router.pinned_model, router.pinned_by) == ("openai/gpt-4o", "OPENROUTER_MODEL")
    assert settings(tmp_path, **pins).pinned_model is None


@pytest.mark.parametrize("value", ["[1]", '{"a": [1]}', '{"a": [-1, 2]}', '{"a": ["NaN", 1]}', '{"a": "free"}', "{"])
def test_a_price_table_that_is_none_stops_the_start_in_one_line(tmp_path, value):
    with pytest.raises(SettingsError, match=r"OPENAI_PRICES: .* write for example") as refused:
        settings(tmp_path, OPENAI_PRICES=value)
    assert "\n" not in str(refused.value)
