"""What a step asks for and what it gets: an answer with its cost, or the list of who did not answer and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ai.llm.candidates import MAX_ATTEMPTS, Attempt

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ai.asking import Message
    from ai.credit_tracker import Balance, Usage
    from ai.llm.payment import Payer
    from ai.model_config import Model
    from ai.settings import Settings


@dataclass(frozen=True, slots=True)
class Limits:
    """What bounds every step: seconds a call, `max_tokens`, attempts, and free requests in a minute."""

    timeout_seconds: float = 60.0
    max_output_tokens: int = 700
    max_attempts: int = MAX_ATTEMPTS
    free_requests_per_minute: int = 20

    @classmethod
    def of(cls, settings: Settings) -> Limits:
        """Return the limits that the settings name."""
        return cls(
            timeout_seconds=float(settings.llm_timeout_seconds),
            max_output_tokens=settings.max_output_tokens,
            free_requests_per_minute=settings.free_requests_per_minute,
        )


@dataclass(frozen=True, slots=True)
class StepRequest:
    """What one step asks for, the same for every candidate; deadlines in seconds of `Clock.monotonic`.

    `local_schema` takes the place of `schema` where the embedded model answers: its bytes are paid by nobody.
    """

    messages: Sequence[Message]
    payer: Payer
    schema: Mapping[str, Any] | None
    local_schema: Mapping[str, Any] | None
    max_tokens: int
    temperature: float | None
    accept: Callable[[str], str | None] | None
    deadline: float | None


@dataclass(frozen=True, slots=True)
class Completion:
    """An answer and what it cost in nano-dollars; `attempts` are those that failed before it."""

    text: str
    model: Model
    usage: Usage | None
    cost_nanos: int
    balance: Balance
    generation_id: str | None
    latency_seconds: float
    attempts: tuple[Attempt, ...]
    finish_reason: str


class NoAnswer(Exception):
    """Nobody answered; `attempts` says who was tried and why not, the message is that in one line."""

    def __init__(self, attempts: Sequence[Attempt]) -> None:
        self.attempts = tuple(attempts)
        tried = "; ".join(f"{attempt.model}: {attempt.problem}" for attempt in attempts[-MAX_ATTEMPTS:])
        super().__init__(f"no model answered ({tried or 'there was no candidate'})")
