"""What a failed call means for the next ones: who rests, for how long, and what a person is told, once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ai.llm.failures import CALLERS_OWN, TABLE, Failure, Next, cooldown, hint
from ai.llm.health import endpoint_subject, tier_subject

if TYPE_CHECKING:
    from ai.llm.calls import ProviderError
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
    subject = {
        Next.PROVIDER_OFF: endpoint_subject(model.endpoint),
        Next.NEXT_TIER: tier_subject(model),
    }.get(TABLE[failure].following, model.id)
    exactly = error is not None and error.retry_after_seconds is not None
    if failure is Failure.REFUSED_CONNECTION:  # nobody is there, whichever model is asked for
        subject, exactly = endpoint_subject(model.endpoint), True
    payments.health.cooldown(subject, cooldown(failure, error), problem, exactly=exactly)
    advice = hint(failure, model.endpoint)
    if advice is not None and payments.health.tell_once(subject):
        payments.journal.append("alert", problem=f"{advice} ({problem})", kind=failure.value)
