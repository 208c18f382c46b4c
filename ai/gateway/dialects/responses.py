"""OpenAI's Responses: what a body can cost at most, and what an answer or its stream says it cost; pure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ai.credit_tracker import Usage
from ai.gateway.dialects import chat, fields
from ai.gateway.dialects.asked import Asked, Dialect
from ai.gateway.dialects.events import DONE, Event
from ai.gateway.dialects.figures import Figures
from ai.llm.figures import as_count, as_mapping, parse_json
from ai.model_config.bound import MESSAGE_TOKENS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ai.gateway.refusals import Refusal

FREE = frozenset(
    "temperature top_p top_k top_logprobs tool_choice parallel_tool_calls user metadata store include truncation "
    "safety_identifier prompt_cache_key prompt_cache_retention session_id frequency_penalty presence_penalty "
    "stream_options client_metadata".split()
)
READ = frozenset(
    "model models input instructions tools text max_output_tokens max_tool_calls stream reasoning provider "
    "service_tier previous_response_id conversation prompt modalities".split()
)
NEVER = {
    "background": "an answer that comes later cannot be booked",
    "plugins": chat.NEVER["plugins"],
    "web_search_options": chat.NEVER["web_search_options"],
}
KEPT_ELSEWHERE = ("previous_response_id", "conversation", "prompt")  # what the provider adds from what it keeps
UPDATED = frozenset({"type", "id", "reasoning"})  # of a conversation's configuration
EFFORTS = frozenset({"effort", "summary", "context"})  # of thinking; what has no figure in it
OWN_TOOLS = frozenset({"function", "custom", "local_shell", "shell", "apply_patch"})  # carried out by the caller
NAMESPACE = "namespace"  # a name for some of them
# Items of a conversation that hold text alone; what is not here may hold anything.
ITEMS = frozenset(
    "message additional_tools configuration_update "
    "function_call function_call_output custom_tool_call custom_tool_call_output reasoning local_shell_call "
    "local_shell_call_output shell_call shell_call_output apply_patch_call apply_patch_call_output".split()
)
TEXT_PARTS = frozenset({"input_text", "output_text", "refusal", "reasoning_text", "summary_text", "text"})
ENDS = frozenset({"response.completed", "response.incomplete"})


def read(body: Mapping[str, Any]) -> Asked:
    """Return what a Responses body asks for; raises Refusal, with the field's name, for what cannot be bounded."""
    fields.only(body, FREE | READ, NEVER)
    fields.routing(body)
    chat_like = {name: body.get(name) for name in ("service_tier", "modalities")}
    chat.read({**chat_like, "messages": []})  # the same two fields, the same reasons
    given = body.get("input")
    items = [given] if isinstance(given, str) else fields.listed([] if given is None else given, "input")
    said = fields.text_tokens(fields.text(body.get("instructions") or "", "instructions"))
    images: list[int | None] = [None for name in KEPT_ELSEWHERE if body.get(name) is not None]
    for number, item in enumerate(items):
        tokens, more = _item(item, f"input[{number}]")
        said, images = said + tokens, [*images, more]
    tools = _tools(body.get("tools"), "tools")
    form = body.get("text")
    said += fields.json_tokens(body.get("tools")) + fields.json_tokens(form)
    return Asked(
        model=fields.model_name(body),
        also=fields.model_names(body),
        input_tokens=fields.framed(said, len(items) + tools + 1),
        stream=fields.flag(body, "stream"),
        images=fields.together(images),
        max_output=fields.count(body, "max_output_tokens", 1, fields.MAX_OUTPUT),
        extra_output=fields.reasoning_allowance(body),
        needs=frozenset({"tools"} if tools else ()) | _form_needed(form),
    )


def outgoing(body: Mapping[str, Any], model_id: str, max_output: int | None) -> dict[str, Any]:
    """Return the body to send."""
    sent = {name: value for name, value in body.items() if name not in ("models", "model")}
    return {"model": model_id, **sent, "max_output_tokens": max_output}


def take(figures: Figures, document: Any) -> None:
    """Read a whole answer."""
    if not isinstance(document, dict):
        figures.broken = "the answer is JSON but no object"
        return
    figures.named(document)
    figures.failed(document.get("error"))
    figures.counted(document.get("usage"), read_usage, at_the_end=True)
    figures.finish = str(document.get("status") or figures.finish)
    output = document.get("output")
    figures.says(output)
    if not isinstance(output, list) and figures.error is None:
        figures.broken = "the answer has no output"
    figures.ended = figures.broken is None and figures.error is None


