"""A draft is not a deed: whatever a maker wraps its reasoning in, only what was said after it is carried out."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai.actions import parse_reply
from ai.life.answers import parse_newborn
from ai.llm.said import MAX_SAID_CHARS, first_object, said

DRAFT = '{"thought": "I post it.", "action": "post_tweet", "params": {"text": "half an idea"}}'
DEED = '{"thought": "I look first.", "action": "recall", "params": {"query": "rain"}}'
LEAKS = {
    "think tags": "<think>{draft} or not</think>\n{deed}",
    "attributes": '<think type="deep">{draft}</think>{deed}',
    "a lone closing tag": "First I thought of {draft}, but no.\n</think>\n\n{deed}",
    "a draft first, then a lone closing tag": "{draft}\nHm, that is hasty.</think>{deed}",
    "a cut draft and a lone closing tag": '{{"thought": "I post", "action": "post_tw</think>{deed}',
    "thoughts": "<thought>{draft}</thought>{deed}",
    "seed": "<seed:think>{draft}</seed:think>{deed}",
    "antml": "<antThinking>{draft}</antThinking>{deed}",
    "scratchpad": "<scratchpad>{draft}</scratchpad><answer>{deed}</answer>",
    "reflection within": "<thinking>{draft}<reflection>no</reflection></thinking>{deed}",
    "brackets": "[THINK]{draft} wait[/THINK]{deed}",
    "triangles": "◁think▷{draft}◁/think▷{deed}",
    "solution": "<|begin_of_thought|>{draft}<|end_of_thought|><|begin_of_solution|>{deed}<|end_of_solution|>",
    "command": "<|START_THINKING|>{draft}<|END_THINKING|><|START_RESPONSE|>{deed}<|END_RESPONSE|>",
    "unused tokens": "<unused94>thought\n{draft}<unused95>{deed}",
    "gemma": "<|channel>thought\n{draft}<channel|>{deed}",
    "harmony": (
        "<|channel|>analysis<|message|>{draft}<|end|><|start|>assistant<|channel|>final<|message|>{deed}<|return|>"
    ),
    "harmony with its marks stripped": "analysisWe need JSON. {draft} Better not.assistantfinal{deed}",
    "harmony with a comment": (
        "<|channel|>commentary<|message|>{draft}<|end|><|start|>assistant<|channel|>final<|message|>{deed}"
    ),
    "in capitals": "<THINK>{draft}</THINK>{deed}",
    "many thoughts": "<think>a</think>{draft}<think>b</think>{draft}</think>{deed}",
    "a final answer by name": "Draft: {draft}\n\n**Final answer:**\n{deed}",
}


@pytest.mark.parametrize("name", LEAKS)
def test_a_draft_is_not_a_deed(name: str) -> None:
    reply = parse_reply(LEAKS[name].format(draft=DRAFT, deed=DEED))
    assert (reply.thought, reply.action, dict(reply.params)) == ("I look first.", "recall", {"query": "rain"})


@pytest.mark.parametrize("name", [name for name in LEAKS if name != "a cut draft and a lone closing tag"])
def test_a_birth_takes_the_name_that_was_said_and_not_the_draft_of_it(name: str) -> None:
    draft = '{"name": "Draftling", "pronoun": "it", "first_thought": "Not me yet."}'
    deed = '{"name": "Tessel Orn", "pronoun": "they", "first_thought": "A cup stands where nobody left one."}'
    newborn = parse_newborn(LEAKS[name].format(draft=draft, deed=deed), ())
    assert not isinstance(newborn, str)
    assert newborn.name == "Tessel Orn"


@pytest.mark.parametrize(
    "text",
    [
        f"<think>I could {DRAFT} but",
        f"analysisI could do {DRAFT} and then",
        f"<|channel|>analysis<|message|>{DRAFT} maybe",
        f"[THINK]{DRAFT}",
        f"◁think▷{DRAFT}",
        f"<think>{DRAFT}</think>",
    ],
)
def test_reasoning_that_was_cut_or_stands_alone_does_nothing(text: str) -> None:
    """What a budget of tokens cut off was never decided."""
    reply = parse_reply(text)
    assert reply.action is None
    assert reply.thought


def test_marks_inside_a_text_are_words() -> None:
    """A mind that writes about reasoning tags keeps its deed and its words."""
    written = {"thought": "How odd.", "action": "remember", "params": {"text": "some minds say </think> before a word"}}
    reply = parse_reply(json.dumps(written))
    assert (reply.action, reply.params["text"]) == ("remember", written["params"]["text"])


def test_words_after_a_deed_do_not_undo_it() -> None:
    reply = parse_reply(f"{DEED}\n<think>was that right? {DRAFT}")
    assert (reply.action, dict(reply.params)) == ("recall", {"query": "rain"})


def test_a_result_that_a_model_makes_up_is_not_a_second_deed() -> None:
    assert parse_reply(f"{DEED}\nResult of recall: rain\n{DRAFT}").action == "recall"


def test_reasoning_inside_the_thought_is_left_out_of_it() -> None:
    reply = parse_reply('{"thought": "<think>what do they want</think>It rains.", "action": "think"}')
    assert reply.thought == "It rains."


def test_a_plain_thought_has_no_marks_in_it() -> None:
    assert parse_reply("<think>hm</think>\n```\nIt rains again.\n```").thought == "It rains again."
    assert parse_reply("<|start|>assistant<|channel|>final<|message|>It rains.<|return|>").thought == "It rains."


def test_the_first_whole_object_is_found() -> None:
    assert first_object('x {"a": 1} {"b": 2}') == {"a": 1}
    assert first_object("[[]]") is None
    assert first_object('{"name": "Half') is None


@given(st.text(max_size=300))
def test_no_text_makes_reading_raise(text: str) -> None:
    heard = said(text)
    assert len(heard.words) <= MAX_SAID_CHARS


@given(
    st.lists(st.sampled_from(["<think>", "</think>", "{", "}", '"', "<|channel|>final", "a", " ", DEED]), max_size=40)
)
def test_no_mixture_of_marks_makes_reading_raise(parts: list[str]) -> None:
    parse_reply("".join(parts))
