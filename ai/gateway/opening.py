"""Puts the gateway together out of a purse, a provider and the embedded model, for the daemon and for itself alone."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ai.credit_tracker.caller_books import CallerBooks
from ai.gateway.aftermath import Aftercare
from ai.gateway.attempt import CallLimits
from ai.gateway.gateway import Gateway
from ai.gateway.local import LocalSender
from ai.gateway.rooms import Rooms
from ai.gateway.spans import spans_wanted
from ai.gateway.telling import Telling
from ai.gateway.upstream import Sender, Upstream
from ai.llm.providers import attribution
from ai.model_config import FREE_PRICES, Model, Tier

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ai.clock import Clock
    from ai.credit_tracker import CreditTracker
    from ai.gateway.local import Embed
    from ai.ledger import Ledger
    from ai.llm.calls import Endpoint
    from ai.llm.health import ModelHealth
    from ai.llm.payment import Payments
    from ai.mind.journal import Journal
    from ai.model_config.catalogue import Catalogue
    from ai.settings import Settings

OPENROUTER_SPEAKS = frozenset({"chat", "responses", "messages", "embeddings"})
OPENAI_SPEAKS = frozenset({"chat", "responses", "embeddings"})
HOME_SPEAKS = frozenset({"chat", "embeddings"})
CALL_TIMES = 10  # LLM_TIMEOUT_SECONDS is for a thought; an agent's call may take so many of it in all
SILENCE_TIMES = 2


@dataclass(frozen=True, slots=True)
class Opened:
    """The rooms that a gateway is put together from; `embed` makes vectors where no provider does."""

    settings: Settings
    clock: Clock
    ledger: Ledger
    tracker: CreditTracker
    payments: Payments
    health: ModelHealth
    journal: Journal
    catalogue: Catalogue
    local: Endpoint | None
    local_models: Callable[[], Sequence[Model]]
    embed: Embed | None


def open_gateway(opened: Opened) -> Gateway:
    """Return the gateway; close it with `close_gateway`."""
    settings = opened.settings
    senders: dict[str, Sender] = {}
    provider = upstream(settings, opened.clock)
    if provider is not None:
        senders[provider.name] = provider
    embeds = opened.embed if settings.provider == "local" else None
    if opened.local is not None or embeds is not None:
        senders["local"] = LocalSender(opened.local, opened.local_models, embeds)
    seconds = float(settings.llm_timeout_seconds)
    rooms = Rooms(
        provider=settings.provider,
        catalogue=opened.catalogue,
        tracker=opened.tracker,
        books=CallerBooks(opened.ledger, settings, opened.clock),
        payments=opened.payments,
        health=opened.health,
        aftercare=Aftercare(opened.health),
        telling=Telling(opened.journal, opened.clock),
        senders=senders,
        pinned=settings.pinned_model,
        embedding_model=None if embeds is None else _embedding_model(),
        spans=spans_wanted(os.environ, opened.clock),
    )
    limits = CallLimits(CALL_TIMES * seconds, SILENCE_TIMES * seconds, SILENCE_TIMES * seconds)
    return Gateway(rooms, limits)


async def close_gateway(gateway: Gateway) -> None:
    """Tell what was not told yet, and close the connections to the provider."""
    gateway.rooms.telling.tell()
    if gateway.rooms.spans is not None:
        await gateway.rooms.spans.close()
    for sender in gateway.rooms.senders.values():
        await sender.close()


def upstream(settings: Settings, clock: Clock) -> Upstream | None:
    """Return the provider that the settings name, None where there is none."""
    at_openai = HOME_SPEAKS if settings.serves_at_home else OPENAI_SPEAKS
    known = {
        "openrouter": (
            settings.openrouter_base_url,
            settings.openrouter_api_key,
            attribution(settings),
            OPENROUTER_SPEAKS,
        ),
        "openai": (settings.openai_base_url, settings.openai_api_key, {}, at_openai),
    }
    if settings.provider not in known:
        return None
    base_url, key, headers, speaks = known[settings.provider]
    secret = key.get_secret_value() if key else None
    return Upstream(settings.provider, base_url, secret, headers=headers, clock=clock, speaks=speaks)


def _embedding_model() -> Model:
    """Return the embedded model of embeddings, as the books name it."""
    return Model(
        id="local/all-minilm-l6-v2",
        name="all-MiniLM-L6-v2",
        endpoint="local",
        tier=Tier.LOCAL,
        prices=FREE_PRICES,
        quality=0.0,
        context_length=None,
        max_completion_tokens=None,
        parameters=frozenset(),
        created=None,
        expires=None,
        barred=None,
    )
