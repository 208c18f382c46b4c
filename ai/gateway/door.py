"""Where requests come in: each is read, let in by its key, answered, and refused in its own dialect's shape."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, Response, StreamingResponse

from ai.credit_tracker import Caller, NamedRequest
from ai.credit_tracker.admission import Answered, AnswerLost, OtherBody, RequestKnown
from ai.credit_tracker.callers import KeyEnded, hash_of
from ai.gateway.attempt import Request as CallRequest
from ai.gateway.attempt import StoppedAfterSending
from ai.gateway.dialects.chat import CHAT
from ai.gateway.gateway import Answer, Gateway
from ai.gateway.headers import read_options, secret_of
from ai.gateway.reading import headers_of, parsed, read_body
from ai.gateway.refusals import Refusal, purse_away, stopping, unknown_key
from ai.gateway.replays import fingerprint, unpack
from ai.ledger.errors import LedgerError
from ai.ledger.ids import new_id
from ai.ledger.money import usd9

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

    from ai.credit_tracker.callers import Key
    from ai.gateway.dialects.asked import Asked, Dialect
    from ai.gateway.headers import CallOptions
    from ai.gateway.rooms import Rooms

KEY_SECONDS = 1.0  # a key is looked up so often at most; each hold looks at it again by itself
KEYS_KNOWN = 10_000
STREAM_HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
LAST_WORD_SECONDS = 1.0  # for a stream's reader to take that the gateway was stopped
LARGE_BYTES = 1_000_000  # of a body whose reading would keep others waiting
TOLD = frozenset({402, 403})  # refusals that a person may want to know of


class Door:
    """The gateway's endpoints, as functions of a request."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.rooms: Rooms = gateway.rooms
        self._keys: dict[str, tuple[Key, float]] = {}

    async def key(self, headers: Mapping[str, str]) -> Key:
        """Return the key that a request bears. Raises Refusal (401), LedgerError."""
        secret = secret_of(headers)
        if secret is None:
            raise unknown_key()
        hashed, now = hash_of(secret), self.rooms.payments.clock.monotonic()
        known = self._keys.get(hashed)
        if known is not None and known[1] > now:
            return known[0]
        key = await self.rooms.books.key_of(secret)
        if key is None:
            self._keys.pop(hashed, None)
            raise unknown_key()
        if len(self._keys) >= KEYS_KNOWN:
            self._keys.clear()
        self._keys[hashed] = (key, now + KEY_SECONDS)
        return key

    async def call(self, request: Request, dialect: Dialect, model: str | None = None) -> Response:
        """Answer a call in its dialect; `model` stands in the path of the oldest clients."""
        headers = headers_of(request)

        async def answered() -> Response:
            key = await self.key(headers)
            options = read_options(headers, request.path_params.get("run"))
            raw = await read_body(request)
            body = parsed(raw)
            if model is not None:
                body.setdefault("model", model)
            try:
                return await self._served(dialect, body, raw, key, options)
            except Refusal as refusal:
                if refusal.status in TOLD:
                    self.rooms.telling.refused(key.name, options.run, refusal)
                raise

        return await shaped(dialect, answered)

    async def _served(
        self, dialect: Dialect, body: dict[str, Any], raw: bytes, key: Key, options: CallOptions
    ) -> Response:
        named = None
        if options.idempotency_key is not None:
            named = NamedRequest(options.idempotency_key, fingerprint(f"{options.run}{dialect.path}", raw), new_id())
        caller = Caller(key.name, options.run or "", key.secret_hash, options.max_cost, named)
        keep = None
        if named is not None:
            keep = _keeper(self.rooms, caller, named)
        asked = await asked_of(dialect, body, len(raw))
        self.rooms.under_way.enter(key.name)
        streaming = False
        try:
            answer = await self.gateway.answer(CallRequest(dialect, body, asked, options, caller, keep), key)
            streaming = answer.stream is not None
            return self._response(answer, key.name, dialect)
        except Answered as known:
            kept = unpack(known.answer)
            return Response(kept.body, 200, {**kept.headers, "X-Genesis-Replayed": "true"}, kept.media_type)
        finally:
            if not streaming:
                self.rooms.under_way.leave(key.name)

    def _response(self, answer: Answer, key: str, dialect: Dialect) -> Response:
        if answer.stream is None:
            return Response(answer.body, answer.status, dict(answer.headers), answer.media_type)

        headers = {**answer.headers, **STREAM_HEADERS}
        return _Streamed(answer, headers, dialect, lambda: self.rooms.under_way.leave(key))


class _Streamed(StreamingResponse):
    """A stream whose end is noted however it comes, also where the client left before its first byte.

    At a stop of the gateway it ends as one that broke.
    """

    def __init__(self, answer: Answer, headers: Mapping[str, str], dialect: Dialect, over: Callable[[], None]) -> None:
        assert answer.stream is not None  # noqa: S101 - only streams come here
        super().__init__(answer.stream, answer.status, headers, answer.media_type)
        self._leave = answer.leave
        self._dialect = dialect
        self._over = over

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        stopped = False
        try:
            await super().__call__(scope, receive, send)
        except asyncio.CancelledError:
            stopped = True
        finally:  # before the last word: who reads nothing keeps it waiting, and no call may wait for that
            self._over()
            if self._leave is not None:
                self._leave()
        if stopped:
            end = self._dialect.error_event(stopping())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LAST_WORD_SECONDS):
                    await send({"type": "http.response.body", "body": end, "more_body": False})


async def asked_of(dialect: Dialect, body: dict[str, Any], size: int) -> Asked:
    """Return what a body of so many bytes asks for; a large one is read while others are answered. Raises Refusal."""
    return await asyncio.to_thread(dialect.read, body) if size > LARGE_BYTES else dialect.read(body)


async def shaped(dialect: Dialect, answered: Callable[[], Awaitable[Response]]) -> Response:
    """Return the answer, or what stands against it in the dialect's shape."""
    try:
        return await answered()
    except Refusal as refused:
        refusal = refused
    except KeyEnded:
        refusal = unknown_key()
    except RecursionError:  # deeper than it can be written again, though it could be read: nothing was sent
        refusal = Refusal(400, "the body is nested too deeply", code="invalid_json")
    except RequestKnown as known:
        refusal = _known(known)
    except LedgerError as error:
        refusal = purse_away(str(error))
    except asyncio.CancelledError as stopped:  # nobody else ends a request that is being answered
        refusal = stopping(sent=isinstance(stopped, StoppedAfterSending))
    return JSONResponse(dialect.error(refusal), refusal.status, refusal.headers)


def _known(known: RequestKnown) -> Refusal:
    """Return what is said of a request that was made before and has no answer to give again."""
    if isinstance(known, OtherBody):
        return Refusal(422, str(known), code="idempotency_key_reused", param="idempotency-key")
    if isinstance(known, AnswerLost):
        more = {"cost": usd9(known.cost)}
        return Refusal(410, str(known), type="api_error", code="answer_lost", more=more)
    return Refusal(409, str(known), code="request_under_way", headers={"Retry-After": "1"})


def _keeper(rooms: Rooms, caller: Caller, named: NamedRequest) -> Callable[[bytes], Awaitable[None]]:
    async def keep(answer: bytes) -> None:
        await rooms.books.keep_answer(caller.key, named, answer)

    return keep


ERRORS = CHAT  # whose shape answers have that belong to no dialect
