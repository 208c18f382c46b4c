"""What a model is: its tier, its prices and what bars it from being paid; reads OpenRouter's listing. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from ai.model_config.exclusions import always_reasons, why_never
from ai.model_config.intelligence import quality_of, reference_time
from ai.model_config.names import kin_of
from ai.model_config.prices import FREE_PRICES, Override, Prices, read_prices

__all__ = ["FREE_PRICES", "Model", "Override", "Prices", "Tier", "parse_openrouter", "tier_of"]

ULTRA_CHEAP_USD = Decimal("0.30")  # blended, per million: a month of 4,320 thoughts costs less than $2
CHEAP_USD = Decimal("2.00")  # up to the Haiku class; above it stands the Sonnet class
MAX_MODELS = 5_000  # ten times what OpenRouter lists; a longer document is not a catalogue
MAX_ID_CHARS = 200
MAX_NAME_CHARS = 120
MAX_TOKENS = 1_000_000_000
OUTPUT_LIMITS = frozenset({"max_tokens", "max_completion_tokens"})  # either bounds an answer
END_OF_TIME = 253_402_300_800  # the year 10000, beyond which there is no datetime


class Tier(StrEnum):
    """What people see of a price: five steps by blended price, the cheapest first.

    The rule of `ai.model_rotator.policy` decides, not the tier; only an idle beat is to take a lower one.
    """

    LOCAL = "local"
    FREE = "free"
    ULTRA_CHEAP = "ultra_cheap"
    CHEAP = "cheap"
    PREMIUM = "premium"


@dataclass(frozen=True, slots=True)
class Model:
    """One model at one provider. `quality` is 0 to 10 with its fraction; `barred` says why it is never asked.

    `context_length` and `max_completion_tokens` are tokens, None where the listing does not say. `always_reasons`:
    its reasoning cannot be switched off. `unmetered`: it costs neither money nor a free request. `kin` is
    what all names of one model share (`ai.model_config.names`).
    """

    id: str
    name: str
    endpoint: str
    tier: Tier
    prices: Prices
    quality: float
    context_length: int | None
    max_completion_tokens: int | None
    parameters: frozenset[str]
    created: datetime | None
    expires: datetime | None
    barred: str | None
    always_reasons: bool = False
    kin: str = ""
    unmetered: bool = False

    @property
    def intelligence(self) -> int:
        """What people see of `quality`: 1 to 10."""
        return min(10, max(1, round(self.quality)))

    @property
    def free(self) -> bool:
        """Whether a call counts against the provider's quota of free requests instead of costing money."""
        return self.tier is Tier.FREE and not self.unmetered

    def expired(self, now: datetime) -> bool:
        """Return whether the provider has withdrawn it by `now`, as far as was announced."""
        return self.expires is not None and self.expires <= now


def tier_of(prices: Prices) -> Tier:
    """Return the tier of a remote model by its blended price; free is only what costs nothing in any way."""
    if not (prices.dearest_seen() or prices.dearest_image() or prices.dearest_completion() or prices.dearest_request()):
        return Tier.FREE
    blended = prices.blended_per_million()
    if blended <= ULTRA_CHEAP_USD:
        return Tier.ULTRA_CHEAP
    return Tier.CHEAP if blended <= CHEAP_USD else Tier.PREMIUM


def parse_openrouter(document: object) -> list[Model]:
    """Return the models that a `/models` document lists, in its order; what is no model in it is skipped.

    `document` is JSON with fractions as Decimal (prices are text there anyway): a price that is a float is not
    believed. A model that may not be asked is kept, with the reason in `barred`.
    """
    listed = document.get("data") if isinstance(document, Mapping) else document
    entries = listed[:MAX_MODELS] if isinstance(listed, list) else []
    reference = reference_time([moment(entry.get("created")) for entry in entries if isinstance(entry, Mapping)])
    models: dict[str, Model] = {}
    for entry in entries:
        model = _model(entry, reference) if isinstance(entry, Mapping) else None
        if model is not None and model.id not in models:
            models[model.id] = model
    rated = [_priced_like_its_paid_twin(model, models, reference) for model in models.values()]
    prices = {model.id: model.prices for model in models.values()}
    return [replace(model, kin=kin_of(model.id, prices)) for model in rated]


