"""Which ids are names of one and the same model, so that the cheaper name is asked and variety means models. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ai.model_config.model import Model

# The same weights served sooner or with more room, for more money.
DEARER_MARKS = ("-fast", "-highspeed", "-lightning", "-priority")
# Variants after a colon that are asked and billed differently, and so stay models of their own.
OWN_VARIANTS = frozenset({"free", "batch", "thinking"})
_DATE = re.compile(r"-(?:20\d\d-\d\d-\d\d|20\d{6}|latest)$")


def kin_of(model: Model, listed: Mapping[str, Model]) -> str:
    """Return the name that all names of this model share: without date, variant, or a mark that only costs more.

    `listed` are the models by id: a mark like `-fast` counts only where the name without it is listed and no dearer
    (`x-ai/grok-4-fast` costs less than `x-ai/grok-4`, and is another model).
    """
    name, _, variant = model.id.partition(":")
    if variant in OWN_VARIANTS:
        return model.id
    for mark in DEARER_MARKS:
        plain = listed.get(name.removesuffix(mark)) if name.endswith(mark) else None
        if plain is not None and plain.prices.known and _no_dearer(plain, model):
            name = plain.id
    return _DATE.sub("", name)


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


def _no_dearer(plain: Model, marked: Model) -> bool:
    return plain.prices.prompt <= marked.prices.prompt and plain.prices.completion <= marked.prices.completion


def _rank(model: Model) -> tuple[object, ...]:
    return model.prices.blended_per_million(), model.prices.request, len(model.id), model.id
