"""Prices, tiers and exclusions are read from a listing that may hold anything."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ai.model_config import FREE_PRICES, Prices, Tier, parse_openrouter, tier_of
from ai.model_config.bound import call_bound


def entry(model_id="acme/one", prompt="0.000001", completion="0.000002", **extra):
    pricing = {"prompt": prompt, "completion": completion, **extra.pop("pricing", {})}
    return {"id": model_id, "name": model_id, "pricing": pricing, "supported_parameters": ["max_tokens"], **extra}


def only(listed):
    (model,) = parse_openrouter({"data": [listed]})
    return model


def test_prices_are_exact_and_the_dearest_is_known():
    model = only(
        entry(
            pricing={
                "request": "0.0001",
                "internal_reasoning": "0.000005",
                "input_cache_write": "0.0000012",
                "input_cache_write_1h": "0.0000013",
                "overrides": [
                    {"min_prompt_tokens": 1000, "prompt": "0.000004", "completion": "0.000006"},
                    {"utc_start": "08:00", "utc_end": "10:00", "request": "0.0002"},
                ],
            }
        )
    )
    prices = model.prices
    assert prices.prompt == Decimal("0.000001")
    assert prices.cache_write == Decimal("0.0000013")
    assert prices.dearest_prompt() == Decimal("0.000004")
    assert prices.dearest_completion() == Decimal("0.000006")
    assert prices.dearest_request() == Decimal("0.0002")
    assert prices.cost(1000, 10) == 1000 * 1000 + 10 * 2000 + 200_000  # the override is for strictly more than 1000
    assert prices.cost(1001, 10) == 1001 * 4000 + 10 * 6000 + 200_000
    assert prices.cost(0, 10, reasoning_tokens=4) == 6 * 2000 + 4 * 5000 + 200_000


@pytest.mark.parametrize(
    ("pricing", "reason"),
    [
        ({"prompt": "-1"}, "dynamic"),
        ({"completion": "-1"}, "dynamic"),
        ({"prompt": "NaN"}, "dynamic"),
        ({"prompt": "Infinity"}, "dynamic"),
        ({"prompt": 0.000001}, "prompt price cannot be read"),
        ({"completion": True}, "completion price cannot be read"),
        ({"prompt": "cheap"}, "prompt price cannot be read"),
        ({"prompt": "9" * 100}, "prompt price cannot be read"),
        ({"prompt": "2"}, "beyond a dollar a token"),
        ({"request": []}, "request price cannot be read"),
        ({"overrides": ["x"]}, "override that cannot be read"),
        ({"overrides": [{"prompt": "-1"}]}, "dynamic"),
    ],
)
def test_a_price_that_cannot_be_relied_on_bars_the_model_and_no_purse_covers_it(pricing, reason):
    model = only(entry(pricing=pricing))
    assert reason in model.barred
    assert not model.prices.known
    assert not model.free
    assert call_bound(model, [], None, 1) > 1000 * 10**9


@pytest.mark.parametrize(
    "pricing",
    [
        None,
        {},
        [],
        {"prompt": "0"},
        {"completion": "0"},
        {"prompt": None},
        {"prompt": None, "completion": "0"},
        {"prompt": "0", "completion": None},
        {"prompt": None, "completion": "0.000002"},
        {"prompt": "0.000001", "completion": None},
        {"prompt": "", "completion": "0"},
        {"prompt": "0", "completion": "0", "request": None},
        {"prompt": "0", "completion": "0", "internal_reasoning": None},
    ],
)
def test_no_price_is_not_free(pricing):
    model = only({**entry(), "pricing": pricing})
    assert model.barred is not None
    assert not model.free


@pytest.mark.parametrize("discount", ["-0.5", "NaN", "2", True, "half"])
def test_a_discount_that_is_none_makes_a_price_that_cannot_be_relied_on(discount):
    model = only(entry(pricing={"discount": discount}))
    assert "dynamic" in model.barred
    assert not model.prices.known


@pytest.mark.parametrize("discount", [None, 0, "0.5", Decimal("0.25"), 1])
def test_a_discount_lowers_no_hold(discount):
    assert only(entry(pricing={"discount": discount})).prices == only(entry()).prices


def test_a_rise_on_some_days_counts_whatever_the_call_is_like():
    rise = {"utc_days": ["sat", "sun"], "min_prompt_tokens": 100_000, "prompt": "0.000009", "completion": None}
    prices = only(entry(pricing={"overrides": [rise]})).prices
    assert prices.dearest_prompt() == Decimal("0.000009")
    assert prices.overrides[0].completion == Decimal("0.000002")  # left open: as on other days, never nothing
    assert prices.cost(10, 10) == 10 * 9000 + 10 * 2000


def test_the_listing_decides_whose_reasoning_cannot_be_switched_off():
    assert only(entry("openai/gpt-5", reasoning={"mandatory": False})).barred is None
    assert "reasoning" in only(entry("z-ai/glm-5.3-flash", reasoning={"mandatory": True})).barred
    assert only(entry("z-ai/glm-9:free", "0", "0", reasoning={"mandatory": True})).always_reasons
    assert "reasoning" in only(entry("openai/gpt-5", reasoning={"mandatory": None})).barred


@pytest.mark.parametrize(
    ("listed", "reason"),
    [
        (entry("acme/one:batch"), "Batch API"),
        (entry("acme/one:free:batch", "0", "0"), "Batch API"),
        (entry("acme/one:online"), "searches"),
        (entry("perplexity/sonar"), "searches"),
        (entry("openai/gpt-4o-search-preview"), "searches"),
        (entry("openai/o3-deep-research"), "searches"),
        (entry("alibaba/tongyi-deepresearch-30b"), "searches"),
        (entry("openai/o3"), "reasoning"),
        (entry("openai/gpt-5"), "reasoning"),
        (entry("openai/gpt-oss-120b"), "reasoning"),
        (entry("acme/big-thinking"), "reasoning"),
        (entry("~openai/gpt-latest"), "alias"),
        (entry("openrouter/free", "0", "0"), "router"),
        (entry("openai/text-embedding-3-small"), "embeddings"),
        (entry(supported_parameters=["temperature"]), "max_tokens"),
        (entry(supported_parameters=None), "max_tokens"),
        (entry(architecture={"output_modalities": ["text", "audio"]}), "answers in audio, text"),
        (entry(architecture={"input_modalities": ["audio"]}), "reads audio"),
        (entry("google/lyria:free", "0", "0", architecture={"output_modalities": ["audio"]}), "answers in audio"),
    ],
)
def test_what_has_no_bound_or_no_text_is_barred_with_the_reason(listed, reason):
    assert reason in only(listed).barred


@pytest.mark.parametrize(
    "model_id", ["nousresearch/hermes-4-70b", "openai/gpt-5-chat", "openai/gpt-5.1", "minimax/minimax-m2-her"]
)
def test_names_that_only_look_like_it_are_not_barred(model_id):
    assert only(entry(model_id)).barred is None


def test_a_free_model_that_always_reasons_may_be_asked_since_it_costs_nothing():
    model = only(entry("openai/gpt-oss-120b:free", "0", "0"))
    assert model.barred is None
    assert model.free
    assert model.always_reasons


def test_the_free_variant_is_as_clever_as_its_paid_twin():
    listed = [entry("acme/who", created=1_700_000_000), entry("acme/who:free", "0", "0", created=1_700_000_000)]
    paid, free = parse_openrouter({"data": listed})
    assert paid.quality == free.quality
    assert free.tier is Tier.FREE


def test_a_price_hidden_in_a_request_or_an_override_is_not_free():
    assert tier_of(only(entry(prompt="0", completion="0", pricing={"request": "0.01"})).prices) is not Tier.FREE
    rise = {"overrides": [{"min_prompt_tokens": 9, "prompt": "0.1"}]}
    assert tier_of(only(entry(prompt="0", completion="0", pricing=rise)).prices) is not Tier.FREE
    assert tier_of(FREE_PRICES) is Tier.FREE


@pytest.mark.parametrize(
    ("prompt", "completion", "tier"),
    [
        ("0.00000015", "0.0000006", Tier.ULTRA_CHEAP),  # gpt-4o-mini
        ("0.000001", "0.000005", Tier.CHEAP),  # the Haiku class
        ("0.000003", "0.000015", Tier.PREMIUM),  # the Sonnet class
    ],
)
def test_tiers_follow_the_blended_price(prompt, completion, tier):
    assert tier_of(Prices(Decimal(prompt), Decimal(completion))) is tier


def test_limits_and_dates_are_read_or_unknown():
    model = only(
        entry(
            context_length=None,
            top_provider={"context_length": 4096, "max_completion_tokens": None},
            created=1_777_000_000,
            expiration_date="2026-05-07",
        )
    )
    assert (model.context_length, model.max_completion_tokens) == (4096, None)
    assert model.created == datetime(2026, 4, 24, 3, 6, 40, tzinfo=UTC)
    assert not model.expired(datetime(2026, 5, 6, 23, 59, tzinfo=UTC))
    assert model.expired(datetime(2026, 5, 7, tzinfo=UTC))


def test_the_first_of_two_entries_with_one_id_counts_and_nameless_ones_are_skipped():
    listed = [entry(prompt="0.000001"), entry(prompt="0"), {"id": ""}, {"id": 7}, {"id": "a\nb"}, None, "x", {}]
    (model,) = parse_openrouter({"data": listed})
    assert model.prices.prompt == Decimal("0.000001")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.decimals(allow_nan=True) | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
FIELDS = ["name", "created", "context_length", "architecture", "pricing", "top_provider", "supported_parameters",
          "expiration_date"]  # fmt: skip
ENTRIES = st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=8).map(lambda junk: {**entry(), **junk})


@settings(max_examples=60)
@given(st.lists(ENTRIES, max_size=3))
def test_junk_never_raises_and_never_makes_a_price_below_zero(listed):
    for model in parse_openrouter({"data": listed}):
        assert model.prices.prompt >= 0
        assert model.prices.dearest_prompt() >= model.prices.prompt
        assert 0 <= model.quality <= 10
        assert 1 <= model.intelligence <= 10
        assert model.barred is not None or model.prices.known


@settings(max_examples=60)
@given(JSON)
def test_a_document_of_any_shape_is_a_list_of_models(document):
    assert isinstance(parse_openrouter(document), list)


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.decimals(0, 1, places=18), st.decimals(0, 1, places=18))
def test_cost_rounds_up_and_expected_agrees(prompt_tokens, completion_tokens, prompt, completion):
    prices = Prices(prompt, completion)
    exact = (prompt_tokens * prompt + completion_tokens * completion) * 10**9
    cost = prices.cost(prompt_tokens, completion_tokens)
    assert 0 <= cost - exact < 1
    assert prices.expected(prompt_tokens, completion_tokens) == pytest.approx(cost, rel=1e-9, abs=1.0)
