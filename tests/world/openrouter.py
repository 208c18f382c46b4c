"""An OpenRouter for tests: a real HTTP server with a fault script and its own record of what it billed.

    with FakeOpenRouter() as provider:              # provider.base_url, provider.key
        provider.then(status(502), cut(billed=True))  # the next two calls fail so, later ones succeed
        ...
        assert ledger_spent == provider.billed_nanos

By hand: python -m tests.world.openrouter --port 8099
"""

from __future__ import annotations

import hashlib
import itertools
import threading
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any, Self

from tests.world.openrouter_answers import Answer, completion_document, error_document, stream_pieces
from tests.world.openrouter_books import DEFAULT_MODELS, DEFAULT_REPLY, Bill, model_entry, refused_by_listing
from tests.world.openrouter_dialects import PATHS, as_chat, told_events, told_whole
from tests.world.wire import Cut, FakeServer, Request, Wire, dumps

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tests.world.openrouter_faults import Fault

ENDLESS_PIECES = 1_000_000
OF_STREAMS = frozenset("stream_error cut_after_finish cut_after_usage endless no_done late_error sse_prefix".split())
MID_STREAM = 4  # pieces: after a comment, a first count, and two of the words


@dataclass(slots=True)
class FakeOpenRouter(FakeServer):
    """The provider; start with `start()` or `with`. Its records may be read from any thread.

    `reply` is a text, or `reply(body) -> str | Answer` of the request's body. `date` gives the Date header.
    `watch(request)` is called in the server's thread before a call is answered, `stage(name)` at each
    stage of answering it. `shape="openai"` answers as
    OpenAI does: usage only where asked for, no cost, no generation ids.
    """

    models: dict[str, Any] = field(default_factory=lambda: DEFAULT_MODELS)
    reply: str | Callable[[dict[str, Any]], str | Answer] = DEFAULT_REPLY
    key: str = "sk-or-v1-test"
    shape: str = "openrouter"
    date: Callable[[], datetime | str] = lambda: datetime.now(UTC)
    watch: Callable[[Request], None] | None = None
    stage: Callable[[str], object] | None = None  # told of `billed`, `headers`, every `piece`, `ended`
    fault_for: Callable[[Request], Fault | None] | None = None
    unseen_asks: int = 0  # how often GET /generation answers 404 before it knows a generation
    key_document: dict[str, Any] = field(default_factory=dict)
    allowed: list[str] | None = None  # what GET /models/user lists; None: all
    generation_document: dict[str, Any] = field(default_factory=dict)  # what GET /generation says otherwise
    lost: bytes = b""  # the page for an address where there is nothing

    requests: list[Request] = field(default_factory=list)
    bills: list[Bill] = field(default_factory=list)
    _script: deque[Fault | None] = field(default_factory=deque)
    _generations: dict[str, Decimal] = field(default_factory=dict)
    _asked: dict[str, int] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api/v1"

    # --- script and record ----------------------------------------------------------------------------
    def then(self, *faults: Fault | None) -> Self:
        """The next paid calls go wrong so, in order; None is a call that goes well."""
        self._script.extend(faults)
        return self

    @property
    def billed(self) -> Decimal:
        """USD billed in all."""
        return sum((bill.cost for bill in self.bills), Decimal(0))

    @property
    def billed_nanos(self) -> int:
        """Nano-dollars billed, each call rounded up."""
        return sum(bill.nanos for bill in self.bills)

    @property
    def connections(self) -> int:
        """How many connections were opened since `start`."""
        return 0 if self._server is None else self._server.accepted

    @property
    def calls(self) -> list[Request]:
        """The requests that could cost money."""
        return [request for request in self.requests if request.method == "POST"]

    # --- answering ------------------------------------------------------------------------------------
    async def _handle(self, request: Request, wire: Wire) -> None:
        if request.method == "POST" and self.watch is not None:
            self.watch(request)
        self.requests.append(request)
        path = request.path.removeprefix("/api/v1")
        if self.key and request.headers.get("authorization") != f"Bearer {self.key}" and path != "/models":
            await self._json(wire, 401, error_document(401, "No auth credentials found"))
        elif (request.method, path) == ("GET", "/models"):
            await self._json(wire, 200, self.models)
        elif (request.method, path) == ("GET", "/models/user"):
            rows = [row for row in self.models["data"] if self.allowed is None or row["id"] in self.allowed]
            await self._json(wire, 200, {"data": rows})
        elif (request.method, path) == ("GET", "/key"):
            await self._json(wire, 200, {"data": self._key_data()})
        elif (request.method, path) == ("GET", "/generation"):
            await self._generation(wire, request.query.get("id", ""))
        elif request.method == "POST" and path in ("/chat/completions", "/embeddings", *PATHS):
            await self._paid(request, wire, path)
        else:
            await self._lost(request, wire)

    async def _lost(self, request: Request, wire: Wire) -> None:
        """Answer at an address where there is nothing: OpenRouter with a document, most with a page."""
        if not self.lost:
            await self._json(wire, 404, error_document(404, f"no route {request.method} {request.path}"))
            return
        await wire.head(404, {**self._common(), "Content-Type": "text/html", "Content-Length": str(len(self.lost))})
        await wire.write(self.lost)

    async def _paid(self, request: Request, wire: Wire, path: str) -> None:
        fault = self._script.popleft() if self._script else None
        if fault is None and self.fault_for is not None:
            fault = self.fault_for(request)
        entry = self._entry(request.json)
        generation = f"gen-{next(self._numbers):08d}"
        if fault is not None and fault.kind == "status":
            if fault.billed and entry is not None:
                self._bill(generation, self._answer(as_chat(request.json, path), entry, fault))
            document = error_document(
                fault.code or 500, fault.message, fault.error_type, fault.metadata, fault.availability
            )
            if fault.body:
                length = {"Content-Length": str(len(fault.body))}
                await wire.head(fault.code or 500, {**self._common(), **fault.headers, **length})
                await wire.write(fault.body)
            else:
                await self._json(wire, fault.code or 500, document, {**self._named(generation), **fault.headers})
        elif entry is not None and (refused := refused_by_listing(entry, request.json)) is not None:
            await self._json(wire, refused[0], error_document(*refused))
        elif entry is None:
            model = (request.json or {}).get("model")
            await self._json(wire, 404, error_document(404, f"No endpoints found for {model}."))
        elif path == "/embeddings":
            await self._embed(request, wire, entry, generation, fault)
        else:
            await self._complete(request, wire, entry, generation, fault)

    async def _complete(
        self, request: Request, wire: Wire, entry: dict[str, Any], generation: str, fault: Fault | None
    ) -> None:
        streaming = bool(request.json.get("stream"))
        if fault is not None and not streaming and fault.kind in OF_STREAMS:
            fault = None  # it is whole
        answer = self._answer(as_chat(request.json, _path(request)), entry, fault)
        kind = fault.kind if fault else ""
        if kind == "cut_before" and not (fault and fault.billed):
            self._generations[generation] = Decimal(0)
            raise Cut
        if fault is None or fault.billed:
            self._bill(generation, answer)
        else:
            self._generations[generation] = Decimal(0)
        if kind == "cut_before":
            raise Cut
        if kind == "hang":
            await wire.client_gone()
            raise Cut
        if fault is not None and kind in ("error_200", "body"):
            await self._as_it_is(wire, fault, generation)
        elif streaming:
            await self._stream(wire, request, answer, generation, fault)
        else:
            path, openai = _path(request), self.shape == "openai"
            whole = (
                told_whole(path, answer, generation, fault)
                if path in PATHS
                else completion_document(answer, generation, fault, openai=openai)
            )
            await self._json(wire, 200, whole, self._named(generation), kind)

    async def _stream(self, wire: Wire, request: Request, answer: Answer, generation: str, fault: Fault | None) -> None:
        headers = {"Content-Type": "text/event-stream", "Transfer-Encoding": "chunked"}
        await wire.head(200, {**self._common(), **self._named(generation), **headers})
        self._at("headers")
        kind = fault.kind if fault else ""
        if kind == "cut_after_headers":
            raise Cut
        if kind == "hang_after_headers":
            await wire.client_gone()
            raise Cut
        if fault is not None and kind == "endless":
            for _ in range(ENDLESS_PIECES):
                await wire.write(fault.body)
            raise Cut
        usage_wanted = self.shape == "openrouter" or (request.json.get("stream_options") or {}).get("include_usage")
        openai, path = self.shape == "openai", _path(request)
        pieces = (
            told_events(path, answer, generation, fault)
            if path in PATHS
            else stream_pieces(answer, generation, fault, openai=openai, with_usage=bool(usage_wanted))
        )
        for number, piece in enumerate(pieces):
            if kind == "cut_mid_stream" and number == MID_STREAM:
                raise Cut
            middle = len(piece) * (number % 7) // 7  # networks cut where they like, in the middle of a letter too
            await wire.write(piece[:middle])
            await wire.write(piece[middle:])
            self._at("piece")
        await wire.end()
        self._at("ended")

    async def _embed(
        self, request: Request, wire: Wire, entry: dict[str, Any], generation: str, fault: Fault | None
    ) -> None:
        texts = request.json["input"] if isinstance(request.json["input"], list) else [request.json["input"]]
        tokens = sum(_tokens(text) for text in texts)
        answer = Answer("", model=entry["id"], prompt_tokens=tokens, completion_tokens=0)
        answer = answer.priced(entry["pricing"], fault)
        if fault is None or fault.billed:
            self._bill(generation, answer)
        if fault is not None and fault.kind.startswith(("cut", "hang")):
            raise Cut
        if fault is not None and fault.kind == "body":
            await self._as_it_is(wire, fault, generation)
            return
        usage: dict[str, Any] = {"prompt_tokens": tokens, "total_tokens": tokens}
        if self.shape == "openrouter":
            usage["cost"] = None if fault is not None and fault.kind == "null_cost" else answer.cost
        document = {
            "object": "list",
            "model": entry["id"],
            "data": [{"object": "embedding", "index": n, "embedding": _vector(t)} for n, t in enumerate(texts)],
            "usage": usage,
        }
        await self._json(wire, 200, document, self._named(generation))

    async def _generation(self, wire: Wire, generation: str) -> None:
        asked = self._asked[generation] = self._asked.get(generation, 0) + 1
        cost = self._generations.get(generation)
        if cost is None or asked <= self.unseen_asks:
            await self._json(wire, 404, error_document(404, f"Generation {generation} not found"))
            return
        bill = next((bill for bill in self.bills if bill.id == generation), None)
        data: dict[str, Any] = {
            "id": generation,
            "total_cost": cost,
            "usage": cost,
            "cancelled": bill is None,
            "is_byok": False,
            "upstream_inference_cost": None,
            "native_tokens_prompt": bill.prompt_tokens if bill else 0,
            "native_tokens_completion": bill.completion_tokens if bill else 0,
            "model": bill.model if bill else None,
            **self.generation_document,
        }
        await self._json(wire, 200, {"data": data})

    # --- pieces ---------------------------------------------------------------------------------------
    def _entry(self, body: Any) -> dict[str, Any] | None:
        wanted = (body or {}).get("model")
        entries: Iterable[dict[str, Any]] = self.models["data"]
        return next((entry for entry in entries if entry["id"] == wanted), None)

    def _answer(self, body: dict[str, Any], entry: dict[str, Any], fault: Fault | None) -> Answer:
        reply = self.reply(body) if callable(self.reply) else self.reply
        answer = reply if isinstance(reply, Answer) else Answer(reply)
        return answer.told(body, entry["id"], fault).priced(entry["pricing"], fault)

    def _bill(self, generation: str, answer: Answer) -> None:
        assert answer.cost is not None
        with self._lock:
            bill = Bill(generation, answer.model, answer.cost, answer.prompt_tokens, answer.completion_tokens)
            self.bills.append(bill)
            self._generations[generation] = answer.cost
        self._at("billed")

    def _at(self, stage: str) -> None:
        if self.stage is not None:
            self.stage(stage)

    def _common(self) -> dict[str, str]:
        date = self.date()
        return {"Date": date if isinstance(date, str) else format_datetime(date.astimezone(UTC), usegmt=True)}

    def _named(self, generation: str) -> dict[str, str]:
        return {"X-Generation-Id": generation} if self.shape == "openrouter" else {"x-request-id": generation}

    def _key_data(self) -> dict[str, Any]:
        counters = dict.fromkeys(("usage", "usage_daily", "usage_weekly", "usage_monthly"), self.billed)
        byok = dict.fromkeys(("byok_usage", "byok_usage_daily", "byok_usage_weekly", "byok_usage_monthly"), 0)
        limits = {"label": "test", "limit": None, "limit_remaining": None, "limit_reset": None}
        terms: dict[str, Any] = {
            "budgets": [],
            "effective_budget": None,
            "expires_at": None,
            "allowed_data_regions": None,
        }
        return {**limits, **counters, **byok, **terms, "is_free_tier": False, **self.key_document}

    async def _as_it_is(self, wire: Wire, fault: Fault, generation: str) -> None:
        """Status 200 with the fault's own bytes, or with its error as a document."""
        data = fault.body if fault.kind == "body" else dumps(error_document(fault.code or 500, fault.message))
        headers = {"Content-Type": "application/json", **fault.headers, "Content-Length": str(len(data))}
        await wire.head(200, {**self._common(), **self._named(generation), **headers})
        await wire.write(data)

    async def _json(
        self, wire: Wire, code: int, document: Any, headers: dict[str, str] | None = None, kind: str = ""
    ) -> None:
        data = dumps(document)
        fixed = {"Content-Type": "application/json", "Content-Length": str(len(data))}
        await wire.head(code, {**self._common(), **(headers or {}), **fixed})
        if kind == "hang_after_headers":
            await wire.client_gone()
        if kind == "cut_mid_stream":
            await wire.write(data[: len(data) // 2])
        if kind in ("hang_after_headers", "cut_after_headers", "cut_mid_stream"):
            raise Cut
        await wire.write(data)


def _path(request: Request) -> str:
    return request.path.removeprefix("/api/v1")


def _tokens(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass")) // 4 + 1


def _vector(text: str, size: int = 32) -> list[float]:
    digest = hashlib.sha256(text.encode()).digest()
    return [(byte - 127.5) / 127.5 for byte in digest[:size]]


__all__ = ["Answer", "Bill", "FakeOpenRouter", "model_entry"]

if __name__ == "__main__":
    from tests.world.openrouter_by_hand import main

    main()
