"""What a caller loses where a body is read wrongly: a cap that leaks, or a call that is refused for nothing."""

from __future__ import annotations

import contextlib
import itertools
import json
import sys
import unicodedata
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ai.credit_tracker import Usage
from ai.gateway.dialects.chat import CHAT
from ai.gateway.dialects.embeddings import EMBEDDINGS
from ai.gateway.dialects.events import EventSplitter
from ai.gateway.dialects.figures import Figures
from ai.gateway.dialects.messages import MESSAGES
from ai.gateway.dialects.responses import RESPONSES
from ai.gateway.refusals import Refusal
from ai.gateway.translate.completions import COMPLETIONS_DIALECT
from ai.model_config.bound import LONG_BYTES, NFKC_GROWTH, text_bytes

DIALECTS = (CHAT, RESPONSES, MESSAGES, EMBEDDINGS, COMPLETIONS_DIALECT)
FORMS = {
    "chat": lambda text: {"messages": [{"role": "user", "content": text}]},
    "chat-parts": lambda text: {"messages": [{"role": "user", "content": [{"type": "text", "text": text}]}]},
    "chat-tool": lambda text: {
        "messages": [{"role": "user", "content": ""}],
        "tools": [{"type": "function", "function": {"name": "f", "description": text}}],
    },
    "chat-call": lambda text: {
        "messages": [{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": text}}]}]
    },
    "chat-name": lambda text: {"messages": [{"role": "user", "content": "", "name": text}]},
    "chat-schema": lambda text: {
        "messages": [],
        "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {"description": text}}},
    },
    "responses": lambda text: {"input": text},
    "responses-instructions": lambda text: {"input": "", "instructions": text},
    "responses-item": lambda text: {"input": [{"role": "user", "content": [{"type": "input_text", "text": text}]}]},
    "responses-output": lambda text: {"input": [{"type": "function_call_output", "call_id": "c", "output": text}]},
    "responses-namespace": lambda text: {
        "input": "",
        "tools": [
            {"type": "namespace", "name": "n", "tools": [{"type": "function", "name": "f", "description": text}]}
        ],
    },
    "responses-more-tools": lambda text: {
        "input": [{"type": "additional_tools", "tools": [{"type": "function", "name": "f", "description": text}]}]
    },
    "messages": lambda text: {"messages": [{"role": "user", "content": text}]},
    "messages-beside": lambda text: {"messages": [{"role": "user", "content": "", "reasoning": text}]},
    "messages-system": lambda text: {"messages": [], "system": [{"type": "text", "text": text}]},
    "messages-result": lambda text: {
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": text}]},
                ],
            }
        ]
    },
    "embeddings": lambda text: {"input": [text, text]},
    "completions": lambda text: {"prompt": text},
}


def dialect_of(form: str) -> Any:
    name = form.split("-", maxsplit=1)[0]
    return next(dialect for dialect in DIALECTS if dialect.name == name)


@pytest.mark.parametrize("form", FORMS)
@given(text=st.text(max_size=300))
@settings(max_examples=40)
def test_no_text_in_any_place_can_be_counted_as_more_than_the_bound(form: str, text: str) -> None:
    """A token is at least a byte of the text, as it is or normalised, so a bound below that would leak money."""
    read = dialect_of(form).read
    grown = read(FORMS[form](text)).input_tokens - read(FORMS[form]("")).input_tokens  # what stands around it aside

    most = max(
        len(text.encode("utf-8", "surrogatepass")),
        len(unicodedata.normalize("NFKC", text).encode("utf-8", "surrogatepass")),
    )
    assert grown >= most * (2 if form == "embeddings" else 1)


@given(body=st.binary(max_size=2000), cuts=st.lists(st.integers(0, 2000), max_size=12))
@settings(max_examples=200)
def test_a_stream_cut_anywhere_into_pieces_comes_out_byte_for_byte(body: bytes, cuts: list[int]) -> None:
    splitter = EventSplitter()
    edges = sorted({0, len(body), *(cut for cut in cuts if cut <= len(body))})
    events = [event for a, b in itertools.pairwise(edges) for event in splitter.feed(body[a:b])]
    rest = splitter.rest()

    assert b"".join(event.raw for event in events) + (rest.raw if rest else b"") == body


