"""Several names of one model are one model: the cheaper is asked, and variety does not force the dear one."""

import pytest

from ai.asking import Purpose
from ai.model_config import parse_openrouter
from ai.model_config.catalogue import shipped_models
from ai.model_config.model import dearer_names
from ai.model_rotator.policy import RotatorState, rank
from tests.model_config.test_model_config import entry

USD = 10**9


def models_of(*entries):
    return parse_openrouter({"data": list(entries)})


@pytest.mark.parametrize("mark", ["-fast", "-highspeed", ":nitro", ":fast", ":extended", "-2026-02-05", "-20260205"])
def test_a_dearer_name_is_the_same_model(mark):
    plain, dear = entry("acme/opus-4.6"), entry(f"acme/opus-4.6{mark}", "0.000006", "0.000012")
    assert dearer_names(models_of(plain, dear)) == {f"acme/opus-4.6{mark}"}
    assert dearer_names(models_of(dear, plain)) == {f"acme/opus-4.6{mark}"}


def test_a_cheaper_model_with_fast_in_its_name_is_another_model():
    listed = models_of(entry("acme/grok-4", "0.000003", "0.000015"), entry("acme/grok-4-fast"))
    assert dearer_names(listed) == frozenset()


@pytest.mark.parametrize(
    "name", ["acme/one:free", "acme/one:thinking", "acme/one-mini", "acme/one-turbo", "acme/one-0528"]
)
def test_models_that_are_asked_or_billed_differently_stay_apart(name):
    assert dearer_names(models_of(entry("acme/one"), entry(name, "0.000006", "0.000012"))) == frozenset()


def test_where_the_cheaper_name_may_not_be_asked_the_other_is_the_model():
    cheap = entry("acme/opus-2025-01-01", supported_parameters=[])
    dear = entry("acme/opus-2026-01-01", "0.000006", "0.000012")
    assert dearer_names(models_of(cheap, dear)) == frozenset()


def test_variety_asks_another_model_and_not_the_dear_name_of_the_last_one():
    names = ["acme/opus", "acme/opus-fast", "acme/tiny"]
    listed = models_of(
        entry(names[0]), entry(names[1], "0.000006", "0.000012"), entry(names[2], "0.00000005", "0.0000002")
    )
    state = RotatorState(models=listed, balance=900 * USD, spendable=900 * USD, history=[names[0]])
    offered = [choice.model.id for choice in rank(Purpose.CRISIS, state)]
    assert names[1] not in offered
    assert offered[0] == names[2]
    pinned = rank(Purpose.CRISIS, RotatorState(models=listed, spendable=900 * USD, balance=900 * USD, pinned=names[1]))
    assert pinned[0].model.id == names[1]


def test_the_shipped_listing_holds_such_names():
    found = dearer_names(shipped_models())
    assert "anthropic/claude-opus-4.6-fast" in found
    assert "openai/gpt-4o-2024-05-13" in found
    assert not found & {"openai/gpt-4o", "x-ai/grok-4-fast", "x-ai/grok-4"}
