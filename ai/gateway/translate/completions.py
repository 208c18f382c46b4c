"""`/completions`, which no provider has any more, told as chat and back; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ai.gateway.dialects import chat, fields
from ai.gateway.dialects.asked import Asked, Dialect
from ai.gateway.translate.translation import StreamTranslator, Translation, sse
from ai.llm.figures import as_mapping

if TYPE_CHECKING:
    from collections.abc import Mapping

SAME = frozenset(
    "model models max_tokens temperature top_p n stream stream_options stop seed presence_penalty frequency_penalty "
    "logit_bias user provider".split()
)
READ = frozenset("prompt best_of echo suffix logprobs".split())


def to_chat(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the prompt as one message. Raises Refusal for what chat cannot do."""
    fields.only(body, SAME | READ, {})
    if body.get("suffix"):
        raise fields.refuse("suffix", "cannot be served: no model here fills in the middle of a text")
    times = fields.count(body, "n", 1, fields.MAX_TIMES) or 1
    if (fields.count(body, "best_of", 1, fields.MAX_TIMES) or times) != times:
        raise fields.refuse("best_of", "cannot be served other than as `n`: chat returns every answer that it makes")
    told = {name: value for name, value in body.items() if name in SAME and value is not None}
    return {**told, "messages": [{"role": "user", "content": prompt_of(body)}]}


def prompt_of(body: Mapping[str, Any]) -> str:
    """Return the prompt, of which there may be one."""
    prompt = body.get("prompt")
    if isinstance(prompt, list) and len(prompt) == 1 and isinstance(prompt[0], str):
        prompt = prompt[0]
    if not isinstance(prompt, str):
        raise fields.refuse("prompt", "must be one text; send several as several calls, and no token ids")
    return prompt


def answer(document: Mapping[str, Any], body: Mapping[str, Any]) -> dict[str, Any]:
    """Return a chat answer as a completion."""
    before = prompt_of(body) if fields.flag(body, "echo") else ""
    choices = document.get("choices")
    told = [_choice(as_mapping(one), "message", before) for one in (choices if isinstance(choices, list) else [])]
    return {**_head(document), "choices": told, "usage": document.get("usage")}


class CompletionStream:
    """A stream of chat told as a stream of completions."""

    def __init__(self, body: Mapping[str, Any]) -> None:
        self._before = prompt_of(body) if fields.flag(body, "echo") else ""

    def feed(self, chunk: Mapping[str, Any]) -> bytes:
        """Return the chunk with its deltas as texts."""
        choices = chunk.get("choices")
        told = [
            _choice(as_mapping(one), "delta", self._before) for one in (choices if isinstance(choices, list) else [])
        ]
        if told:
            self._before = ""
        usage = chunk.get("usage")
        return sse({**_head(chunk), "choices": told, **({} if usage is None else {"usage": usage})})

    def end(self) -> bytes:
        """Return the end of a stream of completions."""
        return b"data: [DONE]\n\n"


def _head(document: Mapping[str, Any]) -> dict[str, Any]:
    id_ = str(document.get("id") or "0")
    return {
        "id": "cmpl-" + id_.removeprefix("chatcmpl-"),
        "object": "text_completion",
        "created": document.get("created") or 0,
        "model": document.get("model"),
    }


def _choice(choice: Mapping[str, Any], where: str, before: str) -> dict[str, Any]:
    text = as_mapping(choice.get(where)).get("content")
    return {
        "text": before + (text if isinstance(text, str) else ""),
        "index": choice.get("index") or 0,
        "logprobs": None,
        "finish_reason": choice.get("finish_reason"),
    }


def _read(body: Mapping[str, Any]) -> Asked:
    return chat.read(to_chat(body))


def _stream(body: Mapping[str, Any]) -> StreamTranslator:
    return CompletionStream(body)


COMPLETIONS = Translation(to_chat, answer, _stream)
COMPLETIONS_DIALECT = Dialect(
    "completions",
    "/completions",
    _read,
    chat.outgoing,
    chat.take,
    chat.take_event,
    chat.error,
    chat.error_event,
    chat.CHAT.end,
)