@given(
    lines=st.lists(st.text(alphabet='ab :{}"é', max_size=20), max_size=20), end=st.sampled_from(["\n", "\r\n", "\r"])
)
@settings(max_examples=100)
def test_events_are_the_same_however_the_bytes_arrive(lines: list[str], end: str) -> None:
    body = "".join(f"data: {line}{end}{end}" for line in lines).encode()
    whole, single = EventSplitter(), EventSplitter()

    at_once = [event.data for event in whole.feed(body)]
    one_by_one = [event.data for byte in body for event in single.feed(bytes([byte]))]

    assert (
        [data for data in at_once if data]
        == [data for data in one_by_one if data]
        == [line.removeprefix("") for line in lines if line]
    )


@pytest.mark.parametrize(
    ("dialect", "body", "param"),
    [
        (CHAT, {"messages": [], "audio": {"voice": "a"}}, "audio"),
        (CHAT, {"messages": [], "modalities": ["text", "audio"]}, "modalities"),
        (CHAT, {"messages": [], "web_search_options": {}}, "web_search_options"),
        (CHAT, {"messages": [], "plugins": [{"id": "web"}]}, "plugins"),
        (CHAT, {"messages": [], "model": "acme/tiny-1:online"}, "model"),
        (CHAT, {"messages": [], "models": ["acme/tiny-1:online"]}, "models"),
        (CHAT, {"messages": [], "service_tier": "priority"}, "service_tier"),
        (CHAT, {"messages": [], "service_tier": ["priority"]}, "service_tier"),
        (CHAT, {"messages": [], "invented": 1}, "invented"),
        (CHAT, {"messages": [], "provider": {"engine": "x"}}, "provider.engine"),
        (CHAT, {"messages": [{"role": "user", "content": [{"type": "input_audio"}]}]}, "messages[0].content[0].type"),
        (CHAT, {"messages": [{"role": "user", "content": [{"type": "file"}]}]}, "messages[0].content[0].type"),
        (CHAT, {"messages": [{"role": "user", "content": [{"type": {"a": 1}}]}]}, "messages[0].content[0].type"),
        (CHAT, {"messages": [{"role": "user", "audio": {"id": "a"}}]}, "messages[0].audio"),
        (CHAT, {"messages": [], "tools": [{"type": "openrouter:web_search"}]}, "tools[0].type"),
        (CHAT, {"messages": [], "n": 0}, "n"),
        (CHAT, {"messages": [], "n": True}, "n"),
        (CHAT, {"messages": [], "n": 10**6}, "n"),
        (CHAT, {"messages": [], "max_tokens": -1}, "max_tokens"),
        (CHAT, {"messages": [], "max_tokens": "many"}, "max_tokens"),
        (CHAT, {"messages": "hello"}, "messages"),
        (CHAT, {}, "messages"),
        (RESPONSES, {"input": "", "background": True}, "background"),
        (RESPONSES, {"input": "", "tools": [{"type": "web_search"}]}, "tools[0].type"),
        (RESPONSES, {"input": "", "tools": [{"type": "code_interpreter"}]}, "tools[0].type"),
        (RESPONSES, {"input": [{"type": "web_search_call"}]}, "input[0].type"),
        (RESPONSES, {"input": [{"role": "user", "content": [{"type": "input_file"}]}]}, "input[0].content[0].type"),
        (MESSAGES, {"messages": [], "tools": [{"type": "web_search_20250305", "name": "w"}]}, "tools[0].type"),
        (MESSAGES, {"messages": [], "tools": [{"type": "code_execution_20250522"}]}, "tools[0].type"),
        (RESPONSES, {"input": "", "instructions": [{"content": [{"type": "input_image"}]}]}, "instructions"),
        (
            MESSAGES,
            {
                "messages": [],
                "context_management": {"edits": [{"type": "clear_thinking_20251015"}, {"type": "compact"}]},
            },
            "context_management.edits[1].type",
        ),
        (MESSAGES, {"messages": [], "mcp_servers": []}, "mcp_servers"),
        (MESSAGES, {"messages": [{"role": "user", "content": [{"type": "document"}]}]}, "messages[0].content[0].type"),
        (EMBEDDINGS, {"input": [{}]}, "input"),
        (EMBEDDINGS, {"input": []}, "input"),
        (COMPLETIONS_DIALECT, {"prompt": ["a", "b"]}, "prompt"),
        (COMPLETIONS_DIALECT, {"prompt": "a", "suffix": "b"}, "suffix"),
        (COMPLETIONS_DIALECT, {"prompt": "a", "best_of": 5}, "best_of"),
    ],
)
def test_what_cannot_be_bounded_is_refused_with_the_name_of_its_field(
    dialect: Any, body: dict[str, Any], param: str
) -> None:
    with pytest.raises(Refusal) as refused:
        dialect.read(body)

    assert refused.value.status == 400
    assert refused.value.param == param
    assert param.split("[", maxsplit=1)[0].split(".", maxsplit=1)[0] in refused.value.message


