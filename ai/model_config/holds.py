"""What a paid thought must hold at least; known wherever a balance is read, so that all see the same band."""

from collections.abc import Iterable

from ai.mind.database import MindDatabase
from ai.model_config.bound import CALL_TOKENS, least_size_bound
from ai.model_config.model import Model, Tier
from ai.settings import Settings

THOUGHT_SIZE = "rotation.thought_size"  # in mind.db: the most input tokens that the last thought could have
USUAL_THOUGHT = 1_800 + CALL_TOKENS  # until the first: a system prompt, a scene and one thought


def paid_models(models: Iterable[Model], settings: Settings) -> list[Model]:
    """Return the models that money may be spent on."""
    pin = settings.pinned_model
    return [m for m in models if m.barred is None and m.tier not in {Tier.LOCAL, Tier.FREE} and pin in {None, m.id}]


def thought_size(mind: MindDatabase) -> int | None:
    """Return the most input tokens that the last thought could have; None before the first."""
    kept = mind.recall(THOUGHT_SIZE)
    return kept if isinstance(kept, int) else None


def smallest_hold(models: Iterable[Model], settings: Settings, input_bound: int | None) -> int | None:
    """Return what a thought of so many input tokens (None: the usual) holds on the cheapest model, in nano-dollars.

    None where no model is paid.
    """
    return least_size_bound(paid_models(models, settings), input_bound or USUAL_THOUGHT, settings.max_output_tokens)
