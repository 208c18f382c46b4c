"""The only way to an answer that costs money: for each candidate hold, call, capture; else the next one."""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ai.asking import Purpose
from ai.credit_tracker import Expense, NotAffordable
from ai.ledger.errors import LedgerError
from ai.ledger.ids import new_id
from ai.llm.answers import Completion, Limits, NoAnswer, StepRequest
from ai.llm.calls import ModelRequest, Outcome
from ai.llm.candidates import Attempt
from ai.llm.endpoint import OpenAIEndpoint
from ai.llm.failures import Failure, classify, cooldown
from ai.llm.fallback import FallbackCall
from ai.llm.fate import table_cost
from ai.llm.payment import Payments, finished
from ai.llm.settlement import Settler
from ai.model_config.bound import call_bound, embedding_bound, output_tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ai.asking import Message
    from ai.clock import Clock
    from ai.credit_tracker import Balance, CreditTracker, ProviderClock, Settlement
    from ai.llm.calls import Endpoint
    from ai.llm.health import ModelHealth
    from ai.mind.journal import Journal
    from ai.model_config import Model

MINUTE_SECONDS = 60.0
DEARER_FACTOR = 2  # prompts written to a cache cost up to 1.25 times the listed price; twice is another price
DEARER_NANOS = 1_000_000  # and below a tenth of a cent it is not worth a line
MAX_EMBEDDED_TEXTS = 64  # of 1,536 numbers each they stay within the bound of a reply


