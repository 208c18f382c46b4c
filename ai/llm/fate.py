"""What becomes of a call's money: the one table from how a call ended to how its hold ends (DESIGN, "Money")."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from ai.ledger.money import nanos
from ai.llm.calls import Shape
from ai.unreached import SIGN_IN_STATUS

if TYPE_CHECKING:
    from ai.credit_tracker import Usage
    from ai.llm.calls import Outcome
    from ai.model_config import Model

OK = 200
# Redirects and refusals (3xx, 4xx) come before a model ran, so nothing is billed. But a time-out (408), and the 499 of
# a proxy whose client gave up, say nothing of what went on behind.
REFUSED_STATUSES = frozenset(range(300, 500)) - {408, 499}
# What comes from in front of the provider: what a server does not do at all, a network's sign-in page, and a delivery
# network that came to no connection with the server behind it: refused, no route, TLS that failed either way. (520,
# 522, 524 and 530 of the same row may come after the request got there.)
NOT_REACHED_STATUSES = frozenset({501, 505, 510, SIGN_IN_STATUS, 521, 523, 525, 526})
TIMEOUT_STATUSES = frozenset({408, 499, 504, 524})
NOT_ROUTED_STATUS = 503
# What the books keep, as the end of the reason, of a call of which no content came: it may never have been billed.
GIVEN_UP = "the provider gave it up before any content"
SILENT = "no content had come"
# How OpenRouter words a 503 that it gives before any provider was asked; any other 503 may come from one.
NOT_ROUTED_WORDS = ("no available model provider", "routing requirements", "no allowed providers", "no endpoints found")


class End(StrEnum):
    """The ways in which a hold ends, or does not end yet."""

    VOID = "void"  # nothing was sent: everything is released, the request quota too
    REFUSE = "refuse"  # capture 0; the request counts against the quota
    CAPTURE = "capture"  # capture what it cost
    UNKNOWN = "unknown"  # stays held until the provider tells


@dataclass(frozen=True, slots=True)
class Fate:
    """How the hold ends; `cost_nanos` is set for CAPTURE alone, `estimated` where the price table made it."""

    end: End
    cost_nanos: int = 0
    estimated: bool = False
    reason: str = ""


def fate_of(outcome: Outcome, model: Model) -> Fate:
    """Return what becomes of the money; a row of DESIGN's table each, the surest knowledge first."""
    if not outcome.sent:
        return Fate(End.VOID, reason="nothing was sent")
    if outcome.cost is not None:
        return Fate(End.CAPTURE, nanos(outcome.cost), reason="the provider said what it cost")
    if outcome.status in REFUSED_STATUSES:
        return Fate(End.REFUSE, reason=f"refused with status {outcome.status}")
    if _not_reached(outcome) or _not_routed(outcome):
        return Fate(End.REFUSE, reason=f"refused with status {outcome.status} before it was routed")
    counted = outcome.status == OK and _answered_by(outcome, model) and told_by_counts(outcome, model)
    if counted and outcome.usage is not None:
        cost = table_cost(model, outcome.usage)
        return Fate(End.CAPTURE, cost, estimated=True, reason="token counts at the listed prices")
    return Fate(End.UNKNOWN, reason=_why_unknown(outcome))


def table_cost(model: Model, usage: Usage) -> int:
    """Return nano-dollars for these token counts at the model's listed prices, cached input at the full price."""
    return model.prices.cost(usage.prompt_tokens, usage.completion_tokens, usage.reasoning_tokens)


def told_by_counts(outcome: Outcome, model: Model) -> bool:
    """Whether token counts tell the cost: not where images were sent that have a price of their own."""
    return not (outcome.images and model.prices.images_dearer)


def _not_reached(outcome: Outcome) -> bool:
    """Whether nobody who bills saw it: an answer with a generation's id, or of a named provider, came from behind."""
    named = outcome.error is not None and outcome.error.provider_name is not None
    return outcome.status in NOT_REACHED_STATUSES and outcome.generation_id is None and not named


def _not_routed(outcome: Outcome) -> bool:
    error = outcome.error
    if outcome.status != NOT_ROUTED_STATUS or error is None or error.provider_name is not None:
        return False
    return any(words in error.message.lower() for words in NOT_ROUTED_WORDS)


def _answered_by(outcome: Outcome, model: Model) -> bool:
    """Whether the listed prices are those of who answered; a dated name of the same model is the same."""
    if outcome.answered_by is None:
        return True
    asked = model.id.split(":", 1)[0].rsplit("/", 1)[-1]
    return outcome.answered_by.split(":", 1)[0].rsplit("/", 1)[-1].startswith(asked)


def _why_unknown(outcome: Outcome) -> str:
    if outcome.status is None:
        return outcome.error.message if outcome.error else "no answer came"
    why = "the answer did not say what it cost"
    if outcome.status != OK:
        why = f"status {outcome.status} does not say whether it was billed"
    if outcome.began:
        return why
    told = outcome.error is not None and outcome.error.shape is not Shape.CONNECTION
    return f"{why}; {GIVEN_UP if told and outcome.status not in TIMEOUT_STATUSES else SILENT}"
