"""Anthropic's Messages told as chat and back, for text and the caller's own tools; pure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ai.gateway.dialects import fields
from ai.gateway.translate.messages_stream import STOPS, MessageStream, usage_of
from ai.gateway.translate.translation import (
    StreamTranslator,
    Translation,
    arguments,
    first_choice,
    tail,
    text_of,
    untold,
)
from ai.llm.figures import as_mapping

if TYPE_CHECKING:
    from collections.abc import Mapping

SAME = ("model", "models", "temperature", "top_p", "stream", "provider")
CHOICES = {"auto": "auto", "any": "required", "none": "none"}


def to_chat(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return a Messages body as chat; what only shapes an answer and has no word there is left out.

    Raises Refusal for blocks and tools that chat has no words for.
    """
    told: dict[str, Any] = {name: body[name] for name in SAME if body.get(name) is not None}
    messages: list[dict[str, Any]] = []
    if body.get("system"):
        messages.append({"role": "system", "content": text_of(body["system"], "system")})
    for number, message in enumerate(fields.listed(body.get("messages"), "messages")):
        messages += _messages(fields.mapping(message, f"messages[{number}]"), f"messages[{number}]")
    told["messages"] = messages
    if body.get("max_tokens") is not None:
        told["max_tokens"] = body["max_tokens"]
    if body.get("stop_sequences"):
        told["stop"] = body["stop_sequences"]
    if body.get("tools"):
        told["tools"] = [_tool(as_mapping(tool), f"tools[{n}]") for n, tool in enumerate(body["tools"])]
    choice = as_mapping(body.get("tool_choice"))
    if choice.get("type") == "tool":
        told["tool_choice"] = {"type": "function", "function": {"name": choice.get("name")}}
    elif fields.word(choice.get("type")) in CHOICES:
        told["tool_choice"] = CHOICES[fields.word(choice.get("type"))]
    if told.get("stream"):
        told["stream_options"] = {"include_usage": True}
    return told


def answer(document: Mapping[str, Any], _body: Mapping[str, Any]) -> dict[str, Any]:
    """Return a chat answer as a message."""
    choice = first_choice(document)
    said = as_mapping(choice.get("message"))
    content: list[dict[str, Any]] = []
    if isinstance(said.get("content"), str) and said["content"]:
        content.append({"type": "text", "text": said["content"]})
    for call in map(as_mapping, said.get("tool_calls") or []):
        function = as_mapping(call.get("function"))
        given = arguments(function.get("arguments"))
        content.append({"type": "tool_use", "id": call.get("id"), "name": function.get("name"), "input": given})
    return {
        "id": f"msg_{tail(document.get('id'))}",
        "type": "message",
        "role": "assistant",
        "model": document.get("model"),
        "content": content,
        "stop_reason": STOPS.get(fields.word(choice.get("finish_reason")), "end_turn"),
        "stop_sequence": None,
        "usage": usage_of(document.get("usage")),
    }


def _messages(message: Mapping[str, Any], param: str) -> list[dict[str, Any]]:
    """Return one message as those of chat: results of tools are messages of their own there, and come first."""
    role, content = message.get("role"), message.get("content")
    if content is None or isinstance(content, str):
        return [{"role": role, "content": content or ""}]
    results: list[dict[str, Any]] = []
    parts: list[dict[str, Any]] = []
    calls: list[dict[str, Any]] = []
    for number, block in enumerate(map(as_mapping, fields.listed(content, f"{param}.content"))):
        where, kind = f"{param}.content[{number}]", fields.word(block.get("type"))
        if kind == "text":
            parts.append({"type": "text", "text": block.get("text")})
        elif kind == "image":
            parts.append({"type": "image_url", "image_url": {"url": _image(as_mapping(block.get("source")), where)}})
        elif kind == "tool_use":
            function = {"name": block.get("name"), "arguments": json.dumps(block.get("input") or {})}
            calls.append({"id": block.get("id"), "type": "function", "function": function})
        elif kind == "tool_result":
            said = text_of(block.get("content"), f"{where}.content")
            results.append({"role": "tool", "tool_call_id": block.get("tool_use_id"), "content": said})
        elif kind not in ("thinking", "redacted_thinking"):  # thoughts of another model help this one nothing
            raise untold(f"{where}.type", f"a block of type {kind!r}")
    if not parts and not calls:
        return results
    plain = all(part["type"] == "text" for part in parts)
    told: Any = "\n".join(str(part["text"]) for part in parts) if plain else parts
    return [*results, {"role": role, "content": told or None, **({"tool_calls": calls} if calls else {})}]


def _image(source: Mapping[str, Any], where: str) -> str:
    if source.get("type") == "url":
        return str(source.get("url"))
    if source.get("type") == "base64":
        return f"data:{source.get('media_type')};base64,{source.get('data')}"
    raise untold(f"{where}.source", "an image that is neither here nor at an address")


def _tool(tool: Mapping[str, Any], param: str) -> dict[str, Any]:
    if tool.get("type") not in (None, "custom"):
        raise untold(f"{param}.type", f"a tool of type {tool.get('type')!r}")
    function = {"name": tool.get("name"), "parameters": tool.get("input_schema") or {"type": "object"}}
    if tool.get("description"):
        function["description"] = tool["description"]
    return {"type": "function", "function": function}


def _stream(_body: Mapping[str, Any]) -> StreamTranslator:
    return MessageStream()


MESSAGES_AS_CHAT = Translation(to_chat, answer, _stream)
