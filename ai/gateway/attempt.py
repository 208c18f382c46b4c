"""One candidate of one request: lowered to what its caps allow, held for, sent, and passed on."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ai.asking import Purpose
from ai.credit_tracker import Caller, NotAffordable
from ai.credit_tracker.admission import TooManyRequests
from ai.gateway.bound import call_bound, fitting_output, lowered, output_limit
from ai.gateway.dialects.chat import CHAT
from ai.gateway.outgoing import bytes_of, with_routing
from ai.gateway.refusals import Refusal, insufficient, too_many
from ai.gateway.relay import Relay
from ai.gateway.replays import KeptAnswer, pack
from ai.gateway.translate.translations import TRANSLATIONS
from ai.gateway.upstream import EVENT_STREAM, Outgoing
from ai.llm.fate import table_cost
from ai.llm.payment import Paid, Payer
from ai.llm.reading import MAX_DOCUMENT_BYTES, reply_bound

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from ai.gateway.dialects.asked import Asked, Dialect
    from ai.gateway.headers import CallOptions
    from ai.gateway.upstream import Sender
    from ai.llm.calls import Outcome, Wire
    from ai.llm.payment import Payments
    from ai.model_config import Model

    KeepAnswer = Callable[[bytes], Awaitable[None]]

PURPOSE = "gateway"  # what a caller's calls stand under in `by_purpose`
LOWERED_AT_MOST = 4  # times: what a cap has left may shrink while the limit is being lowered
FIRST_LOOK_SECONDS, LONGEST_LOOK_SECONDS = 0.02, 0.5  # between two looks while X-Genesis-Wait lasts
VECTOR_BYTES = 64 * 1024  # of one embedding at most: 3,072 numbers as text


@dataclass(frozen=True, slots=True)
class CallLimits:
    """What bounds every call in time: in all, without a byte of a stream, and read on after its client has left."""

    call_seconds: float = 600.0
    silence_seconds: float = 120.0
    linger_seconds: float = 120.0


@dataclass(frozen=True, slots=True)
class Candidate:
    """One model that may answer, the id to send for it, and whom it may hand on to (`models` of OpenRouter)."""

    model: Model
    sent_id: str
    others: tuple[Model, ...] = ()


@dataclass(frozen=True, slots=True)
class Request:
    """One request as every candidate of it sees it; `keep` keeps its answer under its idempotency key."""

    dialect: Dialect
    body: Mapping[str, Any]
    asked: Asked
    options: CallOptions
    caller: Caller
    keep: KeepAnswer | None = None


class StoppedAfterSending(asyncio.CancelledError):
    """The request was cancelled once its call might have been sent: whoever asks again may pay again."""


class Attempt:
    """One candidate's try; `begin` returns when the client may be answered, or raises what stands against it."""

    def __init__(
        self, request: Request, candidate: Candidate, upstream: Sender, payments: Payments, limits: CallLimits
    ) -> None:
        self.candidate = candidate
        self.request = request
        self.max_output: int | None = None
        self.call_id = ""
        self._left: asyncio.Task[int | None] | None = None
        self._upstream = upstream
        self._payments = payments
        self._clock = payments.clock
        self._limits = limits
        self._models = [candidate.model, *candidate.others]
        self._translation = None
        self._spoken, self._body = request.dialect, request.body
        if request.dialect.name not in upstream.speaks:
            self._translation = TRANSLATIONS.get(request.dialect.name)
            if self._translation is None:
                raise Refusal(400, f"{candidate.model.id} cannot serve {request.dialect.path}", param="model")
            self._spoken, self._body = CHAT, self._translation.to_chat(request.body)
        self._asked = request.asked if self._translation is None else self._spoken.read(self._body)
        self.relay = self._new_relay()
        self.paying: asyncio.Task[Paid] | None = None

    @property
    def asked(self) -> Asked:
        """What the body that is sent asks for."""
        return self._asked

    async def left(self) -> int | None:
        """Return what the narrowest cap has left after the hold of a stream, None where that is not known."""
        return None if self._left is None else await self._left

    async def begin(self) -> None:
        """Hold and send. Returns when bytes for the client are there or the call is over.

        Raises Refusal where no cap has room, LedgerError where the purse is away, KeyEnded and RequestKnown.
        """
        self.max_output = output_limit(self._asked, self._models)
        until = self._clock.monotonic() + self.request.options.wait_seconds
        look, times = FIRST_LOOK_SECONDS, 0
        while True:
            try:
                await self._try_once()
            except TooManyRequests as early:
                wait = 1.0 if early.resets_at is None else (early.resets_at - self._clock.now()).total_seconds()
                raise too_many(str(early), wait) from early
            except NotAffordable as short:
                if short.in_flight and self._clock.monotonic() < until:
                    await self._clock.sleep(min(look, max(0.0, until - self._clock.monotonic())))
                    look = min(look * 2, LONGEST_LOOK_SECONDS)
                    continue
                times += 1
                self.max_output = self._lower(short, times)
            else:
                return

    def _lower(self, short: NotAffordable, times: int) -> int:
        """Return an output limit that fits. Raises Refusal where there is none."""
        fits = 0
        if short.reason is None:
            fits = fitting_output(self._asked, self._models, short.available)
            limit = lowered(self._asked, self._models, short.available, fit=self.request.options.fit)
            if (
                limit is not None
                and self.max_output is not None
                and limit < self.max_output
                and times < LOWERED_AT_MOST
            ):
                return limit
        raise insufficient(short, fits) from short

    async def _try_once(self) -> None:
        """Hold and send once; raises NotAffordable where there is no room."""
        bound = call_bound(self._asked, self._models, self.max_output)
        purpose = PURPOSE if self._asked.output else Purpose.EMBEDDING.value
        payer = Payer(purpose=purpose, client=self.request.caller.key or PURPOSE, caller=self.request.caller)
        paying = self._payments.start_paying(
            payer, self.candidate.model, bound, self._send, linger_seconds=self._limits.linger_seconds
        )
        answerable = asyncio.get_running_loop().create_future()

        def may_answer(_over: object = None) -> None:
            if not answerable.done():
                answerable.set_result(None)

        self.relay.on_begun = may_answer
        paying.add_done_callback(may_answer)
        try:
            await answerable
            if paying.done():
                paying.result()  # raises what stood against it
        except asyncio.CancelledError as stopped:
            paying.cancel()
            if self.call_id:
                raise StoppedAfterSending from stopped
            raise
        self.paying = paying

    async def _send(self, wire: Wire) -> Outcome:
        self.call_id = wire.call_id
        if self._asked.stream:  # its headers are told before it is booked
            self._left = asyncio.ensure_future(self._payments.tracker.left(wire.call_id))
        most = 0 if self.max_output is None else (self.max_output + self._asked.extra_output) * self._asked.times
        document = self._spoken.outgoing(self._body, self.candidate.sent_id, self.max_output)
        outgoing = Outgoing(
            path=self._spoken.path,
            body=bytes_of(with_routing(document, self._upstream.name, self._models, self._spoken.name)),
            max_bytes=reply_bound(most) if self._asked.output else MAX_DOCUMENT_BYTES + VECTOR_BYTES * self._vectors(),
            timeout_seconds=self._limits.call_seconds,
            silence_seconds=self._limits.silence_seconds,
        )
        try:
            outcome = await self._upstream.send(outgoing, wire, self.relay)
            outcome = replace(outcome, images=self._asked.whole_context)
            if outcome.error is None and self.request.keep is not None:
                await self._keep(self.request.keep)
            return outcome
        finally:
            self.relay.close()

    async def _keep(self, keep: KeepAnswer) -> None:
        """Keep the answer for whoever asks again, before the call is booked."""
        data = self.relay.whole_answer()
        if data is not None:
            media_type = EVENT_STREAM if self.relay.data is None else "application/json"
            headers = {"X-Genesis-Call": self.call_id, "X-Genesis-Model": self.candidate.model.id}
            await keep(pack(KeptAnswer(media_type, data, headers)))

    def _vectors(self) -> int:
        given = self._body.get("input")
        return len(given) if isinstance(given, list) else 1

    def _new_relay(self) -> Relay:
        added = self._asked.stream and self._spoken.name == "chat" and self._upstream.name != "openrouter"
        return Relay(
            self._spoken,
            self.request.body,
            translation=self._translation,
            usage_wanted=self._asked.usage_wanted,
            usage_added=added,
            cost_of=lambda usage: table_cost(self.candidate.model, usage),
            keep=self.request.keep is not None,
        )

    def leave(self) -> None:
        """The client has left: what is under way goes on for the books alone."""
        self.relay.leave()
        if self.paying is not None and not self.paying.done():
            self.paying.cancel()
