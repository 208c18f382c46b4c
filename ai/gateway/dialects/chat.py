"""Chat completions: what a body can cost at most, and what an answer or its stream says it cost; pure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ai.gateway.dialects import fields
from ai.gateway.dialects.asked import Asked, Dialect
from ai.gateway.dialects.events import DONE, Event
from ai.gateway.dialects.figures import FAILED, Figures
from ai.llm.figures import as_mapping, parse_json, read_usage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ai.gateway.refusals import Refusal

# What shapes an answer and costs nothing by itself.
FREE = frozenset(
    "temperature top_p top_k top_a min_p frequency_penalty presence_penalty repetition_penalty seed stop logit_bias "
    "logprobs top_logprobs tool_choice function_call parallel_tool_calls reasoning_effort include_reasoning verbosity "
    "user metadata store safety_identifier prompt_cache_key prompt_cache_retention session_id transforms route usage "
    "structured_outputs cache_control".split()
)
READ = frozenset(
    "model models messages tools functions response_format prediction n max_tokens max_completion_tokens stream "
    "stream_options reasoning provider service_tier modalities".split()
)
NEVER = {
    "audio": "spoken answers are billed by the second",
    "web_search_options": "searches are billed on top of the tokens",
    "plugins": "plugins search the web or read files, which is billed on top",
    "background": "an answer that comes later cannot be booked",
}
TIERS = frozenset({"auto", "default", "flex"})  # priority costs a multiple of the listed price
PART_TEXT = {"text": "text", "refusal": "refusal", "thinking": "thinking"}
OUTPUT_LIMITS = ("max_tokens", "max_completion_tokens")
MESSAGE_SAID = frozenset({"content"})


def read(body: Mapping[str, Any]) -> Asked:
    """Return what a chat body asks for; raises Refusal, with the field's name, for what cannot be bounded."""
    fields.only(body, FREE | READ, NEVER)
    fields.routing(body)
    tier = body.get("service_tier")
    if tier is not None and fields.word(tier) not in TIERS:
        raise fields.unbounded("service_tier", f"{tier!r} costs more than the listed price; use default or flex")
    modalities = body.get("modalities")
    if modalities is not None and modalities != ["text"]:
        raise fields.unbounded("modalities", "only answers in text are billed by the token as listed")
    messages = fields.listed(body.get("messages"), "messages")
    said, images = 0, 0
    for number, message in enumerate(messages):
        tokens, more = _message(fields.mapping(message, f"messages[{number}]"), f"messages[{number}]")
        said, images = said + tokens, images + more
    tools = [*_tools(body, "tools"), *fields.listed(body.get("functions") or [], "functions")]
    said += sum(map(fields.json_tokens, tools)) + fields.json_tokens(body.get("response_format"))
    limits = [fields.count(body, name, 1, fields.MAX_OUTPUT) for name in OUTPUT_LIMITS]
    options = as_mapping(body.get("stream_options"))
    return Asked(
        model=fields.model_name(body),
        also=fields.model_names(body),
        input_tokens=fields.framed(said, len(messages) + len(tools)),
        stream=fields.flag(body, "stream"),
        usage_wanted=options.get("include_usage") is True or bool(as_mapping(body.get("usage")).get("include")),
        images=images,
        max_output=min((limit for limit in limits if limit is not None), default=None),
        extra_output=fields.reasoning_allowance(body) + _predicted(body),
        times=fields.count(body, "n", 1, fields.MAX_TIMES) or 1,
        needs=_needs(body, tools=bool(tools)),
    )


def outgoing(body: Mapping[str, Any], model_id: str, max_output: int | None) -> dict[str, Any]:
    """Return the body to send: the model by its id, the output limit under the name that the caller used."""
    sent = {name: value for name, value in body.items() if name not in ("models", "model")}
    names = [name for name in OUTPUT_LIMITS if body.get(name) is not None] or ["max_tokens"]
    return {"model": model_id, **sent, **dict.fromkeys(names, max_output)}


def take(figures: Figures, document: Any) -> None:
    """Read a whole answer."""
    _take(figures, document, "message")
    figures.ended = figures.broken is None and figures.error is None


def take_event(figures: Figures, event: Event) -> None:
    """Read one event of a stream."""
    if event.data == DONE:
        figures.ended = True
    elif event.data:
        try:
            _take(figures, parse_json(event.data), "delta")
        except ValueError:
            figures.spoilt("an event of the stream is no JSON")


