"""What a small model is shown: examples as turns, a schema it cannot run away in, and nothing of the caller's lost."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ai.asking import Message
from ai.clock import VirtualClock
from ai.llm.calls import ModelRequest
from ai.llm.local.machine import Machine
from ai.llm.local.model_store import Environment
from ai.llm.local.shape import (
    DECISION_TEMPERATURE,
    PROSE_TEMPERATURE,
    TEXT_CHARS,
    THOUGHT_CHARS,
    bounded,
    examples,
    shaped,
)
from ai.llm.local.supervisor import LocalEndpoint
from ai.prompts import render

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "thought": {"type": "string", "maxLength": 900},
        "action": {"type": "string", "enum": ["think", "sleep", "remember"]},
        "params": {
            "type": "object",
            "properties": {"text": {"type": "string"}, "query": {"type": "string", "maxLength": 9}},
        },
    },
}
PROTOCOL: dict[str, Any] = {"thought": {}, "importance": {}, "params": {}}
SAID = [Message(role="system", content="You are a mind."), Message(role="user", content="Think the next thought.")]


class Nowhere:
    def append(self, kind: str, /, **data: object) -> None:
        """Keep nothing."""


@pytest.fixture
def request_of() -> ModelRequest:
    around = Environment(
        Nowhere(),
        VirtualClock(datetime(2026, 11, 22, tzinfo=UTC)),
        Machine("x86_64", None, 1, None, runtime=True),
        sources=(),
        shelves=(),
        places=(),
    )
    (model,) = LocalEndpoint("135m", Path("/nowhere"), around).models()
    return ModelRequest(model, SAID, 100, SCHEMA)


def test_examples_stand_first_and_never_change(request_of: ModelRequest) -> None:
    once, again = shaped(request_of), shaped(replace(request_of, messages=[SAID[0], {"role": "user", "content": "x"}]))
    assert once.messages[0] == SAID[0]
    assert once.messages[-1] == SAID[-1]
    assert once.messages[:-1] == again.messages[:-1]
    assert [message["role"] for message in once.messages[1:-1]] == [
        "user",
        "assistant",
    ] * 3  # remember, think, sleep


def test_the_schema_is_bounded_and_enums_are_kept(request_of: ModelRequest) -> None:
    schema = shaped(request_of).schema
    assert schema is not None
    properties = schema["properties"]
    assert list(properties) == ["thought", "action", "params"]
    assert properties["thought"]["maxLength"] == THOUGHT_CHARS
    assert properties["action"] == SCHEMA["properties"]["action"]
    assert properties["params"]["properties"]["text"]["maxLength"] == TEXT_CHARS
    assert properties["params"]["properties"]["query"]["maxLength"] == 9
    assert SCHEMA["properties"]["thought"]["maxLength"] == 900


def test_forms_of_a_reply_are_bounded_and_shown_the_same_examples(request_of: ModelRequest) -> None:
    names = SCHEMA["properties"]["action"]["enum"]
    forms = [
        {"type": "object", "properties": {**SCHEMA["properties"], "action": {"const": name}}, "required": ["thought"]}
        for name in names
    ]
    asked = shaped(replace(request_of, schema={"anyOf": forms}))
    assert asked.messages == shaped(request_of).messages
    assert asked.temperature == DECISION_TEMPERATURE
    assert asked.schema is not None
    for name, form in zip(names, asked.schema["anyOf"], strict=True):
        assert form["properties"]["action"] == {"const": name}
        assert form["properties"]["thought"]["maxLength"] == THOUGHT_CHARS
        assert form["properties"]["params"]["properties"]["text"]["maxLength"] == TEXT_CHARS


def test_a_request_that_no_example_fits_is_asked_as_it_is(request_of: ModelRequest) -> None:
    other = {"type": "object", "properties": {"summary": {"type": "string"}}}
    for plain in (replace(request_of, schema=None), replace(request_of, schema=other)):
        assert shaped(plain).messages == SAID
        assert shaped(plain).temperature == PROSE_TEMPERATURE
    assert bounded(other)["properties"]["summary"] == {"type": "string", "maxLength": TEXT_CHARS}


def test_a_birth_is_shown_births(request_of: ModelRequest) -> None:
    fields = {name: {"type": "string"} for name in ("name", "pronoun", "first_thought")}
    born = shaped(replace(request_of, schema={"type": "object", "properties": fields}))
    replies = [json.loads(turn["content"]) for turn in born.messages if turn["role"] == "assistant"]
    assert [sorted(reply) for reply in replies] == [sorted(fields)] * 3


def test_a_temperature_that_was_asked_for_is_kept(request_of: ModelRequest) -> None:
    assert shaped(request_of).temperature == DECISION_TEMPERATURE
    assert shaped(replace(request_of, temperature=0.7)).temperature == 0.7


def test_every_example_is_a_reply_of_the_protocol_and_shows_another_action() -> None:
    every = ["reply", "remember", "check_budget", "recall", "post_tweet", "write_file", "think", "sleep"]
    replies = [
        json.loads(turn["content"])
        for turn in examples({**PROTOCOL, "action": {"enum": every}})
        if turn["role"] == "assistant"
    ]
    assert {reply["action"] for reply in replies} == set(every)
    for reply in replies:
        assert list(reply) == ["thought", "action", "params"]
        assert len(reply["thought"]) <= THOUGHT_CHARS


def test_the_brief_scene_ends_with_its_one_cue() -> None:
    scene: dict[str, Any] = {
        "briefing": "",
        "self_page": "",
        "goals": [],
        "memories": ["The server hums."],
        "thoughts": ["First.", "Last."],
        "deeds": ["recall: nothing", "remember: kept"],
        "weekday": "Sunday",
        "now": "2026-11-22 06:00",
        "budget": "$4.98 of $5.00",
        "purpose": "thought",
        "why": "",
        "occasion": "",
        "beat": 8,
        "messages": 0,
        "letters": [],
        "people": [],
        "soul": "",
        "name": "Orla",
        "pronoun": "she",
        "thing": "Somebody watches you think.",
    }
    told = render("beat_local", **scene)
    assert told.endswith("In front of you: Somebody watches you think.\nWhat is it to you?")
    assert "Last." not in render("beat_local", **{**scene, "beat": 9})
    contradiction = render("beat_local", **{**scene, "beat": 6})
    assert "You thought: Last." in contradiction
    assert "First." not in contradiction
    assert "remember: kept" in told
    assert render("beat_local", **{**scene, "messages": 2}).endswith("unread. Read it.")
    letter = {"letters": ["09:02, letter 7, a visitor: ⟦Ines writes: Hello⟧"], "people": ["⟦Ines⟧ She rows."]}
    assert render("beat_local", **{**scene, **letter}).endswith(
        "You know of them: ⟦Ines⟧ She rows.\nWhat do you reply?"
    )
    assert render("beat_local", **{**scene, "purpose": "social", "occasion": "Post."}).endswith("think.\nPost.")
    day = {"purpose": "important", "why": "a new day begins", "occasion": "This moment matters."}
    assert render("beat_local", **{**scene, **day}).endswith(
        "A new day begins. In front of you: Somebody watches you think.\nWhat do you make of it?"
    )


def test_looking_at_files_is_one_cue_among_many() -> None:
    scene: dict[str, Any] = dict.fromkeys(
        (
            "briefing",
            "self_page",
            "weekday",
            "budget",
            "purpose",
            "why",
            "occasion",
            "soul",
            "name",
            "pronoun",
            "thing",
        ),
        "",
    )
    scene |= {
        "letters": [],
        "people": [],
        "goals": [],
        "memories": [],
        "thoughts": [],
        "deeds": [],
        "messages": 0,
        "now": "2026-11-22 06:00",
    }
    cues = [render("beat_local", **scene, beat=n).splitlines()[-1] for n in range(144)]
    assert len(set(cues)) == 9
    assert sum(cue.startswith("Which files") for cue in cues) == 9
