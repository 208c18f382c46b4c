"""One step of thinking: walk along the candidates until one answers, and say what failed on the way."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ai.credit_tracker import NotAffordable
from ai.ledger.errors import LedgerError
from ai.llm.answers import Completion, NoAnswer
from ai.llm.candidates import Attempt, Candidates
from ai.llm.failures import TABLE, Failure, Next, classify, cooldown, hint, retry_delay
from ai.llm.health import endpoint_subject, tier_subject

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ai.credit_tracker import Balance
    from ai.llm.answers import StepRequest
    from ai.llm.calls import Outcome
    from ai.llm.client import PaidClient
    from ai.model_config import Model

SHORTEST_CALL_SECONDS = 1.0  # with less time left no model answers, and the call would only cost
LOCAL_RESERVE_SECONDS = 60.0  # of a step's time, kept for the embedded model behind slow providers
RESERVED_SHARE = 1 / 3  # but never more than this share of it
TRIES_HERE = 2  # a model that asked for a moment's patience gets one more try, not two
NOBODY = "nobody"


class FallbackCall:
    """One step; `run` once."""

    def __init__(self, client: PaidClient, ask: StepRequest, candidates: Sequence[Model]) -> None:
        self._client = client
        self._ask = ask
        self._unpaid = frozenset(name for name, endpoint in client.endpoints.items() if not endpoint.paid)
        known = [model for model in candidates if model.endpoint in client.endpoints]
        self._walk = Candidates(known, self._unpaid, client.limits.max_attempts)
        self._last_resort = known[-1] if known and known[-1].endpoint in self._unpaid else None
        self._paid_deadline = self._paid_until(known)
        self._shortest = min(SHORTEST_CALL_SECONDS, client.limits.timeout_seconds)
        self._untold: Attempt | None = None

    async def run(self) -> Completion:
        """Return the first usable answer; raises NoAnswer."""
        for model in self._walk:
            if (completion := await self._try(model)) is not None:
                return completion
        self._tell(NOBODY)
        raise NoAnswer(self._walk.attempts)

    async def _try(self, model: Model) -> Completion | None:
        """Ask one model, if it may be asked at all."""
        if model.barred is not None:
            self._note(model, "barred", f"never asked: {model.barred}", sent=False)
            return None
        if model.endpoint in self._unpaid:
            return await self._ask_patiently(model)
        if not self._client.health.begin(model):
            self._note(model, "resting", self._client.health.why_resting(model), sent=False)
            return None
        try:
            return await self._ask_patiently(model)
        finally:
            self._client.health.end(model)

    async def _ask_patiently(self, model: Model) -> Completion | None:
        """Ask one model, twice where it asked for a moment's patience."""
        for number in range(1, TRIES_HERE + 1):
            seconds = self._seconds_for(model)
            if seconds < self._shortest:
                self._note(model, "deadline", "no time is left for it", sent=False)
                return None
            called = await self._call(model, seconds)
            if called is None:
                return None
            outcome, cost, balance = called
            failure = self._judge(model, outcome)
            if failure is None:
                return self._completed(model, outcome, cost, balance)
            delay = retry_delay(failure, outcome.error)
            again = number < TRIES_HERE and self._walk.may_go_on(model)
            if delay is None or not again or self._seconds_left(model) < delay + self._shortest:
                self._failed(model, failure, outcome)
                return None
            await self._client.clock.sleep(delay)
        return None

    async def _call(self, model: Model, seconds: float) -> tuple[Outcome, int, Balance] | None:
        """Make one call under its own hold; None where the purse or the provider's limit a minute refused."""
        wait = self._client.free_request_due(model)
        if wait is not None:
            self._walk.close(tier_subject(model))
            self._note(model, "per_minute", wait, sent=False)
            return None
        self._tell(model.id)
        try:
            called = await self._client.call(model, self._ask, seconds)
        except NotAffordable as refusal:
            if refusal.reason is not None or model.free:  # it would refuse the others of this kind too
                self._walk.close(tier_subject(model))
            self._note(model, "not_affordable", str(refusal), sent=False)
            return None
        except LedgerError as error:
            self._walk.close_paid()
            self._note(model, "purse_away", f"the purse is away: {error}", sent=False)
            return None
        self._walk.made += 1
        return called

    def _judge(self, model: Model, outcome: Outcome) -> Failure | None:
        """Return what is wrong with the answer, or None; a wrong one is noted as an attempt."""
        failure = classify(outcome)
        if failure is Failure.DATA_POLICY and not model.free:  # it says something of all free models, of paid ones not
            failure = Failure.NOT_FOUND
        problem = outcome.error.message if outcome.error else "an empty reply"
        if failure is None and self._ask.accept is not None:
            refused = self._ask.accept(outcome.text)
            if refused is not None:
                failure, problem = Failure.UNUSABLE, refused
        if failure is not None:
            self._note(model, failure.value, problem, sent=outcome.sent)
        return failure

    def _failed(self, model: Model, failure: Failure, outcome: Outcome) -> None:
        """Take the consequences of a failure: for this step's candidates, and for the next steps."""
        following = TABLE[failure].following
        self._walk.close_for(following, model)
        if model.endpoint in self._unpaid:
            return  # the embedded model has its own supervisor; it is asked again at every step
        subject = {
            Next.PROVIDER_OFF: endpoint_subject(model.endpoint),
            Next.NEXT_TIER: tier_subject(model),
        }.get(following, model.id)
        exactly = outcome.error is not None and outcome.error.retry_after_seconds is not None
        seconds = cooldown(failure, outcome.error)
        if failure is Failure.REFUSED_CONNECTION:  # nobody is there, whichever model is asked for
            self._walk.close(model.endpoint)
            subject, exactly = endpoint_subject(model.endpoint), True
        problem = self._walk.attempts[-1].problem
        self._client.health.cooldown(subject, seconds, problem, exactly=exactly)
        advice = hint(failure, model.endpoint)
        if advice is not None and self._client.health.tell_once(subject):
            self._client.journal.append("alert", problem=f"{advice} ({problem})", kind=failure.value)

    def _completed(self, model: Model, outcome: Outcome, cost: int, balance: Balance) -> Completion:
        if model.endpoint not in self._unpaid:
            self._client.health.succeeded(model, outcome.latency_seconds)
        usage = outcome.usage
        self._client.journal.append(
            "call.completed",
            model=model.id,
            name=model.name,
            tier=model.tier.value,
            purpose=self._ask.purpose.value,
            client=self._ask.client,
            chars=len(outcome.text),
            prompt_tokens=None if usage is None else usage.prompt_tokens,
            completion_tokens=None if usage is None else usage.completion_tokens,
            cost_nanos=cost,
            balance_nanos=balance.available,
            health=balance.band.health,
            latency_ms=round(outcome.latency_seconds * 1000),
            generation_id=outcome.generation_id,
            answered_by=outcome.answered_by,
            finish_reason=outcome.finish_reason,
        )
        return Completion(
            text=outcome.text,
            model=model,
            usage=usage,
            cost_nanos=cost,
            balance=balance,
            generation_id=outcome.generation_id,
            latency_seconds=outcome.latency_seconds,
            attempts=tuple(self._walk.attempts),
            finish_reason=outcome.finish_reason,
        )

    # --- time and telling ------------------------------------------------------------------------------------

    def _paid_until(self, candidates: Sequence[Model]) -> float | None:
        """Return until when providers may take, so that the embedded model still has its time."""
        deadline = self._ask.deadline
        if deadline is None or not any(model.endpoint in self._unpaid for model in candidates):
            return deadline
        whole = deadline - self._client.clock.monotonic()
        return deadline - min(LOCAL_RESERVE_SECONDS, whole * RESERVED_SHARE)

    def _seconds_left(self, model: Model) -> float:
        deadline = self._ask.deadline if model.endpoint in self._unpaid else self._paid_deadline
        return math.inf if deadline is None else deadline - self._client.clock.monotonic()

    def _seconds_for(self, model: Model) -> float:
        """Return how long one call may take: the last resort, after whom nobody is asked, has all that is left.

        An embedded model on a slow processor reads its first long prompt for minutes; cut short, it would begin anew.
        """
        left = self._seconds_left(model)
        if model == self._last_resort and math.isfinite(left):
            return left
        return min(self._client.limits.timeout_seconds, left)

    def _note(self, model: Model, kind: str, problem: str, *, sent: bool) -> None:
        """Keep what failed; of the candidates that could not be asked at all, the first is told."""
        attempt = Attempt(model.id, kind, problem, sent=sent)
        self._walk.attempts.append(attempt)
        if sent or self._untold is None:
            self._untold = attempt

    def _tell(self, following: str) -> None:
        """Journal the last failure, with who is asked now."""
        failed, self._untold = self._untold, None
        if failed is not None:
            self._client.journal.append(
                "call.fallback",
                failed=failed.model,
                problem=failed.problem,
                kind=failed.kind,
                next=following,
                purpose=self._ask.purpose.value,
            )
