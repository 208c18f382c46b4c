"""The pages for people, rendered whole on the server, so that they can be read without JavaScript."""

import contextlib
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from functools import partial, wraps
from typing import Any, TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from ai.clock import parse_rfc3339
from ai.ledger.errors import LedgerError
from ai.mind.database import MindDatabase
from ai.mind.journal import Event
from ai.observer.answers import Encoded, answer, encoded
from ai.observer.api import live
from ai.observer.events import LAST_SEQ, one_event, page_of, shown
from ai.observer.kinds import GROUPS, STORY, kinds_shown
from ai.observer.money import days_words, given, month_json, month_words, projection, share, usd_of_nanos
from ai.observer.month import Figures, first_seq_of
from ai.observer.rendering import TEMPLATES
from ai.observer.sight import Sight
from ai.observer.sources import Budget, LifeRow, State
from ai.observer.veil import veiled
from ai.observer.view import View, view_of
from ai.observer.words import told
from ai.people.letters import answered_by
from ai.people.works import published

EVENTS_A_PAGE = 40
LIFE_THOUGHTS = 30
LIFE_WORKS = 100  # of one life that are named
LIVES_A_PAGE = 50
MODELS_SHOWN = 40  # of the catalogue's hundreds: the preferred ones, and all that were used

BEAT_MOST = timedelta(seconds=300)  # a beat ends by then; one that began earlier was cut short

T = TypeVar("T")
Endpoint = Callable[[Request], Awaitable[Response]]


async def or_none(asked: Awaitable[T]) -> T | None:
    """Return what is asked for, None while the purse or the database is away: a page is shown all the same."""
    with contextlib.suppress(LedgerError, TimeoutError):
        return await asked
    return None


async def now_context(request: Request, view: View) -> dict[str, Any]:
    """Return what every page needs: who lives and what is left, as this visitor may see it."""
    facts = await _facts(view, view.sight(request))
    return facts | {"caretaker": view.gate.session(request), "locked": view.gate.locked}


async def _facts(view: View, sight: Sight) -> dict[str, Any]:
    money = sight.money
    state = await sight.state.get()
    budget = await or_none(view.budget.get()) if money else None
    figures = await view.figures()
    latest = await view.latest.get()
    now = view.sources.clock.now()
    dead = None if state["alive"] else _last_dead(await or_none(sight.newest_life.get()))
    return {
        "state": state,
        "mode": mode_of(state, dead),
        "money": money,
        "budget": budget,
        "month_name": f"{now:%B}",
        "last_call": told(figures.last_call, money=money) if figures.last_call else None,
        "thought": told(latest.thought, money=money) if latest.thought else None,
        "dead": dead,
        "now": now,
        "thinking": latest.begun is not None and now - latest.begun < BEAT_MOST,
        "newest": view.tail.newest,
        "settings": view.sources.settings,
        **(_purse(budget, figures, now) if budget else {}),
    }


def _purse(budget: Budget, figures: Figures, now: datetime) -> dict[str, Any]:
    last = figures.last_call.data.get("cost_nanos") if figures.last_call else None
    return {
        "gauge": {"left": 100 * share(budget["available"], str(given(budget)))},
        "last_cost": "free" if last == 0 else usd_of_nanos(last, 4),
        "month_words": month_words(budget, now),
        "resets": parse_rfc3339(budget["resets_at"]),
        "projection": projection(budget, now),
    }


def mode_of(state: State, dead: LifeRow | None) -> str:
    """Return the one word that says how it is: alive, paused, bankrupt, dead, unborn; `dead` is who died last."""
    if not state["alive"]:
        return "unborn" if dead is None else "dead"
    if state["paused"]:
        return "paused"
    return "bankrupt" if state["budget"]["band"] == "bankrupt" else "alive"


def _last_dead(lives: Sequence[LifeRow] | None) -> LifeRow | None:
    return next((life for life in lives or () if life["died_at"] is not None), None)


async def page(request: Request, name: str, context: dict[str, Any], *, status: int = 200) -> Response:
    """Render a template as a whole answer."""
    cache = "private, no-store" if context.get("caretaker") else "private, no-cache"
    return answer(request, await _whole(request, name, context), status=status, cache=cache)


