"""A program whose provider speaks chat alone loses nothing that chat has words for, and is told of the rest."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ai.gateway.dialects.chat import CHAT
from ai.gateway.dialects.events import EventSplitter
from ai.gateway.dialects.figures import Figures
from ai.gateway.dialects.messages import MESSAGES
from ai.gateway.dialects.responses import RESPONSES
from ai.gateway.refusals import Refusal
from ai.gateway.translate.completions import COMPLETIONS
from ai.gateway.translate.messages import MESSAGES_AS_CHAT
from ai.gateway.translate.responses import RESPONSES_AS_CHAT

USAGE = {"prompt_tokens": 12, "completion_tokens": 5, "total_tokens": 17}
CALL = {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": '{"at": "sky"}'}}
ANSWER = {
    "id": "chatcmpl-7",
    "model": "m",
    "created": 3,
    "usage": USAGE,
    "choices": [
        {
            "index": 0,
            "finish_reason": "tool_calls",
            "message": {"role": "assistant", "content": "hi", "tool_calls": [CALL]},
        }
    ],
}


def chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> dict[str, Any]:
    return {
        "id": "chatcmpl-7",
        "model": "m",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
        **more,
    }


CHUNKS = [
    chunk({"role": "assistant", "content": "h"}),
    chunk({"content": "i"}),
    chunk({"tool_calls": [{"index": 0, "id": "call_1", "function": {"name": "look", "arguments": ""}}]}),
    chunk({"tool_calls": [{"index": 0, "function": {"arguments": '{"at": '}}]}),
    chunk({"tool_calls": [{"index": 0, "function": {"arguments": '"sky"}'}}]}),
    chunk({}, "tool_calls"),
    {"id": "chatcmpl-7", "model": "m", "choices": [], "usage": USAGE},
]


def told(translation: Any, body: dict[str, Any]) -> list[dict[str, Any]]:
    stream = translation.stream(body)
    raw = b"".join(stream.feed(one) for one in CHUNKS) + stream.end()
    return [json.loads(event.data) for event in EventSplitter().feed(raw) if event.data != "[DONE]"]


def test_a_prompt_becomes_a_message_and_its_answer_a_completion() -> None:
    body = {
        "prompt": ["Say hi"],
        "max_tokens": 9,
        "stop": "x",
        "echo": True,
        "best_of": 1,
        "logprobs": None,
        "model": "m",
    }
    assert COMPLETIONS.to_chat(body) == {
        "model": "m",
        "max_tokens": 9,
        "stop": "x",
        "messages": [{"role": "user", "content": "Say hi"}],
    }
    answer = COMPLETIONS.answer(ANSWER, body)
    assert (answer["object"], answer["id"], answer["usage"]) == ("text_completion", "cmpl-7", USAGE)
    assert answer["choices"] == [{"text": "Say hihi", "index": 0, "logprobs": None, "finish_reason": "tool_calls"}]
    streamed = told(COMPLETIONS, {**body, "echo": False})
    assert "".join(choice["text"] for one in streamed for choice in one["choices"]) == "hi"
    assert COMPLETIONS.stream(body).end() == b"data: [DONE]\n\n"


def test_a_conversation_of_messages_with_tools_is_told_as_chat() -> None:
    body = {
        "model": "m",
        "max_tokens": 50,
        "stop_sequences": ["x"],
        "system": [{"type": "text", "text": "Be brief"}],
        "tools": [{"name": "look", "description": "d", "input_schema": {"type": "object"}}],
        "tool_choice": {"type": "any"},
        "messages": [
            {"role": "user", "content": "a"},
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "t"},
                    {"type": "text", "text": "b"},
                    {"type": "tool_use", "id": "call_1", "name": "look", "input": {"at": "sky"}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "call_1", "content": [{"type": "text", "text": "blue"}]},
                    {"type": "text", "text": "c"},
                ],
            },
        ],
    }
    chat = MESSAGES_AS_CHAT.to_chat(body)
    assert chat["messages"] == [
        {"role": "system", "content": "Be brief"},
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b", "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "call_1", "content": "blue"},
        {"role": "user", "content": "c"},
    ]
    assert (chat["max_tokens"], chat["stop"], chat["tool_choice"]) == (50, ["x"], "required")
    assert chat["tools"][0]["function"]["name"] == "look"
    CHAT.read(chat)  # and its bound is known


def test_a_chat_answer_is_a_message_whole_and_streamed() -> None:
    whole = MESSAGES_AS_CHAT.answer(ANSWER, {})
    content = [
        {"type": "text", "text": "hi"},
        {"type": "tool_use", "id": "call_1", "name": "look", "input": {"at": "sky"}},
    ]
    assert (whole["content"], whole["stop_reason"]) == (content, "tool_use")
    assert whole["usage"] == {"input_tokens": 12, "output_tokens": 5}
    events = told(MESSAGES_AS_CHAT, {})
    kinds = [one["type"] for one in events]
    assert kinds[0] == "message_start"
    assert kinds[-2:] == ["message_delta", "message_stop"]
    assert kinds.count("content_block_start") == kinds.count("content_block_stop") == 2
    assert "".join(one["delta"].get("partial_json", "") for one in events if "delta" in one) == '{"at": "sky"}'
    figures = Figures()
    stream = MESSAGES_AS_CHAT.stream({})
    for event in EventSplitter().feed(b"".join(stream.feed(one) for one in CHUNKS) + stream.end()):
        MESSAGES.take_event(figures, event)
    assert figures.ended
    assert (figures.usage.prompt_tokens, figures.usage.completion_tokens) == (12, 5)


def test_a_responses_body_is_told_as_chat() -> None:
    body = {
        "model": "m",
        "instructions": "Be brief",
        "max_output_tokens": 50,
        "tool_choice": {"type": "function", "name": "look"},
        "tools": [{"type": "function", "name": "look", "parameters": {}}],
        "text": {"format": {"type": "json_schema", "name": "n", "schema": {}}},
        "input": [
            {"role": "developer", "content": "dev"},
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "a"}]},
            {"type": "reasoning", "summary": []},
            {"type": "function_call", "call_id": "call_1", "name": "look", "arguments": '{"at": "sky"}'},
            {"type": "function_call_output", "call_id": "call_1", "output": "blue"},
        ],
    }
    chat = RESPONSES_AS_CHAT.to_chat(body)
    assert chat["messages"] == [
        {"role": "system", "content": "Be brief"},
        {"role": "system", "content": "dev"},
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "call_1", "content": "blue"},
    ]
    assert chat["response_format"] == {"type": "json_schema", "json_schema": {"name": "n", "schema": {}}}
    assert chat["tool_choice"] == {"type": "function", "function": {"name": "look"}}
    assert RESPONSES_AS_CHAT.to_chat({"input": "hi"})["messages"] == [{"role": "user", "content": "hi"}]
    CHAT.read(chat)


def test_a_chat_answer_is_a_response_whole_and_streamed() -> None:
    whole = RESPONSES_AS_CHAT.answer(ANSWER, {"instructions": "x"})
    assert [item["type"] for item in whole["output"]] == ["message", "function_call"]
    assert whole["output"][1]["arguments"] == '{"at": "sky"}'
    assert (whole["status"], whole["usage"]["input_tokens"], whole["instructions"]) == ("completed", 12, "x")
    events = told(RESPONSES_AS_CHAT, {})
    assert [one["sequence_number"] for one in events] == list(range(len(events)))
    last = events[-1]
    assert last["type"] == "response.completed"
    assert [item["type"] for item in last["response"]["output"]] == ["message", "function_call"]
    assert last["response"]["output"][0]["content"][0]["text"] == "hi"
    figures = Figures()
    stream = RESPONSES_AS_CHAT.stream({})
    for event in EventSplitter().feed(b"".join(stream.feed(one) for one in CHUNKS) + stream.end()):
        RESPONSES.take_event(figures, event)
    assert figures.ended
    assert figures.usage.completion_tokens == 5


def test_a_cut_answer_is_told_as_incomplete() -> None:
    cut = {**ANSWER, "choices": [{"message": {"content": "h"}, "finish_reason": "length"}]}
    assert RESPONSES_AS_CHAT.answer(cut, {})["status"] == "incomplete"
    assert MESSAGES_AS_CHAT.answer(cut, {})["stop_reason"] == "max_tokens"


@pytest.mark.parametrize(
    ("translation", "body", "param"),
    [
        (MESSAGES_AS_CHAT, {"messages": [], "tools": [{"type": "bash_20250124", "name": "bash"}]}, "tools[0].type"),
        (
            MESSAGES_AS_CHAT,
            {"messages": [{"role": "user", "content": [{"type": "document"}]}]},
            "messages[0].content[0].type",
        ),
        (RESPONSES_AS_CHAT, {"input": "", "previous_response_id": "r"}, "previous_response_id"),
        (RESPONSES_AS_CHAT, {"input": "", "tools": [{"type": "custom"}]}, "tools[0].type"),
        (RESPONSES_AS_CHAT, {"input": [{"type": "shell_call"}]}, "input[0].type"),
    ],
)
def test_what_chat_has_no_words_for_is_refused(translation: Any, body: dict[str, Any], param: str) -> None:
    with pytest.raises(Refusal) as refused:
        translation.to_chat(body)
    assert (refused.value.status, refused.value.param) == (400, param)
