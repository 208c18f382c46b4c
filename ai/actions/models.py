"""Money and models: what is left, who could think, and asking for another mind."""

from pydantic import Field

from ai.actions.action import Action, NoParams, Params, Refused
from ai.actions.context import ActionContext
from ai.ledger.money import NANOS_PER_USD
from ai.model_config import Model

LISTED = 12  # models shown; a catalogue has hundreds
LISTED_PER_TIER = 3
PER_MILLION = 1_000_000


class ModelId(Params):
    """Whom to think with."""

    model_id: str = Field(min_length=1, max_length=120)


async def check_budget(_params: NoParams, context: ActionContext) -> str:
    """Return the month's money and the day's quotas in one line."""
    b, now = await context.tracker.balance(), context.clock.now()
    parts = [
        f"${b.available / NANOS_PER_USD:,.4f} left of ${(b.granted + b.donated) / NANOS_PER_USD:,.2f} ({b.band})",
        f"${b.spent / NANOS_PER_USD:,.4f} spent in {b.period}",
        *(f"${amount / NANOS_PER_USD:,.4f} held {what}" for amount, what in b.held_for),
        f"new money on {b.resets_at:%Y-%m-%d}",
        f"free requests left today {b.free_left:,} of {b.free_quota:,}",
        f"posts left today {min(b.posts_left, context.outbox.left_today(now)):,}",
    ]
    if b.runway_days is not None:
        parts.append(f"at this pace it lasts {b.runway_days:,.1f} days")
    if b.away:
        parts.append(f"the purse is out of reach now, so these are the last known figures: {b.away}")
    return "; ".join(parts)


async def list_models(_params: NoParams, context: ActionContext) -> str:
    """Return the most able models of each tier, one a line."""
    usable = [model for model in context.catalogue.models().values() if model.barred is None]
    lines: list[str] = []
    for tier in sorted({model.tier for model in usable}, key=lambda tier: _TIER_ORDER.get(str(tier), len(_TIER_ORDER))):
        best = sorted((m for m in usable if m.tier == tier), key=lambda m: (-m.quality, m.id))[:LISTED_PER_TIER]
        lines += [_line(model) for model in best]
    return "\n".join(lines[:LISTED]) if lines else "no model is known now; the next beat tries again"


async def switch_model(params: ModelId, context: ActionContext) -> str:
    """Ask the rotation for a model; it answers with what it will do, or why not."""
    answer = await context.rotation.wish(params.model_id)
    if answer.startswith("refused"):
        raise Refused(answer.removeprefix("refused").lstrip(": "))
    return answer


_TIER_ORDER = {"premium": 0, "cheap": 1, "ultra_cheap": 2, "free": 3, "local": 4}


def _line(model: Model) -> str:
    read, write = model.prices.prompt * PER_MILLION, model.prices.completion * PER_MILLION
    price = f"${read:,.2f} read, ${write:,.2f} written per million tokens" if read or write else "costs nothing"
    return f"- {model.id}: {model.tier}, intelligence {model.intelligence}/10, {price}"


ACTIONS = (
    Action("check_budget", NoParams, check_budget, "see what money and quotas are left", looks=True),
    Action(
        "list_models", NoParams, list_models, "see which models could think for you, and their prices", simple=False
    ),
    Action(
        "switch_model",
        ModelId,
        switch_model,
        "think with this model from the next beat on, while it is affordable",
        simple=False,
    ),
)