def shared_page(facts: Callable[[Request], Awaitable[tuple[str, dict[str, Any]]]]) -> Endpoint:
    """Serve the page that `facts` names and fills; all strangers who ask for it without a query share one rendering."""

    @wraps(facts)
    async def show(request: Request) -> Response:
        view = view_of(request)
        if request.url.query or view.gate.is_caretaker(request):
            return await page(request, *await facts(request))

        async def make() -> Encoded:
            return await _whole(request, *await facts(request))

        return answer(request, await view.shared(f"{request.url.path} {view.money(request)}", make))

    return show


async def _whole(request: Request, name: str, context: dict[str, Any]) -> Encoded:
    """Render a template in the readers' thread."""
    view = view_of(request)
    seen = {**context, "asset": view.assets.url, "path": request.url.path}
    return await view.reader.work(partial(_rendered, name, seen))


def _rendered(name: str, context: dict[str, Any]) -> Encoded:
    return encoded(TEMPLATES.get_template(name).render(context).encode("utf-8", "replace"), "text/html; charset=utf-8")


@shared_page
async def home(request: Request) -> tuple[str, dict[str, Any]]:
    """GET /: who lives, how it goes, and the stream of what happens; `show` filters, `before` goes back."""
    view = view_of(request)
    show = request.query_params.get("show", STORY)
    try:
        kinds = kinds_shown(show)
        before = seq_of(request.query_params["before"]) if "before" in request.query_params else None
    except ValueError as error:
        raise HTTPException(404, str(error)) from error
    context = await now_context(request, view)
    found = await view.reader.read(lambda mind: page_of(mind, kinds, limit=EVENTS_A_PAGE + 1, before=before))
    items = [told(event, money=context["money"], names=view.names(request)) for event in found[:EVENTS_A_PAGE]]
    older = items[-1].seq if len(found) > EVENTS_A_PAGE else None
    context |= {"groups": GROUPS, "show": show, "before": before, "events": items, "older": older}
    return "home.html", context


async def now(request: Request) -> Response:
    """GET /now: the parts of the first page that change with every beat, for the page's own script.

    After a beat every open page asks for it; those that see the same share one rendering.
    """
    view = view_of(request)
    sight = view.sight(request)

    async def render() -> Encoded:
        facts = await _facts(view, sight)
        return await view.reader.work(lambda: _rendered("live.html", facts))

    return answer(request, await view.shared(f"now {sight.money}", render))


async def stream(request: Request) -> Response:
    """GET /live: the stream of `/api/stream`, each event as the page's own HTML.

    Events that the filter `view` leaves out come as an empty item with their kind: the page's pulse needs them.
    """
    view, show = view_of(request), request.query_params.get("view", STORY)
    money, names = view.money(request), view.names(request)
    try:
        kinds = kinds_shown(show)
    except ValueError as error:
        raise HTTPException(404, str(error)) from error
    item, silent = TEMPLATES.get_template("item.html"), TEMPLATES.get_template("silent.html")

    def tell(event: Event) -> str:
        if not shown(event, kinds):
            return silent.render(kind=event.kind)
        return item.render(event=told(event, money=money, names=names))

    return live(request, f"html {show} {money} {names}", tell)


async def event(request: Request) -> Response:
    """GET /events/{seq}: one event, whole, with its neighbours."""
    view, seq = view_of(request), request.path_params["seq"]
    if seq > LAST_SEQ:
        raise HTTPException(404, f"there is no event {seq}")
    found, later, earlier = await view.reader.read(lambda mind: _with_neighbours(mind, seq))
    if found is None:
        raise HTTPException(404, f"there is no event {seq} (any more)")
    context = await now_context(request, view)
    context |= {"event": told(found, money=context["money"], names=view.names(request), whole=True), "beat": found.beat}
    return await page(request, "event.html", context | {"later": later, "earlier": earlier})


def _with_neighbours(mind: MindDatabase, seq: int) -> tuple[Event | None, int | None, int | None]:
    later = page_of(mind, None, limit=1, after=seq)
    earlier = page_of(mind, None, limit=1, before=seq)
    return one_event(mind, seq), later[0].seq if later else None, earlier[0].seq if earlier else None


@shared_page
async def money(request: Request) -> tuple[str, dict[str, Any]]:
    """GET /money: the month in charts, tables and words."""
    view = view_of(request)
    context = await now_context(request, view)
    if context["budget"]:
        books = await view.books()
        context |= {"month": month_json(await view.figures(), books, context["now"])}
        context |= {"days_words": days_words(books.days, context["now"])}
    return "money.html", context


