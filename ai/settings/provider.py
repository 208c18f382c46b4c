"""Who serves the thoughts, where, with which key, model and prices: OpenRouter, OpenAI, or a server at home."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, Field, field_validator

from ai.settings.addresses import OPENAI_URL, is_home, is_openai
from ai.settings.fields import secret, setting
from ai.settings.texts import HeaderSecret, HttpUrl, from_json, plain_number

MAX_PRICE_USD = Decimal(1_000_000)  # a million tokens; a dollar a token is beyond every price list


Price = Annotated[Decimal, BeforeValidator(plain_number), Field(ge=0, le=MAX_PRICE_USD, allow_inf_nan=False)]


class ProviderSettings(BaseModel):
    """The settings of providers, and what follows from them."""

    openrouter_api_key: HeaderSecret | None = secret("set: use OpenRouter", "sk-or-v1-…")
    openrouter_base_url: HttpUrl = setting(
        "https://openrouter.ai/api/v1", "where OpenRouter's API is", "https://openrouter.ai/api/v1"
    )
    openrouter_model: str | None = setting(
        None,
        "pins every chat completion (never embeddings) to this model id: rotation off; where it is unaffordable "
        "or fails, free and local models serve",
        "anthropic/claude-haiku-4.5",
    )
    openrouter_referer: str = setting(
        "https://github.com/genesis-ai/genesis", "attribution header", "https://me.example"
    )
    openrouter_title: str = setting("Genesis", "attribution header", "My character")
    openai_api_key: HeaderSecret | None = secret("used where no OpenRouter key is set", "sk-…")
    openai_base_url: HttpUrl = setting(
        OPENAI_URL,
        "where OpenAI's API is, or a server at home (Ollama, LM Studio, llama.cpp, vLLM, LiteLLM): then no key is "
        "needed, ids come from its `/models`, and prices are 0 unless `OPENAI_PRICES` states them",
        "http://127.0.0.1:11434/v1",
    )
    openai_model: str | None = setting(
        None,
        "pins every chat completion on that server to this model id, as `OPENROUTER_MODEL` does on OpenRouter",
        "llama3.2",
    )
    openai_prices: Mapping[str, tuple[Price, Price]] = setting(
        {},
        "JSON, model to USD per million tokens `[in, out]`, on the server of `OPENAI_BASE_URL`; `*` names all others",
        '{"gpt-6-luna": [0.20, 0.50]}',
    )

    @field_validator("openai_prices", mode="before")
    @classmethod
    def _price_table(cls, value: object) -> object:
        return from_json(value) if isinstance(value, str) else value

    @property
    def provider(self) -> Literal["openrouter", "openai", "local"]:
        """Who serves the thoughts: OpenRouter with its key, else OpenAI with its key or a server that needs none.

        Where neither is set, the embedded model.
        """
        if self.openrouter_api_key:
            return "openrouter"
        return "openai" if self.openai_api_key or not is_openai(self.openai_base_url) else "local"

    @property
    def provider_url(self) -> str:
        """The base URL of the provider that serves."""
        return self.openrouter_base_url if self.provider == "openrouter" else self.openai_base_url

    @property
    def serves_at_home(self) -> bool:
        """Whether a server at home serves: what has no price there is free, and has no quota and no `Date`."""
        return self.provider == "openai" and is_home(self.openai_base_url)

    @property
    def pays(self) -> bool:
        """Whether thoughts can cost money at all: not on the embedded model, nor at home where no price is stated."""
        if self.serves_at_home:
            return any(price > 0 for pair in self.openai_prices.values() for price in pair)
        return self.provider != "local"

    @property
    def asks_for_date(self) -> bool:
        """Whether the provider's `Date` must be seen before anything is paid; servers at home need not send one."""
        return self.provider != "local" and not self.serves_at_home

    @property
    def pinned_model(self) -> str | None:
        """The model that serves every chat completion at the provider that serves; None: the rotation chooses."""
        return {"openrouter": self.openrouter_model, "openai": self.openai_model}.get(self.provider)

    @property
    def pinned_by(self) -> str:
        """The name of the setting that pins a model at the provider that serves."""
        return "OPENAI_MODEL" if self.provider == "openai" else "OPENROUTER_MODEL"
