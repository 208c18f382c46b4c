"""Which model answers a name that a program was written with, what it may cost, and what a refusal says."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from ai.credit_tracker import NotAffordable, Usage
from ai.gateway.bound import LEAST_OUTPUT, call_bound, fitting_output, input_tokens, lowered, output_limit
from ai.gateway.dialects.asked import Asked
from ai.gateway.dialects.chat import CHAT
from ai.gateway.dialects.messages import MESSAGES
from ai.gateway.headers import checked_name, read_options, secret_of
from ai.gateway.names import named, named_embedding
from ai.gateway.outgoing import with_routing
from ai.gateway.reading import headers_of
from ai.gateway.refusals import Refusal, insufficient
from ai.ledger.money import nanos
from ai.llm.calls import Outcome
from ai.llm.fate import End, fate_of
from ai.llm.local.listing import embedded_model
from ai.model_config import Model, parse_openrouter
from ai.model_config.catalogue import shipped_models
from ai.model_config.openai_models import Server, built_in, embedding_model
from tests.world.openrouter_books import DEFAULT_MODELS, model_entry

LOCAL = embedded_model("local/smol", "Smol", 1.0)
SHIPPED = {model.id: model for model in [*shipped_models(), LOCAL]}
OPENAI = {model.id: model for model in [*built_in(Server(own=True, home=False)), LOCAL]}
TINY = {model.id: model for model in parse_openrouter(DEFAULT_MODELS)}


def served_by(name: str, models: dict[str, Model], **more: Any) -> str:
    found = named(name, models, **more)
    return found.kind if found.model is None else found.sent or found.model.id


@pytest.mark.parametrize(
    ("name", "id_"),
    [
        ("openai/gpt-4o-mini", "openai/gpt-4o-mini"),
        ("gpt-4o-mini", "openai/gpt-4o-mini"),
        ("gpt-4o-mini-2024-07-18", "openai/gpt-4o-mini-2024-07-18"),
        ("claude-sonnet-4-5-20250929", "anthropic/claude-sonnet-4.5"),
        ("claude-haiku-4-5", "anthropic/claude-haiku-4.5"),
        ("claude-3-haiku-20240307", "anthropic/claude-3-haiku"),
        ("openai/gpt-4o-mini:nitro", "openai/gpt-4o-mini:nitro"),
        ("text-davinci-003", "openai/gpt-4o-mini"),
        ("auto", "auto"),
        ("openrouter/auto", "auto"),
        ("free", "free"),
        ("local", "local/smol"),
    ],
)
def test_a_program_is_served_under_the_name_it_was_written_with(name: str, id_: str) -> None:
    assert served_by(name, SHIPPED) == id_


def test_a_withdrawn_name_is_served_by_todays_default_and_told() -> None:
    assert "gpt-3.5-turbo" not in TINY
    found = named("gpt-3.5-turbo", TINY)
    assert (found.model.id, found.note) == ("openai/gpt-4o-mini", "gpt-3.5-turbo is served by openai/gpt-4o-mini")
    assert served_by("claude-3-5-sonnet-20241022", TINY) == "anthropic/claude-sonnet-4.5"
    assert served_by("gpt-4", OPENAI) == "gpt-4o-mini"
    assert served_by("openai/gpt-4o", OPENAI) == "gpt-4o"
    without = {id_: model for id_, model in TINY.items() if not id_.startswith("openai/")}
    assert served_by("text-davinci-003", without).startswith("acme/tiny-")


def test_without_a_provider_every_name_is_served_by_the_embedded_model() -> None:
    for name in ("gpt-4o", "auto", "free", "nobody/knows", "local"):
        assert served_by(name, {LOCAL.id: LOCAL}) == LOCAL.id


@pytest.mark.parametrize(("name", "status"), [("acme/never-was", 404), ("acme", 404), ("openrouter/bodybuilder", 400)])
def test_a_name_that_means_nothing_or_has_no_price_is_refused(name: str, status: int) -> None:
    with pytest.raises(Refusal) as refused:
        named(name, SHIPPED)
    assert refused.value.status == status
    assert name in refused.value.message


def test_a_key_reaches_only_the_models_it_may_use() -> None:
    assert served_by("gpt-4o-mini", SHIPPED, allowed=["openai/*"]) == "openai/gpt-4o-mini"
    assert served_by("local", SHIPPED, allowed=["openai/*"]) == LOCAL.id
    with pytest.raises(Refusal) as refused:
        named("anthropic/claude-haiku-4.5", SHIPPED, allowed=["openai/*"])
    assert refused.value.status == 403


def test_a_pinned_model_that_is_not_there_lets_nobody_ask_another() -> None:
    """`--model gtp-4o-mini` was no pin at all: whatever was asked for was served, at any price."""
    with pytest.raises(Refusal) as told:
        named("openai/gpt-5.5-pro", SHIPPED, pinned="gtp-4o-mini")
    assert (told.value.status, "did you mean openai/gpt-4o-mini?" in told.value.message) == (404, True)
    assert served_by("openai/gpt-5.5-pro", SHIPPED, pinned="gpt-4o-mini") == "openai/gpt-4o-mini"


@pytest.mark.parametrize(
    ("pin", "kind", "served"),
    [
        ("local", "model", LOCAL.id),
        ("auto", "auto", None),
        ("free", "free", None),
        ("claude-3-5-sonnet-20241022", "model", "anthropic/claude-sonnet-4.5"),
        ("gpt-3.5-turbo", "model", "openai/gpt-4o-mini"),
        ("openai/gpt-4o-mini:nitro", "model", "openai/gpt-4o-mini"),
    ],
)
def test_a_pin_means_what_the_same_name_means_where_it_is_asked_for(pin: str, kind: str, served: str | None) -> None:
    """`--model local`, `auto`, `free` and a withdrawn name answered every call with 404."""
    models = {**TINY, LOCAL.id: LOCAL}
    found, asked_for = named("openai/gpt-5.5-pro", models, pinned=pin), named(pin, models)
    assert (found.kind, found.model, found.sent) == (asked_for.kind, asked_for.model, asked_for.sent)
    assert (found.kind, found.model and found.model.id) == (kind, served)
    assert found.note == f"openai/gpt-5.5-pro is served by {found.sent or served or pin}"
    if served is not None and served.startswith("openai/"):
        with pytest.raises(Refusal) as told:
            named("auto", models, pinned=pin, allowed=["acme/*"])
        assert told.value.status == 403


def test_a_pinned_model_serves_whatever_name_is_asked_for() -> None:
    assert served_by("auto", SHIPPED, pinned="anthropic/claude-haiku-4.5") == "anthropic/claude-haiku-4.5"
    assert served_by("local", SHIPPED, pinned="anthropic/claude-haiku-4.5") == "anthropic/claude-haiku-4.5"


def test_embeddings_are_made_by_an_embedding_model() -> None:
    default = embedding_model("openrouter")
    for name in ("text-embedding-ada-002", "text-embedding-3-small", "openai/text-embedding-3-small", "auto"):
        assert named_embedding(name, SHIPPED, default).model.id == "openai/text-embedding-3-small"
    with pytest.raises(Refusal):
        named_embedding("gpt-4o-mini", SHIPPED, default)


# --- bounds ---------------------------------------------------------------------------------------------------


def asked(**more: Any) -> Asked:
    return Asked(**{"model": "m", "input_tokens": 1000, **more})


def priced(**more: Any) -> Model:
    return parse_openrouter({"data": [model_entry("acme/x", "0.000001", "0.000002", **more)]})[0]


def test_the_bound_counts_every_answer_reasoning_and_the_dearest_model_that_may_answer() -> None:
    model, dear = priced(), parse_openrouter({"data": [model_entry("acme/y", "0.00001", "0.00002")]})[0]
    assert call_bound(asked(), [model], 100) == nanos("0.0012")
    assert call_bound(asked(times=3), [model], 100) == nanos("0.0036")
    assert call_bound(asked(extra_output=50), [model], 100) == nanos("0.0013")
    assert call_bound(asked(), [model, dear], 100) == nanos("0.012")


def test_input_never_counts_more_than_the_context_and_images_count_as_all_of_it() -> None:
    model = priced()
    assert input_tokens(asked(input_tokens=10**9), model) == 131_072
    assert input_tokens(asked(input_tokens=5), model) == 5
    assert input_tokens(asked(input_tokens=5, images=1), model) == 131_072
    with pytest.raises(Refusal):
        input_tokens(asked(images=1), priced(context_length=None, top_provider={}))


def pictured(words: str, *, completion: str = "0.000002", **more: Any) -> Model:
    pricing = {"prompt": words, "completion": completion, **more}
    return parse_openrouter({"data": [{**model_entry("acme/x", words, completion), "pricing": pricing}]})[0]


@pytest.mark.parametrize(
    ("words", "image"),
    [("0.0000025", "0.003613"), ("0.0000001", "0.0000258"), ("0", "0.004"), ("0.00015", "0.21675")],
    ids=["gpt-4o", "gemini-2.0-flash", "free words", "o1-pro"],
)
def test_a_price_an_image_is_held_for_each_image_beside_its_tokens(words: str, image: str) -> None:
    """It was multiplied by the whole context: one image to gpt-4o held $462, and was refused."""
    model = pictured(words, image=image)
    text = call_bound(asked(input_tokens=10**9), [model], 0)
    assert text == 131_072 * nanos(words)
    assert call_bound(asked(images=3), [model], 0) == text + 3 * nanos(image)
    with pytest.raises(Refusal, match=f"bills each image at .{image}, and nobody here knows how many"):
        call_bound(asked(images=None), [model], 0)
    assert call_bound(asked(images=None), [pictured(words)], 0) == text


def test_a_price_a_token_of_an_image_is_held_for_the_whole_context() -> None:
    for image in ({"image": "0.00001"}, {"image_token": "0.00001"}, {"image": "0.003", "image_token": "0.00001"}):
        model = pictured("0.000005", **image)
        each = nanos("0.003") if image.get("image") == "0.003" else 0
        assert call_bound(asked(images=1), [model], 0) == 131_072 * nanos("0.00001") + each
        assert call_bound(asked(input_tokens=1_000), [model], 0) == 1_000 * nanos("0.000005")
    like_words = pictured("0.0000003", image="0.0000003")
    assert call_bound(asked(images=None), [like_words], 0) == 131_072 * nanos("0.0000003")


def test_no_provider_is_asked_that_bills_an_image_higher() -> None:
    """`max_price.image` is USD per image (OpenRouter's reference); a price per token of one stays out of it."""
    for image, sent in (("0.003613", {"image": 0.003613}), ("0.0000025", {})):
        body = with_routing({"model": "acme/x"}, "openrouter", [pictured("0.0000025", image=image)], "chat")
        assert body["provider"]["max_price"] == {"prompt": 2.5, "completion": 2.0, **sent}


def test_counts_are_no_bill_of_a_call_whose_images_have_a_price_of_their_own() -> None:
    """It was booked by its tokens alone, at the price of words."""
    told = Outcome(True, 200, "", "stop", Usage(1000, 10), None, None, None, None, 0.1)
    dear, like_words = pictured("0.000001", image="0.004"), pictured("0.000001", image="0.000001")
    for model, images, end in (
        (dear, True, End.UNKNOWN),
        (pictured("0.000001", image_token="0.000002"), True, End.UNKNOWN),
        (dear, False, End.CAPTURE),
        (like_words, True, End.CAPTURE),
    ):
        assert fate_of(replace(told, images=images), model).end is end


def test_a_rise_of_an_images_price_is_held_for() -> None:
    rise = [{"min_prompt_tokens": 1000, "image": "0.008"}]
    model = pictured("0.000001", image="0.004", overrides=rise)
    assert call_bound(asked(images=1), [model], 0) == 131_072 * nanos("0.000001") + nanos("0.008")


def test_free_words_beside_priced_images_are_no_free_model() -> None:
    """Its calls were held for at nothing, as any free model's."""
    assert pictured("0", image="0", completion="0").free
    for priced_by in ({"image": "0.004"}, {"image": "0.00000001"}, {"image_token": "0.000001"}):
        assert not pictured("0", completion="0", **priced_by).free


def test_an_output_limit_is_the_stated_one_or_the_usual_up_to_the_models_own() -> None:
    assert output_limit(asked(), [priced()]) == 8_192
    assert output_limit(asked(max_output=100), [priced()]) == 100
    assert output_limit(asked(max_output=10**6), [priced()]) == 8_192
    small = priced(top_provider={"max_completion_tokens": 500})
    assert output_limit(asked(), [small]) == 500


@given(room=st.integers(0, 10**9), tokens=st.integers(0, 10**6), times=st.integers(1, 8), extra=st.integers(0, 5000))
def test_a_lowered_limit_always_fits_and_no_higher_one_would(room: int, tokens: int, times: int, extra: int) -> None:
    model, wanted = priced(), asked(input_tokens=tokens, times=times, extra_output=extra)
    fitting = fitting_output(wanted, [model], room)

    assert fitting == 0 or call_bound(wanted, [model], fitting) <= room
    assert fitting == 8_192 or call_bound(wanted, [model], fitting + 1) > room


def test_a_stated_limit_is_lowered_only_where_the_caller_allows_it() -> None:
    room = nanos("0.002")  # 1000 of input leave 500 of output
    assert lowered(asked(), [priced()], room, fit=False) == 500
    assert lowered(asked(max_output=700), [priced()], room, fit=False) is None
    assert lowered(asked(max_output=700), [priced()], room, fit=True) == 500
    assert lowered(asked(), [priced()], nanos("0.0012"), fit=False) is None  # 100 tokens are fewer than LEAST_OUTPUT
    assert LEAST_OUTPUT == 256


# --- headers and refusals ------------------------------------------------------------------------------------


def test_headers_are_read_and_the_path_names_the_run() -> None:
    options = read_options(
        {
            "x-genesis-run": "b",
            "x-genesis-max-cost": "0.05",
            "x-genesis-fit": "on",
            "x-genesis-wait": "600",
            "x-genesis-weight": "8",
        },
        "a",
    )
    assert (options.run, options.max_cost, options.fit, options.wait_seconds, options.weight) == (
        "a",
        50_000_000,
        True,
        60.0,
        8.0,
    )
    assert read_options({"x-genesis-run": "b"}, None).run == "b"


@pytest.mark.parametrize(
    "headers",
    [
        {"x-genesis-max-cost": "-1"},
        {"x-genesis-max-cost": "NaN"},
        {"x-genesis-max-cost": "1e99"},
        {"x-genesis-max-cost": "1_0"},
        {"x-genesis-max-cost": "\u0663"},
        {"x-genesis-wait": "2_0"},
        {"x-genesis-wait": "soon"},
        {"x-genesis-weight": "0"},
        {"x-genesis-fit": "maybe"},
        {"x-genesis-run": "../x"},
        {"x-genesis-run": ".."},
        {"x-genesis-run": ""},
        {"x-genesis-run": "a" * 65},
        {"idempotency-key": ""},
        {"idempotency-key": "a" * 300},
    ],
)
def test_a_header_that_cannot_be_meant_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(Refusal) as refused:
        read_options(headers, None)
    assert refused.value.status == 400


def test_of_two_caps_in_one_request_neither_is_silently_dropped() -> None:
    twice = [(b"x-genesis-max-cost", b"0.01"), (b"X-Genesis-Max-Cost", b"100")]
    request = Request({"type": "http", "method": "POST", "path": "/", "headers": [(n.lower(), v) for n, v in twice]})
    with pytest.raises(Refusal, match="cannot be meant"):
        read_options(headers_of(request), None)


def test_a_key_comes_as_a_bearer_or_as_anthropics_header() -> None:
    assert secret_of({"authorization": "Bearer gk-1"}) == "gk-1"
    assert secret_of({"authorization": "bearer  gk-1 "}) == "gk-1"
    assert secret_of({"x-api-key": "gk-2"}) == "gk-2"
    assert secret_of({"authorization": "Basic x", "x-api-key": "gk-2"}) == "gk-2"
    assert secret_of({}) is None
    assert checked_name("smallville-1.2_x", "run") == "smallville-1.2_x"


def test_a_refusal_says_what_is_short_and_when_it_fits() -> None:
    short = NotAffordable(
        "run smallville", needed=2_000_000, available=1_000_000, resets_at=None, held=0, spent=19_000_000
    )
    refused = insufficient(short, 120)
    assert refused.status == 402
    assert CHAT.error(refused)["error"] == {
        "message": refused.message,
        "type": "insufficient_budget",
        "code": "insufficient_budget",
        "param": None,
        "cap": "run smallville",
        "needed": "0.002000000",
        "available": "0.001000000",
        "held": "0.000000000",
        "spent": "0.019000000",
        "resets_at": None,
        "fits_max_tokens": 120,
    }
    assert MESSAGES.error(refused)["type"] == "error"
    assert MESSAGES.error(refused)["error"]["type"] == "billing_error"
    assert MESSAGES.error(refused)["error"]["cap"] == "run smallville"


def test_what_fits_once_others_have_ended_is_to_be_tried_again() -> None:
    december = datetime(2026, 12, 1, tzinfo=UTC)
    short = NotAffordable("month", needed=2, available=1, resets_at=december, held=5_000_000, in_flight=True)
    refused = insufficient(short, 0)
    assert (refused.status, refused.headers["Retry-After"]) == (429, "1")


def test_a_purse_that_may_not_pay_at_all_is_no_lack_of_money() -> None:
    assert (
        insufficient(NotAffordable("clock", needed=2, available=0, resets_at=None, reason="no Date"), 0).status == 503
    )
    assert insufficient(NotAffordable("overrun", needed=2, available=0, resets_at=None, reason="debt"), 0).status == 402