@shared_page
async def models(request: Request) -> tuple[str, dict[str, Any]]:
    """GET /models: which models it used, how well they answered, and which it would take next."""
    view = view_of(request)
    context = await now_context(request, view)
    figures = await view.figures()
    rows = await or_none(view.sight(request).models.get()) or ()
    used = [row for row in rows if row["id"] in figures.models or row["id"] in figures.failures]
    others = [row for row in rows if row not in used][:MODELS_SHOWN]
    gone = [model for model in figures.models if model not in {row["id"] for row in rows}]
    costs = {row["model"]: row["cost"] for row in (context["budget"] or {"by_model": ()})["by_model"]}
    context |= {"costs": costs, "used": used, "others": others, "gone": gone, "figures": figures, "known": len(rows)}
    return "models.html", context


async def moved_to_models(_request: Request) -> Response:
    """GET /minds: what the page of models was called before; links to it stay good."""
    return RedirectResponse("/models", status_code=301)


@shared_page
async def posts(request: Request) -> tuple[str, dict[str, Any]]:
    """GET /posts: what it said to the world, and what waits for a person."""
    view = view_of(request)
    context = await now_context(request, view)
    found = await or_none(view.sight(request).tweets.get()) or ()
    context |= {
        "waiting": [post for post in found if post["state"] == "awaiting_approval"],
        "posts": [post for post in found if post["state"] != "awaiting_approval"],
    }
    return "posts.html", context


@shared_page
async def lives(request: Request) -> tuple[str, dict[str, Any]]:
    """GET /lives: the chronicle, LIVES_A_PAGE at a time; `before` goes back."""
    view = view_of(request)
    try:
        before = seq_of(request.query_params["before"]) if "before" in request.query_params else None
    except ValueError as error:
        raise HTTPException(404, str(error)) from error
    found = await view.sight(request).lives(LIVES_A_PAGE + 1, before)
    context = await now_context(request, view)
    older = found[LIVES_A_PAGE - 1]["number"] if len(found) > LIVES_A_PAGE else None
    return "lives.html", context | {"lives": found[:LIVES_A_PAGE], "older": older}


async def life(request: Request) -> Response:
    """GET /lives/{number}: one life as a story."""
    view, number = view_of(request), request.path_params["number"]
    found = await view.sight(request).lives(1, number + 1) if number < LAST_SEQ else ()
    if not found or found[0]["number"] != number:
        raise HTTPException(404, f"there was no life {min(number, LAST_SEQ)}")
    row = found[0]
    context = await now_context(request, view)
    thoughts, works, answered = await view.reader.read(
        lambda mind: (
            _thoughts_of(mind, row),
            published(mind, LIFE_WORKS, life=number),
            answered_by(mind, number),
        )
    )
    titles = [{"slug": work.slug, "at": work.at, "title": work.title} for work in works]
    context |= {"life": row, "thoughts": [told(event, money=context["money"]) for event in thoughts]}
    context |= {"works": titles if context["money"] else veiled(titles), "answered": answered}
    return await page(request, "life.html", context)


def wants_page(request: Request) -> bool:
    """Tell whether a refusal is read by a person: a browser asked for one of the pages."""
    path = request.url.path
    return "text/html" in request.headers.get("accept", "") and not path.startswith(("/api/", "/static/", "/webhooks/"))


async def problem_page(request: Request, status: int, text: str) -> Response:
    """Return a refusal as a page."""
    title = {404: "Not here", 403: "Not allowed", 405: "Not this way"}.get(status, "That did not work")
    context = await now_context(request, view_of(request))
    return await page(request, "problem.html", context | {"title": title, "text": text}, status=status)


def _thoughts_of(mind: MindDatabase, row: LifeRow) -> list[Event]:
    """Return the last thoughts of a life: below the first event after its death, by halving on time."""
    before = None if row["died_at"] is None else first_seq_of(mind, row["died_at"])
    found = page_of(mind, ("thought",), limit=LIFE_THOUGHTS, before=before)
    return [event for event in found if event.life == row["number"]]


def seq_of(text: str) -> int:
    """Return an event number of an address; raises ValueError where it is none."""
    if not text.isascii() or not text.isdigit() or len(text) > len(str(LAST_SEQ)) or int(text) > LAST_SEQ:
        raise ValueError(f"{text[:40]!r} is no event number")
    return int(text)
