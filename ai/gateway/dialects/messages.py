"""Anthropic's Messages: what a body can cost at most, and what an answer or its stream says it cost; pure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ai.credit_tracker import Usage
from ai.gateway.dialects import chat, fields
from ai.gateway.dialects.asked import Asked, Dialect
from ai.gateway.dialects.events import Event
from ai.gateway.dialects.figures import Figures
from ai.llm.figures import as_count, as_mapping, parse_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ai.gateway.refusals import Refusal

FREE = frozenset("temperature top_p top_k stop_sequences tool_choice metadata context_management session_id".split())
READ = frozenset(
    "model models messages system tools max_tokens stream thinking provider service_tier output_config output_format "
    "cache_control".split()
)
NEVER = {
    "mcp_servers": "what servers of tools add to the conversation has no bound",
    "container": "containers are billed by the hour",
    "plugins": chat.NEVER["plugins"],
    "speed": "a faster answer costs a multiple of the listed price",
    "inference_geo": "an answer from a chosen place costs more than the listed price",
}
# Anthropic's own tools that the caller carries out, by the beginning of their dated names; each adds a prompt of some
# hundred tokens, beside its schema. Tools that Anthropic carries out (searches, fetches, code) are billed on top.
OWN_TOOLS = ("custom", "bash_", "text_editor_", "computer_", "memory_")
CLEARS = "clear_"  # how the edits of a context begin that only leave something out
TOOL_PROMPT_TOKENS = 2048
TEXT_BLOCKS = frozenset({"text", "thinking", "redacted_thinking", "tool_use"})
TIERS = frozenset({"auto", "standard_only"})
LOWEST_FAILURE = 500  # of statuses
# OpenAI's words for an error, in Anthropic's; what is not here goes by its status.
_TYPES = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
}


def read(body: Mapping[str, Any]) -> Asked:
    """Return what a Messages body asks for; raises Refusal, with the field's name, for what cannot be bounded."""
    fields.only(body, FREE | READ, NEVER)
    fields.routing(body)
    if (tier := body.get("service_tier")) is not None and fields.word(tier) not in TIERS:
        raise fields.unbounded("service_tier", f"{tier!r} may cost more than the listed price")
    messages = fields.listed(body.get("messages"), "messages")
    said, images = _content(body.get("system"), "system")
    for number, message in enumerate(messages):
        given = fields.mapping(message, f"messages[{number}]")
        rest = {name: value for name, value in given.items() if name != "content"}
        tokens, more = _content(given.get("content"), f"messages[{number}].content")
        said, images = said + tokens + fields.json_tokens(rest), images + more + fields.images_beside(rest)
    _only_clears(body.get("context_management"))
    tools = fields.listed(body.get("tools") or [], "tools")
    said += sum(_tool(tool, f"tools[{number}]") for number, tool in enumerate(tools))
    said += fields.json_tokens(body.get("output_config")) + fields.json_tokens(body.get("output_format"))
    thinking = as_mapping(body.get("thinking"))
    return Asked(
        model=fields.model_name(body),
        also=fields.model_names(body),
        input_tokens=fields.framed(said, len(messages) + len(tools) + 1),
        stream=fields.flag(body, "stream"),
        images=images,
        max_output=fields.count(body, "max_tokens", 1, fields.MAX_OUTPUT),
        extra_output=fields.count(thinking, "budget_tokens", 0, fields.MAX_OUTPUT) or 0,
        needs=frozenset({"tools"} if tools else ()),
    )


def outgoing(body: Mapping[str, Any], model_id: str, max_output: int | None) -> dict[str, Any]:
    """Return the body to send."""
    sent = {name: value for name, value in body.items() if name not in ("models", "model")}
    return {"model": model_id, **sent, "max_tokens": max_output}


def take(figures: Figures, document: Any) -> None:
    """Read a whole answer."""
    if not isinstance(document, dict):
        figures.broken = "the answer is JSON but no object"
        return
    figures.named(document)
    figures.failed(document.get("error"))
    _count(figures, document.get("usage"), at_the_end=True)
    figures.finish = str(document.get("stop_reason") or figures.finish)
    content = document.get("content")
    figures.says(content)
    if not isinstance(content, list) and figures.error is None:
        figures.broken = "the answer has no content"
    figures.ended = figures.broken is None and figures.error is None