class PaidClient:
    """Asks models, and pays for them; every network path to a paid model goes through here."""

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
        self.health = health
        self.journal = journal
        self.clock = clock
        self.limits = limits or Limits()
        self._tracker = tracker
        self._till = Payments(tracker, provider_clock, health, journal)
        self._settler = Settler(self.endpoints, self._till, journal, clock)
        self._free_at: deque[float] = deque(maxlen=max(1, self.limits.free_requests_per_minute))
        self._dearer: set[str] = set()
        self._life: int | None = None
        self._beat: int | None = None

    def bind(self, *, life: int | None = None, beat: int | None = None) -> None:
        """Say which life and beat the calls to come are booked under."""
        self._life, self._beat = life, beat

    async def complete(  # noqa: PLR0913 — each is one thing that callers choose; only two are required
        self,
        candidates: Sequence[Model],
        messages: Sequence[Message],
        *,
        purpose: Purpose,
        schema: Mapping[str, Any] | None = None,
        local_schema: Mapping[str, Any] | None = None,
        max_tokens: int | None = None,
        temperature: float | None = None,
        deadline: float | None = None,
        accept: Callable[[str], str | None] | None = None,
        wish: bool = False,
        client: str = "mind",
    ) -> Completion:
        """Return the first usable answer of `candidates`, best first, and what it cost.

        `deadline` is a time of `clock.monotonic()`. `accept(text)` returns why a reply cannot be used, or None;
        an unusable reply has been paid for, and the next candidate is asked. `local_schema` is what the embedded
        model is held to instead of `schema`. `wish`: the first candidate is the AI's own wish, and is booked against
        those too. `client` books under another name than the mind's.

        Raises NoAnswer where nobody answered within the attempts, the deadline and the purse.
        """
        most = min(max_tokens or self.limits.max_output_tokens, self.limits.max_output_tokens)
        wished = candidates[0].id if wish and candidates else None
        ask = StepRequest(messages, purpose, schema, local_schema, most, temperature, accept, deadline, wished, client)
        return await FallbackCall(self, ask, candidates).run()

    async def embed(self, model: Model, texts: Sequence[str], *, client: str = "mind") -> list[list[float]]:
        """Return one vector a text, held and paid for like any call.

        Raises NoAnswer where the provider or the purse refused, ValueError for more texts than fit a reply.
        """
        if not 0 < len(texts) <= MAX_EMBEDDED_TEXTS:
            raise ValueError(f"{len(texts)} texts to embed; give 1 to {MAX_EMBEDDED_TEXTS}")
        endpoint = self.endpoints[model.endpoint]
        if not isinstance(endpoint, OpenAIEndpoint):
            raise NoAnswer([Attempt(model.id, "unusable", f"{endpoint.name} makes no embeddings", sent=False)])
        if not self.health.begin(model):
            raise NoAnswer([Attempt(model.id, "resting", self.health.why_resting(model), sent=False)])
        try:
            return await self._embed(endpoint, model, texts, client)
        finally:
            self.health.end(model)

    async def _embed(
        self, endpoint: OpenAIEndpoint, model: Model, texts: Sequence[str], client: str
    ) -> list[list[float]]:
        expense = self.expense(model, Purpose.EMBEDDING, embedding_bound(model, texts), client=client)
        try:
            await self._till.hold(expense)
        except (NotAffordable, LedgerError) as refusal:
            raise NoAnswer([Attempt(model.id, "not_affordable", str(refusal), sent=False)]) from refusal
        request = ModelRequest(expense.id, model, (), 0, timeout_seconds=self.limits.timeout_seconds)
        try:
            outcome, vectors = await endpoint.embed(request, texts, lambda g: self._till.sent(expense.id, g))
        except BaseException:
            await self._till.abandon(expense, request.wire)
            raise
        settlement = await self._till.end(expense, model, outcome)
        if len(vectors) != len(texts):
            failure = Failure.BROKEN if outcome.error is None else classify(outcome) or Failure.BROKEN
            said = outcome.error.message if outcome.error else f"{len(vectors)} vectors for {len(texts)} texts"
            self.health.cooldown(model.id, cooldown(failure, outcome.error), said)
            raise NoAnswer([Attempt(model.id, failure.value, said)])
        self.health.succeeded(model, outcome.latency_seconds)
        cost = 0 if settlement is None else settlement.cost
        self.journal.append("call.embedded", model=model.id, texts=len(texts), cost_nanos=cost)
        return vectors

    async def settle_unknowns(self) -> None:
        """Ask for every call of unknown outcome whose time has come; capture in full what stays unknown for a day."""
        await self._settler.settle()

    async def resolve_open(self, *, older_than_seconds: float = 0.0) -> None:
        """At a start, before the first call: holds that a crash left open become unknown outcomes to be asked for.

        A provider that was off (a wrong key) may be asked again: a person may have started anew to mend that.
        Only holds older than `older_than_seconds` are taken up, where other programs may share this mind's name.
        """
        self.health.probe_endpoints()
        await self._settler.adopt_open(older_than_seconds)

    # --- for a step ----------------------------------------------------------------------------------------

    def expense(
        self, model: Model, purpose: Purpose, amount_nanos: int, *, wish: bool = False, client: str = "mind"
    ) -> Expense:
        """Return what is to be held for one call."""
        return Expense(
            id=new_id(),
            subject=model.id,
            purpose=purpose.value,
            amount_nanos=amount_nanos,
            life=self._life,
            beat=self._beat,
            free_requests=1 if model.free else 0,
            wish=wish,
            last=purpose is Purpose.DEATH,
            client=client,
        )

    def free_request_due(self, model: Model) -> str | None:
        """Return why no free request may go out now (the provider's limit a minute), or None and count it."""
        if not model.free:
            return None
        now = self.clock.monotonic()
        if len(self._free_at) == self._free_at.maxlen and now - self._free_at[0] < MINUTE_SECONDS:
            return f"{self._free_at.maxlen} free requests in the last minute are the provider's limit"
        self._free_at.append(now)
        return None

    async def call(self, model: Model, ask: StepRequest, timeout_seconds: float) -> tuple[Outcome, int, Balance]:
        """Hold, call and end the hold, once; (outcome, cost in nano-dollars, balance after it).

        Raises NotAffordable or LedgerError where there is no hold; then nothing was sent.
        """
        endpoint = self.endpoints[model.endpoint]
        most = output_tokens(model, ask.max_tokens)
        schema = ask.schema if endpoint.paid or ask.local_schema is None else ask.local_schema
        request = ModelRequest(new_id(), model, ask.messages, most, schema, ask.temperature, timeout_seconds)
        if not endpoint.paid:
            outcome = await endpoint.complete(request, _nothing)
            await finished(self._note_unpaid(self.expense(model, ask.purpose, 0, client=ask.client), outcome))
            return outcome, 0, await self._tracker.balance()
        bound = call_bound(model, ask.messages, ask.schema, most)
        expense = self.expense(model, ask.purpose, bound, wish=ask.wished == model.id, client=ask.client)
        await self._till.hold(expense)
        try:
            outcome = await endpoint.complete(request, lambda g: self._till.sent(expense.id, g))
        except BaseException:
            await self._till.abandon(expense, request.wire)
            raise
        settlement = await self._till.end(expense, model, outcome)
        if settlement is None:
            return outcome, 0, await self._tracker.balance()
        self._cross_check(model, outcome, settlement)
        return outcome, settlement.cost, settlement.balance

    async def _note_unpaid(self, expense: Expense, outcome: Outcome) -> None:
        """Write an embedded model's answer into the books as a row of 0; a purse that is away stops no thought."""
        if outcome.error is not None or outcome.usage is None:
            return
        with suppress(NotAffordable, LedgerError):
            await self._tracker.hold(expense)
            await self._tracker.settle(expense.id, 0, outcome.usage)

    def _cross_check(self, model: Model, outcome: Outcome, settlement: Settlement) -> None:
        """Say so where a provider's bill is above its own listed prices; the bill stands."""
        if outcome.usage is None or outcome.cost is None:
            return
        listed = table_cost(model, outcome.usage)
        if settlement.cost > DEARER_FACTOR * listed + DEARER_NANOS and model.id not in self._dearer:
            self._dearer.add(model.id)
            self.journal.append("call.dearer", model=model.id, cost_nanos=settlement.cost, listed_nanos=listed)


async def _nothing(_generation_id: str | None) -> None:
    """The embedded model's calls are held for by nobody."""
