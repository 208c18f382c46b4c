"""The models of a server that speaks OpenAI's protocol: OpenAI's own at known prices, or one at home for nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Any

from ai.model_config.exclusions import always_reasons, why_never
from ai.model_config.intelligence import quality_of, reference_time
from ai.model_config.model import MAX_ID_CHARS, MAX_MODELS, Model, count, expiry, moment, tier_of
from ai.model_config.names import kin_of
from ai.model_config.prices import FREE_PRICES, UNKNOWN_PRICES, Override, Prices

EMBEDDING_ID = "text-embedding-3-small"
# USD per million tokens (prompt, completion) as of OpenAI's price page, for what a listing that cannot be had would
# name; the dearer of this and genai-prices' table counts. The day from which each is shut down, where one is known.
_BUILT_IN: Mapping[str, tuple[str, str, str | None]] = {
    "gpt-4o-mini": ("0.15", "0.60", "2027-01-14"),
    "gpt-4o": ("2.50", "10.00", "2027-01-14"),
    "gpt-6-luna": ("0.10", "0.50", None),
}
_EMBEDDING_USD = "0.02"
_EMBEDDING_CONTEXT = 8_191
_MILLION = 1_000_000
ALL_OTHERS = "*"  # in OPENAI_PRICES: every model that is not named
# What `/v1/models` lists beside models that chat in text, with either words or parameters of its own.
NOT_CHAT = (
    "*audio*", "*realtime*", "*transcribe*", "*tts*", "*whisper*", "*dall-e*", "*image*", "sora*", "*moderation*",
    "*computer-use*", "gpt-3.5-turbo-instruct*", "davinci*", "babbage*", "*embed*", "*rerank*",
)  # fmt: skip
NOT_CHAT_AT_HOME = ("*embed*", "*whisper*", "*rerank*", "*tts*", "bge-*", "*minilm*")
OWN_ONLY = ("gpt-*-pro", "gpt-*-pro-*", "gpt-*-codex*", "*-deep-research*")  # reason as long as they like
# Models before reasoning take temperatures; "none" switches reasoning off from 5.1 on, and never in chat variants.
_CLASSIC = re.compile(r"^(?:gpt-3\.5|gpt-4|chatgpt-4o)")
_VERSION = re.compile(r"^gpt-(\d+)(?:\.(\d+))?(?!.*chat)")
NONE_FROM = (5, 1)
CONTEXTS = (("gpt-3.5*", 16_385), ("gpt-4", 8_192), ("gpt-4-0613", 8_192), ("*", 128_000))
HOME_CONTEXT = 32_768  # where a server at home does not say: what it cannot take it refuses, at no cost
UNPRICED = "its price is not known: state it in OPENAI_PRICES"


@dataclass(frozen=True, slots=True)
class Server:
    """Whose server it is: `own` OpenAI's, else `home`, else a stranger's whose prices must be stated.

    `prices` are those a person states, USD per million tokens (in, out) by id; `pinned` is served though unlisted.
    """

    own: bool
    home: bool
    keyed: bool = True
    prices: Mapping[str, tuple[Decimal, Decimal]] = field(default_factory=dict)
    pinned: str | None = None


def listed_models(entries: Iterable[Any], server: Server) -> list[Model]:
    """Return the models that a `/v1/models` listing names, and the pinned one; what may not be asked is barred."""
    known = {entry["id"]: entry for entry in list(entries)[:MAX_MODELS] if _is_entry(entry)}
    if server.home and server.keyed and any(entry.get("shutdown_date") for entry in known.values()):
        server = replace(server, own=True, home=False)  # OpenAI alone announces those: its bills come through here
    if server.pinned is not None:
        known.setdefault(server.pinned, {"id": server.pinned})
    reference = reference_time([moment(entry.get("created")) for entry in known.values()])
    created = {id_: moment(entry.get("created")) if server.own else None for id_, entry in known.items()}
    models = {id_: _model(entry, server) for id_, entry in known.items()}
    for id_, model in models.items():
        price = model.prices.blended_per_million() if model.prices.known and not model.unmetered else None
        name = f"openai/{id_}" if server.own else id_
        models[id_] = replace(model, created=created[id_], quality=quality_of(name, price, created[id_], reference))
    if server.own:
        prices = {id_: model.prices for id_, model in models.items()}
        return [replace(model, kin=kin_of(model.id, prices)) for model in models.values()]
    return list(models.values())


def built_in(server: Server) -> list[Model]:
    """Return what is known before a listing was ever had: OpenAI's own models; elsewhere the pinned one alone."""
    if not server.own:
        return listed_models([], server)
    return listed_models([{"id": id_, "shutdown_date": end} for id_, (_, _, end) in _BUILT_IN.items()], server)


def embedding_model(endpoint: str) -> Model:
    """Return text-embedding-3-small as `endpoint` (openrouter or openai) names it; never a candidate for a thought."""
    model_id = f"openai/{EMBEDDING_ID}" if endpoint == "openrouter" else EMBEDDING_ID
    prices = _dearer(EMBEDDING_ID, _EMBEDDING_USD, "0")
    return Model(
        id=model_id,
        name=model_id,
        endpoint=endpoint,
        tier=tier_of(prices),
        prices=prices,
        quality=quality_of(model_id, prices.blended_per_million(), None, None),
        context_length=_EMBEDDING_CONTEXT,
        max_completion_tokens=None,
        parameters=frozenset(),
        created=None,
        expires=None,
        barred=None,
    )