def take_event(figures: Figures, event: Event) -> None:
    """Read one event of a stream: its tokens of input come first, those of output at its end."""
    if not event.data:
        return
    try:
        document = as_mapping(parse_json(event.data))
    except ValueError:
        figures.spoilt("an event of the stream is no JSON")
        return
    kind = str(document.get("type") or event.name)
    message = as_mapping(document.get("message"))
    figures.named(message)
    if kind == "content_block_delta":
        figures.said = True
        figures.says(document.get("delta"))
    figures.finish = str(as_mapping(document.get("delta")).get("stop_reason") or figures.finish)
    figures.ended = figures.ended or kind == "message_stop"
    if kind == "error":
        figures.failed(document.get("error") or {"message": "error"})
    _count(figures, message.get("usage"), at_the_end=False)
    _count(figures, document.get("usage"), at_the_end=bool(figures.finish) or figures.error is not None)


def error(refusal: Refusal) -> dict[str, Any]:
    """Return a refusal in Anthropic's shape."""
    kind = _TYPES.get(refusal.status, "api_error" if refusal.status >= LOWEST_FAILURE else "invalid_request_error")
    return {"type": "error", "error": {"type": kind, "message": refusal.message, "code": refusal.code, **refusal.more}}


def error_event(refusal: Refusal) -> bytes:
    """Return the event that ends a stream which broke; no `message_stop` follows it."""
    return b"event: error\ndata: " + json.dumps(error(refusal)).encode() + b"\n\n"


def _count(figures: Figures, usage: Any, *, at_the_end: bool) -> None:
    """Take in a `usage`; a count that a later one does not repeat stays as it was, and each counts from the begin."""
    known = figures.usage or figures.partial

    def read_usage(given: Mapping[str, Any]) -> Usage | None:
        parts = [as_count(given.get(name)) for name in ("input_tokens", "cache_creation_input_tokens")]
        cached = as_count(given.get("cache_read_input_tokens")) or 0
        output = as_count(given.get("output_tokens"))
        if parts[0] is None:
            prompt, cached = (None, cached) if known is None else (known.prompt_tokens, known.cached_tokens)
        else:
            prompt = sum(part or 0 for part in parts) + cached
            if known is not None:
                prompt = max(prompt, known.prompt_tokens)
        output = output if output is not None else (known.completion_tokens if known else 0)
        return None if prompt is None else Usage(prompt, output, cached)

    figures.counted(usage, read_usage, at_the_end=at_the_end, cumulative=True)


def _only_clears(management: Any) -> None:
    """Refuse edits of the context that call a model for themselves: summaries are billed beside the answer."""
    edits = as_mapping(management).get("edits") or []
    for number, edit in enumerate(fields.listed(edits, "context_management.edits")):
        kind = fields.word(as_mapping(edit).get("type"))
        if not kind.startswith(CLEARS):
            param = f"context_management.edits[{number}].type"
            raise fields.unbounded(param, f"an edit of type {kind!r} may call a model for itself")


def _content(content: Any, param: str) -> tuple[int, int]:
    if content is None or isinstance(content, str):
        return fields.text_tokens(content or ""), 0
    tokens, images = 0, 0
    for number, block in enumerate(fields.listed(content, param)):
        said, more = _block(fields.mapping(block, f"{param}[{number}]"), f"{param}[{number}]")
        tokens, images = tokens + said, images + more
    return tokens, images


def _block(block: Mapping[str, Any], param: str) -> tuple[int, int]:
    """Return what one block of content can be counted as, and how many images are in it."""
    kind = fields.word(block.get("type"))
    if kind == "image":
        return 0, 1
    if kind == "tool_result":
        rest = {name: value for name, value in block.items() if name != "content"}
        said, images = _content(block.get("content"), f"{param}.content")
        return said + fields.json_tokens(rest) + fields.framed(0, 1), images + fields.images_among(rest)
    if kind in TEXT_BLOCKS:
        return fields.json_tokens(block) + fields.framed(0, 1), fields.images_among(block)
    if kind == "document" and fields.word(as_mapping(block.get("source")).get("type")) in ("text", "content"):
        inner, images = _content(as_mapping(block.get("source")).get("content"), f"{param}.source.content")
        rest = {name: value for name, value in block.items() if name != "source"}
        return inner + fields.json_tokens(block) + fields.framed(0, 1), images + fields.images_among(rest)
    raise fields.unbounded(f"{param}.type", f"a block of type {kind!r} is not billed by the byte; send text or images")


def _tool(tool: Any, param: str) -> int:
    kind = fields.mapping(tool, param).get("type") or "custom"
    if not isinstance(kind, str) or not kind.startswith(OWN_TOOLS):
        raise fields.unbounded(f"{param}.type", f"a tool of type {kind!r} is carried out and billed by the provider")
    return fields.json_tokens(tool) + (0 if kind == "custom" else TOOL_PROMPT_TOKENS)


END = b'event: message_stop\ndata: {"type": "message_stop"}\n\n'
MESSAGES = Dialect("messages", "/messages", read, outgoing, take, take_event, error, error_event, END)
