"""Which model a name means: an id, a bare name, `auto`, `free`, `local`, or one that was withdrawn; pure."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Literal

from ai.gateway.dialects.fields import VARIANTS, unbounded
from ai.gateway.refusals import Refusal
from ai.model_config import Model, Tier
from ai.model_config.model import OUTPUT_LIMITS

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

Kind = Literal["model", "auto", "free"]
MAKERS = ("openai", "anthropic", "google", "mistralai", "meta-llama", "deepseek", "x-ai", "qwen")  # of bare names
# Names that programs were written with and that were withdrawn; a catalogue that still has one serves it by itself.
RETIRED_CHAT = (
    "text-davinci-*", "text-curie-*", "text-babbage-*", "text-ada-*", "davinci*", "curie*", "babbage*", "ada",
    "code-davinci-*", "code-cushman-*", "gpt-3*", "gpt-4*", "chatgpt-*", "o1*", "o3*", "claude-*",
)  # fmt: skip
RETIRED_EMBEDDINGS = ("text-embedding-*", "text-similarity-*", "text-search-*", "code-search-*")
AUTO, FREE = ("auto", "openrouter/auto"), ("free", "openrouter/free")
CHOICES = frozenset({*AUTO, *FREE, "local"})  # names that are no model's, also where a listing has one so called
FAMILIES = ("haiku", "sonnet", "opus")
# Today's default where a name is withdrawn: cheap, able of tools and schemas. The first that the catalogue has.
DEFAULTS = ("openai/gpt-4o-mini", "openai/gpt-4.1-mini", "openai/gpt-4.1-nano", "gpt-4o-mini", "gpt-4.1-mini")
_DATED = re.compile(r"[-@](20\d{6}|20\d\d-\d\d-\d\d|latest|\d{4})$")
_VERSION = re.compile(r"(?<=\d)-(?=\d)")


@dataclass(frozen=True, slots=True)
class Named:
    """What a name means: a model, or a choice among those there are; `note` tells of a name that is served by another.

    `sent` is the id to send, where a variant (`:nitro`) was asked for.
    """

    kind: Kind
    model: Model | None = None
    note: str | None = None
    sent: str | None = None


def named(name: str, models: Mapping[str, Model], *, allowed: Collection[str] = (), pinned: str | None = None) -> Named:
    """Return what the name of a model for chat means.

    `models` by id, the embedded one among them; `allowed` are a key's globs (none: all); `pinned` serves whatever
    name is asked for. Raises Refusal: 404 for a name that means nothing, 403 for one that is not allowed, 400 for one
    whose cost cannot be bounded.
    """
    exact = models.get(name)
    if pinned is None and exact is not None and exact.tier is not Tier.LOCAL and name not in CHOICES:
        return _checked(Named("model", exact), allowed)  # the usual name: of all the others every model is looked at
    local = next((model for model in models.values() if model.tier is Tier.LOCAL), None)
    remote = {id_: model for id_, model in models.items() if model.tier is not Tier.LOCAL}
    if pinned is not None and (pinned in models or remote):
        return _pinned(name, pinned, models, allowed)
    if name == "local" or (local is not None and name == local.id) or not remote:
        if local is None:
            raise Refusal(404, "there is no embedded model here (LOCAL_MODEL=off)", code="model_not_found")
        return Named("model", local, _told(name, local.id))
    if name in CHOICES:
        return Named("auto" if name in AUTO else "free")
    found = known(name, remote)
    if found is not None:
        base = found.sent if found.sent is not None else name
        note = None if base == name and found.model is not None else found.note
        return _checked(Named("model", found.model, note, found.sent), allowed)
    default = _retired(name, remote)
    if default is None:
        raise _unknown(name, remote)
    return _checked(Named("model", default, _told(name, default.id)), allowed)


def named_embedding(name: str, models: Mapping[str, Model], default: Model | None) -> Named:
    """Return which model makes the embeddings that a name asks for; `default` is today's. Raises Refusal."""
    own = {id_: model for id_, model in models.items() if _embeds(id_)}
    if default is not None:
        own.setdefault(default.id, default)
    found = known(name, own)
    if found is not None and found.model is not None:
        return found
    bare = name.rsplit("/", 1)[-1]
    retired = name == "auto" or any(fnmatchcase(bare, pattern) for pattern in RETIRED_EMBEDDINGS)
    if default is not None and retired:
        return Named("model", default, _told(name, default.id))
    raise _unknown(name, own)


