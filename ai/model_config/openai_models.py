"""OpenAI's models where its own key is used: two that chat and one that embeds, with the dearer of two price tables."""

from __future__ import annotations

from decimal import Decimal

from ai.model_config.intelligence import quality_of
from ai.model_config.model import Model, Prices, tier_of

EMBEDDING_ID = "text-embedding-3-small"
# USD per million tokens (prompt, completion), context and output tokens; from OpenAI's price page as of May 2026,
# and the same as in OpenRouter's recorded catalogue.
_CHAT = {
    "gpt-4o-mini": ("0.15", "0.60", 128_000, 16_384),
    "gpt-4o": ("2.50", "10.00", 128_000, 16_384),
}
_EMBEDDING_USD = "0.02"
_EMBEDDING_CONTEXT = 8_191
_PARAMETERS = frozenset({"max_tokens", "temperature", "response_format", "structured_outputs"})
_MILLION = 1_000_000


def chat_models() -> list[Model]:
    """Return the chat models that OPENAI_API_KEY serves, the cheaper one first."""
    return [
        _model("openai", model_id, _dearer(model_id, prompt, completion), context, output)
        for model_id, (prompt, completion, context, output) in _CHAT.items()
    ]


def embedding_model(endpoint: str) -> Model:
    """Return text-embedding-3-small as `endpoint` (openrouter or openai) names it; never a candidate for a thought."""
    model_id = f"openai/{EMBEDDING_ID}" if endpoint == "openrouter" else EMBEDDING_ID
    return _model(endpoint, model_id, _dearer(EMBEDDING_ID, _EMBEDDING_USD, "0"), _EMBEDDING_CONTEXT, None)


def _model(endpoint: str, model_id: str, prices: Prices, context: int, output: int | None) -> Model:
    return Model(
        id=model_id,
        name=model_id,
        endpoint=endpoint,
        tier=tier_of(prices),
        prices=prices,
        quality=quality_of(model_id, prices.blended_per_million(), None, None),
        context_length=context,
        max_completion_tokens=output,
        parameters=_PARAMETERS,
        created=None,
        expires=None,
        barred=None,
    )


def _dearer(model_id: str, prompt: str, completion: str) -> Prices:
    """OpenAI tells no prices over its API: a rise known to either table must be in the bound."""
    listed = _genai_prices(model_id)
    return Prices(
        prompt=max(Decimal(prompt) / _MILLION, listed[0]), completion=max(Decimal(completion) / _MILLION, listed[1])
    )


def _genai_prices(model_id: str) -> tuple[Decimal, Decimal]:
    """Return USD per token from genai-prices' offline table; 0 where it does not know the model."""
    from genai_prices import Usage, calc_price  # noqa: PLC0415 - a large table, read only where OpenAI serves

    try:
        million_in = calc_price(Usage(input_tokens=_MILLION), model_ref=model_id, provider_id="openai")
        million_out = calc_price(Usage(output_tokens=_MILLION), model_ref=model_id, provider_id="openai")
    except LookupError:
        return Decimal(0), Decimal(0)
    return million_in.total_price / _MILLION, million_out.total_price / _MILLION