def error(refusal: Refusal) -> dict[str, Any]:
    """Return a refusal in OpenAI's shape."""
    said = {"message": refusal.message, "type": refusal.type, "code": refusal.code, "param": refusal.param}
    return {"error": {**said, **refusal.more}}


def error_event(refusal: Refusal) -> bytes:
    """Return the event that ends a stream which broke; no `[DONE]` follows it."""
    return b"data: " + json.dumps(error(refusal)).encode() + b"\n\n"


def _take(figures: Figures, document: Any, where: str) -> None:
    if not isinstance(document, dict):
        figures.spoilt("the answer is JSON but no object")
        return
    figures.named(document)
    choices = document.get("choices")
    failed = document.get("error")
    for choice in map(as_mapping, choices if isinstance(choices, list) else []):
        said = as_mapping(choice.get(where) or choice.get("message"))
        for words in ("content", "tool_calls", "function_call"):
            figures.says(said.get(words))
        figures.thinks(said.get("reasoning") or said.get("reasoning_content"))
        if isinstance(choice.get("finish_reason"), str):
            figures.finish = choice["finish_reason"]
        failed = failed or choice.get("error")
    if figures.finish == FAILED and not failed and figures.error is None:
        failed = {"message": "the provider gave the answer up"}
    figures.failed(failed)
    at_the_end = where == "message" or bool(figures.finish) or figures.error is not None
    figures.counted(document.get("usage"), read_usage, at_the_end=at_the_end)
    if where == "message" and not isinstance(choices, list) and figures.error is None:
        figures.broken = "the answer has no choices"


def _message(message: Mapping[str, Any], param: str) -> tuple[int, int]:
    """Return what one message can be counted as, and how many images are in it at most."""
    if message.get("audio") is not None:
        raise fields.unbounded(f"{param}.audio", "audio is not billed by the byte")
    rest = {name: value for name, value in message.items() if name not in MESSAGE_SAID}
    tokens, images = fields.json_tokens(rest), fields.images_beside(rest)
    content = message.get("content")
    if content is None:
        return tokens, images
    if isinstance(content, str):
        return tokens + fields.text_tokens(content), images
    for number, part in enumerate(fields.listed(content, f"{param}.content")):
        said, more = _part(fields.mapping(part, f"{param}.content[{number}]"), f"{param}.content[{number}]")
        tokens, images = tokens + said, images + more
    return tokens, images


def _part(part: Mapping[str, Any], param: str) -> tuple[int, int]:
    kind = fields.word(part.get("type"))
    if kind in PART_TEXT:
        said = fields.text(part.get(PART_TEXT[kind]), f"{param}.{PART_TEXT[kind]}")
        rest = {name: value for name, value in part.items() if name not in ("type", PART_TEXT[kind])}
        beside = fields.json_tokens(rest) if rest else 0
        return fields.text_tokens(said) + beside + fields.framed(0, 1), fields.images_among(rest)
    if kind == "image_url":
        return 0, 1
    raise fields.unbounded(f"{param}.type", f"a part of type {kind!r} is not billed by the byte; send text or images")


def _tools(body: Mapping[str, Any], name: str) -> list[Any]:
    tools = fields.listed(body.get(name) or [], name)
    for number, tool in enumerate(tools):
        kind = fields.mapping(tool, f"{name}[{number}]").get("type", "function")
        kind = fields.word(kind)
        if kind not in ("function", "custom"):
            raise fields.unbounded(f"{name}[{number}].type", f"a tool of type {kind!r} is billed by the provider")
    return tools


def _predicted(body: Mapping[str, Any]) -> int:
    """Predicted tokens that the answer does not use are billed as output (OpenAI, "Predicted Outputs")."""
    return fields.json_tokens(body.get("prediction"))


def _needs(body: Mapping[str, Any], *, tools: bool) -> frozenset[str]:
    form = as_mapping(body.get("response_format")).get("type")
    wanted = {"tools"} if tools else set()
    if form in ("json_schema", "json_object"):
        wanted.add("structured_outputs" if form == "json_schema" else "response_format")
    return frozenset(wanted)


CHAT = Dialect("chat", "/chat/completions", read, outgoing, take, take_event, error, error_event, b"data: [DONE]\n\n")
