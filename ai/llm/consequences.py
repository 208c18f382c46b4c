"""What a failed call means for the next ones: who rests, for how long, and what a person is told, once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ai.llm.failures import CALLERS_OWN, TABLE, Failure, Next, asked_to_wait, hint
from ai.llm.health import endpoint_subject, maker_subject, tier_subject

if TYPE_CHECKING:
    from ai.llm.calls import ProviderError
    from ai.llm.health import ModelHealth
    from ai.llm.payment import Payer, Payments
    from ai.model_config import Model


def take_consequences(  # noqa: PLR0913 — who asked whom, and what came of it
    payments: Payments,
    payer: Payer,
    model: Model,
    failure: Failure,
    *,
    error: ProviderError | None,
    problem: str,
) -> None:
    """Let rest what failed, and tell a person what only a person can mend.

    What another program than the mind wrote wrongly is its own mistake: it rests no model for others.
    """
    if failure in CALLERS_OWN and not payer.is_mind:
        return
    subject = let_rest(payments.health, model, failure, error, problem)
    advice = hint(failure, model.endpoint)
    # an allow-list refuses models one by one, for one reason
    told = f"told:{model.endpoint}/{failure.value}" if failure is Failure.NOT_ALLOWED else subject
    if advice is not None and payments.health.tell_once(told):
        payments.journal.append("alert", problem=f"{advice} ({problem})", kind=failure.value)


def let_rest(health: ModelHealth, model: Model, failure: Failure, error: ProviderError | None, problem: str) -> str:
    """Let rest what failed, for as long as the table and the provider say; return what that is."""
    subject = {
        Next.PROVIDER_OFF: endpoint_subject(model.endpoint),
        Next.NEXT_TIER: tier_subject(model),
        Next.NEXT_MAKER: maker_subject(model),
    }.get(TABLE[failure].following, model.id)
    steady = failure is Failure.REFUSED_CONNECTION
    if steady:  # nobody is there, whichever model is asked for; and who is back is soon asked again
        subject = endpoint_subject(model.endpoint)
    own, asked = TABLE[failure].cooldown_seconds, asked_to_wait(failure, error)
    health.cooldown(subject, own, problem, at_least_seconds=asked, steady=steady)
    return subject
