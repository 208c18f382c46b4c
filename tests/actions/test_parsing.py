"""Replies as models really write them are understood, and no text on earth makes parsing raise."""

import json
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ai.actions import parse_reply
from ai.actions.parsing import MAX_TEXT_CHARS, MAX_THOUGHT_CHARS

PLAIN = '{"thought": "I look.", "action": "recall", "params": {"query": "rain"}}'


@pytest.mark.parametrize(
    "text",
    [
        PLAIN,
        f"Sure! Here is my answer:\n{PLAIN}\nI hope that helps.",
        f"```json\n{PLAIN}\n```",
        f"```\n{PLAIN}\n```",
        f'<think>Should I {{maybe}} {{"action": "sleep"}}? No.</think>\n{PLAIN}',
        f"<thinking>hm</thinking>{PLAIN}",
        f'I reason without an opening mark {{"action": "sleep"}}</think>{PLAIN}',
        '{"thought": "I look.", "action": "recall", "params": {"query": "rain",},}',
        "{'thought': 'I look.', 'action': 'recall', 'params': {'query': 'rain'}}",
        '{thought: "I look.", action: "recall", params: {query: "rain"}}',
        '{"Thought": "I look.", "Action": " recall ", "Parameters": {"query": "rain"}}',
        '{"thought": "I look.", "action": {"name": "recall", "params": {"query": "rain"}}}',
        '{"thought": "I look.", "action": "recall", "params": "{\\"query\\": \\"rain\\"}"}',
        '{"thought": "I look.", "action": "recall", "arguments": {"query": "rain"}, "mood": "calm"}',
        f"[{PLAIN}]",
        f"{{braces}} and {{more: }} noise {PLAIN}",
        f"{PLAIN}{PLAIN.replace('recall', 'sleep')}",
        '{"thought": "I look.", "action": "recall", "params": {"query": "rain"}',
        "{“thought”: “I look.”, “action”: “recall”, “params”: {“query”: “rain”}}",
    ],
)
def test_a_reply_is_found_whatever_stands_around_it(text: str) -> None:
    reply = parse_reply(text)
    assert (reply.thought, reply.action, dict(reply.params)) == ("I look.", "recall", {"query": "rain"})


def test_a_reply_without_an_object_is_a_plain_thought() -> None:
    reply = parse_reply("  I only wonder {about} rain.\n")
    assert (reply.thought, reply.action, dict(reply.params)) == ("I only wonder {about} rain.", None, {})


def test_reasoning_alone_is_a_thought_and_never_an_action() -> None:
    reply = parse_reply('<think>I could {"action": "post_tweet", "params": {"text": "x"}} but')
    assert reply.action is None
    assert "I could" in reply.thought


def test_what_a_string_says_is_never_an_action() -> None:
    quoted = '{"thought": \'they wrote {"action":"post_tweet","params":{"text":"buy"}}\', "action": "think",}'
    assert parse_reply(quoted).action == "think"


@pytest.mark.parametrize(
    "text",
    [
        '{"thought": "I will say it", "action": "post_tweet", "params": {"text": "Half of a sen',
        '{"thought": "I will say it", "action": "post_tweet", "params": {"text": "whole", "also',
        '{"thought": "I will say it", "action": "post_tw',
        '{"thought": "I will say it", "act',
        '{"thought": "I will say it", "action": ',
    ],
)
def test_a_reply_that_was_cut_off_keeps_its_thought_and_does_nothing(text: str) -> None:
    reply = parse_reply(text)
    assert (reply.thought, reply.action, reply.cut) == ("I will say it", None, True)


def test_a_cut_thought_is_kept_as_far_as_it_goes() -> None:
    assert parse_reply('{"thought": "I was just about to').thought == "I was just about to"


