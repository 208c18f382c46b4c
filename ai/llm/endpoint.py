"""One provider that speaks OpenAI's protocol: a single attempt, streamed, bounded, never retried by itself."""

from __future__ import annotations

import asyncio
import math
import unicodedata
from contextlib import suppress
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

import httpx2

from ai.llm.body import OPENROUTER, chat_body, routing
from ai.llm.calls import ModelRequest, Outcome, ProviderError, Shape, Wire
from ai.llm.figures import as_mapping, one_line, parse_json, read_error
from ai.llm.reading import Reply, ReplyReader, ReplyTooLarge, reply_bound
from ai.llm.wire import EXCHANGE, Exchange, answered_within, generation_id_of, new_http_client, watch
from ai.unreached import why_unreached, without_json

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    import openai

    from ai.clock import Clock

OK = 200
NO_SUCH_PATH = frozenset({404, 405})  # of an API that speaks of no model, this is no API at all
ELSEWHERE = "elsewhere"
TAIL_SECONDS = 5.0  # a provider's figures follow its last word at once, if they follow at all
DRAIN_SECONDS = 0.25  # a new connection takes about as long; waiting longer for the old one gains nothing
NO_KEY = "no-key"  # the SDK insists on one; the embedded server wants none
ACCEPT_PLAIN = {"Accept-Encoding": "identity"}  # so that bytes on the wire are bytes in memory: no zip bombs


