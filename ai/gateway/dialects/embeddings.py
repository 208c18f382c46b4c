"""Embeddings: what a body can cost at most, and what its answer says it cost; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ai.gateway.dialects import chat, fields
from ai.gateway.dialects.asked import Asked, Dialect
from ai.gateway.dialects.events import Event
from ai.gateway.dialects.figures import Figures
from ai.llm.figures import read_usage

if TYPE_CHECKING:
    from collections.abc import Mapping

FREE = frozenset("encoding_format dimensions user input_type".split())
READ = frozenset("model input provider".split())
MAX_INPUTS = 2048  # OpenAI's own limit


def read(body: Mapping[str, Any]) -> Asked:
    """Return what an embedding body asks for: texts by their bytes, lists of token ids by their number."""
    fields.only(body, FREE | READ, {})
    fields.routing(body)
    given = inputs(body)
    said = sum(fields.text_tokens(one) if isinstance(one, str) else len(one) for one in given)
    return Asked(model=fields.model_name(body), input_tokens=fields.framed(said, len(given)), output=False)


def inputs(body: Mapping[str, Any]) -> list[str | list[int]]:
    """Return the texts, or the lists of token ids, that a body wants embedded."""
    given = body.get("input")
    if isinstance(given, str):
        return [given]
    several = fields.listed(given, "input")
    if several and all(_is_id(one) for one in several):
        return [several]
    if not 0 < len(several) <= MAX_INPUTS:
        raise fields.refuse("input", f"must have 1 to {MAX_INPUTS:,} texts", "invalid_value")
    for one in several:
        if not isinstance(one, str) and not (isinstance(one, list) and all(map(_is_id, one))):
            raise fields.refuse("input", "must be texts, or lists of token ids", "invalid_type")
    return several


def outgoing(body: Mapping[str, Any], model_id: str, _max_output: int | None) -> dict[str, Any]:
    """Return the body to send."""
    return {**body, "model": model_id}


def take(figures: Figures, document: Any) -> None:
    """Read the answer."""
    if not isinstance(document, dict):
        figures.broken = "the answer is JSON but no object"
        return
    figures.named(document)
    figures.counted(document.get("usage"), read_usage, at_the_end=True)
    figures.error = document.get("error")
    figures.said = isinstance(document.get("data"), list)
    if figures.error is None and not figures.said:
        figures.broken = "the answer holds no embeddings"
    figures.ended = figures.error is None and figures.broken is None


def take_event(figures: Figures, _event: Event) -> None:
    """Note that a stream came where there is none."""
    figures.broken = "embeddings are not streamed"


def _is_id(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


EMBEDDINGS = Dialect("embeddings", "/embeddings", read, outgoing, take, take_event, chat.error, chat.error_event)