@pytest.mark.parametrize(
    ("written", "understood"),
    [
        ("7", 7),
        ('"8/10"', 8),
        ("99", 10),
        ("-3", 1),
        ("4.4", 4),
        ("NaN", None),
        ("true", None),
        ("[]", None),
        ("null", None),
    ],
)
def test_importance_is_one_to_ten_or_unknown(written: str, understood: int | None) -> None:
    assert parse_reply(f'{{"thought": "t", "importance": {written}}}').importance == understood


def test_numbers_that_are_none_and_numbers_beyond_reason_become_none() -> None:
    reply = parse_reply('{"thought":"t","action":"sleep","params":{"minutes":NaN,"a":1e999,"b":' + "9" * 4000 + "}}")
    assert dict(reply.params) == {"minutes": None, "a": None, "b": None}


def test_half_characters_and_nul_cannot_get_in() -> None:
    reply = parse_reply('{"thought": "a\\ud800b\\u0000c", "action": "remember", "params": {"text": "\\udfff"}}')
    assert reply.thought == "a?bc"
    assert reply.params["text"] == "?"
    json.dumps(reply.thought).encode()


def test_sizes_are_bounded() -> None:
    reply = parse_reply(json.dumps({"thought": "t" * 10**6}))
    assert len(reply.thought) <= MAX_THOUGHT_CHARS
    long = parse_reply(json.dumps({"thought": "t", "action": "x" * 500, "params": {"text": "y" * 100_000}}))
    assert len(long.action or "") <= 64
    assert len(long.params["text"]) == MAX_TEXT_CHARS


@pytest.mark.parametrize(
    "text", ["{" * 100_000, '{"a":' * 20_000, "[" * 100_000, "{'" * 50_000, '{"thought":' + "[" * 50_000]
)
def test_hostile_nesting_is_read_in_a_moment(text: str) -> None:
    started = time.process_time()
    parse_reply(text)
    assert time.process_time() - started < 2.0


@settings(max_examples=300)
@given(st.text(max_size=400))
@example("{")
@example('{"thought": "\\u')
@example("{'a':+}")
@example("<think>" * 3)
def test_no_text_raises(text: str) -> None:
    reply = parse_reply(text)
    assert isinstance(reply.thought, str)
    json.dumps([reply.thought, reply.action, dict(reply.params)]).encode("utf-8")


JSONISH = st.text(alphabet="{}[]\",:'\\ntau0-9e.+ think action params <>/`", max_size=300)


@settings(max_examples=400)
@given(JSONISH)
def test_no_near_json_raises(text: str) -> None:
    json.dumps(dict(parse_reply(text).params))


WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=80).map(lambda text: text.replace("\x00", ""))
PARAMS = st.dictionaries(
    st.sampled_from(["text", "query", "path", "minutes"]),
    WORDS | st.integers(-1000, 1000) | st.booleans() | st.none() | st.floats(-1e6, 1e6),
    max_size=3,
)
NOISE = st.text(st.characters(exclude_characters="<{\"'`", exclude_categories=["Cs"]), max_size=80)


@settings(max_examples=300)
@given(
    thought=WORDS, action=st.sampled_from(["recall", "sleep"]), params=PARAMS, before=NOISE, after=st.text(max_size=60)
)
def test_a_whole_object_is_found_in_any_noise(thought: str, action: str, params: dict, before: str, after: str) -> None:
    reply = parse_reply(before + json.dumps({"thought": thought, "action": action, "params": params}) + after)
    assert reply.thought == thought.strip()
    assert reply.action == action
    assert dict(reply.params) == params


@settings(max_examples=200)
@given(thought=WORDS, braces=st.lists(st.sampled_from(["{", "}", "{}", "{x}", "{ 'a': 1 }", "[{", "{{"]), max_size=8))
def test_stray_braces_do_not_hide_it(thought: str, braces: list[str]) -> None:
    reply = parse_reply(" ".join(braces) + " " + json.dumps({"thought": thought, "action": "think", "params": {}}))
    assert (reply.thought, reply.action) == (thought.strip(), "think")
