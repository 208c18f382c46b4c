"""One step of thinking: walk along the candidates until one answers, and say what failed on the way."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from ai.credit_tracker import NotAffordable
from ai.ledger.errors import LedgerError
from ai.llm.answers import Completion, NoAnswer
from ai.llm.body import OPENAI
from ai.llm.calls import ModelRequest
from ai.llm.candidates import Attempt, Candidates
from ai.llm.consequences import take_consequences
from ai.llm.failures import TABLE, Failure, classify, retry_delay
from ai.llm.health import tier_subject
from ai.model_config.bound import call_bound, output_tokens

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ai.credit_tracker import Balance
    from ai.llm.answers import Limits, StepRequest
    from ai.llm.calls import Endpoint, Outcome, Wire
    from ai.llm.payment import Paid, Payments
    from ai.model_config import Model

SHORTEST_CALL_SECONDS = 1.0  # with less time left no model answers, and the call would only cost
LOCAL_RESERVE_SECONDS = 60.0  # of a step's time, kept for the embedded model behind slow providers
RESERVED_SHARE = 1 / 3  # but never more than this share of it
TRIES_HERE = 2  # a model that asked for a moment's patience gets one more try, not two
NOBODY = "nobody"


class FallbackCall:
    """One step; `run` once.

    `formless` is kept from step to step: models whose server was found to take no `response_format`.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - what a step is made of, each handed in
        self,
        payments: Payments,
        endpoints: Mapping[str, Endpoint],
        limits: Limits,
        ask: StepRequest,
        candidates: Sequence[Model],
        formless: set[str],
    ) -> None:
        self._payments = payments
        self._endpoints = endpoints
        self._limits = limits
        self._ask = ask
        self._formless = formless
        self._unpaid = frozenset(name for name, endpoint in endpoints.items() if not endpoint.paid)
        known = [model for model in candidates if model.endpoint in endpoints]
        self._wished = candidates[0].id if ask.payer.wish and candidates else None
        self._walk = Candidates(known, self._unpaid, limits.max_attempts)
        self._last_resort = known[-1] if known and known[-1].endpoint in self._unpaid else None
        self._paid_deadline = self._paid_until(known)
        self._shortest = min(SHORTEST_CALL_SECONDS, limits.timeout_seconds)
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
        if not self._payments.health.begin(model):
            self._note(model, "resting", self._payments.health.why_resting(model), sent=False)
            return None
        try:
            return await self._ask_patiently(model)
        finally:
            self._payments.health.end(model)

    async def _ask_patiently(self, model: Model) -> Completion | None:
        """Ask one model, twice where it asked for a moment's patience, or may not take the form of the reply."""
        for number in range(1, TRIES_HERE + 1):
            seconds = self._seconds_for(model)
            if seconds < self._shortest:
                self._note(model, "deadline", "no time is left for it", sent=False)
                return None
            called = await self._call(model, seconds)
            if called is None:
                return None
            outcome = called.outcome
            failure = self._judge(model, outcome)
            if failure is None:
                return self._completed(model, outcome, called.cost_nanos, called.balance)
            again = number < TRIES_HERE and self._walk.may_go_on(model)
            if self._may_be_the_form(model, failure, again=again):
                continue
            delay = retry_delay(failure, outcome.error)
            if delay is None or not again or self._seconds_left(model) < delay + self._shortest:
                self._failed(model, failure, outcome)
                return None
            await self._payments.clock.sleep(delay)
        return None

    async def _call(self, model: Model, seconds: float) -> Paid | None:
        """Make one call under its own hold; None where the purse or the provider's limit a minute refused."""
        wait = self._payments.free_request_due(model)
        if wait is not None:
            self._walk.close(tier_subject(model))
            self._note(model, "per_minute", wait, sent=False)
            return None
        self._tell(model.id)
        try:
            called = await self._pay(model, seconds)
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

    async def _pay(self, model: Model, seconds: float) -> Paid:
        """Make one call, under its own hold where it may cost anything; raises NotAffordable, LedgerError."""
        endpoint, ask = self._endpoints[model.endpoint], self._ask
        most = output_tokens(model, ask.max_tokens)
        schema = ask.schema if endpoint.paid or ask.local_schema is None else ask.local_schema
        schema = None if model.id in self._formless else schema
        payer = replace(ask.payer, wish=model.id == self._wished)

        async def send(wire: Wire) -> Outcome:
            return await endpoint.complete(
                ModelRequest(model, ask.messages, most, schema, ask.temperature, seconds, wire)
            )

        if not endpoint.paid:
            return await self._payments.unpaid(payer, model, send)
        return await self._payments.pay(payer, model, call_bound(model, ask.messages, schema, most), send)

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

    def _may_be_the_form(self, model: Model, failure: Failure, *, again: bool) -> bool:
        """Return whether to ask at once without `response_format`; what is refused all the same was not refused for it.

        OpenRouter lists what each model takes. Of a server at home it is assumed, and some refuse it.
        """
        if failure is not Failure.BAD_REQUEST or model.endpoint != OPENAI or self._ask.schema is None:
            return False
        if again and model.id not in self._formless:
            self._formless.add(model.id)
            return True
        self._formless.discard(model.id)
        return False

    def _failed(self, model: Model, failure: Failure, outcome: Outcome) -> None:
        """Take the consequences of a failure: for this step's candidates, and for the next steps."""
        self._walk.close_for(TABLE[failure].following, model)
        if model.endpoint in self._unpaid:
            return  # the embedded model has its own supervisor; it is asked again at every step
        if failure is Failure.REFUSED_CONNECTION:  # nobody is there, whichever model is asked for
            self._walk.close(model.endpoint)
        problem = self._walk.attempts[-1].problem
        take_consequences(self._payments, self._ask.payer, model, failure, error=outcome.error, problem=problem)

    def _completed(self, model: Model, outcome: Outcome, cost: int, balance: Balance) -> Completion:
        if model.endpoint not in self._unpaid:
            self._payments.health.succeeded(model, outcome.latency_seconds)
        usage = outcome.usage
        self._payments.journal.append(
            "call.completed",
            model=model.id,
            name=model.name,
            tier=model.tier.value,
            purpose=self._ask.payer.purpose,
            client=self._ask.payer.client,
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
        whole = deadline - self._payments.clock.monotonic()
        return deadline - min(LOCAL_RESERVE_SECONDS, whole * RESERVED_SHARE)

    def _seconds_left(self, model: Model) -> float:
        deadline = self._ask.deadline if model.endpoint in self._unpaid else self._paid_deadline
        return math.inf if deadline is None else deadline - self._payments.clock.monotonic()

    def _seconds_for(self, model: Model) -> float:
        """Return how long one call may take: the last resort, after whom nobody is asked, has all that is left.

        An embedded model on a slow processor reads its first long prompt for minutes; cut short, it would begin anew.
        """
        left = self._seconds_left(model)
        if model == self._last_resort and math.isfinite(left):
            return left
        return min(self._limits.timeout_seconds, left)

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
            self._payments.journal.append(
                "call.fallback",
                failed=failed.model,
                problem=failed.problem,
                kind=failed.kind,
                next=following,
                purpose=self._ask.payer.purpose,
            )