def _is_entry(entry: object) -> bool:
    id_ = entry.get("id") if isinstance(entry, Mapping) else None
    return isinstance(id_, str) and 0 < len(id_) <= MAX_ID_CHARS and id_.isprintable()


def _model(entry: Mapping[str, Any], server: Server) -> Model:
    id_: str = entry["id"]
    prices = _prices(id_, server)
    meta = entry.get("meta")
    said = [
        entry.get("max_model_len"),
        entry.get("context_length"),
        meta.get("n_ctx") if isinstance(meta, Mapping) else None,
    ]
    contexts = [tokens for tokens in map(count, said) if tokens is not None]
    reasons = server.own and (always_reasons(f"openai/{id_}") or _matches(id_, OWN_ONLY))
    barred = _why_not(id_, server) or (None if prices.known else UNPRICED)
    if barred is None and reasons:
        barred = "its reasoning cannot be switched off, and would use up the answer"
    return Model(
        id=id_,
        name=id_,
        endpoint="openai",
        tier=tier_of(prices),
        prices=prices,
        quality=0.0,
        context_length=min(contexts) if contexts else _usual_context(id_, server),
        max_completion_tokens=None,
        parameters=_parameters(id_),
        created=None,
        expires=expiry(entry.get("shutdown_date")),
        barred=barred,
        always_reasons=reasons,
        unmetered=prices.known and tier_of(prices) == "free",
    )


def _why_not(id_: str, server: Server) -> str | None:
    if _matches(id_.lower(), NOT_CHAT if server.own else NOT_CHAT_AT_HOME):
        return "it does not chat in text"
    return why_never(f"openai/{id_}", (), ()) if server.own else None


def _prices(id_: str, server: Server) -> Prices:
    """Return what a person states, else nothing at home, else the dearer of two tables; unknown is never free."""
    stated = server.prices.get(id_) or server.prices.get(ALL_OTHERS)
    if stated is not None:
        return Prices(prompt=stated[0] / _MILLION, completion=stated[1] / _MILLION)
    if server.home:
        return Prices(Decimal(0), Decimal(0))
    if not server.own:
        return UNKNOWN_PRICES
    prompt, completion, _ = _BUILT_IN.get(id_, ("0", "0", None))
    prices = _dearer(id_, prompt, completion)
    return prices if prices.prompt > 0 and prices.completion > 0 else UNKNOWN_PRICES


def _parameters(id_: str) -> frozenset[str]:
    """Return what a model takes, by its name: the newer ones refuse `max_tokens` and any temperature but 1."""
    own_name = id_.rpartition("/")[2].lower()
    form = {"response_format", "structured_outputs", "tools", "tool_choice", "seed", "stop"}
    version = _VERSION.match(own_name)
    reasons = re.match(r"^o\d", own_name)
    newer = re.match(r"^gpt-(?:[5-9]|\d\d)", own_name) or reasons
    if not newer or own_name.startswith("gpt-oss"):
        limits = {"max_completion_tokens"} if _CLASSIC.match(own_name) else set()
        return frozenset(form | limits | {"max_tokens", "temperature"})
    numbers = (int(version[1]), int(version[2] or 0)) if version else (0, 0)
    effort = {"reasoning_effort"} if numbers >= NONE_FROM else set()
    return frozenset(form | effort | {"max_completion_tokens"})


def _usual_context(id_: str, server: Server) -> int:
    if not server.own:
        return HOME_CONTEXT
    return next(tokens for pattern, tokens in CONTEXTS if fnmatchcase(id_, pattern))


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _dearer(model_id: str, prompt: str, completion: str) -> Prices:
    """OpenAI tells no prices over its API: a rise known to either table must be in the bound."""
    least, most = Decimal(prompt) / _MILLION, Decimal(completion) / _MILLION
    listed = _genai_prices(model_id)
    return replace(listed, prompt=max(least, listed.prompt), completion=max(most, listed.completion))


def _genai_prices(model_id: str) -> Prices:
    """Return genai-prices' offline row with its rises for long prompts; 0 where it does not know the model."""
    from genai_prices import Usage, calc_price  # noqa: PLC0415 - a large table, read only where OpenAI serves

    try:
        row = calc_price(Usage(input_tokens=1), model_ref=model_id, provider_id="openai").model_price
    except LookupError:
        return FREE_PRICES
    kinds = (row.input_mtok, row.output_mtok, row.cache_write_mtok)
    starts = sorted({tier.start for kind in kinds for tier in getattr(kind, "tiers", ())})
    rises = [(start, [_a_token(kind, start) for kind in kinds]) for start in starts]
    base = [_a_token(kind, 0) for kind in kinds]
    overrides = tuple(
        Override(start - 1, timed=False, prompt=now[0], completion=now[1], internal_reasoning=Decimal(0),
                 cache_write=now[2], request=Decimal(0))
        for start, now in rises
    )  # fmt: skip
    return Prices(prompt=base[0], completion=base[1], cache_write=base[2], overrides=overrides)


def _a_token(price: Any, tokens: int) -> Decimal:
    """Return USD per token of a genai-prices price, plain or in tiers by the length of the prompt."""
    tiers = [tier.price for tier in getattr(price, "tiers", ()) if tokens >= tier.start]
    base = getattr(price, "base", price)
    return Decimal(max([base or Decimal(0), *tiers])) / _MILLION
