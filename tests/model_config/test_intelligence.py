"""Quality: the table for known families, the stated heuristic for the rest."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from importlib.resources import files

import pytest

from ai.model_config.catalogue import shipped_models
from ai.model_config.intelligence import guessed_quality, known_quality, parameters_billions, quality_of, reference_time

NOW = datetime(2026, 5, 1, tzinfo=UTC)


def test_families_stand_in_the_order_people_know():
    ordered = [
        "anthropic/claude-opus-4.7", "anthropic/claude-sonnet-4.6", "anthropic/claude-haiku-4.5", "openai/gpt-4o",
        "openai/gpt-4o-mini", "meta-llama/llama-3.1-8b-instruct", "meta-llama/llama-3.2-1b-instruct",
        "meta-llama/llama-guard-4-12b",
    ]  # fmt: skip
    qualities = [known_quality(model_id) for model_id in ordered]
    assert qualities == sorted(qualities, reverse=True)
    assert qualities[-1] == 0.0


def test_every_row_of_the_table_is_a_pattern_and_a_quality_and_none_hides_a_later_one():
    rows = json.loads((files("ai.model_config") / "intelligence.json").read_text("utf-8"))["families"]
    for number, (pattern, quality) in enumerate(rows):
        assert 0 <= quality <= 10
        assert known_quality(pattern.replace("*", "")) is not None
        plain = pattern.rstrip("*")
        assert all(not (p.endswith("*") and plain.startswith(p[:-1])) for p, _ in rows[:number]), pattern


def test_the_newer_of_a_family_is_not_taken_for_the_older():
    assert known_quality("openai/gpt-5.4-mini") > known_quality("openai/gpt-5-mini")
    assert known_quality("openai/gpt-4o-mini-2024-07-18") == known_quality("openai/gpt-4o-mini")
    assert known_quality("acme/unheard-of") is None


def test_the_heuristic_is_the_stated_one():
    year = timedelta(days=365.25)
    guess = guessed_quality("acme/wise-500b", Decimal(10), NOW - year, NOW)
    assert guess == pytest.approx(7.8 + 0.6 - 1.85 + 0.9, abs=0.01)
    assert guessed_quality("acme/wise", Decimal(1), NOW, NOW) == pytest.approx(7.8)
    assert guessed_quality("google/wise", Decimal(1), NOW, NOW) == pytest.approx(8.8)
    assert guessed_quality("acme/wise", Decimal(1), None, NOW) == pytest.approx(7.8 - 1.85)
    assert guessed_quality("acme/wise", Decimal(1), NOW + year, NOW) == pytest.approx(7.8)  # no younger than newest
    assert guessed_quality("acme/tiny-1b", Decimal("0.000001"), NOW - 9 * year, NOW) >= 0.5


@pytest.mark.parametrize(
    ("name", "billions"),
    [
        ("qwen/qwen3-235b-a22b-2507", 235),
        ("mistralai/mixtral-8x22b-instruct", 176),
        ("inclusionai/ling-2.6-1t", 1000),
        ("liquid/lfm-2.5-1.2b-instruct", 1.2),
        ("smollm2-135m-instruct", 0.135),
        ("qwen2.5:7b-instruct-q4_K_M", 7),
        ("minimax/minimax-1m", None),
        ("google/gemma-3n-e4b-it", None),
        ("anthropic/claude-haiku-4.5", None),
    ],
)
def test_sizes_are_read_from_names(name, billions):
    assert parameters_billions(name) == billions


def test_one_wrongly_dated_model_does_not_age_the_others():
    dates = [NOW] * 40
    assert reference_time([*dates, datetime(2099, 1, 1, tzinfo=UTC), None]) == NOW
    assert reference_time([None]) is None


def test_the_shipped_listing_spans_the_scale():
    qualities = [model.quality for model in shipped_models() if model.barred is None]
    assert min(qualities) < 3
    assert max(qualities) > 9.5
    assert quality_of("openai/gpt-4o:free", None, None, None) == known_quality("openai/gpt-4o")
