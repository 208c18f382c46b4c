"""OpenAI's Responses told as chat and back, for text and the caller's own tools; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ai.gateway.dialects import fields
from ai.gateway.dialects.responses import KEPT_ELSEWHERE
from ai.gateway.translate.responses_stream import ResponseStream, call_item, message_item, response, status_of
from ai.gateway.translate.translation import StreamTranslator, Translation, first_choice, tail, untold
from ai.llm.figures import as_mapping

if TYPE_CHECKING:
    from collections.abc import Mapping

SAME = ("model", "models", "temperature", "top_p", "stream", "provider", "user", "parallel_tool_calls")
PARTS = {"input_text": "text", "output_text": "text", "text": "text", "refusal": "refusal"}


def to_chat(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return a Responses body as chat; raises Refusal for items and tools that chat has no words for."""
    for name in KEPT_ELSEWHERE:
        if body.get(name) is not None:
            raise untold(name, "nothing of earlier answers is kept there; send the conversation as `input`")
    told: dict[str, Any] = {name: body[name] for name in SAME if body.get(name) is not None}
    messages: list[dict[str, Any]] = []
    if body.get("instructions"):
        messages.append({"role": "system", "content": body["instructions"]})
    given = body.get("input")
    items = [{"role": "user", "content": given}] if isinstance(given, str) else fields.listed(given or [], "input")
    for number, item in enumerate(map(as_mapping, items)):
        _add(messages, item, f"input[{number}]")
    told["messages"] = messages
    if body.get("max_output_tokens") is not None:
        told["max_tokens"] = body["max_output_tokens"]
    if body.get("tools"):
        told["tools"] = [_tool(as_mapping(tool), f"tools[{n}]") for n, tool in enumerate(body["tools"])]
    told |= _shape(body)
    if told.get("stream"):
        told["stream_options"] = {"include_usage": True}
    return told


def answer(document: Mapping[str, Any], body: Mapping[str, Any]) -> dict[str, Any]:
    """Return a chat answer as a response."""
    choice = first_choice(document)
    said = as_mapping(choice.get("message"))
    id_ = tail(document.get("id"))
    output: list[dict[str, Any]] = []
    if isinstance(said.get("content"), str) and said["content"]:
        output.append(message_item(id_, said["content"]))
    for call in map(as_mapping, said.get("tool_calls") or []):
        function = as_mapping(call.get("function"))
        output.append(call_item(call.get("id"), function.get("name"), function.get("arguments") or ""))
    return response(document, body, status_of(choice.get("finish_reason")), output, document.get("usage"))


def _shape(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return which tool is to be called and what form the answer is to have, in chat's words."""
    told: dict[str, Any] = {}
    choice = body.get("tool_choice")
    if isinstance(choice, dict) and choice.get("type") == "function":
        told["tool_choice"] = {"type": "function", "function": {"name": choice.get("name")}}
    elif isinstance(choice, str):
        told["tool_choice"] = choice
    form = as_mapping(as_mapping(body.get("text")).get("format"))
    if form.get("type") == "json_schema":
        schema = {name: form[name] for name in ("name", "schema", "strict", "description") if name in form}
        told["response_format"] = {"type": "json_schema", "json_schema": schema}
    elif form.get("type") == "json_object":
        told["response_format"] = {"type": "json_object"}
    return told


def _add(messages: list[dict[str, Any]], item: Mapping[str, Any], param: str) -> None:
    """Put one item behind the messages; calls of tools that follow each other are one message in chat."""
    kind = fields.word(item.get("type") or "message")
    if kind == "message":
        role = "system" if item.get("role") == "developer" else item.get("role")
        messages.append({"role": role, "content": _content(item.get("content"), f"{param}.content")})
    elif kind == "function_call":
        function = {"name": item.get("name"), "arguments": item.get("arguments") or ""}
        call = {"id": item.get("call_id"), "type": "function", "function": function}
        if messages and messages[-1].get("tool_calls"):
            messages[-1]["tool_calls"].append(call)
        else:
            messages.append({"role": "assistant", "content": None, "tool_calls": [call]})
    elif kind == "function_call_output":
        said = _content(item.get("output"), f"{param}.output")
        messages.append({"role": "tool", "tool_call_id": item.get("call_id"), "content": said})
    elif kind != "reasoning":  # thoughts of another model help this one nothing
        raise untold(f"{param}.type", f"an item of type {kind!r}")


def _content(content: Any, param: str) -> Any:
    if content is None or isinstance(content, str):
        return content or ""
    parts: list[dict[str, Any]] = []
    for number, part in enumerate(map(as_mapping, fields.listed(content, param))):
        kind = fields.word(part.get("type"))
        if kind in PARTS:
            parts.append({"type": "text", "text": part.get(PARTS[kind])})
        elif kind == "input_image" and isinstance(part.get("image_url"), str):
            parts.append({"type": "image_url", "image_url": {"url": part["image_url"]}})
        else:
            raise untold(f"{param}[{number}].type", f"a part of type {kind!r}")
    plain = all(part["type"] == "text" for part in parts)
    return "\n".join(str(part["text"]) for part in parts) if plain else parts


def _tool(tool: Mapping[str, Any], param: str) -> dict[str, Any]:
    if tool.get("type") != "function":
        raise untold(f"{param}.type", f"a tool of type {tool.get('type')!r}")
    function = {name: tool[name] for name in ("name", "description", "parameters", "strict") if name in tool}
    return {"type": "function", "function": function}


def _stream(body: Mapping[str, Any]) -> StreamTranslator:
    return ResponseStream(body)


RESPONSES_AS_CHAT = Translation(to_chat, answer, _stream)
