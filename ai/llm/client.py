"""Asks for thoughts and embeddings, and pays for each call: hold, send, capture; else the next candidate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ai.credit_tracker import NotAffordable
from ai.ledger.errors import LedgerError
from ai.llm.answers import Completion, Limits, NoAnswer, StepRequest
from ai.llm.calls import ModelRequest
from ai.llm.candidates import Attempt
from ai.llm.consequences import take_consequences
from ai.llm.endpoint import OpenAIEndpoint
from ai.llm.failures import Failure, classify
from ai.llm.fallback import FallbackCall
from ai.llm.payment import Payments
from ai.llm.settlement import Settler
from ai.model_config.bound import embedding_bound

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ai.asking import Message
    from ai.clock import Clock
    from ai.credit_tracker import CreditTracker, ProviderClock
    from ai.llm.calls import Endpoint, Outcome, Wire
    from ai.llm.health import ModelHealth
    from ai.llm.payment import Payer
    from ai.mind.journal import Journal
    from ai.model_config import Model

MAX_EMBEDDED_TEXTS = 64  # of 1,536 numbers each they stay within the bound of a reply


class PaidClient:
    """Asks models, and pays for them out of `payments`."""

    def __init__(  # noqa: PLR0913 — the rooms that a call touches, each handed in
        self,
        endpoints: Mapping[str, Endpoint],
        tracker: CreditTracker,
        health: ModelHealth,
        journal: Journal,
        clock: Clock,
        *,
        provider_clock: ProviderClock,
        limits: Limits | None = None,
    ) -> None:
        self.endpoints = dict(endpoints)
        self.limits = limits or Limits()
        self.payments = Payments(
            tracker, provider_clock, health, journal, clock,
            free_requests_per_minute=self.limits.free_requests_per_minute,
        )  # fmt: skip
        self._health = health
        self._journal = journal
        self._formless: set[str] = set()
        self._settler = Settler(self.endpoints, self.payments, journal, clock)

    async def complete(  # noqa: PLR0913 — each is one thing that callers choose; only three are required
        self,
        candidates: Sequence[Model],
        messages: Sequence[Message],
        *,
        payer: Payer,
        schema: Mapping[str, Any] | None = None,
        local_schema: Mapping[str, Any] | None = None,
        max_tokens: int | None = None,
        temperature: float | None = None,
        deadline: float | None = None,
        accept: Callable[[str], str | None] | None = None,
    ) -> Completion:
        """Return the first usable answer of `candidates`, best first, and what it cost.

        `deadline` is a time of `clock.monotonic()`. `accept(text)` returns why a reply cannot be used, or None;
        an unusable reply has been paid for, and the next candidate is asked. `local_schema` is what the embedded
        model is held to instead of `schema`. Where `payer` pays out of the AI's own wishes too, its wish is the first
        candidate alone.

        Raises NoAnswer where nobody answered within the attempts, the deadline and the purse.
        """
        most = min(max_tokens or self.limits.max_output_tokens, self.limits.max_output_tokens)
        ask = StepRequest(messages, payer, schema, local_schema, most, temperature, accept, deadline)
        return await FallbackCall(self.payments, self.endpoints, self.limits, ask, candidates, self._formless).run()

    async def embed(self, model: Model, texts: Sequence[str], *, payer: Payer) -> list[list[float]]:
        """Return one vector a text, held and paid for like any call.

        Raises NoAnswer where the provider or the purse refused, ValueError for more texts than fit a reply.
        """
        if not 0 < len(texts) <= MAX_EMBEDDED_TEXTS:
            raise ValueError(f"{len(texts)} texts to embed; give 1 to {MAX_EMBEDDED_TEXTS}")
        endpoint = self.endpoints[model.endpoint]
        if not isinstance(endpoint, OpenAIEndpoint):
            raise NoAnswer([Attempt(model.id, "unusable", f"{endpoint.name} makes no embeddings", sent=False)])
        if not self._health.begin(model):
            raise NoAnswer([Attempt(model.id, "resting", self._health.why_resting(model), sent=False)])
        try:
            return await self._embed(endpoint, model, texts, payer)
        finally:
            self._health.end(model)

    async def _embed(
        self, endpoint: OpenAIEndpoint, model: Model, texts: Sequence[str], payer: Payer
    ) -> list[list[float]]:
        vectors: list[list[float]] = []

        async def send(wire: Wire) -> Outcome:
            request = ModelRequest(model, (), 0, timeout_seconds=self.limits.timeout_seconds, wire=wire)
            return await endpoint.embed(request, texts, vectors)

        try:
            paid = await self.payments.pay(payer, model, embedding_bound(model, texts), send)
        except (NotAffordable, LedgerError) as refusal:
            raise NoAnswer([Attempt(model.id, "not_affordable", str(refusal), sent=False)]) from refusal
        outcome = paid.outcome
        if len(vectors) != len(texts):
            failure = Failure.BROKEN if outcome.error is None else classify(outcome) or Failure.BROKEN
            said = outcome.error.message if outcome.error else f"{len(vectors)} vectors for {len(texts)} texts"
            take_consequences(self.payments, payer, model, failure, error=outcome.error, problem=said)
            raise NoAnswer([Attempt(model.id, failure.value, said)])
        self._health.succeeded(model, outcome.latency_seconds)
        self._journal.append("call.embedded", model=model.id, texts=len(texts), cost_nanos=paid.cost_nanos)
        return vectors

    async def settle_unknowns(self) -> None:
        """Ask for every call of unknown outcome whose time has come; capture in full what stays unknown for a day."""
        await self._settler.settle()

    async def resolve_open(self, *, older_than_seconds: float = 0.0) -> None:
        """At a start, before the first call: holds that a crash left open become unknown outcomes to be asked for.

        A provider that was off (a wrong key) may be asked again: a person may have started anew to mend that.
        Only holds older than `older_than_seconds` are taken up, where other programs may share this mind's name.
        """
        self._health.probe_endpoints()
        await self._settler.adopt_open(older_than_seconds)

    async def close(self) -> None:
        """End the calls that go on without their callers; the endpoints are closed by whoever opened them."""
        await self.payments.close()
