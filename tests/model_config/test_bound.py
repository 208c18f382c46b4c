"""The bound of a call: exact on examples, and above every bill that the provider can make of what was asked."""

import json
import unicodedata
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ai.credit_tracker import Usage
from ai.llm.body import chat_body
from ai.llm.calls import ModelRequest
from ai.llm.fate import table_cost
from ai.model_config import parse_openrouter
from ai.model_config.bound import (
    call_bound,
    embedding_bound,
    input_bound,
    least_size_bound,
    output_tokens,
    size_bound,
    text_bytes,
)
from tests.world.openrouter import model_entry

PRICE = st.decimals(min_value=0, max_value="0.001", places=12, allow_nan=False).map(str)
TEXT = st.text(max_size=200)
MESSAGES = st.lists(
    st.fixed_dictionaries({"role": st.sampled_from(["system", "user", "assistant"]), "content": TEXT}), max_size=6
)


def _model(prompt="0.000001", completion="0.000002", **extra):
    return parse_openrouter({"data": [model_entry("acme/a", prompt, completion, **extra)]})[0]


def test_the_bound_of_a_plain_question_by_hand():
    messages = [{"role": "user", "content": "Hello"}]
    tokens = len("user") + len("Hello") + 64 + 1024
    assert input_bound(messages) == tokens
    assert call_bound(_model(), messages, None, 700) == tokens * 1_000 + 700 * 2_000


def test_a_schema_and_the_price_of_a_request_count():
    schema = {"type": "object", "properties": {"thought": {"type": "string"}}}
    plain = call_bound(_model(), [], None, 0)
    assert call_bound(_model(), [], schema, 0) == plain + len(json.dumps(schema)) * 1_000
    assert call_bound(_model(pricing={"request": "0.01"}), [], None, 0) == plain + 10_000_000


def test_the_dearest_price_that_may_apply_counts():
    cheap = call_bound(_model(), [], None, 100)
    for pricing in (
        {"input_cache_write": "0.00000125"},
        {"internal_reasoning": "0.000003"},
        {"overrides": [{"min_prompt_tokens": 200_000, "prompt": "0.000002", "completion": "0.000004"}]},
    ):
        assert call_bound(_model(pricing=pricing), [], None, 100) > cheap


def test_normalisation_that_lengthens_a_text_counts():
    assert text_bytes("\ufdfa") == 33 > len("\ufdfa".encode())


def test_a_lone_surrogate_counts_as_what_is_sent_for_it():
    request = ModelRequest(_model(), [{"role": "user", "content": "a\ud800b"}], 5)
    sent = chat_body(request, "openrouter")["messages"][0]["content"]
    assert len(sent.encode()) <= text_bytes("a\ud800b")


@given(TEXT)
def test_no_tokenizer_that_works_on_bytes_counts_more(text):
    normal = unicodedata.normalize("NFKC", text)
    for seen in (text, normal):
        assert len(seen.encode("utf-8", "surrogatepass")) <= text_bytes(text)


@given(MESSAGES, PRICE, PRICE, st.integers(0, 4000), st.data())
@settings(max_examples=200)
def test_no_bill_for_what_was_asked_is_above_the_bound(messages, prompt, completion, max_tokens, data):
    model = _model(prompt, completion)
    bound = call_bound(model, messages, None, max_tokens)
    used = Usage(data.draw(st.integers(0, input_bound(messages))), data.draw(st.integers(0, max_tokens)))
    assert table_cost(model, used) <= bound
    assert isinstance(bound, int)


@given(MESSAGES, MESSAGES, st.integers(0, 4000), st.integers(0, 4000))
def test_more_is_never_cheaper(messages, more, tokens, more_tokens):
    model = _model()
    assert call_bound(model, messages, None, tokens) <= call_bound(
        model, [*messages, *more], None, tokens + more_tokens
    )


@given(st.lists(st.tuples(PRICE, PRICE), min_size=1, max_size=8), st.integers(0, 50_000), st.integers(1, 700))
def test_the_least_bound_of_several_models_is_the_smallest_of_theirs(prices, tokens, max_tokens):
    models = [_model(prompt, completion) for prompt, completion in prices]
    least = least_size_bound(models, tokens, max_tokens)
    assert least == pytest.approx(min(size_bound(model, tokens, max_tokens) for model in models), abs=1)
    assert least_size_bound([], tokens, max_tokens) is None


@given(st.lists(TEXT, min_size=1, max_size=5))
def test_embeddings_are_bounded_too(texts):
    model = _model("0.00000002", "0")
    assert embedding_bound(model, texts) >= sum(len(t.encode("utf-8", "surrogatepass")) for t in texts) * 20


def test_max_tokens_is_no_more_than_the_model_can_do():
    assert output_tokens(_model(), 700) == 700
    assert output_tokens(_model(top_provider={"max_completion_tokens": 256}), 700) == 256


def test_what_is_sent_bounds_the_call_as_the_bound_does():
    model = _model(supported_parameters=["max_tokens", "reasoning", "structured_outputs"], pricing={"request": "0.01"})
    body = chat_body(ModelRequest(model, [{"role": "user", "content": "x"}], 50, {"type": "object"}, 0.5), "openrouter")
    assert body["max_tokens"] == 50
    assert body["stream"] is True
    assert body["provider"] == {
        "require_parameters": True,
        "max_price": {"prompt": 1.0, "completion": 2.0, "request": 0.01},
    }
    assert body["reasoning"] == {"enabled": False}
    assert body["response_format"]["type"] == "json_schema"
    assert "temperature" not in body  # the model does not take it, and require_parameters would refuse it


def test_reasoning_is_switched_off_where_the_listing_lets_it_and_left_alone_where_it_is_mandatory():
    for mandatory in (True, False):
        model = _model("0", "0", supported_parameters=["max_tokens", "reasoning"], reasoning={"mandatory": mandatory})
        body = chat_body(ModelRequest(model, [], 5), "openrouter")
        assert ("reasoning" not in body) is mandatory


def test_the_limit_of_the_output_goes_by_the_name_that_the_model_takes():
    for parameters, name in (
        (["max_completion_tokens"], "max_completion_tokens"),
        (["max_tokens", "max_completion_tokens"], "max_tokens"),
    ):
        body = chat_body(ModelRequest(_model(supported_parameters=parameters), [], 5), "openrouter")
        assert {key: value for key, value in body.items() if key.startswith("max_")} == {name: 5}


def test_a_seed_is_sent_where_the_model_takes_one():
    for parameters, sent in ((["max_tokens"], None), (["max_tokens", "seed"], 7)):
        body = chat_body(ModelRequest(_model(supported_parameters=parameters), [], 5, seed=7), "openrouter")
        assert body.get("seed") == sent
    assert "seed" not in chat_body(ModelRequest(_model(supported_parameters=["seed"]), [], 5), "openrouter")


def test_max_price_is_never_below_the_listed_price():
    for price in ("0.0000000375", "0.00000015", "0.000000333333333"):
        sent = chat_body(ModelRequest(_model(price, price), [], 5), "openrouter")["provider"]["max_price"]
        assert Decimal(repr(sent["prompt"])) >= Decimal(price) * 1_000_000
