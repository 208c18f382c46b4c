"""Posting: whether it is real, on which networks, with which keys, for what price and how often."""

import re
from decimal import Decimal
from typing import Literal, Self

from pydantic import BaseModel, SecretStr, field_validator, model_validator

from ai.settings.fields import secret, setting
from ai.settings.texts import HeaderSecret, HttpUrl

X_KEYS = ("x_api_key", "x_api_secret", "x_access_token", "x_access_token_secret")
NETWORK_SETTINGS = {  # what each network cannot do without
    "x": X_KEYS,
    "bluesky": ("bluesky_handle", "bluesky_app_password"),
    "mastodon": ("mastodon_url", "mastodon_access_token"),
    "webhook": ("post_webhook_url", "post_webhook_secret"),
}


class PostingSettings(BaseModel):
    """The settings of posts and networks, and what follows from them."""

    tweets: Literal["dry-run", "live", "approve"] = setting(
        "dry-run",
        "`live`: really post to `NETWORKS`; `dry-run`: the post ends in the local timeline, and nothing leaves; "
        "`approve`: a person releases each post",
        "dry-run",
    )
    networks: tuple[str, ...] = setting(
        (),
        "where posts go: `x`, `bluesky`, `mastodon`, `webhook`, separated by commas; unset: what is configured",
        "x,bluesky",
    )
    x_api_key: HeaderSecret | None = secret("X (OAuth 1.0a)", "…")
    x_api_secret: HeaderSecret | None = secret("X (OAuth 1.0a)", "…")
    x_access_token: HeaderSecret | None = secret("X (OAuth 1.0a)", "…")
    x_access_token_secret: HeaderSecret | None = secret("X (OAuth 1.0a)", "…")
    x_api_base_url: HttpUrl = setting("https://api.twitter.com", "where X's API is", "https://api.twitter.com")
    tweet_price_usd: Decimal = setting(
        Decimal("0.015"),
        "what X charges a post",
        "0.015",
        ge=0,
        le=100,
        decimal_places=9,
        allow_inf_nan=False,
    )
    tweet_with_url_price_usd: Decimal = setting(
        Decimal("0.20"),
        "what X charges a post with a URL",
        "0.20",
        ge=0,
        le=100,
        decimal_places=9,
        allow_inf_nan=False,
    )
    tweet_read_price_usd: Decimal = setting(
        Decimal("0.005"),
        "what reading one post costs at most: held before the timeline is asked",
        "0.005",
        ge=0,
        le=100,
        decimal_places=9,
        allow_inf_nan=False,
    )
    tweet_own_read_price_usd: Decimal = setting(
        Decimal("0.001"),
        "what X charges for reading one of one's own posts: booked for each that the timeline showed",
        "0.001",
        ge=0,
        le=100,
        decimal_places=9,
        allow_inf_nan=False,
    )
    bluesky_handle: str | None = setting(None, "the account on Bluesky", "genesis.bsky.social")
    bluesky_app_password: SecretStr | None = secret("an app password of that account, not its own", "…")
    bluesky_url: HttpUrl = setting("https://bsky.social", "the server that has the account", "https://bsky.social")
    mastodon_url: HttpUrl | None = setting(None, "the server that has the account", "https://mastodon.social")
    mastodon_access_token: HeaderSecret | None = secret("of an application that may `read` and `write:statuses`", "…")
    post_webhook_url: HttpUrl | None = setting(
        None,
        "each post is also POSTed here as JSON",
        "https://hooks.example/posts",
        json_schema_extra={"secret": True},
        repr=False,
    )
    post_webhook_secret: SecretStr | None = secret(
        "signs each post as Standard Webhooks asks: `whsec_` and base64, or a long random text", "whsec_…"
    )
    tweets_per_day: int = setting(4, "posts a day at most; 4 posts a day on X are $1.80 a month", "4", ge=0, le=1000)
    tweet_min_gap_seconds: int = setting(3600, "seconds between two posts at least", "3600", ge=0, le=86_400 * 30)

    @field_validator("networks", mode="before")
    @classmethod
    def _names(cls, value: object) -> object:
        return tuple(dict.fromkeys(re.split(r"[\s,]+", value.strip(", ").lower()))) if isinstance(value, str) else value

    @field_validator("networks")
    @classmethod
    def _known_networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        unknown = [name for name in value if name not in NETWORK_SETTINGS]
        if unknown:
            raise ValueError(f"{unknown[0][:80]!r} is none of {', '.join(NETWORK_SETTINGS)}")
        return value

    @model_validator(mode="after")
    def _live_needs_keys(self) -> Self:
        problem = self.missing_network_keys()
        if problem is not None:
            raise ValueError(problem)
        return self

    def missing_network_keys(self) -> str | None:
        """Return one line on which keys of its networks posting lacks, or None where it has all, or needs none."""
        if self.tweets == "dry-run":
            return None
        begun = self.networks or [name for name in NETWORK_SETTINGS if self._missing_of(name, begun=True)]
        wanted = [name.upper() for network in begun for name in self._missing_of(network)]
        if not wanted and not self.networks and all(self._missing_of(name) for name in NETWORK_SETTINGS):
            wanted = [name.upper() for name in X_KEYS]  # no network at all: X is what TWEETS was made for
        return f"TWEETS={self.tweets} needs {', '.join(wanted)}; or set TWEETS=dry-run" if wanted else None

    def _missing_of(self, network: str, *, begun: bool = False) -> list[str]:
        """Return which of a network's keys are not set; with `begun`, none where none is set."""
        keys = NETWORK_SETTINGS[network]
        missing = [name for name in keys if getattr(self, name) is None]
        return [] if begun and len(missing) == len(keys) else missing

    @property
    def post_price_usd(self) -> Decimal:
        """What a post without a link costs on all of its networks together."""
        return self.tweet_price_usd if "x" in self.posting_networks else Decimal(0)

    @property
    def posting_networks(self) -> tuple[str, ...]:
        """Where posts go: NETWORKS, else what is configured, else X, whose rules a dry run follows."""
        return self.networks or tuple(name for name in NETWORK_SETTINGS if not self._missing_of(name)) or ("x",)
