"""Finds thought and action in a model's reply, whatever stands around them; never raises and never evaluates."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ai.llm.lenient_json import Found, NotJson, read_object
from ai.llm.said import MAX_SAID_CHARS, said

MAX_THOUGHT_CHARS = 4_000  # what the prompt's schema allows, thrice over
MAX_ACTION_CHARS = 64
MAX_TEXT_CHARS = 70_000  # a little more than the largest file that may be written
MAX_PARAMS = 32
MAX_NUMBER = 10**15  # beyond it no parameter means anything
MIN_IMPORTANCE, MAX_IMPORTANCE = 1, 10

_PARAMS_NAMES = ("params", "parameters", "args", "arguments", "input")
_NO_ACTION = frozenset({"", "none", "null", "no_action", "nothing"})


@dataclass(frozen=True, slots=True)
class Reply:
    """What a model said: its thought, and what it wants to do (`action` None: only think).

    `importance` is the model's own weight of the thought, 1 to 10. `cut`: the reply ended inside the object, and what
    was not whole is left out; an action whose parameters were cut off is never carried out, and is named
    `unfinished`. `done`: with this deed the beat is over.
    """

    thought: str
    action: str | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    importance: int | None = None
    cut: bool = False
    unfinished: str | None = None
    done: bool = False


def parse_reply(text: str) -> Reply:
    """Return what `text` says; a text without an object that has `thought` or `action` in it is a plain thought.

    Text around the object, code fences, reasoning before it, trailing commas, single quotes, bare keys, NaN and a cut
    end are tolerated. Of several objects the first that was said counts; one that stands in reasoning is a draft and
    no deed. Nothing inside a string is ever an action.
    """
    heard = said(text)
    found = next((found for found in heard.objects if _keys(found) & {"thought", "action"}), None)
    if found is None:
        return Reply(_bounded(heard.words or heard.reasoned, MAX_THOUGHT_CHARS))
    return _reply(found)


def _keys(found: Found) -> set[str]:
    return {str(key).strip().lower() for key in found.value}


def _reply(found: Found) -> Reply:
    values = {str(key).strip().lower(): value for key, value in found.value.items()}
    cut_keys = {key.strip().lower() for key in found.cut_keys}
    action, params = values.get("action"), _params(values)
    if isinstance(action, dict):  # {"action": {"name": …, "params": {…}}}
        params = params or _params(action)
        action = action.get("name") or action.get("action")
    name = action.strip()[:MAX_ACTION_CHARS] if isinstance(action, str) else None
    unfinished = None
    if name is None or name.lower() in _NO_ACTION or cut_keys - {"thought", "importance", "done"}:
        unfinished = name if found.cut and not cut_keys & {"action"} else None
        name, params = None, {}
    return Reply(
        thought=_bounded(_said(values.get("thought")), MAX_THOUGHT_CHARS),
        action=_bounded(name, MAX_ACTION_CHARS) if name else None,
        params=params,
        importance=_importance(values.get("importance")),
        cut=found.cut,
        done=values.get("done") is True or str(values.get("done")).strip().lower() == "true",
        unfinished=_bounded(unfinished, MAX_ACTION_CHARS) if unfinished else None,
    )


def _said(value: object) -> str:
    if isinstance(value, str):
        return said(value).words or value.strip()  # some put their reasoning into the thought itself
    return "" if value is None else str(value)[:MAX_THOUGHT_CHARS]


def _params(values: Mapping[str, Any]) -> dict[str, Any]:
    given = next((values[name] for name in _PARAMS_NAMES if values.get(name)), None)
    if isinstance(given, str) and given.lstrip().startswith("{"):  # an object written as a text
        try:
            given = read_object(given.strip()[:MAX_SAID_CHARS], 0).value
        except (NotJson, RecursionError):
            given = None
    if not isinstance(given, dict):
        return {}
    return {_bounded(str(key), MAX_ACTION_CHARS): _clean(value, 1) for key, value in list(given.items())[:MAX_PARAMS]}


def _clean(value: Any, depth: int) -> Any:
    """Return a parameter as plain JSON: bounded, without half characters, infinities and endless nesting."""
    if isinstance(value, str):
        return _bounded(value, MAX_TEXT_CHARS)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if depth > 3 or not isinstance(value, (dict, list)):  # noqa: PLR2004 - no action takes more than a list of texts
        return value if isinstance(value, bool) or (isinstance(value, int) and abs(value) <= MAX_NUMBER) else None
    if isinstance(value, list):
        return [_clean(item, depth + 1) for item in value[:MAX_PARAMS]]
    return {_bounded(str(k), MAX_ACTION_CHARS): _clean(v, depth + 1) for k, v in list(value.items())[:MAX_PARAMS]}


def _bounded(text: str, limit: int) -> str:
    """Return at most `limit` characters that UTF-8 can hold; half characters become `?`, NUL goes."""
    return text[:limit].encode("utf-8", "replace").decode("utf-8").replace("\x00", "")


def _importance(value: object) -> int | None:
    if isinstance(value, str):
        match = re.fullmatch(r"\s*(\d{1,2})(?:\.\d+)?(?:\s*/\s*10)?\s*", value)
        value = int(match[1]) if match else None
    if isinstance(value, float) and math.isfinite(value):
        value = round(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return min(max(value, MIN_IMPORTANCE), MAX_IMPORTANCE)
