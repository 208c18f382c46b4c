"""A caller's own budget decides who answers it, and nobody else's history gets in its way."""

from datetime import UTC, datetime, timedelta

import pytest

from ai.model_rotator.payers import PAYERS_KEPT, Payers, Request
from tests.model_rotator.test_model_rotator import ALL, FREE, HAIKU, LOCAL, SONNET, TINY

NOW = datetime(2026, 11, 10, 12, tzinfo=UTC)
USD = 10**9


def a_request(usd=1.0, **fields):
    amount = round(usd * USD)
    return Request(**{"balance": amount, "spendable": amount, "input_bound": 4_000, "max_tokens": 700} | fields)


def first(payers, name, request, models=ALL, now=NOW):
    return payers.rank(name, models, request, now)[0].model


def test_the_richer_a_payer_the_dearer_who_answers_and_with_nothing_the_embedded_model_does():
    payers = Payers()
    costs = [first(payers, "run a", a_request(usd)).prices.blended_per_million() for usd in (0.005, 0.05, 1, 50)]
    assert costs == sorted(costs)
    assert costs[0] < costs[-1]
    assert first(payers, "run a", a_request(0)) is LOCAL


def test_weight_buys_a_better_answer_from_the_same_budget():
    payers = Payers()
    qualities = [first(payers, "key a", a_request(0.2, weight=weight)).quality for weight in (0.5, 1, 8, 20)]
    assert qualities == sorted(qualities)
    assert qualities[0] < qualities[-1]


def test_no_model_answers_a_payer_again_before_ten_others_have_unless_it_is_kept():
    payers, seen = Payers(), []
    for _ in range(30):
        model = first(payers, "key a", a_request(5))
        assert model.id not in seen[-10:]
        payers.used("key a", model.id, NOW)
        seen.append(model.id)
        assert first(payers, "key a", a_request(5, keep=True)) is model


def test_one_payers_history_and_pace_are_not_anothers():
    payers = Payers()
    before = first(payers, "key b", a_request(5))
    for _ in range(500):
        payers.used("key a", before.id, NOW, weight=3)
    assert first(payers, "key b", a_request(5)) is before
    assert first(payers, "key a", a_request(5)) is not before


def test_who_calls_much_before_its_cap_is_filled_anew_is_answered_more_cheaply():
    ends = NOW + timedelta(days=20)
    payers = Payers()
    for n in range(2_000):
        payers.used("key busy", HAIKU[n % 12].id, NOW - timedelta(days=1) if n == 0 else NOW)
    payers.used("key calm", HAIKU[0].id, NOW - timedelta(days=1))
    busy, calm = (first(payers, f"key {name}", a_request(2, ends_at=ends)) for name in ("busy", "calm"))
    assert busy.prices.blended_per_million() < calm.prices.blended_per_million()


def test_a_usual_call_takes_a_free_request_on_the_even_plan_alone_and_a_weighty_one_at_once():
    payers = Payers()
    poor = {"free_left": 5, "free_quota": 50, "day_left": 0.9, "models": [*FREE, LOCAL]}
    models = poor.pop("models")
    assert first(payers, "run a", a_request(0, **poor), models) is LOCAL
    assert first(payers, "run a", a_request(0, weight=2, **poor), models).free


@pytest.mark.parametrize("times", [1, 8])
def test_several_answers_at_once_cost_so_many_times_as_much(times):
    models = [*TINY[:1], *SONNET[:1], LOCAL]
    request = a_request(10, spendable=round(0.03 * USD), times=times)
    assert first(Payers(), "run a", request, models) is (models[1] if times == 1 else models[0])


def test_only_so_many_payers_are_remembered():
    payers = Payers()
    for n in range(PAYERS_KEPT + 5):
        payers.used(f"run {n}", TINY[0].id, NOW)
    assert payers.last("run 0") is None
    assert payers.last(f"run {PAYERS_KEPT + 4}") == TINY[0].id
