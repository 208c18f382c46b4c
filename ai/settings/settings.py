"""Every setting: typed, with its default, its meaning and an example; docs/configuration.md is made from here."""

import os
import re
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
)

from ai.settings.covers import purpose_meant
from ai.settings.fields import secret as _secret
from ai.settings.fields import setting as _setting
from ai.settings.people import PeopleSettings
from ai.settings.posting import PostingSettings
from ai.settings.provider import ProviderSettings
from ai.settings.safe_addresses import secrets_of_database, secrets_of_url
from ai.settings.soul import read_soul
from ai.settings.texts import (
    AdminToken,
    DatabaseUrl,
    Feeds,
    HomePath,
    HostNames,
    HttpUrl,
    Networks,
    PlaceOnEarth,
    PublicUrl,
    from_json,
    home_path,
    plain_number,
)

LOCAL_MODELS = ("auto", "4b", "3b", "2b", "1.5b", "0.5b", "135m", "off")
MAX_SUB_BUDGETS = 10  # a hold has 16 legs at most: month, day, two quotas, wishes and reflection take six
NUMBERS: frozenset[Any] = frozenset({int, float, Decimal})  # types of settings that are written in plain digits
MAX_BUDGET_USD = Decimal(1_000_000)  # beyond it a typing error is likelier than a wish