@pytest.mark.parametrize(
    ("dialect", "body"),
    [
        (CHAT, {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:x"}}]}]}),
        (RESPONSES, {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "data:x"}]}]}),
        (RESPONSES, {"input": "", "previous_response_id": "resp_1"}),
        (RESPONSES, {"input": [{"type": "item_reference", "id": "i"}]}),
        (MESSAGES, {"messages": [{"role": "user", "content": [{"type": "image", "source": {}}]}]}),
        (
            MESSAGES,
            {"messages": [{"role": "user", "content": [{"type": "tool_result", "content": [{"type": "image"}]}]}]},
        ),
    ],
)
def test_images_and_what_a_provider_keeps_count_as_the_whole_context(dialect: Any, body: dict[str, Any]) -> None:
    assert dialect.read(body).whole_context


IMAGES = [{"type": "image_url", "image_url": {"url": "https://example.com/large.png"}}]


def test_an_image_beside_a_messages_words_counts_as_one_too() -> None:
    """OpenRouter gives its images back so, in `images`: a few bytes were held for what may be thousands of tokens."""
    for dialect in (CHAT, MESSAGES):
        for name in ("images", "attachments"):
            assert dialect.read({"messages": [{"role": "assistant", "content": "", name: IMAGES}]}).whole_context
    plain = {"role": "assistant", "content": "", "images": [], "annotations": [{"type": "url_citation"}], "name": "ann"}
    call = {"role": "assistant", "content": None, "refusal": None, "tool_calls": [{"function": {"name": "f"}}]}
    thought = {"role": "assistant", "content": "", "reasoning_details": [{"type": "reasoning.text", "text": "so"}]}
    for message in (plain, call, thought):
        assert not CHAT.read({"messages": [message]}).whole_context


URL = "https://example.com/large.png"
HIDDEN: dict[str, dict[str, Any]] = {
    "a parsed file": {"annotations": [{"type": "file", "file": {"hash": "h", "content": IMAGES}}]},
    "a provider's own": {"provider_specific_fields": {"images": IMAGES}},
    "addresses": {"images": [URL]},
    "an address": {"images": URL},
    "an image's address": {"image_url": URL},
    "an object of it": {"annotations": [{"image_url": {"url": URL}}]},
    "a type": {"reasoning_details": [{"type": "input_image", "file_id": "file-1"}]},
    "a type of another case": {"annotations": [{"type": "IMAGE", "source": {"type": "url", "url": URL}}]},
    "data": {"provider_specific_fields": {"shown": "data:image/png;base64,AAAA"}},
}


