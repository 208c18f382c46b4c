"""Who answers `auto` and `free`: by what a dollar of this key's or run's own budget is worth, best first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ai.gateway.names import may_use
from ai.model_config import Model, Tier
from ai.model_rotator.payers import Payers
from ai.model_rotator.payers import Request as Wanted

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from ai.gateway.dialects.asked import Asked

MOST_FREE = 5  # of the attempts of one request, so that the embedded model is asked in the end


@dataclass(frozen=True, slots=True)
class Choosing:
    """All that a choice depends on beside the models: who pays, for what, out of what, and when."""

    payers: Payers
    payer: str
    asked: Asked
    wanted: Wanted
    allowed: Collection[str]
    now: datetime


def payer_name(key: str, run: str) -> str:
    """Return under which name a key and run are remembered."""
    return f"{key}/{run}"


def able(models: Sequence[Model], asked: Asked, allowed: Collection[str]) -> list[Model]:
    """Return the models that can do what a body asks for; the embedded one answers in text whatever is asked."""
    return [
        model
        for model in models
        if may_use(model, allowed)
        and (model.tier is Tier.LOCAL or (_supports(model, asked) and not asked.whole_context))
    ]


def by_worth(models: Sequence[Model], choosing: Choosing) -> list[Model]:
    """Return who may answer `auto`, best first: by the price-of-money rule, free and embedded models last."""
    fit = able(models, choosing.asked, choosing.allowed)
    return [choice.model for choice in choosing.payers.rank(choosing.payer, fit, choosing.wanted, choosing.now)]


def for_nothing(models: Sequence[Model], choosing: Choosing) -> list[Model]:
    """Return who may answer `free`: the best free models, the one that answered last only kept or last of all."""
    fit, wanted = able(models, choosing.asked, choosing.allowed), choosing.wanted
    free = [m for m in fit if m.unmetered or (m.free and wanted.free_left > 0)]
    free = [m for m in free if m.barred is None and m.id not in wanted.resting]
    last = choosing.payers.last(choosing.payer)
    free.sort(key=lambda m: ((m.id == last) != wanted.keep, -m.quality, m.id))
    return [*free[:MOST_FREE], *(m for m in fit if m.tier is Tier.LOCAL)]


def _supports(model: Model, asked: Asked) -> bool:
    """Return whether the listing says that a model takes what a body needs; a schema may be asked for either way."""
    needs = set(asked.needs)
    if "structured_outputs" in needs and "response_format" in model.parameters:
        needs.discard("structured_outputs")
    return needs <= model.parameters
