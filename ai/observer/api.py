"""The JSON and streaming routes that anyone may read."""

import json
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from ai.mind.journal import Event
from ai.observer.answers import accepts_gzip, answer, encoded_json, problem
from ai.observer.event_stream import EventStream
from ai.observer.events import LAST_SEQ, event_json, shown
from ai.observer.events_page import EventsPage
from ai.observer.frames import frame
from ai.observer.hosts import visitor_of
from ai.observer.kinds import EVERYTHING, kinds_shown
from ai.observer.money import month_json
from ai.observer.view import STREAMS, view_of

EVENTS_DEFAULT, EVENTS_MOST = 100, 1000  # rows of one answer of /api/events
LIVES_MOST = 100  # of one answer of /api/lives
PRIVATE = "money is private here (PUBLIC_BUDGET=off); send Authorization: Bearer ADMIN_TOKEN"


async def healthz(_request: Request) -> Response:
    """Answer that the process lives."""
    return PlainTextResponse("ok\n", headers={"cache-control": "no-store"})


async def readyz(request: Request) -> Response:
    """Answer 200 where everything is in order, else 503 with what is wrong."""
    view = view_of(request)
    problems = view.sight(request).filtered(list(await view.sources.ready()))
    status = 503 if problems else 200
    return answer(request, encoded_json({"ready": not problems, "problems": problems}), status=status, cache="no-store")


async def state(request: Request) -> Response:
    """Answer CONTRACT §3 state."""
    view = view_of(request)
    sight = view.sight(request)
    return answer(request, await view.document(f"state {sight.money}", sight.state.get))


async def budget(request: Request) -> Response:
    """Answer CONTRACT §3 budget, or 403 where money is private."""
    view = view_of(request)
    if not view.money(request):
        return problem(403, PRIVATE)
    return answer(request, await view.document("budget", view.budget.get))


async def month(request: Request) -> Response:
    """Answer what the charts draw: balance by the hour, spending by day and tier of this month."""
    view = view_of(request)
    if not view.money(request):
        return problem(403, PRIVATE)

    async def make() -> dict[str, Any]:
        return month_json(await view.figures(), await view.books(), view.sources.clock.now())

    return answer(request, await view.document("month", make))


async def models(request: Request) -> Response:
    """Answer the catalogue, best first."""
    view = view_of(request)
    sight = view.sight(request)
    return answer(request, await view.document(f"models {sight.money}", sight.models.get))


async def tweets(request: Request) -> Response:
    """Answer CONTRACT §3 tweets, newest first."""
    view = view_of(request)
    sight = view.sight(request)
    return answer(request, await view.document(f"tweets {sight.money}", sight.tweets.get))


async def lives(request: Request) -> Response:
    """Answer the chronicle, newest life first; `before` and `limit` page through a long one."""
    view = view_of(request)
    try:
        before = number_of(request, "before", None, LAST_SEQ)
        limit = number_of(request, "limit", LIVES_MOST, LIVES_MOST) or 1
    except ValueError as error:
        return problem(400, str(error))

    rows = await view.sight(request).lives(limit, before)
    return answer(request, await view.reader.work(lambda: encoded_json(rows)))


async def events(request: Request) -> Response:
    """Answer events above `after` (oldest first) or below `before` (newest first), of the kinds that `show` names."""
    view = view_of(request)
    try:
        after = number_of(request, "after", None, LAST_SEQ)
        before = number_of(request, "before", None, LAST_SEQ)
        limit = number_of(request, "limit", EVENTS_DEFAULT, EVENTS_MOST) or 1
        kinds = kinds_shown(request.query_params.get("show", EVERYTHING))
    except ValueError as error:
        return problem(400, str(error))
    if after is not None and before is not None:
        return problem(400, "after and before exclude each other; give one of them")
    if after is None and before is None:
        after = 0
    seen_by = {"money": view.money(request), "names": view.names(request)}
    page = EventsPage(kinds, limit, after, before, **seen_by, zipped=accepts_gzip(request))
    whole = None
    while whole is None:
        whole = await view.reader.read(page.go_on)
    return answer(request, whole)


async def stream(request: Request) -> Response:
    """Stream events as they happen; the id is `seq`, `Last-Event-ID` (or `after`) resumes without a gap.

    `show` filters; where it leaves the newest events out, an event `seq` without data moves the id on.
    """
    view = view_of(request)
    money, names = view.money(request), view.names(request)
    try:
        kinds = kinds_shown(request.query_params.get("show", EVERYTHING))
    except ValueError as error:
        return problem(400, str(error))

    def tell(event: Event) -> str | None:
        return (
            json.dumps(event_json(event, money=money, names=names), ensure_ascii=False) if shown(event, kinds) else None
        )

    return live(request, f"json {request.query_params.get('show', EVERYTHING)} {money} {names}", tell)


def live(request: Request, flavour: str, tell: Callable[[Event], str | None]) -> Response:
    """Stream what `tell` makes of each event (None: nothing); streams of one `flavour` share each frame."""
    view = view_of(request)
    try:
        start = resume_point(request)
    except ValueError as error:
        return problem(400, str(error))
    if request.method == "HEAD":  # what a stream would be, without its place
        return Response(media_type=EventStream.media_type, headers={"cache-control": "no-store"})
    who = visitor_of(request.scope)
    room = view.tail.readers < STREAMS if view.places is None else view.places.room_for_stream(who, STREAMS)
    if not room:
        return problem(503, f"{STREAMS} streams are open; come again in a minute", {"retry-after": "60"})
    after = view.tail.newest if start is None else start
    frames = (lambda event: view.frames.of(event, flavour, tell), lambda event: frame(event.seq, tell(event)))
    return EventStream(view.tail, after, frames, view.reader, who)


def resume_point(request: Request) -> int | None:
    """Return the number after which to go on: `Last-Event-ID` where the browser resumes, else `after`, else None."""
    last = request.headers.get("last-event-id")
    if last is not None and last != "":
        if not last.isascii() or not last.isdigit() or len(last) > len(str(LAST_SEQ)) or int(last) > LAST_SEQ:
            raise ValueError(f"Last-Event-ID {last[:40]!r} is no event number; send the id of the last event you saw")
        return int(last)
    return number_of(request, "after", None, LAST_SEQ)


def number_of(request: Request, name: str, default: int | None, most: int) -> int | None:
    """Return a whole number of the address, `default` where it lacks; raises ValueError."""
    text = request.query_params.get(name)
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or len(text) > len(str(most)) or int(text) > most:
        raise ValueError(f"{name}={text[:40]!r} is no whole number from 0 to {most}")
    return int(text)
