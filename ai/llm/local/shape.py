"""Shapes a request for a small model: examples as turns, and a schema that it cannot run away in."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

from ai.llm.calls import Message, ModelRequest
from ai.prompts import render

DECISION_TEMPERATURE = 0.2  # where the caller names none: above it the actions of small models drift
THOUGHT_CHARS = 280  # two sentences; a small model that may write more repeats itself until it is stopped
TEXT_CHARS = 600  # of any other string, for the same reason
EXAMPLE = re.compile(r"^<<< (.*?)^>>> (.*?)$", re.MULTILINE | re.DOTALL)


def shaped(request: ModelRequest) -> ModelRequest:
    """Return `request` as a model of a billion parameters understands it best.

    Where the schema asks for an action, examples stand between the system message and the rest: as turns they were
    followed twice as often as in the system message (`benchmarks/local.py`), and standing first and never changing
    they stay in the server's prefix cache. What the caller wrote is kept word for word.
    """
    schema = None if request.schema is None else bounded(request.schema)
    temperature = DECISION_TEMPERATURE if request.temperature is None else request.temperature
    messages = list(request.messages)
    if schema is not None and (actions := _actions(schema)):
        first = 1 if messages and messages[0]["role"] == "system" else 0
        messages[first:first] = examples(actions)
    return replace(request, messages=messages, schema=schema, temperature=temperature)


def examples(actions: Sequence[str]) -> list[Message]:
    """Return the examples of `ai/prompts/local_examples.md` that name one of `actions`, as turns."""
    turns: list[Message] = []
    for scene, answer in _read_examples():
        if json.loads(answer)["action"] in actions:
            turns += [Message(role="user", content=scene), Message(role="assistant", content=answer)]
    return turns


def bounded(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a JSON schema whose strings are short: `thought` to THOUGHT_CHARS, others to TEXT_CHARS, enums as is."""
    return {key: _bounded(value, key) for key, value in schema.items()}


def _bounded(value: Any, name: str) -> Any:
    if isinstance(value, Mapping):
        inner = {key: _bounded(part, key) for key, part in value.items()}
        if inner.get("type") == "string" and "enum" not in inner:
            most = THOUGHT_CHARS if name == "thought" else TEXT_CHARS
            inner["maxLength"] = min(most, inner.get("maxLength", most))
        return inner
    return [_bounded(part, "") for part in value] if isinstance(value, list) else value


def _actions(schema: Mapping[str, Any]) -> Sequence[str]:
    action = schema.get("properties", {}).get("action", {})
    return action.get("enum", ()) if isinstance(action, Mapping) else ()


@cache
def _read_examples() -> tuple[tuple[str, str], ...]:
    found = EXAMPLE.findall(render("local_examples"))
    return tuple((scene.strip(), answer.strip()) for scene, answer in found)
