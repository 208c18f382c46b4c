"""The embedded local model as one more endpoint: a child process started when needed, restarted, stopped when idle."""

import asyncio
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx2

from ai.asking import Message
from ai.clock import Clock
from ai.llm.calls import Endpoint, ModelRequest, Outcome, ProviderError, Shape
from ai.llm.endpoint import OpenAIEndpoint
from ai.llm.local.child import Child, ChildFailed, LocalModel
from ai.llm.local.listing import embedded_model
from ai.llm.local.model_store import Environment, ModelStore
from ai.llm.local.shape import fields_of, shaped
from ai.llm.local.table import MEGABYTE
from ai.llm.local.weight_store import Download
from ai.mind.journal import Journal
from ai.model_config import Model
from ai.settings import Settings

EACH_ANEW = httpx2.Limits(max_keepalive_connections=0)  # its server gives a kept connection up without a word at times
IDLE_SECONDS = 900.0  # longer than the default 600 s between beats: a kept prefix makes a 1.5b reply 13 s → 1–2 s
READ_AHEAD_SECONDS = 300.0  # 1,700 tokens of a prompt: half a minute of a free core, minutes of a busy one
ATTEMPTS = 2  # a child that died is restarted and asked once more; twice is no accident
DEATH_SECONDS = 1.0  # a broken connection is seen this much before its process is known to be dead
ASIDE_SECONDS = 3_600.0  # a model that failed twice rests for so long where a smaller one can think


@dataclass(frozen=True, slots=True)
class LocalStatus:
    """How the embedded model is: what would think, whether its process runs, what is being fetched, what is wrong."""

    model: str | None
    running: bool
    pid: int | None
    download: Download | None
    problem: str | None