@pytest.mark.parametrize("name", HIDDEN)
def test_no_image_passes_as_words_wherever_it_stands(name: str) -> None:
    """These fields were taken for words whatever was in them: a few bytes were held for a whole image."""
    beside = {"role": "assistant", "content": "", **HIDDEN[name]}
    within = {"type": "text", "text": "", **HIDDEN[name]}
    said = {"type": "input_text", "text": "", **HIDDEN[name]}
    result = {"type": "tool_result", "tool_use_id": "t", "content": "", **HIDDEN[name]}
    for dialect in (CHAT, MESSAGES):
        assert dialect.read({"messages": [beside]}).images == 1
        assert dialect.read({"messages": [{"role": "user", "content": [within]}]}).images == 1
    assert MESSAGES.read({"messages": [{"role": "user", "content": [result]}]}).images == 1
    assert RESPONSES.read({"input": [beside]}).images == 1
    assert RESPONSES.read({"input": [{"role": "user", "content": [said]}]}).images == 1


def test_words_about_images_are_words() -> None:
    """Names that are the caller's own say nothing of what is sent."""
    schema = {"type": "object", "properties": {"image": {"type": "string"}}}
    call = {"id": "c", "type": "function", "function": {"name": "show", "arguments": {"image": "a.png"}}}
    chat = [
        {"role": "assistant", "content": "image_url", "tool_calls": [call], "annotations": [{"type": "url_citation"}]}
    ]
    assert (
        CHAT.read({"messages": chat, "tools": [{"type": "function", "function": {"parameters": schema}}]}).images == 0
    )
    used = {"type": "tool_use", "id": "t", "name": "show", "input": {"image": "a.png"}}
    assert MESSAGES.read({"messages": [{"role": "assistant", "content": [used]}]}).images == 0
    items = [
        {"type": "function_call", "call_id": "c", "name": "show_image", "arguments": '{"image": "a.png"}'},
        {"type": "additional_tools", "tools": [{"type": "function", "name": "f", "parameters": schema}]},
        {"type": "local_shell_call", "call_id": "c", "action": {"command": ["ls"], "env": {"IMAGE": "alpine"}}},
    ]
    assert RESPONSES.read({"input": items}).images == 0


def test_what_stands_beside_the_words_of_a_part_is_counted() -> None:
    part = {"type": "text", "text": "", "more": "x" * 1000}
    plain = CHAT.read({"messages": [{"role": "user", "content": [{"type": "text", "text": ""}]}]}).input_tokens
    assert CHAT.read({"messages": [{"role": "user", "content": [part]}]}).input_tokens >= plain + 1000


def test_every_image_of_a_body_is_counted() -> None:
    """Each may be billed at a price of its own, whichever message holds it."""
    chat = [
        {"role": "user", "content": [*IMAGES, *IMAGES, {"type": "text", "text": "?"}]},
        {"role": "user", "content": IMAGES},
    ]
    assert CHAT.read({"messages": chat}).images == 3
    picture = {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}}
    result = {"type": "tool_result", "tool_use_id": "t", "content": [picture, picture]}
    document = {"type": "document", "source": {"type": "content", "content": [picture]}}
    messages = [{"role": "user", "content": [picture, result, document]}]
    assert MESSAGES.read({"system": [{"type": "text", "text": ""}], "messages": messages}).images == 4
    seen = {"type": "input_image", "image_url": "https://example.com/a.png"}
    items = [
        {"role": "user", "content": [seen, seen]},
        {"type": "function_call_output", "call_id": "c", "output": [seen]},
    ]
    assert RESPONSES.read({"input": items}).images == 3
    assert RESPONSES.read({"input": "none"}).images == 0
    for kept in (
        {"input": items, "previous_response_id": "r"},
        {"input": [*items, {"type": "item_reference", "id": "i"}]},
    ):
        assert RESPONSES.read(kept).images is None
    beside = {"role": "assistant", "content": "", "images": [*IMAGES, *IMAGES]}
    assert CHAT.read({"messages": [beside]}).images == 2


