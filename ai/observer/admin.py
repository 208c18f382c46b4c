"""The admin routes: a bearer token, a whole and valid JSON body, and one row for the daemon to carry out."""

import json
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ai.mind.commands import CommandRefused
from ai.observer.answers import problem
from ai.observer.hosts import visitor_of
from ai.observer.view import View, view_of

TOPUP_MOST_USD = Decimal(10_000)  # more by one command is rather a slip of the finger
LARGEST_ID = 2**63 - 1
LETTER_VERDICTS = {"approve": "release_letter", "refuse": "refuse_letter"}

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4000)]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]


class Nothing(BaseModel):
    """No parameters."""

    model_config = ConfigDict(extra="forbid")


class Kill(Nothing):
    """What the life dies of."""

    cause: Name


class Topup(Nothing):
    """Money into this month; `id` makes a repeated request the same top-up."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)
    amount: Annotated[Decimal, Field(gt=0, le=TOPUP_MOST_USD, max_digits=14, decimal_places=9, allow_inf_nan=False)]
    donor: Name = Field(alias="from")
    id: Annotated[str, StringConstraints(pattern=r"^[\w.:/-]{1,100}$")] | None = None


class Say(Nothing):
    """A message of the caretaker."""

    text: Text


ORDERS: dict[str, type[Nothing]] = {"pause": Nothing, "resume": Nothing, "kill": Kill, "topup": Topup, "say": Say}
EXAMPLES = {
    "pause": "{}",
    "resume": "{}",
    "kill": '{"cause":"old age"}',
    "topup": '{"amount":"1.00","from":"Ann"}',
    "say": '{"text":"Hello"}',
}


class BadOrder(Exception):
    """The parameters of a command are not valid; the message is one line for people."""


def order(kind: str, given: object) -> dict[str, Any]:
    """Return the parameters of command `kind` as the daemon takes them; raises BadOrder."""
    try:
        parsed = ORDERS[kind].model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "body"
        raise BadOrder(f"{where}: {first['msg']}; send {EXAMPLES[kind]}") from None
    data = parsed.model_dump(mode="json", by_alias=True, exclude_none=True)
    if isinstance(parsed, Topup):
        data["amount"] = f"{parsed.amount:f}"
    return data


def guarded(route: Callable[[Request, View], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    """Let only the bearer of ADMIN_TOKEN through, not too often."""

    async def checked(request: Request) -> Response:
        view, who = view_of(request), visitor_of(request.scope)
        gate = view.gate
        if gate.locked:
            return problem(403, "ADMIN_TOKEN is not set, so nobody may administer; set it and start again")
        if not gate.bearer(request):  # a wrong one ended at the door
            return problem(401, "no token; send Authorization: Bearer ADMIN_TOKEN", {"www-authenticate": "Bearer"})
        wait = gate.busy.wait_seconds(who)
        if wait:
            return problem(429, f"too many requests; wait {wait} s", {"retry-after": str(wait)})
        gate.busy.count(who)
        try:
            return await route(request, view)
        except BadOrder as error:
            return problem(400, str(error))
        except CommandRefused as error:
            return problem(503, str(error))

    return checked


@guarded
async def command(request: Request, view: View) -> Response:
    """POST /api/admin/{kind}: ask for it; 202 with the row's id."""
    kind = request.path_params["kind"]
    if kind not in ORDERS:
        return problem(404, f"no command {kind[:40]!r}; one of {', '.join(ORDERS)}")
    return _accepted(kind, view.sources.command(kind, order(kind, await _body(request))))


@guarded
async def tweet(request: Request, view: View) -> Response:
    """POST /api/admin/tweets/{id}/{approve|refuse}: decide on a waiting post."""
    post, verdict = request.path_params["id"], request.path_params["verdict"]
    if verdict not in {"approve", "refuse"} or post > LARGEST_ID:
        return problem(404, f"no such decision; POST /api/admin/tweets/{min(post, LARGEST_ID)}/approve or …/refuse")
    order("pause", await _body(request))
    return _accepted(verdict, view.sources.command(verdict, {"id": post}))


@guarded
async def letter(request: Request, view: View) -> Response:
    """POST /api/admin/letters/{id}/{approve|refuse}: decide on a letter of a visitor."""
    number, verdict = request.path_params["id"], request.path_params["verdict"]
    if verdict not in LETTER_VERDICTS or number > LARGEST_ID:
        return problem(404, f"no such decision; POST /api/admin/letters/{min(number, LARGEST_ID)}/approve or …/refuse")
    order("pause", await _body(request))
    kind = LETTER_VERDICTS[verdict]
    return _accepted(kind, view.sources.command(kind, {"id": number}))


def _accepted(kind: str, row: int) -> Response:
    return JSONResponse({"command": row, "kind": kind}, 202, {"cache-control": "no-store"})


async def _body(request: Request) -> object:
    body = await request.body()
    if not body.strip():
        return {}
    try:
        return json.loads(body, parse_float=Decimal, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise BadOrder("the body is not JSON; send one object in UTF-8") from None


def _no_constant(name: str) -> object:
    raise ValueError(name)