class LocalEndpoint:
    """Answers requests with a model on this machine. It costs nothing, needs no key, and is never sure to be there.

    `choice` is the setting LOCAL_MODEL, `folder` is DATA_DIR/models; `Environment(journal, clock)` is this machine.
    """

    name = "local"
    paid = False

    def __init__(self, choice: str, folder: Path, around: Environment, *, idle_seconds: float = IDLE_SECONDS) -> None:
        self._around = around
        self._recorder = around.recorder
        self._clock = around.clock
        self._idle_seconds = idle_seconds
        self._stock = ModelStore(choice, folder, around)
        self._turn = asyncio.Lock()  # one child, one thought at a time; others queue here
        self._child: Child | None = None
        self._line: Endpoint | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._dozing: asyncio.Task[None] | None = None
        self._aside: dict[str, float] = {}
        self._closed = False
        self._has_read = False  # whether the running child knows what every thought's prompt begins with

    def models(self) -> list[Model]:
        """Return the model that would think now (or first, while it is being fetched); empty where there is none."""
        if (current := self._stock.current) is not None:
            return [embedded_model(current.id, current.title, current.quality)]
        if (expected := self._stock.expected()) is not None:
            return [embedded_model(expected.model_id, expected.title, expected.quality)]
        return []

    def status(self) -> LocalStatus:
        """Return how it is, without waking it."""
        stock, child = self._stock, self._child
        alive = child is not None and child.alive
        return LocalStatus(
            model=stock.current.id if stock.current else None,
            running=alive,
            pid=child.pid if child is not None and alive else None,
            download=stock.download,
            problem=stock.problem,
        )

    async def prepare(self) -> None:
        """Begin to find and fetch weights in the background; returns at once."""
        self._stock.prepare()

    async def awaited(self) -> str | None:
        """Return what a birth should wait for and how far it is, in words; None where there is nothing to wait for."""
        await self._stock.looked()
        return self.arriving()

    def arriving(self) -> str | None:
        """Return the same without beginning to look: for those who only show it."""
        weight, download = self._stock.awaited(), self._stock.download
        if weight is None:
            return None
        if download is None:
            return f"{weight.title}, being looked for"
        part = "" if download.name == weight.name else f"{download.name} first, "
        return f"{weight.title}, {part}{download.done / download.total:.0%} of {download.total // MEGABYTE:,} MB here"

    async def looked(self) -> None:
        """Wait until it is known which weights are on disk already."""
        await self._stock.looked()

    async def settled(self) -> None:
        """Wait until a model can be asked, or until it is known that none can (a first start may fetch 98 MB)."""
        await self._stock.settled()

    @property
    def warm(self) -> bool:
        """Whether the model that would think now runs and has read what every thought's prompt begins with."""
        child, current = self._child, self._stock.current
        running = child is not None and child.alive and current is not None and child.model_id == current.id
        return running and self._has_read

    async def read_ahead(self, model: Model, messages: Sequence[Message], schema: Mapping[str, Any]) -> None:
        """Have the child read the beginning of a thought's prompt before a thought is due; trouble is left to that."""
        begin = [*messages, Message(role="user", content="…")]
        await self.complete(ModelRequest(model, begin, 1, schema, timeout_seconds=READ_AHEAD_SECONDS))

    async def complete(self, request: ModelRequest) -> Outcome:
        """Answer one request; every trouble is an Outcome with an error, nothing is raised but cancellation.

        A request whose child dies is made once more with a fresh one. A prompt over the context (4096 tokens with
        the reply) is answered with status 400.
        """
        begun = self._clock.monotonic()
        try:
            async with asyncio.timeout(request.timeout_seconds):
                await self._stock.settled()
                async with self._turn:
                    return await self._answer(request, begun)
        except TimeoutError:
            problem = f"no answer within {request.timeout_seconds:g} s"
            return self._failure("timeout", problem, begun)
        except ChildFailed as error:
            return self._failure("refused", str(error), begun)

    async def close(self) -> None:
        """Stop the child and whatever is being fetched; a thought in hand ends as a failure, nobody waits for it."""
        self._closed = True
        await self._stock.close()
        await self._stop("closing")

    async def _answer(self, request: ModelRequest, begun: float) -> Outcome:
        request = shaped(request)
        outcome = None
        for attempt in range(1, ATTEMPTS + 1):
            model = self._choose(request.model.id)
            try:
                line = await self._line_to(model)
            except ChildFailed:
                if attempt == ATTEMPTS or self._choose(request.model.id) is model:
                    raise  # nobody else to ask
                continue
            left = max(0.0, request.timeout_seconds - (self._clock.monotonic() - begun))
            outcome = await line.complete(replace(request, timeout_seconds=left))
            self._doze_later()
            self._has_read |= outcome.error is None and "action" in fields_of(request.schema or {})
            how = await self._death_behind(outcome)
            if how is None:
                return outcome
            await self._bury(model, how)
            if attempt == ATTEMPTS:
                self._set_aside(model, "its process died twice in one call")
        assert outcome is not None  # noqa: S101 - the last attempt either raised or had an outcome
        return outcome

    async def _death_behind(self, outcome: Outcome) -> str | None:
        """Return how the child died where that is why `outcome` is no answer, None where it lives."""
        error = outcome.error
        if error is None or error.shape is Shape.STATUS or error.type == "timeout" or self._child is None:
            return None
        return await self._child.died(within=DEATH_SECONDS)

    def _choose(self, model_id: str) -> LocalModel:
        """Return the model to ask: the one named, the current one where that is not here, a smaller one in need."""
        if self._closed:
            raise ChildFailed("the embedded model is being closed")
        model = self._stock.get(model_id)
        if model is None:
            raise ChildFailed(f"no embedded model: {self._stock.problem}")
        while self._aside.get(model.id, 0.0) > self._clock.monotonic():
            smaller = self._stock.smaller_than(model)
            if smaller is None:
                break
            model = smaller
        return model

    async def _line_to(self, model: LocalModel) -> Endpoint:
        """Return a line to a running child that serves `model`, starting it where it does not."""
        child = self._child
        if child is not None and not child.alive:
            await self._bury(self._stock.get(child.model_id) or model, await child.died(0.0) or "ended")
        elif child is not None and child.model_id != model.id:
            await self._stop(f"{model.id} takes its place")
        if self._child is None or self._line is None:
            await self._start(model)
        assert self._line is not None  # noqa: S101 - _start has set it or raised
        return self._line

    async def _start(self, model: LocalModel) -> None:
        begun = self._clock.monotonic()
        try:
            threads, places, program = self._around.machine.threads, self._around.places, self._around.program
            child = await Child.start(model, threads, places, program)
        except ChildFailed as error:
            if error.signal_number == signal.SIGILL:
                self._stock.give_up("this processor lacks instructions that the local model's runtime needs (SIGILL)")
            else:
                self._set_aside(model, str(error))
            raise
        if self._closed:
            await child.stop()
            raise ChildFailed("the embedded model is being closed")
        transport = httpx2.AsyncHTTPTransport(uds=str(child.socket), limits=EACH_ANEW)
        self._child, self._has_read = child, False
        client = httpx2.AsyncClient(transport=transport, timeout=None)
        self._line = OpenAIEndpoint("local", "http://local/v1", None, headers={}, clock=self._clock, http_client=client)
        seconds = round(self._clock.monotonic() - begun, 1)
        self._recorder.append("local.started", model=model.id, pid=child.pid, seconds=seconds)
        self._doze_later()

    def _doze_later(self) -> None:
        """Have the child stopped when nobody asks for a while, to give its memory back.

        Real time counts here, not the mind's clock: a month lived in seconds must not restart it at each thought.
        """
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(self._idle_seconds, self._doze)

    def _doze(self) -> None:
        self._timer = None
        self._dozing = asyncio.create_task(self._stop_if_idle(), name="local model's rest")

    async def _stop_if_idle(self) -> None:
        async with self._turn:
            if self._timer is None:  # nobody asked while this waited for its turn
                await self._stop(f"idle for {self._idle_seconds / 60:.0f} minutes")

    async def _bury(self, model: LocalModel, how: str) -> None:
        self._recorder.append("local.died", model=model.id, how=how)
        await self._stop(None)
        if how.endswith("SIGILL"):
            self._stock.give_up("this processor lacks instructions that the local model's runtime needs (SIGILL)")
            raise ChildFailed(f"no embedded model: {self._stock.problem}")

    async def _stop(self, reason: str | None) -> None:
        """End the child and the line to it; `reason` is journaled where there is one."""
        child, line = self._child, self._line
        self._child = self._line = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if line is not None:
            await line.close()
        if child is not None:
            await child.stop()
            if reason is not None:
                self._recorder.append("local.stopped", model=child.model_id, reason=reason)

    def _set_aside(self, model: LocalModel, problem: str) -> None:
        smaller = self._stock.smaller_than(model)
        self._aside[model.id] = self._clock.monotonic() + ASIDE_SECONDS
        self._recorder.append(
            "local.set_aside", model=model.id, problem=problem, next=smaller.id if smaller else "the same again"
        )

    def _failure(self, kind: str, problem: str, begun: float) -> Outcome:
        error = ProviderError(Shape.CONNECTION, None, kind, problem)
        latency = self._clock.monotonic() - begun
        return Outcome(False, None, "", "", None, None, None, None, error, latency)


def local_endpoint(settings: Settings, clock: Clock, journal: Journal) -> LocalEndpoint | None:
    """Return the embedded model, None where LOCAL_MODEL is off."""
    if settings.local_model == "off":
        return None
    return LocalEndpoint(settings.local_model, settings.data_dir / "models", Environment(journal, clock))