class OpenAIEndpoint:
    """OpenRouter, OpenAI, or the embedded server. The key is used for the header and to strike it out of errors.

    `problem` says in one line why nothing can be sent at all, or is None.
    """

    paid = True

    def __init__(  # noqa: PLR0913 — what an address is made of, each handed in by name
        self,
        name: str,
        base_url: str,
        api_key: str | None,
        *,
        headers: Mapping[str, str],
        clock: Clock,
        http_client: httpx2.AsyncClient | None = None,
    ) -> None:
        self.name = name
        self._clock = clock
        self._secrets = (api_key,) if api_key else ()
        self.problem = _unsendable(name, api_key or "")
        http = http_client or new_http_client()
        watch(http)
        self._http = http
        self._base_url = httpx2.URL(base_url)  # one that is none is refused here, not at the first thought
        self._api_key = NO_KEY if self.problem or not api_key else api_key
        self._headers = {**ACCEPT_PLAIN, **headers}
        self._made: openai.AsyncOpenAI | None = None

    def __repr__(self) -> str:
        return f"OpenAIEndpoint({self.name!r})"

    async def _client(self) -> openai.AsyncOpenAI:
        """Return the SDK's client, made at the first asking; meanwhile the event loop goes on."""
        if self._made is None:
            openai = await asyncio.to_thread(import_module, "openai")  # 0.7 s of CPU, which the gateway never needs
            unset: dict[str, Any] = {"OpenAI-Organization": openai.Omit(), "OpenAI-Project": openai.Omit()}
            self._made = self._made or openai.AsyncOpenAI(
                base_url=self._base_url,
                api_key=self._api_key,
                max_retries=0,  # each attempt has its own hold
                http_client=self._http,
                default_headers={**self._headers, **unset},
            )
        return self._made

    async def complete(self, request: ModelRequest) -> Outcome:
        """Make one attempt; see `ai.llm.calls.Endpoint`."""
        exchange = Exchange(request.wire, reply_bound(request.max_tokens))
        return await self._attempt(chat_body(request, self.name), exchange, request.timeout_seconds)

    async def embed(self, request: ModelRequest, texts: Sequence[str], vectors: list[list[float]]) -> Outcome:
        """Put the vectors of `texts` into `vectors`, or return an outcome that says why there are none."""
        body: dict[str, Any] = {"model": request.model.id, "input": list(texts), "encoding_format": "float"}
        if self.name == OPENROUTER:
            body |= routing(request.model)
        return await self._attempt(body, Exchange(request.wire), request.timeout_seconds, vectors)

    async def get_json(self, path: str, params: Mapping[str, str], timeout_seconds: float) -> tuple[int | None, Any]:
        """GET a document of the account; (status, parsed JSON or None), status None where no answer came."""
        if self.problem is not None:
            return None, None
        client, exchange = await self._client(), Exchange(Wire())
        import openai  # noqa: PLC0415 - the client has loaded it already

        token = EXCHANGE.set(exchange)
        try:
            async with asyncio.timeout(timeout_seconds):
                response = await client.get(path, cast_to=httpx2.Response, options={"params": dict(params)})
                return response.status_code, parse_json(response.text)
        except openai.APIStatusError as error:
            with suppress(ValueError):
                return error.status_code, parse_json(error.response.text)
            return error.status_code, None
        except (openai.OpenAIError, httpx2.HTTPError, TimeoutError, ReplyTooLarge, ValueError):
            return None, None
        finally:
            EXCHANGE.reset(token)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def _attempt(
        self,
        body: dict[str, Any],
        exchange: Exchange,
        timeout_seconds: float,
        vectors: list[list[float]] | None = None,
    ) -> Outcome:
        started = self._clock.monotonic()
        if self.problem is not None:
            return _never_sent(_own(Shape.CONNECTION, "unsendable", self.problem))
        await self._client()  # before the time for an answer begins
        reply = Reply()
        error: ProviderError | None = None
        token = EXCHANGE.set(exchange)
        try:
            async with answered_within(timeout_seconds, exchange) as patience:
                await self._converse(body, exchange, reply, vectors, patience)
        except Exception as failure:  # noqa: BLE001 — whatever a provider does, the money must be decided
            error = self._describe(failure, exchange, timeout_seconds)
        finally:
            EXCHANGE.reset(token)
        if error is None or (reply.complete and exchange.status == OK):
            error = self._found_in(reply, exchange)
        usage, cost = reply.bill
        return Outcome(
            sent=exchange.wire.sent,
            status=exchange.status,
            text=reply.text,
            finish_reason=reply.finish_reason,
            usage=usage,
            cost=cost,
            generation_id=exchange.wire.generation_id,
            answered_by=reply.model,
            error=error,
            latency_seconds=max(0.0, self._clock.monotonic() - started),
            date=exchange.headers.get("date"),
            beyond_text=bool(vectors) or reply.tool_calls,
            began=bool(vectors) or reply.began,
        )

    async def _converse(
        self,
        body: dict[str, Any],
        exchange: Exchange,
        reply: Reply,
        vectors: list[list[float]] | None,
        patience: asyncio.Timeout,
    ) -> None:
        client = await self._client()
        if vectors is None:
            async with client.chat.completions.with_streaming_response.create(
                model=body["model"], messages=body["messages"], extra_body=_rest(body)
            ) as response:
                await _read(response.iter_bytes(), reply, exchange, patience)
            return
        async with client.embeddings.with_streaming_response.create(
            model=body["model"], input=body["input"], encoding_format="float", extra_body=_rest(body)
        ) as answer:
            data = bytearray()
            try:
                async for piece in answer.iter_bytes():
                    data += piece
            finally:
                _take_embeddings(bytes(data), reply, vectors)

    def _describe(self, failure: Exception, exchange: Exchange, timeout_seconds: float) -> ProviderError:
        import openai  # noqa: PLC0415 - the client has loaded it already

        if isinstance(failure, openai.APIStatusError):
            return self._status_error(failure.response, exchange)
        if not exchange.wire.sent:
            why = one_line(why_unreached(failure), self._secrets)
            return _own(Shape.CONNECTION, "refused", f"could not connect: {why}")
        if isinstance(failure, TimeoutError | openai.APITimeoutError | httpx2.TimeoutException):
            return _own(Shape.CONNECTION, "timeout", f"no whole answer within {timeout_seconds:g} s")
        if isinstance(failure, ReplyTooLarge):
            return _own(Shape.READING, "too_large", str(failure))
        cause = failure.__cause__ or failure
        words = one_line(f"{type(cause).__name__}: {cause}", self._secrets)
        if isinstance(failure, httpx2.HTTPError | openai.APIConnectionError):
            return _own(Shape.CONNECTION, "cut", f"the connection broke ({words})")
        return _own(Shape.READING, "broken", f"the answer could not be read ({words})")

    def _status_error(self, response: httpx2.Response, exchange: Exchange) -> ProviderError:
        try:
            fields = as_mapping(parse_json(response.text))
        except ValueError:
            fields = {"message": without_json(response.status_code, response.text)}
        said = read_error(
            Shape.STATUS,
            fields.get("error") or fields,
            status=response.status_code,
            headers=exchange.headers,
            now=self._clock.now(),
            secrets=self._secrets,
        )
        if response.is_redirect:  # followed, it would be a second call under one hold
            there = one_line(exchange.headers.get("location", "nowhere"), self._secrets)
            return replace(said, message=f"status {response.status_code} sends callers to {there}", type=ELSEWHERE)
        if response.status_code in NO_SUCH_PATH and not fields.get("error"):
            return replace(said, type=ELSEWHERE)
        return said

    def _found_in(self, reply: Reply, exchange: Exchange) -> ProviderError | None:
        if reply.error is not None:
            shape, said = reply.error
            return read_error(shape, said, status=None, headers={}, now=self._clock.now(), secrets=self._secrets)
        if exchange.status != OK:
            return _own(Shape.STATUS, "broken", f"unexpected status {exchange.status}", exchange.status)
        if reply.broken is not None:
            return _own(Shape.READING, "broken", reply.broken)
        if not reply.ended and not reply.finish_reason:
            return _own(Shape.CONNECTION, "cut", "the stream ended before the answer did")
        return None


