"""What follows from how a call ended: what its client is told, and which models rest for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ai.gateway.refusals import Refusal, whole
from ai.llm.calls import Shape
from ai.llm.consequences import let_rest
from ai.llm.failures import CALLERS_OWN, classify

if TYPE_CHECKING:
    from ai.llm.calls import Outcome, ProviderError
    from ai.llm.health import ModelHealth
    from ai.model_config import Model

WELL_AGAIN_SECONDS = 60.0  # a success is written down so often at most, but at once where it ends a trouble
BAD_GATEWAY, TIMED_OUT = 502, 504
LOWEST_ERROR, HIGHEST_ERROR = 400, 599
TYPES = {
    401: "authentication_error",
    402: "insufficient_quota",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}  # OpenAI's words by status; other refusals are `invalid_request_error`, failures `api_error`
LOWEST_FAILURE = 500


def refusal_of(outcome: Outcome) -> Refusal:
    """Return what a client is told of a call that failed: the provider's status, or the code of the error inside."""
    error = outcome.error
    assert error is not None  # noqa: S101 - only failures come here
    status = _status(outcome, error)
    headers = {} if error.retry_after_seconds is None else {"Retry-After": whole(error.retry_after_seconds)}
    return Refusal(
        status,
        f"the provider failed: {error.message}",
        type=TYPES.get(status, "api_error" if status >= LOWEST_FAILURE else "invalid_request_error"),
        code=error.type or "provider_error",
        headers=headers,
    )


def _status(outcome: Outcome, error: ProviderError) -> int:
    if error.shape is Shape.STATUS and outcome.status is not None and outcome.status >= LOWEST_ERROR:
        return outcome.status
    if error.type == "timeout" and error.shape is Shape.CONNECTION:
        return TIMED_OUT
    code = error.code
    inside = error.shape not in (Shape.CONNECTION, Shape.READING)
    return code if inside and code is not None and LOWEST_ERROR <= code <= HIGHEST_ERROR else BAD_GATEWAY


class Aftercare:
    """Notes how calls ended, so that `auto` and the mind ask nobody who is in trouble."""

    def __init__(self, health: ModelHealth) -> None:
        self._health = health
        self._well_at: dict[str, float] = {}

    def note(self, model: Model, outcome: Outcome, now: float) -> None:
        """Let what failed rest, and what answered be well; `now` in monotonic seconds."""
        failure = classify(outcome)
        if failure is None:
            known = self._health.snapshot().get(model.id)
            troubled = known is not None and known.failures > 0
            if troubled or now - self._well_at.get(model.id, -WELL_AGAIN_SECONDS) >= WELL_AGAIN_SECONDS:
                self._well_at[model.id] = now
                self._health.succeeded(model, outcome.latency_seconds)
        elif failure not in CALLERS_OWN:
            problem = outcome.error.message if outcome.error else failure.value
            let_rest(self._health, model, failure, outcome.error, problem)
