"""The gateway's addresses: `/v1/…`, and the same under `/runs/{run}/v1/…`."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ai.credit_tracker import Caller
from ai.gateway import catalogue
from ai.gateway.attempt import Request as CallRequest
from ai.gateway.dialects.chat import CHAT
from ai.gateway.dialects.embeddings import EMBEDDINGS
from ai.gateway.dialects.messages import MESSAGES
from ai.gateway.dialects.responses import RESPONSES
from ai.gateway.door import Door, asked_of, shaped
from ai.gateway.headers import read_options
from ai.gateway.reading import headers_of, parsed, read_body
from ai.gateway.refusals import Refusal
from ai.gateway.translate.completions import COMPLETIONS_DIALECT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from starlette.requests import Request

    from ai.gateway.dialects.asked import Dialect
    from ai.gateway.gateway import Gateway

    Work = Callable[[Door, Request], Awaitable[Response]]

CALLED = (CHAT, COMPLETIONS_DIALECT, EMBEDDINGS, RESPONSES, MESSAGES)
OLD = {"completions": COMPLETIONS_DIALECT, "embeddings": EMBEDDINGS}  # of openai 0.27's `engine=`
NO_UPGRADE = {"Upgrade": "HTTP/1.1", "Connection": "Upgrade"}  # RFC 9110, 15.5.22
NOT_ALLOWED = 405
USUAL_BYTES_PER_TOKEN = 4  # about, for who asks how many tokens a text has


def create_app(gateway: Gateway) -> Starlette:
    """Return the app that answers for `gateway`."""
    door = Door(gateway)
    routes = [Route("/healthz", healthz)]
    routes += [route for prefix in ("", "/runs/{run}") for route in _routes(door, prefix)]

    @contextlib.asynccontextmanager
    async def living(_app: Starlette) -> AsyncIterator[None]:
        yield

    return Starlette(routes=routes, exception_handlers={HTTPException: _no_route}, lifespan=living)


def _routes(door: Door, prefix: str) -> list[Route]:
    """Return the addresses under `prefix`; errors have the shape of the dialect, OpenAI's where there is none."""

    def route(path: str, work: Work, method: str = "POST", dialect: Dialect = CHAT) -> Route:
        async def answer(request: Request) -> Response:
            return await shaped(dialect, lambda: work(door, request))

        return Route(f"{prefix}/v1{path}", answer, methods=[method])

    return [
        *(_calling(door, f"{prefix}/v1{dialect.path}", dialect) for dialect in CALLED),
        *(_calling(door, f"{prefix}/v1/engines/{{id:path}}/{name}", dialect) for name, dialect in OLD.items()),
        route("/responses", no_socket, "GET"),
        route("/messages/count_tokens", count_tokens, dialect=MESSAGES),
        route("/models", models, "GET"),
        route("/models/{id:path}", model, "GET"),
        route("/estimate", estimate),
    ]


def _calling(door: Door, path: str, dialect: Dialect) -> Route:
    async def call(request: Request) -> Response:
        return await door.call(request, dialect, request.path_params.get("id"))

    return Route(path, call, methods=["POST"])


async def healthz(_request: Request) -> Response:
    """Say that the process lives; beside a mind the page answers this."""
    return JSONResponse({"ok": True})


async def no_socket(_door: Door, request: Request) -> Response:
    """Send who asks for Responses over a WebSocket to the POST: Codex falls back at once on this status alone."""
    if request.headers.get("upgrade", "").lower() != "websocket":
        raise HTTPException(405, headers={"Allow": "POST"})
    raise Refusal(426, "there is no WebSocket here; POST the request", code="no_websocket", headers=NO_UPGRADE)


async def models(door: Door, request: Request) -> Response:
    """List the models that the key may call."""
    headers = headers_of(request)
    key = await door.key(headers)
    read_options(headers, request.path_params.get("run"))
    return JSONResponse(catalogue.listing(door.rooms.catalogue.models(), key.terms.models))


async def model(door: Door, request: Request) -> Response:
    """Tell of one model."""
    key = await door.key(headers_of(request))
    return JSONResponse(catalogue.one(request.path_params["id"], door.rooms.catalogue.models(), key.terms.models))


async def estimate(door: Door, request: Request) -> Response:
    """Tell what a call would cost; nothing is sent."""
    headers = headers_of(request)
    key, options = await door.key(headers), read_options(headers, request.path_params.get("run"))
    raw = await read_body(request)
    body = parsed(raw)
    dialect = dialect_of(body)
    caller = Caller(key.name, options.run or "", key.secret_hash, options.max_cost)
    asked = CallRequest(dialect, body, await asked_of(dialect, body, len(raw)), options, caller)
    return JSONResponse(await catalogue.estimate(door.gateway, asked, key))


async def count_tokens(door: Door, request: Request) -> Response:
    """Tell about how many tokens a body of Messages has, as Anthropic's clients ask before they call."""
    await door.key(headers_of(request))
    raw = await read_body(request)
    asked = await asked_of(MESSAGES, {**parsed(raw), "max_tokens": 1}, len(raw))
    return JSONResponse({"input_tokens": asked.input_tokens // USUAL_BYTES_PER_TOKEN})


def dialect_of(body: dict[str, Any]) -> Dialect:
    """Return which dialect a body is of, by the fields that only one has."""
    if "prompt" in body and "messages" not in body and "input" not in body:
        return COMPLETIONS_DIALECT
    if "input" in body:
        embeds = "embed" in str(body.get("model")) and "instructions" not in body
        return EMBEDDINGS if embeds else RESPONSES
    anthropic = {"system", "stop_sequences", "thinking"} & body.keys()
    return MESSAGES if anthropic else CHAT


async def _no_route(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - Starlette's signature is wider than what it hands in
    if error.status_code == NOT_ALLOWED:
        allowed = (error.headers or {}).get("Allow", "another method")
        refusal = Refusal(NOT_ALLOWED, f"{request.method} is not taken here; use {allowed}", code="method_not_allowed")
    else:
        refusal = Refusal(error.status_code, f"no such address: {error.detail}", code="not_found")
    return JSONResponse(CHAT.error(refusal), refusal.status, error.headers)


def covers(path: str) -> bool:
    """Return whether a path is the gateway's, where it stands beside another app."""
    return path == "/v1" or path.startswith(("/v1/", "/runs/"))
