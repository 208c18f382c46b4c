"""The API as an OpenAPI document: made from the types that the code itself uses, served at `/openapi.json`."""

import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from pydantic import TypeAdapter
from starlette.requests import Request
from starlette.responses import Response

from ai.model_config.row import ModelRow
from ai.observer import documents as told
from ai.observer.admin import EXAMPLES, ORDERS
from ai.observer.answers import answer, encoded_json
from ai.observer.kinds import EVERYTHING, GROUPS, STORY
from ai.observer.sources import (
    Budget,
    LifeRow,
    State,
    Tweet,
)
from ai.observer.visitors import EXAMPLES as VISITORS_EXAMPLES
from ai.observer.visitors import NewLetter, NewVote
from ai.people.letters import Conversation

REF = "#/components/schemas/{model}"
LAST_SEQ, MOST_EVENTS, MOST_LIVES = 2**63 - 1, 1000, 100
MONEY = {"pattern": r"^-?\d+\.\d{9}$", "examples": ["4.731250000"]}  # USD, exact
MONEY_NAMES = frozenset({"available", "granted", "donated", "spent", "held", "cost", "left", "given", "even_pace"})
REFUSALS = {
    400: "A parameter or the body is wrong",
    401: "The token is wrong, or there is none where one is needed",
    403: "Money is private here, or nobody may administer",
    409: "Nobody lives whom it could concern",
    404: "There is no such thing",
    408: "The body was not whole in time",
    413: "The body is too long",
    421: "The Host is none of ours",
    429: "Too many requests or wrong tokens; Retry-After says how long to wait",
    503: "A store cannot be read, or there is no room; Retry-After says when to come again",
}
EVERYWHERE = (401, 421, 429, 503)  # a wrong token, a foreign Host and a full house are answered so at every address


@dataclass(frozen=True, slots=True)
class Operation:
    """One address: what it gives (None: text), what it takes, and how else it may answer."""

    summary: str
    gives: Any
    takes: Sequence[Mapping[str, Any]] = ()
    body: Any = None  # a pydantic model; EXAMPLES has one of it under the address's last word
    status: int = 200
    refusals: Sequence[int] = ()
    method: str = "get"
    media: str = "application/json"
    also: "Operation | None" = None  # another method of the same address


def _query(name: str, schema: Mapping[str, Any], meaning: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "schema": schema, "description": meaning}


def _number(least: int = 0, most: int = LAST_SEQ) -> dict[str, Any]:
    return {"type": "integer", "minimum": least, "maximum": most}


SHOW = _query("show", {"enum": [STORY, EVERYTHING, *(group.name for group in GROUPS)]}, "a filter of kinds")
AFTER = _query("after", _number(), "above this number, oldest first; not together with `before`")
BEFORE = _query("before", _number(), "below this number, newest first")
LAST_ID = {"name": "Last-Event-ID", "in": "header", "required": False, "schema": _number()}
POST_ID = {"name": "id", "in": "path", "required": True, "schema": _number()}
VERDICT = {"name": "verdict", "in": "path", "required": True, "schema": {"enum": ["approve", "refuse"]}}
CARETAKER = (400, 403, 404, 408, 413)

OPERATIONS: dict[str, Operation] = {
    "/healthz": Operation("The process lives", None, media="text/plain"),
    "/readyz": Operation("Whether everything is in order; 503 where it is not", told.Ready),
    "/api/state": Operation("Who lives and how it goes", State),
    "/api/budget": Operation("The month's money", Budget, refusals=(403,)),
    "/api/month": Operation("What the charts draw", told.Month, refusals=(403,)),
    "/api/models": Operation("The catalogue, best first", Sequence[ModelRow]),
    "/api/tweets": Operation("Posts, newest first", Sequence[Tweet]),
    "/api/lives": Operation(
        "Every life, newest first",
        Sequence[LifeRow],
        (BEFORE, _query("limit", _number(0, MOST_LIVES), "rows at most")),
        refusals=(400,),
    ),
    "/api/letters": Operation(
        "The conversation with people, newest first: what is public",
        Sequence[Conversation],
        (BEFORE, _query("limit", _number(0, MOST_LIVES), "rows at most")),
        refusals=(400,),
        also=Operation(
            "A visitor writes to the mind", told.LetterKept, (), NewLetter, 202, (400, 403, 408, 413), method="post"
        ),
    ),
    "/api/votes": Operation(
        "A visitor votes on the life that lives now", told.VoteKept, (), NewVote, 202, (400, 403, 408, 409, 413),
        method="post",
    ),
    "/api/events": Operation(
        "The journal, a page at a time",
        told.Events,
        (AFTER, BEFORE, SHOW, _query("limit", _number(0, MOST_EVENTS), "rows at most")),
        refusals=(400,),
    ),
    "/api/stream": Operation(
        "Events as they happen: each has its `seq` as id and a row of `/api/events` as data",
        None,
        (LAST_ID, AFTER, SHOW),
        refusals=(400,),
        media="text/event-stream",
    ),
    "/metrics": Operation("Figures for Prometheus", None, media="text/plain"),
    **{
        f"/api/admin/{kind}": Operation(
            f"The caretaker asks for: {kind}", told.Accepted, (), body, 202, CARETAKER, method="post"
        )
        for kind, body in ORDERS.items()
    },
    "/api/admin/tweets/{id}/{verdict}": Operation(
        "The caretaker decides on a waiting post", told.Accepted, (POST_ID, VERDICT), ORDERS["pause"], 202, CARETAKER,
        method="post",
    ),
    "/api/admin/letters/{id}/{verdict}": Operation(
        "The caretaker decides on a visitor's letter", told.Accepted, (POST_ID, VERDICT), ORDERS["pause"], 202,
        CARETAKER, method="post",
    ),
}  # fmt: skip