class Cap(BaseModel):
    """A named sub-budget: an account more on the holds it covers."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")
    amount: Annotated[Decimal, BeforeValidator(plain_number)] = Field(ge=0, le=MAX_BUDGET_USD, allow_inf_nan=False)
    period: Literal["day", "week", "month"]
    covers: tuple[str, ...] = Field(min_length=1)


class Settings(ProviderSettings, PostingSettings, PeopleSettings):
    """What a person can set; the names in capitals are the environment's."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    local_model: str = _setting(
        "auto",
        "the embedded model: last candidate, and the only one without a key. `auto`: the largest of `1.5b`, `0.5b`, "
        "`135m` that fits in memory and can be had; or one of these, or a larger one that is never chosen by itself, "
        "`2b`, `3b`, `4b`; or a path to a GGUF file; `off`: never",
        "0.5b",
    )
    monthly_budget_usd: Decimal = _setting(
        Decimal("5.00"),
        "the allowance of a calendar month, UTC",
        "5.00",
        ge=0,
        le=MAX_BUDGET_USD,
        decimal_places=9,
        allow_inf_nan=False,
    )
    daily_budget_usd: Decimal | None = _setting(
        None, "an optional second cap", "0.50", ge=0, le=MAX_BUDGET_USD, decimal_places=9, allow_inf_nan=False
    )
    mind_share: Decimal = _setting(
        Decimal("0.5"),
        "the share of the month that callers of the gateway cannot touch where a mind lives on the purse",
        "0.5",
        ge=0,
        le=1,
        allow_inf_nan=False,
    )
    budgets: tuple[Cap, ...] = _setting(
        (),
        "named sub-budgets as JSON: each covers purposes, clients or models, and refuses by its name",
        '[{"name": "posts", "amount": "1.00", "period": "month", "covers": ["post"]}]',
        max_length=MAX_SUB_BUDGETS,
    )
    free_requests_per_day: int | Literal["auto"] = _setting(
        "auto", "the provider's quota for `:free` models; `auto`: what the key's account says, else 50", "50"
    )
    free_requests_per_minute: int = _setting(
        20, "the provider's limit a minute for `:free` models", "20", ge=1, le=10_000
    )
    think_interval_seconds: int = _setting(
        600,
        "the brain's timer; a newborn's first hour has a beat every two minutes where that costs next to nothing",
        "600",
        ge=1,
        le=86_400 * 7,
    )
    max_steps_per_beat: int = _setting(4, "model calls in one beat at most", "4", ge=1, le=32)
    max_output_tokens: int = _setting(700, "always sent as `max_tokens`", "700", ge=16, le=32_000)
    llm_timeout_seconds: int = _setting(60, "one model call at most", "60", ge=1, le=600)
    bootstrap_mode: Literal["blank_slate", "basic_facts", "full_briefing", "rotate"] = _setting(
        "rotate",
        "what a newborn is told: `blank_slate`, `basic_facts`, `full_briefing`, or `rotate` through them",
        "rotate",
    )
    on_bankruptcy: Literal["survive", "die"] = _setting(
        "survive", "`survive`: free and local models only; `die`: one last post, then death", "survive"
    )
    max_life_days: int | None = _setting(
        None, "die of old age after this many days; unset: never", "365", ge=1, le=36_500
    )
    embeddings: Literal["local", "openai", "off"] = _setting(
        "local",
        "how memories are compared: `local` MiniLM, `openai` (`text-embedding-3-small`, paid from the purse), "
        "`off`: full-text search",
        "local",
    )
    memory_working_set: int = _setting(
        2000,
        "memories a life file holds at most; older ones are condensed into the archive",
        "2000",
        ge=50,
        le=20_000,
    )
    data_dir: HomePath = _setting(Path("./data"), "everything durable; in the container `/data`", "./data")
    database_url: DatabaseUrl | None = _setting(
        None,
        "the purse; unset: `sqlite:///<DATA_DIR>/credits/ledger.db`; a PostgreSQL is taken in every form that libpq "
        "takes, as a URL or as `host=… dbname=…`",
        "postgresql://genesis:…@localhost/purse",
        json_schema_extra={"secret": True},
        repr=False,
    )
    mind: str = _setting(
        "genesis",
        "this daemon's name where several share a purse",
        "genesis",
        pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$",
    )
    observer_host: str = _setting("127.0.0.1", "where the page listens; in the container `0.0.0.0`", "127.0.0.1")
    observer_port: int = _setting(8085, "the page's port; 0: any free one", "8085", ge=0, le=65_535)
    allowed_hosts: HostNames = _setting(
        (),
        "names, separated by blanks, under which the page is asked for besides `localhost`, `127.0.0.1`, `[::1]` and "
        "the host of PUBLIC_URL; any other `Host` is refused",
        "genesis.example 192.168.1.5",
    )
    public_url: PublicUrl | None = _setting(
        None, "where the world finds the page, through a proxy with TLS", "https://genesis.example"
    )
    trusted_proxies: Networks = _setting(
        (),
        "addresses or networks, separated by blanks, whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed",
        "127.0.0.1 ::1",
    )
    admin_token: AdminToken | None = _secret(
        "bearer token of the admin routes, 16 characters or more (`genesis init` makes one); unset: they answer 403",
        "…",
    )
    public_budget: bool = _setting(
        True, "`on`: visitors of the page see the money; `off`: only the caretaker does", "on"
    )
    donate_url: HttpUrl | None = _setting(None, "a link on the page for those who want to give", "https://ko-fi.com/me")
    kofi_verification_token: SecretStr | None = _secret("turns Ko-fi's webhook on; the token Ko-fi shows you", "…")
    alert_webhook_url: HttpUrl | None = _setting(
        None,
        "alerts are also POSTed here as JSON",
        "https://hooks.example/genesis",
        json_schema_extra={"secret": True},
        repr=False,
    )
    alert_webhook_secret: SecretStr | None = _secret("signs the alerts' bodies (HMAC-SHA256); a long random text", "…")
    journal_keep_days: int = _setting(
        90, "days the journal is kept; money's records are kept for ever", "90", ge=1, le=36_500
    )
    place: PlaceOnEarth | None = _setting(
        None,
        "`lat,lon` or `lat,lon,Name`: sky (sun, moon, season; computed) and weather of that place",
        "52.52,13.41,Berlin",
    )
    weather_url: HttpUrl = _setting(
        "https://api.open-meteo.com/v1/forecast",
        "where weather is asked for, hourly at most and only where `PLACE` is set",
        "https://api.open-meteo.com/v1/forecast",
    )
    feeds: Feeds = _setting(
        (), "addresses of RSS, Atom or JSON feeds, separated by blanks", "https://example.org/feed.xml"
    )
    soul: Path | None = _setting(
        None,
        "a Markdown file of up to 4,000 characters, a seed of who it is: read at birth, never shown to strangers as a "
        "whole; some to choose from are in `docs/souls`",
        "docs/souls/tidewatcher.md",
    )
    log_format: Literal["emoji", "json"] = _setting(
        "emoji", "`emoji`: lines for people; `json`: one object a line", "emoji"
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = _setting("INFO", "the least level that is logged", "INFO")

    @field_validator("*", mode="before")
    @classmethod
    def _tidy(cls, value: object, field: ValidationInfo) -> object:
        kind = cls.model_fields[field.field_name or ""].annotation
        if NUMBERS & {kind, *get_args(kind)}:
            plain_number(value)
        if isinstance(value, str):
            value = value.strip(" \t")
            if re.search(r"[\x00-\x1f\x7f\ud800-\udfff]", value):
                raise ValueError("has a line break, a control character or a byte that is no UTF-8 in it")
        return value

    @field_validator("local_model")
    @classmethod
    def _known_local_model(cls, value: str) -> str:
        if value not in LOCAL_MODELS and not value.lower().endswith(".gguf"):
            raise ValueError(f"is none of {', '.join(LOCAL_MODELS)}, and no path to a .gguf file")
        return str(home_path(Path(value))) if value.startswith("~") else value

    @field_validator("soul")
    @classmethod
    def _readable_soul(cls, value: Path | None) -> Path | None:
        if value is not None:
            read_soul(value.expanduser())
        return value

    @field_validator("free_requests_per_day")
    @classmethod
    def _free_requests(cls, value: int | str) -> int | str:
        if isinstance(value, int) and not 0 <= value <= 1_000_000:  # noqa: PLR2004 - a typing error beyond it
            raise ValueError("is not between 0 and 1000000")
        return value

    @field_validator("budgets", mode="before")
    @classmethod
    def _budgets(cls, value: object) -> object:
        listed = from_json(value) if isinstance(value, str) else value
        if not isinstance(listed, list | tuple):
            raise ValueError("is not a JSON list")  # noqa: TRY004 - pydantic passes on a ValueError alone
        return listed

    @field_validator("budgets")
    @classmethod
    def _covers_something(cls, value: tuple[Cap, ...]) -> tuple[Cap, ...]:
        for cap in value:
            for pattern in cap.covers:
                if (near := purpose_meant(pattern)) is not None:
                    said = f"sub-budget {cap.name!r} covers {pattern!r}, which is nothing"
                    raise ValueError(f"{said}; did you mean {near!r}?")
        return value

    @field_validator("budgets")
    @classmethod
    def _distinct(cls, value: tuple[Cap, ...]) -> tuple[Cap, ...]:
        names = [cap.name for cap in value]
        if len(set(names)) != len(names):
            raise ValueError("names the same sub-budget twice")
        return value

    @property
    def purse_url(self) -> str:
        """Where the purse is kept: `DATABASE_URL`, or the file in `DATA_DIR`."""
        return self.database_url or f"sqlite:///{self.data_dir / 'credits' / 'ledger.db'}"

    @property
    def purse_is_only_read(self) -> bool:
        """Whether the purse is a file in a folder that takes no writing: it can be read as it is, and not be made."""
        path = Path(self.purse_url.removeprefix("sqlite:///"))
        return self.purse_url.startswith("sqlite:///") and path.exists() and not os.access(path.parent, os.W_OK)

    def secrets(self) -> list[str]:
        """Return every secret text that is set, for redaction."""
        found = [
            v.get_secret_value()
            for v in (getattr(self, n) for n in type(self).model_fields)
            if isinstance(v, SecretStr)
        ]
        urls = (getattr(self, name) for name in URLS)
        inside = [text for url in urls if url for text in secrets_of_url(url)]
        database = secrets_of_database(self.database_url or "")
        return [text for text in (*found, *database, *inside, self.alert_webhook_url, self._soul()) if text]

    def _soul(self) -> str:
        """Return the whole words of SOUL, which strangers are never shown; a file that went since hides nothing."""
        try:
            return "" if self.soul is None else read_soul(self.soul.expanduser())
        except ValueError:
            return ""


URLS = tuple(name for name in Settings.model_fields if name.endswith("_url") and name != "database_url")
SECRET_NAMES = frozenset(
    name.upper()
    for name, field in Settings.model_fields.items()
    if isinstance(field.json_schema_extra, dict) and field.json_schema_extra.get("secret")
)