def _model(entry: Mapping[str, Any], reference: datetime | None) -> Model | None:
    model_id = entry.get("id")
    if not isinstance(model_id, str) or not 0 < len(model_id) <= MAX_ID_CHARS or not model_id.isprintable():
        return None
    prices, unpriced = read_prices(_mapping(entry.get("pricing")))
    parameters = frozenset(p for p in _list(entry.get("supported_parameters")) if isinstance(p, str))
    tier = tier_of(prices)
    created = moment(entry.get("created"))
    barred = why_never(model_id, *_modalities(entry)) or unpriced
    reasons = always_reasons(model_id, _mapping(entry.get("reasoning")).get("mandatory"))
    if barred is None and tier is not Tier.FREE:
        barred = _why_not_paid(parameters, always_reasons=reasons)
    name = entry.get("name")
    said = "".join(c for c in name if c.isprintable())[:MAX_NAME_CHARS] if isinstance(name, str) else ""
    provider = _mapping(entry.get("top_provider"))
    return Model(
        id=model_id,
        name=said or model_id,
        endpoint="openrouter",
        tier=tier,
        prices=prices,
        quality=quality_of(model_id, prices.blended_per_million() if prices.known else None, created, reference),
        context_length=_smallest(count(entry.get("context_length")), count(provider.get("context_length"))),
        max_completion_tokens=count(provider.get("max_completion_tokens")),
        parameters=parameters,
        created=created,
        expires=expiry(entry.get("expiration_date")),
        barred=barred,
        always_reasons=reasons,
    )


def _why_not_paid(parameters: frozenset[str], *, always_reasons: bool) -> str | None:
    """Return why a call to a priced model has no bound, or None (DESIGN, "The bound of a call")."""
    if not parameters & OUTPUT_LIMITS:
        return "it does not take max_tokens, so its answers have no bound"
    if always_reasons:
        return "its reasoning cannot be switched off, so its answers have no sure bound"
    return None


def _priced_like_its_paid_twin(model: Model, models: Mapping[str, Model], reference: datetime | None) -> Model:
    """A price of zero says nothing about quality: the heuristic takes the price of the same model without `:free`."""
    twin = models.get(model.id.removesuffix(":free")) if model.free else None
    if twin is None or twin is model or not twin.prices.known:
        return model
    return replace(model, quality=quality_of(model.id, twin.prices.blended_per_million(), model.created, reference))


def _modalities(entry: Mapping[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what the model reads and what it answers in; empty where the listing does not say."""
    architecture = _mapping(entry.get("architecture"))
    reads, answers = (
        tuple(str(m) for m in _list(architecture.get(f"{side}_modalities"))) for side in ("input", "output")
    )
    return reads, answers


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def count(value: object, most: int = MAX_TOKENS) -> int | None:
    """Return a whole number of a listing above 0 and below `most`; None where it is none."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return None
    if isinstance(value, Decimal) and not value.is_finite():
        return None
    return int(value) if 0 < value < most else None


def _smallest(*counts: int | None) -> int | None:
    return min((count for count in counts if count is not None), default=None)


def moment(value: object) -> datetime | None:
    """Return the time of a listing's seconds since 1970; None where they are none."""
    seconds = count(value, END_OF_TIME)
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def expiry(value: object) -> datetime | None:
    """Return the start, in UTC, of the day that a listing names: the earliest moment that it can mean.

    OpenAI's `shutdown_date` may be seconds since 1970.
    """
    if not isinstance(value, str):
        return moment(value)
    try:
        day = date.fromisoformat(value[:10])
    except ValueError:
        return None
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def dearer_names(models: Iterable[Model]) -> frozenset[str]:
    """Return the ids that are only dearer (or longer) names of another model among `models` that may be asked."""
    cheapest: dict[tuple[str, str], Model] = {}
    dearer: set[str] = set()
    for model in models:
        if not model.kin or model.barred is not None:
            continue
        key = model.endpoint, model.kin
        other = cheapest.setdefault(key, model)
        if other is not model:
            cheapest[key], dear = (model, other) if _rank(model) < _rank(other) else (other, model)
            dearer.add(dear.id)
    return frozenset(dearer)


def _rank(model: Model) -> tuple[object, ...]:
    return model.prices.blended_per_million(), model.prices.request, len(model.id), model.id
