"""What models there are: tiers, prices, the bound of a call, what bars a model, and the catalogue that lists them."""

from ai.model_config.model import (
    CHEAP_USD,
    FREE_PRICES,
    ULTRA_CHEAP_USD,
    Model,
    Prices,
    Tier,
    parse_openrouter,
    tier_of,
)

__all__ = [
    "CHEAP_USD",
    "FREE_PRICES",
    "ULTRA_CHEAP_USD",
    "Model",
    "Prices",
    "Tier",
    "parse_openrouter",
    "tier_of",
]
