"""Which provider the settings name, as an endpoint with its key and its attribution headers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ai.llm.endpoint import OpenAIEndpoint

if TYPE_CHECKING:
    from ai.clock import Clock
    from ai.settings import Settings


def configured_endpoint(settings: Settings, clock: Clock) -> OpenAIEndpoint | None:
    """Return OpenRouter where its key is set, else OpenAI or a server at home, else None: the embedded model alone."""
    if settings.openrouter_api_key:
        key: str | None = settings.openrouter_api_key.get_secret_value()
        headers = {"HTTP-Referer": settings.openrouter_referer, "X-OpenRouter-Title": settings.openrouter_title}
        return OpenAIEndpoint("openrouter", settings.openrouter_base_url, key, headers=headers, clock=clock)
    if settings.provider == "local":
        return None
    key = settings.openai_api_key.get_secret_value() if settings.openai_api_key else None
    return OpenAIEndpoint("openai", settings.openai_base_url, key, headers={}, clock=clock)