def test_every_limit_reasoning_allowance_and_answer_is_seen() -> None:
    chat = CHAT.read(
        {
            "messages": [],
            "max_tokens": 900,
            "max_completion_tokens": 700.0,
            "n": 3,
            "reasoning": {"max_tokens": 200},
            "stream": True,
        }
    )
    assert (chat.max_output, chat.times, chat.extra_output, chat.stream) == (700, 3, 200, True)
    thinking = MESSAGES.read({"messages": [], "max_tokens": 10, "thinking": {"type": "enabled", "budget_tokens": 2000}})
    assert (thinking.max_output, thinking.extra_output) == (10, 2000)
    assert RESPONSES.read({"input": "", "max_output_tokens": 5}).max_output == 5
    assert CHAT.read({"messages": [], "prediction": {"content": "x" * 100}}).extra_output > 100


def test_what_the_budget_need_not_know_is_sent_as_it_came() -> None:
    body = {
        "model": "gpt-4o-mini",
        "messages": [{"role": "user", "content": "a"}],
        "stop": ["x"],
        "seed": 7,
        "logprobs": True,
        "temperature": 0.3,
        "response_format": {"type": "json_object"},
        "tool_choice": "auto",
        "max_completion_tokens": 9,
    }

    sent = CHAT.outgoing(body, "openai/gpt-4o-mini", 5)

    assert sent == {**body, "model": "openai/gpt-4o-mini", "max_completion_tokens": 5}


def event(document: Any, name: str = "") -> bytes:
    return (f"event: {name}\n" if name else "").encode() + b"data: " + json.dumps(document).encode() + b"\n\n"


def read_stream(dialect: Any, *pieces: bytes) -> Figures:
    splitter, figures = EventSplitter(), Figures()
    for piece in pieces:
        for one in splitter.feed(piece):
            dialect.take_event(figures, one)
    return figures


def test_the_figures_of_a_chat_stream_are_read_while_it_passes() -> None:
    usage = {"prompt_tokens": 10, "completion_tokens": 4, "cost": 0.00012}
    figures = read_stream(
        CHAT,
        b": OPENROUTER PROCESSING\n\n",
        event({"id": "gen-1", "model": "acme/tiny-1", "choices": [{"delta": {"content": "hi"}}]}),
        event({"id": "gen-1", "choices": [{"delta": {}, "finish_reason": "stop"}], "usage": usage}),
    )
    assert not figures.ended  # without [DONE] the answer may be cut
    CHAT.take_event(figures, EventSplitter().feed(b"data: [DONE]\n\n")[0])

    assert (figures.id, figures.model, figures.finish, figures.said, figures.ended) == (
        "gen-1",
        "acme/tiny-1",
        "stop",
        True,
        True,
    )
    assert (figures.usage, figures.cost) == (Usage(10, 4), Decimal("0.00012"))


def test_the_figures_of_a_responses_stream_are_those_of_its_last_event() -> None:
    usage = {"input_tokens": 9, "output_tokens": 3, "output_tokens_details": {"reasoning_tokens": 2}, "cost": 0.5}
    figures = read_stream(
        RESPONSES,
        event({"type": "response.created", "response": {"id": "resp_1", "model": "m"}}),
        event({"type": "response.output_text.delta", "delta": "a"}),
        event({"type": "response.completed", "response": {"status": "completed", "usage": usage}}),
    )
    assert figures.ended
    assert (figures.usage, figures.cost, figures.id) == (Usage(9, 3, 0, 2), Decimal("0.5"), "resp_1")
    failed = read_stream(
        RESPONSES, event({"type": "response.failed", "response": {"error": {"code": "x", "message": "y"}}})
    )
    assert failed.error == {"code": "x", "message": "y"}
    assert not failed.ended


