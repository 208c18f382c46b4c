"""The tests' provider's catalogue and what it writes down of each call it bills."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from typing import Any

NANOS_PER_USD = 10**9
CHAT_PARAMETERS = ["max_tokens", "temperature", "response_format", "structured_outputs", "tools"]


def model_entry(model_id: str, prompt: str = "0", completion: str = "0", **extra: Any) -> dict[str, Any]:
    """One entry of `/models`, prices in USD per token as text."""
    pricing = {"prompt": prompt, "completion": completion, **extra.pop("pricing", {})}
    return {
        "id": model_id,
        "canonical_slug": model_id,
        "name": model_id,
        "created": 1_780_000_000,
        "context_length": 131_072,
        "architecture": {"input_modalities": ["text"], "output_modalities": ["text"]},
        "pricing": pricing,
        "top_provider": {"context_length": 131_072, "max_completion_tokens": 8192, "is_moderated": False},
        "supported_parameters": CHAT_PARAMETERS,
        "expiration_date": None,
        **extra,
    }


# What the listing tells of a model's thinking; `mandatory` refuses a request that switches it off.
NO_REASONING: dict[str, Any] = {
    "mandatory": False,
    "default_enabled": False,
    "default_effort": None,
    "supported_efforts": [],
}
DEFAULT_MODELS: dict[str, Any] = {
    "data": [
        *(model_entry(f"acme/free-{n}:free") for n in range(1, 13)),
        *(model_entry(f"acme/tiny-{n}", "0.0000000375", "0.0000001500") for n in range(1, 13)),
        *(model_entry(f"acme/small-{n}", "0.0000008", "0.000004") for n in range(1, 5)),
        model_entry("anthropic/claude-sonnet-4.5", "0.000003", "0.000015"),
        model_entry("openai/gpt-4o-mini", "0.00000015", "0.0000006", reasoning=NO_REASONING),
        model_entry("openai/gpt-4o-mini:batch", "0.000000075", "0.0000003", reasoning=NO_REASONING),
        model_entry("openai/text-embedding-3-small", "0.00000002", "0"),
    ]
}
PAID_MODELS = {"data": [entry for entry in DEFAULT_MODELS["data"] if not entry["id"].endswith(":free")]}
DEFAULT_REPLY = '{"thought": "I am here, and I am counting.", "action": "think", "params": {}}'


def refused_by_listing(entry: dict[str, Any], body: dict[str, Any]) -> tuple[int, str] | None:
    """Status and words with which chat refuses what the listing said would not go: batch ids, mandatory reasoning."""
    if entry["id"].endswith(":batch"):
        return 404, f"{entry['id']} is only available through the Batch API"
    asked = body.get("reasoning") or {}
    off = asked.get("enabled") is False or asked.get("effort") == "none"
    if off and (entry.get("reasoning") or {}).get("mandatory"):
        return 400, "Reasoning is mandatory for this endpoint and cannot be disabled."
    return None


@dataclass(frozen=True, slots=True)
class Bill:
    """What the provider booked for one generation; `cost` in USD, exact."""

    id: str
    model: str
    cost: Decimal
    prompt_tokens: int
    completion_tokens: int

    @property
    def nanos(self) -> int:
        """The cost in whole nano-dollars, rounded up."""
        return int((self.cost * NANOS_PER_USD).to_integral_value(ROUND_CEILING))
