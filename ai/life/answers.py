"""Reads what a newborn and a dying mind say: tolerant of wrapping, strict about what a name may be."""

import re
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from ai.life.copied import copied_names
from ai.life.first_words import MAX_PRONOUN_CHARS, pronoun_problem, thought_problem
from ai.llm.said import first_object

MIN_NAME_CHARS, MAX_NAME_CHARS = 2, 40
MAX_THOUGHT_CHARS = 1_000

BIRTH_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": MIN_NAME_CHARS, "maxLength": MAX_NAME_CHARS},
        "pronoun": {"type": "string", "minLength": 1, "maxLength": MAX_PRONOUN_CHARS},
        "first_thought": {"type": "string", "minLength": 1, "maxLength": 400},
    },
    "required": ["name", "pronoun", "first_thought"],
    "additionalProperties": False,
}
_PLACEHOLDERS = (
    "name yourname your_name newname string none null unknown unnamed assistant ai bot chatbot model llm user system "
    "noname nobody anonymous example answer noanswer pronoun firstthought thought newborn mind json object server "
    "genesis chatgpt gpt claude gemini llama qwen mistral smollm deepseek openai anthropic life it i me self"
)
_NOT_NAMES = frozenset(_PLACEHOLDERS.split())


@dataclass(frozen=True, slots=True)
class Newborn:
    """What the model said at its birth, cleaned."""

    name: str
    pronoun: str
    first_thought: str


def name_key(name: str) -> str:
    """Return what two names must differ in: letters and digits, without case, width and accents."""
    decomposed = unicodedata.normalize("NFKD", name).casefold()
    return "".join(c for c in decomposed if c.isalnum())


def parse_newborn(text: str, taken: Collection[str]) -> Newborn | str:
    """Return the newborn that `text` describes, or one line on why it cannot be used.

    `taken` holds the names of all lives, living and dead; a new one differs from each (`name_key`).
    """
    found = first_object(text)
    if found is None:
        return 'no JSON object in it; needed: {"name", "pronoun", "first_thought"}'
    name, pronoun = _line(found.get("name")), _line(found.get("pronoun"))
    thought = _line(found.get("first_thought"))
    problem = _name_problem(name, taken) or pronoun_problem(pronoun) or thought_problem(thought)
    if problem is not None:
        return problem
    return Newborn(name, pronoun, thought[:MAX_THOUGHT_CHARS])


def _line(value: object) -> str:
    text = value if isinstance(value, str) else ""
    seen = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(seen.split()).strip(" \"'`*_#")


def _name_problem(name: str, taken: Collection[str]) -> str | None:
    key = name_key(name)
    if not MIN_NAME_CHARS <= len(name) <= MAX_NAME_CHARS or not any(c.isalpha() for c in name):
        return (
            f"the name {name[:MAX_NAME_CHARS]!r} is not {MIN_NAME_CHARS} to {MAX_NAME_CHARS} characters with a letter"
        )
    if re.search(r"[<>{}\[\]@/\\|:;…]|\.\.", name) or len(name.split()) > 4:  # noqa: PLR2004 - a sentence, no name
        return f"the name {name!r} is no name"
    if key in _NOT_NAMES or all(name_key(word) in _NOT_NAMES for word in name.split()):
        return f"the name {name!r} is a placeholder or a product"
    if key in {name_key(shown) for shown in copied_names()}:
        return f"the name {name!r} is copied from an example"
    if key in {name_key(other) for other in taken}:
        return f"the name {name!r} belongs to another life"
    return None
