"""Shapes a request for a small model: examples as turns, and a schema that it cannot run away in."""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from ai.asking import Message
from ai.llm.calls import ModelRequest
from ai.prompts import render

DECISION_TEMPERATURE = 0.2  # where the caller names none: above it the actions of small models drift
PROSE_TEMPERATURE = 0.7  # where no action is chosen: below it every birth is the same birth
THOUGHT_CHARS = 280  # two sentences; a small model that may write more repeats itself until it is stopped
TEXT_CHARS = 600  # of any other string, for the same reason
TURN = re.compile(r"^<<< (.*?)^>>> (.*?)$", re.MULTILINE | re.DOTALL)


def shaped(request: ModelRequest) -> ModelRequest:
    """Return `request` as a model of a billion parameters understands it best.

    Where there are examples of what the schema asks for, they stand between the system message and the rest: as
    turns they were followed twice as often as in the system message (`benchmarks/local.py`), and standing first and
    never changing they stay in the server's prefix cache. What the caller wrote is kept word for word.
    """
    schema = None if request.schema is None else bounded(request.schema)
    fields = fields_of(schema or {})
    messages = list(request.messages)
    first = 1 if messages and messages[0]["role"] == "system" else 0
    messages[first:first] = examples(fields)
    usual = DECISION_TEMPERATURE if "action" in fields else PROSE_TEMPERATURE
    temperature = usual if request.temperature is None else request.temperature
    return replace(request, messages=messages, schema=schema, temperature=temperature)


def examples(fields: Mapping[str, Any]) -> list[Message]:
    """Return those of `ai/prompts/local_examples.md` whose answers a schema with these properties allows, as turns."""
    actions = fields.get("action", {}).get("enum", ())
    turns: list[Message] = []
    for conversation in _read_examples():
        answers = [json.loads(answer) for _, answer in conversation]
        if all(given.keys() <= fields.keys() and given.get("action", "") in {"", *actions} for given in answers):
            for scene, answer in conversation:
                turns += [Message(role="user", content=scene), Message(role="assistant", content=answer)]
    return turns


def fields_of(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the properties of a schema; of one with several forms (`anyOf`) theirs together, `const`s as one enum.

    A form in `$defs` that nothing refers to is none of today, but is counted: examples, read once, stay the same.
    """
    fields: dict[str, Any] = dict(schema.get("properties", {}))
    for form in (*schema.get("anyOf", ()), *schema.get("$defs", {}).values()):
        for name, prop in fields_of(form).items():
            fields.setdefault(name, {"enum": []} if "const" in prop else prop)
            if "const" in prop:
                fields[name]["enum"].append(prop["const"])
    return fields


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


@cache
def _read_examples() -> tuple[tuple[tuple[str, str], ...], ...]:
    """Return the file's conversations, which lines of `---` part; a turn is `<<<` a scene, `>>>` its answer."""
    return tuple(
        tuple((scene.strip(), answer.strip()) for scene, answer in TURN.findall(conversation))
        for conversation in render("local_examples").split("\n---\n")
    )
