"""A caller's request from its key to its answer: who may, who answers, what it cost, and what else can be done."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ai.gateway.aftermath import refusal_of
from ai.gateway.attempt import Attempt, CallLimits, Candidate, Request
from ai.gateway.bound import LEAST_OUTPUT
from ai.gateway.choosing import Choosing, by_worth, for_nothing, payer_name
from ai.gateway.headers import answer_headers
from ai.gateway.names import Named, named, named_embedding, served, why_not_served
from ai.gateway.refusals import Refusal
from ai.gateway.upstream import EVENT_STREAM
from ai.llm.fate import End
from ai.model_rotator.payers import Request as Wanted

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from ai.credit_tracker.callers import Key
    from ai.gateway.dialects.asked import Asked
    from ai.gateway.rooms import Rooms
    from ai.llm.payment import Paid
    from ai.model_config import Model

DAY_SECONDS = 86_400.0
MOST_CANDIDATES = 6  # as in a step of the mind: more would keep a client waiting


def _output_wanted(asked: Asked) -> int:
    """Return the output limit to choose by: an unstated one may be lowered, so it keeps nobody out."""
    return LEAST_OUTPUT if asked.max_output is None else asked.max_output


@dataclass(frozen=True, slots=True)
class Answer:
    """What a client gets: a body, or a stream that goes on after the headers; `leave` is told when it is over."""

    status: int
    media_type: str
    headers: Mapping[str, str]
    body: bytes = b""
    stream: AsyncIterator[bytes] | None = None
    leave: Callable[[], None] | None = None


@dataclass(slots=True)
class Gateway:
    """Answers requests; `rooms` is all that it works with."""

    rooms: Rooms
    limits: CallLimits = field(default_factory=CallLimits)

    async def answer(self, request: Request, key: Key) -> Answer:
        """Return the answer of the first candidate that gives one.

        Raises Refusal for what is not served, and what a hold raises: LedgerError, KeyEnded, RequestKnown.
        """
        asked = request.asked
        name = asked.model
        found = self.find(request, key)
        candidates = await self.candidates(request, found, key)
        refused: Refusal | None = None
        for candidate in candidates[:MOST_CANDIDATES]:
            attempt = Attempt(
                request, candidate, self.rooms.senders[candidate.model.endpoint], self.rooms.payments, self.limits
            )
            try:
                return await self._answer(attempt, found.note)
            except Refusal as refusal:
                refused = refusal
                if found.kind == "model":
                    raise
        raise refused or Refusal(
            503,
            f"nobody can answer {name!r} now: no model that this key may use is free or affordable",
            code="no_model",
        )

    # --- who answers -----------------------------------------------------------------------------------------

    def find(self, request: Request, key: Key) -> Named:
        """Return what the model's name means for this key. Raises Refusal."""
        models = self.rooms.catalogue.models()
        terms, asked = key.terms, request.asked
        if not asked.output:
            return self._find_embedding(asked.model, models)
        pinned = terms.model or self.rooms.pinned
        found = named(asked.model, models, allowed=terms.models, pinned=pinned)
        if found.model is not None and (why := self.rooms.health.barred(found.model.id)) is not None:
            raise Refusal(400, f"{found.model.id} is not asked again: {why}", code="model_barred", param="model")
        return found

    def _find_embedding(self, name: str, models: Mapping[str, Model]) -> Named:
        if "embeddings" in self.rooms.local_speaks and self.rooms.provider == "local":
            local = self.rooms.embedding_model
            assert local is not None  # noqa: S101 - where embeddings are spoken there is one
            return Named("model", local, f"{name} is served by {local.id}")
        return named_embedding(name, models, self.rooms.catalogue.embedding_model())

    async def candidates(self, request: Request, found: Named, key: Key) -> list[Candidate]:
        """Return who may answer, best first."""
        models = self.rooms.catalogue.models()
        if found.model is not None:
            others = self._others(request, found.model, models, key)
            return [Candidate(found.model, found.sent or found.model.id, others)]
        choosing = await self._choosing(request, key, models)
        choose = by_worth if found.kind == "auto" else for_nothing
        usable = [m for m in served(list(models.values())) if self.rooms.health.barred(m.id) is None]
        return [Candidate(model, model.id) for model in choose(usable, choosing)]

    def _others(self, request: Request, first: Model, models: Mapping[str, Model], key: Key) -> tuple[Model, ...]:
        """Return the other models that OpenRouter may hand a request on to; the hold is for the dearest."""
        if first.endpoint != "openrouter" or key.terms.model or self.rooms.pinned:
            return ()
        found = [named(name, models, allowed=key.terms.models).model for name in request.asked.also]
        if any(model is None or model.endpoint != first.endpoint or why_not_served(model) for model in found):
            raise Refusal(400, "`models` may name priced models of the catalogue only", param="models")
        return tuple(model for model in found if model is not None and model.id != first.id)

    async def _choosing(self, request: Request, key: Key, models: Mapping[str, Model]) -> Choosing:
        rooms, asked, caller = self.rooms, request.asked, request.caller
        now = rooms.payments.clock.now()
        caps = await rooms.books.caps(caller.key, caller.run)
        narrowest = min(caps, key=lambda cap: cap.available)
        available = max(0, narrowest.available)
        most = [cost for cost in (request.options.max_cost, key.terms.max_call) if cost is not None]
        balance = await rooms.tracker.balance()
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        wanted = Wanted(
            balance=available,
            spendable=min(available, *most) if most else available,
            input_bound=asked.input_tokens,
            max_tokens=_output_wanted(asked) + asked.extra_output,
            weight=request.options.weight,
            times=asked.times,
            keep=request.options.keep,
            ends_at=narrowest.resets_at,
            free_left=balance.free_left,
            free_quota=balance.free_quota,
            day_left=1.0 - (now - midnight).total_seconds() / DAY_SECONDS,
            resting=frozenset(m.id for m in models.values() if not rooms.health.available(m, now)),
        )
        payer = payer_name(caller.key, caller.run)
        return Choosing(rooms.payers, payer, asked, wanted, key.terms.models, now)

    # --- one candidate ---------------------------------------------------------------------------------------

    async def _answer(self, attempt: Attempt, note: str | None) -> Answer:
        await attempt.begin()
        paying = attempt.paying
        assert paying is not None  # noqa: S101 - `begin` either raised or set it
        if attempt.relay.begun:
            headers = self._headers(attempt, None, await attempt.left(), note)
            self._noted_when_done(attempt, paying)
            return Answer(200, EVENT_STREAM, headers, stream=self._stream(attempt, paying), leave=attempt.leave)
        paid = paying.result()
        self.rooms.after(attempt.candidate.model, paid, attempt.request)
        if paid.outcome.error is not None:
            raise refusal_of(paid.outcome)
        cost = None if paid.end is End.UNKNOWN else paid.cost_nanos
        headers = self._headers(attempt, cost, paid.available, note)
        relay = attempt.relay
        if relay.data is None:  # a stream that was over at once
            return Answer(200, EVENT_STREAM, headers, relay.tail)
        return Answer(200, "application/json", headers, relay.data)

    async def _stream(self, attempt: Attempt, paying: asyncio.Task[Paid]) -> AsyncIterator[bytes]:
        """Yield a stream's bytes; its last events, or what says that it broke, only once the call is booked."""
        async for data in attempt.relay.pieces():
            yield data
        paid = await asyncio.shield(paying)
        if paid.outcome.error is None:
            yield attempt.relay.tail
        else:
            yield attempt.request.dialect.error_event(refusal_of(paid.outcome))

    def _noted_when_done(self, attempt: Attempt, paying: asyncio.Task[Paid]) -> None:
        def done(task: asyncio.Task[Paid]) -> None:
            if not task.cancelled() and task.exception() is None:
                self.rooms.after(attempt.candidate.model, task.result(), attempt.request)

        paying.add_done_callback(done)

    def _headers(self, attempt: Attempt, cost: int | None, available: int | None, note: str | None) -> dict[str, str]:
        told = None if attempt.max_output == attempt.asked.max_output else attempt.max_output
        return answer_headers(
            attempt.call_id,
            attempt.candidate.model.id,
            cost=cost,
            available=available,
            max_output=told,
            note=note,
        )