async def _drain(pieces: AsyncIterator[bytes]) -> None:
    """Read what follows the end of an answer (nothing, normally), so that the connection can be used again."""
    with suppress(TimeoutError, httpx2.HTTPError, ReplyTooLarge):
        async with asyncio.timeout(DRAIN_SECONDS):
            async for _ in pieces:
                pass


async def _read(pieces: AsyncIterator[bytes], reply: Reply, exchange: Exchange, patience: asyncio.Timeout) -> None:
    """Read an answer into `reply`; where the headers named no generation, commit the id that the answer names.

    What is complete is waited for no longer than its figures may take.
    """
    reader = ReplyReader(reply, exchange.max_bytes)
    hurried = False
    try:
        async for piece in pieces:
            reader.feed(piece)
            if reply.complete and not hurried:
                hurried = True
                until = asyncio.get_running_loop().time() + TAIL_SECONDS
                patience.reschedule(min(until, patience.when() or until))
            if exchange.wire.generation_id is None and reply.id is not None and reply.id.startswith("gen-"):
                await exchange.wire.named(generation_id_of(reply.id))
            if reply.ended:
                break
    finally:
        reader.close()
    await _drain(pieces)


def _rest(body: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name not in ("model", "messages", "input")}


def _unsendable(name: str, key: str) -> str | None:
    """Return why no header takes this key, or None."""
    for place, letter in enumerate(key, 1):
        if not "!" <= letter <= "~":
            setting = f"{name.upper()}_API_KEY"
            return f"{setting} cannot be sent: its character {place} is {_told(letter)}; copy the key anew"
    return None


def _told(letter: str) -> str:
    return f"U+{ord(letter):04X} ({unicodedata.name(letter, 'a control character').lower()})"


def _never_sent(error: ProviderError) -> Outcome:
    return Outcome(False, None, "", "", None, None, None, None, error, 0.0, began=False)


def _finite(number: Any) -> float:
    """Return the number of a vector; raises ValueError for one that no distance can be measured with."""
    value = float(number)
    if not math.isfinite(value):
        raise ValueError(number)
    return value


def _own(shape: Shape, kind: str, message: str, code: int | None = None) -> ProviderError:
    return ProviderError(shape, code, kind, message)


def _take_embeddings(data: bytes, reply: Reply, vectors: list[list[float]]) -> None:
    try:
        document = parse_json(data.decode("utf-8-sig", "replace"))
        reply.take(document, streamed=False)
        rows = _in_order(as_mapping(document).get("data") or [])
        vectors.extend([_finite(number) for number in row["embedding"]] for row in rows)
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
        vectors.clear()
        reply.broken = reply.broken or "the answer holds no embeddings"
    reply.ended = True


def _in_order(rows: Any) -> list[Any]:
    """Return the rows as their texts stood; a row without an `index` stands where it came."""
    places = [row.get("index") for row in rows]
    if sorted(place for place in places if isinstance(place, int)) != list(range(len(rows))):
        return list(rows)
    return sorted(rows, key=lambda row: row["index"])
