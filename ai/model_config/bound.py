"""The most that a call can cost, known before it is made (DESIGN, "The bound of a call"); pure."""

from __future__ import annotations

import json
import unicodedata
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from ai.ledger.money import NANOS_PER_USD, nanos

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ai.asking import Message
    from ai.model_config.model import Model

MESSAGE_TOKENS = 64  # a message's role, separators and a chat template's own words around it
CALL_TOKENS = 1024  # prompts and formatting instructions that a provider puts in by itself
LONG_BYTES = 1_000_000  # of a text that is not normalised to be measured: 30 MB of U+FDFA would take 13 seconds
NFKC_GROWTH = 11  # times as many UTF-8 bytes at most (UAX #15, "Stability and expansion")


def text_bytes(text: str) -> int:
    """Return the most UTF-8 bytes that a tokenizer may see of `text`: as it is, or NFKC-normalised.

    No tokenizer makes more tokens than there are bytes; some normalise first, which can make a text longer
    (U+FDFA grows from 3 to 33 bytes).
    """
    raw = len(text.encode("utf-8", "surrogatepass"))
    if text.isascii():
        return raw
    if raw > LONG_BYTES:
        return NFKC_GROWTH * raw
    return max(raw, len(unicodedata.normalize("NFKC", text).encode("utf-8", "surrogatepass")))


def input_bound(messages: Sequence[Message], schema: Mapping[str, Any] | None = None) -> int:
    """Return the most input tokens that these messages and this schema can be counted as."""
    said = sum(text_bytes(message["content"]) + text_bytes(message["role"]) for message in messages)
    described = 0 if schema is None else schema_bytes(schema)
    return said + described + MESSAGE_TOKENS * len(messages) + CALL_TOKENS


def schema_bytes(schema: Mapping[str, Any]) -> int:
    """Return the most bytes of the schema, written with escapes or without, spaces between its parts."""
    escaped = len(json.dumps(schema))
    return max(escaped, text_bytes(json.dumps(schema, ensure_ascii=False)))


def output_tokens(model: Model, max_tokens: int) -> int:
    """Return the `max_tokens` to send: what is wanted, or what the model can do where that is less."""
    most = model.max_completion_tokens
    return max_tokens if most is None or most <= 0 else min(max_tokens, most)


def size_bound(model: Model, input_tokens: int, max_tokens: int) -> int:
    """Return the bound of a call with so many input tokens at most, in nano-dollars, rounded up.

    The input at the dearest price that may apply to it, plus `max_tokens` at the dearer of completion and
    internal reasoning, plus the price of a request.
    """
    prices = model.prices
    output = output_tokens(model, max_tokens)
    return nanos(
        input_tokens * prices.dearest_prompt() + output * prices.dearest_completion() + prices.dearest_request()
    )


def rough_size_bound(model: Model, input_tokens: int, max_tokens: int) -> float:
    """Return the same as a float, for choosing among hundreds of models; a hold takes the exact one."""
    prompt, completion, request = model.prices.dearest
    return (input_tokens * prompt + output_tokens(model, max_tokens) * completion + request) * NANOS_PER_USD


def least_size_bound(models: Iterable[Model], input_tokens: int, max_tokens: int) -> int | None:
    """Return the bound of such a call on the model where it is least, in nano-dollars; None where there is no model.

    The model is found by the rough bound: of hundreds, one is reckoned exactly.
    """
    cheapest = min(models, key=lambda model: rough_size_bound(model, input_tokens, max_tokens), default=None)
    return None if cheapest is None else size_bound(cheapest, input_tokens, max_tokens)


def call_bound(model: Model, messages: Sequence[Message], schema: Mapping[str, Any] | None, max_tokens: int) -> int:
    """Return the bound of a chat completion in nano-dollars, rounded up."""
    return size_bound(model, input_bound(messages, schema), max_tokens)


def embedding_bound(model: Model, texts: Sequence[str]) -> int:
    """Return the bound of an embedding call in nano-dollars, rounded up; it has no output."""
    tokens = sum(text_bytes(text) for text in texts) + MESSAGE_TOKENS * len(texts) + CALL_TOKENS
    return nanos(Decimal(tokens) * model.prices.dearest_prompt() + model.prices.dearest_request())