def test_the_tokens_of_a_messages_stream_are_put_together_from_its_begin_and_its_end() -> None:
    begun = {
        "id": "msg_1",
        "model": "c",
        "usage": {
            "input_tokens": 5,
            "cache_read_input_tokens": 20,
            "cache_creation_input_tokens": 3,
            "output_tokens": 1,
        },
    }
    figures = read_stream(
        MESSAGES,
        event({"type": "message_start", "message": begun}, "message_start"),
        event({"type": "content_block_delta", "delta": {"type": "text_delta", "text": "a"}}),
        event({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 42}}),
        event({"type": "message_stop"}),
    )
    assert figures.usage == Usage(28, 42, 20)
    assert (figures.ended, figures.finish, figures.said) == (True, "end_turn", True)
    begun_only = read_stream(MESSAGES, event({"type": "message_start", "message": begun}))
    assert begun_only.usage is None  # its output has hardly begun: no bill can be made of it
    broken = read_stream(MESSAGES, event({"type": "error", "error": {"type": "overloaded_error", "message": "m"}}))
    assert broken.error["type"] == "overloaded_error"


@pytest.mark.parametrize(
    ("usage", "bill"),
    [
        ({"output_tokens": 10}, Usage(5, 10)),
        ({"output_tokens": 8}, Usage(5, 8)),
        ({"input_tokens": 5, "output_tokens": 10}, Usage(5, 10)),
        ({"output_tokens": 7}, None),
    ],
)
def test_the_last_of_two_messages_deltas_is_the_bill_where_no_count_falls(usage: Any, bill: Usage | None) -> None:
    """Their counts are cumulative (Anthropic's reference); two were taken for two bills that differ."""
    delta = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}}
    figures = read_stream(
        MESSAGES,
        event({"type": "message_start", "message": {"id": "msg_1", "usage": {"input_tokens": 5, "output_tokens": 1}}}),
        event({**delta, "usage": {"output_tokens": 8}}),
        event({**delta, "usage": usage}),
        event({"type": "message_stop"}),
    )
    assert figures.bill == (bill, None)


@pytest.mark.parametrize("dialect", DIALECTS)
@given(
    document=st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "messages",
                        "content",
                        "type",
                        "usage",
                        "choices",
                        "input",
                        "output",
                        "error",
                        "role",
                        "tools",
                        "model",
                        "prompt",
                        "text",
                        "delta",
                        "response",
                    ]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
@settings(max_examples=60)
def test_no_body_and_no_answer_makes_a_dialect_fall_over(dialect: Any, document: Any) -> None:
    if isinstance(document, dict):
        with contextlib.suppress(Refusal):
            dialect.read(document)
    figures = Figures()
    dialect.take(figures, document)
    dialect.take_event(figures, EventSplitter().feed(b"data: " + json.dumps(document).encode() + b"\n\n")[0])


@pytest.mark.parametrize("letter", [chr(0xFDFA), chr(0x3300), "\u00e9", "\u4e2d"])
def test_a_very_long_text_is_bounded_without_being_normalised(letter: str) -> None:
    text = letter * (LONG_BYTES // len(letter.encode()) + 1)
    assert text_bytes(text) == NFKC_GROWTH * len(text.encode())
    assert text_bytes(text) >= len(unicodedata.normalize("NFKC", text).encode())


def test_no_letter_grows_more_when_it_is_normalised_than_is_held_for() -> None:
    letters = [chr(n) for n in range(sys.maxunicode + 1) if not 0xD800 <= n < 0xE000]
    assert max(len(unicodedata.normalize("NFKC", one).encode()) / len(one.encode()) for one in letters) == NFKC_GROWTH


@pytest.mark.parametrize("name", ["data", "id", "name", "status"])
def test_what_a_model_hands_to_a_tool_is_all_its_own_words(name: str) -> None:
    """A tool that takes a field `data` hid whatever was written into it: counts of nothing passed for its price."""
    block = {"type": "tool_use", "id": "t", "name": "write", "input": {name: "word " * 400}}
    figures = Figures()
    MESSAGES.take(figures, {"content": [block], "usage": {"input_tokens": 9, "output_tokens": 1}})
    assert figures.bill == (None, None)
