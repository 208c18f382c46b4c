"""What a provider knows of the account: the key's limits and use (GET /key), and what one call cost."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from ai.credit_tracker import Usage
from ai.ledger.money import nanos
from ai.llm.body import OPENROUTER
from ai.llm.figures import as_cost, as_count, as_mapping

if TYPE_CHECKING:
    from collections.abc import Mapping

OK, NOT_FOUND = 200, 404
ASK_TIMEOUT_SECONDS = 15.0  # these are small documents; a slower answer can wait for the next time


@runtime_checkable
class Account(Protocol):
    """A provider that can be asked for documents of the account."""

    name: str

    async def get_json(self, path: str, params: Mapping[str, str], timeout_seconds: float) -> tuple[int | None, Any]:
        """Return the HTTP status (None: no answer) and the parsed document or None."""
        ...


@dataclass(frozen=True, slots=True)
class KeyInfo:
    """What GET /key says; amounts in nano-dollars, None where it does not say (or, for a limit, where none is set)."""

    limit_nanos: int | None
    limit_remaining_nanos: int | None
    usage_nanos: int | None
    usage_monthly_nanos: int | None
    is_free_tier: bool | None
    free_requests_limit: int | None
    free_requests_remaining: int | None


@dataclass(frozen=True, slots=True)
class Generation:
    """What one call turned out to cost, in nano-dollars, and its tokens where they are told."""

    cost_nanos: int
    usage: Usage | None


async def key_info(endpoint: Account) -> tuple[int | None, KeyInfo | None]:
    """Return the HTTP status (None: no answer) and, where it is 200, what the provider says of the key."""
    if endpoint.name != OPENROUTER:  # OpenAI has no such document
        return None, None
    status, document = await endpoint.get_json("/key", {}, ASK_TIMEOUT_SECONDS)
    data = as_mapping(as_mapping(document).get("data"))
    if status != OK or not data:
        return status, None
    free = as_mapping(data.get("free_model_daily_requests"))
    free_tier = data.get("is_free_tier")
    return status, KeyInfo(
        limit_nanos=_amount(data, "limit"),
        limit_remaining_nanos=_amount(data, "limit_remaining"),
        usage_nanos=_amount(data, "usage"),
        usage_monthly_nanos=_amount(data, "usage_monthly"),
        is_free_tier=free_tier if isinstance(free_tier, bool) else None,
        free_requests_limit=as_count(free.get("limit")),
        free_requests_remaining=as_count(free.get("remaining")),
    )


class NotTold(Enum):
    """Why a provider did not tell what a call cost."""

    NO_WORD = "no word"  # it does not say such things, or could not be asked now
    NOT_KNOWN = "not known"  # it was asked, and knows no such generation (yet)
    NOT_SAID = "not said"  # it knows the generation, and not all of what it cost


async def generation(endpoint: Account, generation_id: str) -> Generation | None:
    """Return what the call with this id cost, or None where the provider does not tell (yet)."""
    known = await look_up(endpoint, generation_id)
    return known if isinstance(known, Generation) else None


async def look_up(endpoint: Account, generation_id: str) -> Generation | NotTold:
    """Return what the call with this id cost, or why the provider does not tell."""
    if endpoint.name != OPENROUTER:
        return NotTold.NO_WORD
    status, document = await endpoint.get_json("/generation", {"id": generation_id}, ASK_TIMEOUT_SECONDS)
    fields = as_mapping(document)
    if status == NOT_FOUND and as_mapping(fields.get("error")):  # any other 404 says that nobody was asked
        return NotTold.NOT_KNOWN
    if status != OK:
        return NotTold.NO_WORD
    data = as_mapping(fields.get("data"))
    cost = as_cost(data.get("total_cost"))
    if cost is not None and data.get("is_byok") is True:  # then the upstream's own bill is the user's as well
        upstream = as_cost(data.get("upstream_inference_cost"))
        cost = None if upstream is None else cost + upstream
    if cost is None:
        return NotTold.NOT_SAID
    prompt, completion = as_count(data.get("native_tokens_prompt")), as_count(data.get("native_tokens_completion"))
    usage = None if prompt is None or completion is None else Usage(prompt, completion)
    return Generation(nanos(cost), usage)


def _amount(data: Mapping[str, Any], name: str) -> int | None:
    cost = as_cost(data.get(name))
    return None if cost is None else nanos(cost)
