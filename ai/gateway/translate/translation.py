"""What every translation is: a body told as chat, its answer told back, whole or as a stream; pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol

from ai.gateway.dialects import fields
from ai.llm.figures import as_mapping

if TYPE_CHECKING:
    from ai.gateway.refusals import Refusal


class StreamTranslator(Protocol):
    """Tells one stream of chat chunks in another dialect, piece by piece."""

    def feed(self, chunk: Mapping[str, Any]) -> bytes:
        """Return what this chunk is told as."""
        ...

    def end(self) -> bytes:
        """Return what tells that the answer is whole; only called where it is."""
        ...


@dataclass(frozen=True, slots=True)
class Translation:
    """A dialect in terms of chat. `answer(chat_answer, body)` is the whole answer, `stream(body)` tells a stream."""

    to_chat: Callable[[Mapping[str, Any]], dict[str, Any]]
    answer: Callable[[Mapping[str, Any], Mapping[str, Any]], dict[str, Any]]
    stream: Callable[[Mapping[str, Any]], StreamTranslator]


def untold(param: str, what: str) -> Refusal:
    """Return the refusal of something that chat has no words for."""
    return fields.refuse(param, f"cannot be told to this provider, which speaks chat alone: {what}", "untranslatable")


def sse(document: Mapping[str, Any], name: str | None = None) -> bytes:
    """Return one event."""
    head = b"" if name is None else b"event: " + name.encode() + b"\n"
    return head + b"data: " + dumps(document) + b"\n\n"


def dumps(document: Any) -> bytes:
    """Return JSON; an amount of money keeps its digits."""
    return json.dumps(document, ensure_ascii=False, default=_plain).encode("utf-8", "replace")


def first_choice(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the first choice of a chat answer or chunk, an empty one where there is none."""
    choices = answer.get("choices")
    return as_mapping(choices[0]) if isinstance(choices, list) and choices else {}


def tail(id_: Any) -> str:
    """Return an id without the word for what it is of, to stand behind another one."""
    return str(id_ or "0").rsplit("_", 1)[-1].removeprefix("chatcmpl-")


def text_of(content: Any, param: str) -> str:
    """Return the text of a content that is text alone, or parts of text; raises Refusal for any other."""
    if content is None or isinstance(content, str):
        return content or ""
    texts = []
    for number, part in enumerate(fields.listed(content, param)):
        text = as_mapping(part).get("text")
        if not isinstance(text, str):
            raise untold(f"{param}[{number}]", f"a part of type {as_mapping(part).get('type')!r}")
        texts.append(text)
    return "\n".join(texts)


def arguments(text: Any) -> Any:
    """Return a tool call's arguments as the object they are, an empty one where a model wrote no JSON."""
    try:
        document = json.loads(text or "{}")
    except (ValueError, TypeError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _plain(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else str(value)