def take_event(figures: Figures, event: Event) -> None:
    """Read one event of a stream."""
    if not event.data or event.data == DONE:
        return
    try:
        document = as_mapping(parse_json(event.data))
    except ValueError:
        figures.spoilt("an event of the stream is no JSON")
        return
    kind = str(document.get("type") or event.name)
    answer = as_mapping(document.get("response"))
    figures.named(answer)
    if ".delta" in kind:
        figures.said = True
        figures.says(document.get("delta"))
    if kind in ENDS:
        figures.finish, figures.ended = str(answer.get("status") or kind.removeprefix("response.")), True
    elif kind in ("error", "response.failed"):
        said = {name: document[name] for name in ("code", "message") if document.get(name)}
        figures.failed(answer.get("error") or document.get("error") or said or {"message": kind})
    at_the_end = figures.ended or figures.error is not None
    figures.counted(answer.get("usage"), read_usage, at_the_end=at_the_end)


def error_event(refusal: Refusal) -> bytes:
    """Return the event that ends a stream which broke; no `response.completed` follows it."""
    said = {"type": "error", "code": refusal.code, "message": refusal.message, "param": refusal.param}
    return b"event: error\ndata: " + json.dumps({**said, "sequence_number": 0}).encode() + b"\n\n"


def read_usage(usage: Mapping[str, Any]) -> Usage | None:
    """Return the token counts of a Responses `usage`; None where the two that matter are not there."""
    prompt, completion = as_count(usage.get("input_tokens")), as_count(usage.get("output_tokens"))
    if prompt is None or completion is None:
        return None
    cached = as_count(as_mapping(usage.get("input_tokens_details")).get("cached_tokens"))
    reasoning = as_count(as_mapping(usage.get("output_tokens_details")).get("reasoning_tokens"))
    return Usage(prompt, completion, cached or 0, reasoning or 0)


def _item(item: Any, param: str) -> tuple[int, int | None]:
    """Return what one item of the input can be counted as, and how many images are in it, None where nobody knows."""
    if isinstance(item, str):
        return fields.text_tokens(item), 0
    whole = fields.mapping(item, param)
    kind = fields.word(whole.get("type") or ("message" if "role" in whole else "item_reference"))
    if kind == "item_reference":
        return 0, None
    if kind not in ITEMS:
        raise fields.unbounded(f"{param}.type", f"an item of type {kind!r} is not known to be text")
    content = whole.get("content")
    if kind in ("function_call_output", "custom_tool_call_output"):
        content = whole.get("output")
    if kind == "configuration_update":
        fields.only(whole, UPDATED, {}, f"{param}.")
        fields.only(
            fields.mapping(whole.get("reasoning") or {}, f"{param}.reasoning"), EFFORTS, {}, f"{param}.reasoning."
        )
    tools = _tools(whole.get("tools"), f"{param}.tools")
    rest = {name: value for name, value in whole.items() if value is not content}
    said, images = _content(content, f"{param}.content")
    images += fields.images_beside(rest) if kind == "message" else fields.images_among(rest)
    return fields.json_tokens(rest) + MESSAGE_TOKENS * tools + said, images


def _tools(given: Any, param: str, known: frozenset[str] = OWN_TOOLS | {NAMESPACE}) -> int:
    """Return how many tools there are, those in namespaces too; raises Refusal for one that the provider runs."""
    tools = fields.listed(given or [], param)
    many = len(tools)
    for number, tool in enumerate(tools):
        kind = fields.word(fields.mapping(tool, f"{param}[{number}]").get("type"))
        if kind not in known:
            raise fields.unbounded(f"{param}[{number}].type", f"a tool of type {kind!r} is billed by the provider")
        if kind == NAMESPACE:
            many += _tools(tool.get("tools"), f"{param}[{number}].tools", OWN_TOOLS)
    return many


def _content(content: Any, param: str) -> tuple[int, int]:
    if content is None or isinstance(content, str):
        return fields.text_tokens(content or ""), 0
    tokens, images = 0, 0
    for number, part in enumerate(fields.listed(content, param)):
        kind = fields.word(fields.mapping(part, f"{param}[{number}]").get("type"))
        if kind == "input_image":
            images += 1
        elif kind in TEXT_PARTS:
            tokens, images = tokens + fields.json_tokens(part) + fields.framed(0, 1), images + fields.images_among(part)
        else:
            raise fields.unbounded(f"{param}[{number}].type", f"a part of type {kind!r} is not billed by the byte")
    return tokens, images


def _form_needed(form: Any) -> frozenset[str]:
    kind = as_mapping(as_mapping(form).get("format")).get("type")
    return frozenset({"structured_outputs"} if kind == "json_schema" else ())


RESPONSES = Dialect("responses", "/responses", read, outgoing, take, take_event, chat.error, error_event, b"")
