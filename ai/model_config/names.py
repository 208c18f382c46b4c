"""Which ids are names of one and the same model, so that the cheaper name is asked and variety means models. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ai.model_config.prices import Prices

# The same weights served sooner or with more room, for more money.
DEARER_MARKS = ("-fast", "-highspeed", "-lightning", "-priority")
# Variants after a colon that are asked and billed differently, and so stay models of their own.
OWN_VARIANTS = frozenset({"free", "batch", "thinking"})
_DATE = re.compile(r"-(?:20\d\d-\d\d-\d\d|20\d{6}|latest)$")


def kin_of(model_id: str, listed: Mapping[str, Prices]) -> str:
    """Return the name that all names of this model share: without date, variant, or a mark that only costs more.

    `listed` are the prices of all models by id, this one's too: a mark like `-fast` counts only where the name without
    it is listed and no dearer (`x-ai/grok-4-fast` costs less than `x-ai/grok-4`, and is another model).
    """
    name, _, variant = model_id.partition(":")
    if variant in OWN_VARIANTS:
        return model_id
    for mark in DEARER_MARKS:
        plain = name.removesuffix(mark)
        if plain != name and plain in listed and listed[plain].known and _no_dearer(listed[plain], listed[model_id]):
            name = plain
    return _DATE.sub("", name)


def _no_dearer(plain: Prices, marked: Prices) -> bool:
    return plain.prompt <= marked.prompt and plain.completion <= marked.completion