def operations() -> list[tuple[str, Operation]]:
    """Return each operation with its address: one a method."""
    both = [(path, one) for path, first in OPERATIONS.items() for one in (first, first.also)]
    return [(path, one) for path, one in both if one is not None]


@functools.cache
def document() -> dict[str, Any]:
    """Return the OpenAPI 3.1 document."""
    wanted = {operation.gives for _, operation in operations() if operation.gives is not None}
    wanted |= {operation.body for _, operation in operations() if operation.body is not None}
    adapters = [(kind, "validation", TypeAdapter(kind)) for kind in sorted({*wanted, told.Refused}, key=str)]
    schemas, definitions = TypeAdapter.json_schemas(adapters, ref_template=REF)  # type: ignore[arg-type]
    components = definitions.get("$defs", {})
    for schema in components.values():
        _sharpen(schema)
    named = {kind: schema for (kind, _), schema in schemas.items()}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Genesis: the Observer's API",
            "version": _version(),
            "description": "Money is decimal text in USD with 9 places, times are RFC 3339 in UTC, unknown is null.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "paths": {
            path: {one.method: _operation(path, one, named) for where, one in operations() if where == path}
            for path in OPERATIONS
        },
        "components": {
            "schemas": components,
            "securitySchemes": {"caretaker": {"type": "http", "scheme": "bearer", "description": "ADMIN_TOKEN"}},
        },
    }


async def openapi(request: Request) -> Response:
    """Answer the document."""
    return answer(request, encoded_json(document()))


def _operation(path: str, one: Operation, named: Mapping[Any, Any]) -> dict[str, Any]:
    caretaker = path.startswith("/api/admin/")
    name = path.strip("/").replace("/", "_").replace("{", "").replace("}", "")
    content = {one.media: {"schema": {"type": "string"} if one.gives is None else named[one.gives]}}
    refused = {"application/json": {"schema": named[told.Refused]}}
    described: dict[str, Any] = {
        "operationId": name if OPERATIONS[path] is one else f"{one.method}_{name}",
        "summary": one.summary,
        "parameters": list(one.takes),
        "security": [{"caretaker": []}] if caretaker else [{}, {"caretaker": []}],
        "responses": {
            str(one.status): {"description": one.summary, "content": content},
            **({"304": {"description": "You have it already (If-None-Match)"}} if one.status == 200 else {}),  # noqa: PLR2004
            **{
                str(code): {"description": REFUSALS[code], "content": refused}
                for code in sorted({*one.refusals, *EVERYWHERE})
            },
        },
    }
    if path == "/readyz":
        either = {"anyOf": [named[one.gives], named[told.Refused]]}
        described["responses"]["503"]["content"] = {"application/json": {"schema": either}}
    if one.body is not None:
        example = json.loads((EXAMPLES | VISITORS_EXAMPLES).get(path.rsplit("/", 1)[-1], "{}"))
        media = {"schema": named[one.body], "example": example}
        described["requestBody"] = {"required": bool(example), "content": {"application/json": media}}
    return described


def _sharpen(schema: dict[str, Any]) -> None:
    """Say what the types do not: no other fields, and the forms of money and times."""
    if "properties" in schema:
        schema["additionalProperties"] = False
    for name, field in schema.get("properties", {}).items():
        for form in (field, *field.get("anyOf", ())):
            if form.get("type") == "string" and name in MONEY_NAMES:
                form.update(MONEY)
            elif form.get("type") == "string" and name.endswith("_at"):
                form["format"] = "date-time"


def _version() -> str:
    try:
        return version("genesis-ai")
    except PackageNotFoundError:  # a checkout that is not installed
        return "0"