def known(name: str, models: Mapping[str, Model]) -> Named | None:
    """Return the model of an id, a variant of it or a bare name; None where the catalogue has none."""
    if name in models:
        return Named("model", models[name])
    base, colon, variant = name.rpartition(":")
    if colon and f":{variant}" in VARIANTS and (found := known(base, models)) and found.model is not None:
        return Named("model", found.model, found.note, f"{found.model.id}:{variant}")
    if "/" in name:
        bare = name.rsplit("/", 1)[-1]  # OpenAI's own key knows no makers
        return Named("model", models[bare], _told(name, bare)) if bare in models else None
    undated = _DATED.sub("", name)
    for form in dict.fromkeys((name, undated, _VERSION.sub(".", undated))):
        for id_ in (form, *(f"{maker}/{form}" for maker in MAKERS)):
            if id_ in models:
                return Named("model", models[id_], _told(name, id_))
    return None


def why_not_served(model: Model) -> str | None:
    """Return why a model is not asked for a caller, None where it may be.

    Reasoning that cannot be switched off bars a model for the mind alone: a caller's output limit holds it, and is
    sent as the limit of thought and answer together.
    """
    if model.barred is None or (model.always_reasons and model.parameters & OUTPUT_LIMITS and _only_reasons(model)):
        return None
    return model.barred


def served(models: Sequence[Model]) -> list[Model]:
    """Return the models that may be asked for a caller."""
    return [model for model in models if why_not_served(model) is None]


def _only_reasons(model: Model) -> bool:
    return model.barred is not None and "reasoning" in model.barred


def _checked(found: Named, allowed: Collection[str]) -> Named:
    model = found.model
    if model is None:
        return found
    if allowed and not may_use(model, allowed):
        raise Refusal(
            403, f"this key may not use {model.id}; it may use {', '.join(allowed)}",
            type="permission_error", code="model_not_allowed", param="model",
        )  # fmt: skip
    if (why := why_not_served(model)) is not None:
        raise unbounded("model", f"{model.id} is not served: {why}")
    return found


def may_use(model: Model, allowed: Collection[str]) -> bool:
    """Return whether a key's globs let it use this model; the embedded model costs nothing and is always there."""
    return not allowed or model.tier is Tier.LOCAL or any(fnmatchcase(model.id, pattern) for pattern in allowed)


def _pinned(name: str, pinned: str, models: Mapping[str, Model], allowed: Collection[str]) -> Named:
    """Return what the pin means, which serves every name; one of nothing lets nobody ask another, maybe dearer."""
    try:
        found = named(pinned, models, allowed=allowed)
    except Refusal as refusal:
        if refusal.code != "model_not_found":
            raise
        said = f"{pinned!r} alone serves here (OPENROUTER_MODEL, OPENAI_MODEL or the key's --model)"
        raise Refusal(404, f"{said}, and {refusal.message}", code="model_not_found", param="model") from None
    by = pinned if found.model is None else found.sent or found.model.id
    return Named(found.kind, found.model, _told(name, by), found.sent)


def _retired(name: str, models: Mapping[str, Model]) -> Model | None:
    """Return today's default for a name that was withdrawn; None where the name never was one."""
    bare = name.rsplit("/", 1)[-1].lower()
    if not any(fnmatchcase(bare, pattern) for pattern in RETIRED_CHAT):
        return None
    family = next((word for word in FAMILIES if word in bare), "haiku") if bare.startswith("claude") else None
    usable = served([model for model in models.values() if not model.free])
    if family is not None:
        same = [m for m in usable if m.id.startswith("anthropic/") and family in m.id and ":" not in m.id]
        if same:
            return max(same, key=lambda m: (m.created.timestamp() if m.created else 0.0, m.id))
    first = next((models[id_] for id_ in DEFAULTS if id_ in models and models[id_] in usable), None)
    cheap = [m for m in usable if m.tier is Tier.ULTRA_CHEAP]
    return first or max(cheap or usable, key=lambda m: m.quality, default=None)


def _unknown(name: str, models: Mapping[str, Model]) -> Refusal:
    bare = {id_.rsplit("/", 1)[-1]: id_ for id_ in models}
    near = difflib.get_close_matches(name.rsplit("/", 1)[-1], bare, n=1, cutoff=0.6)
    hint = f"did you mean {bare[near[0]]}?" if near else "GET /v1/models lists those there are"
    return Refusal(404, f"there is no model {name!r} here; {hint}", code="model_not_found", param="model")


def _told(name: str, id_: str) -> str | None:
    return None if name == id_ else f"{name} is served by {id_}"


def _embeds(id_: str) -> bool:
    return "embed" in id_.rsplit("/", 1)[-1]
