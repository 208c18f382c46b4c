"""The Observer's app: which address is answered by what."""

import contextlib
import sqlite3
from collections.abc import AsyncIterator, Sequence

from starlette.applications import Starlette
from starlette.convertors import Convertor, register_url_convertor
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from ai.ledger.errors import LedgerError
from ai.observer import admin, api, caretaker, gateway, kofi, metrics, openapi, pages, visitors, works
from ai.observer.answers import problem
from ai.observer.bodies import Bodies
from ai.observer.gate import Doorkeeper
from ai.observer.headers import FrontDoor
from ai.observer.mounts import Mounted, Mounts
from ai.observer.once_a_minute import OnceAMinute
from ai.observer.sources import ObserverSources
from ai.observer.turns import InTurn
from ai.observer.view import View, view_of

# found with a slash behind them as well
PAGES = frozenset({"/money", "/models", "/posts", "/works", "/letters", "/lives", "/gateway", "/caretaker"})


class Number(Convertor[int]):
    """A whole number of an address, no longer than any that is in the database: `int` fails above 4,300 digits."""

    regex = "[0-9]{1,25}"

    def convert(self, value: str) -> int:
        """Return the number."""
        return int(value)

    def to_string(self, value: int) -> str:
        """Return it as it stands in an address."""
        return str(value)


register_url_convertor("number", Number())


async def static(request: Request) -> Response:
    """Serve the page's own files."""
    return view_of(request).assets.serve(request, request.path_params["path"])


def routes() -> list[Route]:
    """Return every route of CONTRACT §5 and of the page."""
    return [
        Route("/", pages.home),
        Route("/now", pages.now),
        Route("/live", pages.stream),
        Route("/events/{seq:number}", pages.event),
        Route("/money", pages.money),
        Route("/models", pages.models),
        Route("/minds", pages.moved_to_models),
        Route("/posts", pages.posts),
        Route("/works", works.works),
        Route("/works/{slug}", works.work),
        Route("/feed.xml", works.feed),
        Route("/letters", visitors.show),
        Route("/letters", visitors.write, methods=["POST"]),
        Route("/votes", visitors.vote, methods=["POST"]),
        Route("/lives", pages.lives),
        Route("/lives/{number:number}", pages.life),
        Route("/gateway", gateway.show),
        Route("/caretaker/keys/{name}/{what}", gateway.change, methods=["POST"]),
        Route("/caretaker", caretaker.show),
        Route("/caretaker/sign-in", caretaker.sign_in, methods=["POST"]),
        Route("/caretaker/sign-out", caretaker.sign_out, methods=["POST"]),
        Route("/caretaker/posts/{id:number}", caretaker.post, methods=["POST"]),
        Route("/caretaker/letters/{id:number}", caretaker.letter, methods=["POST"]),
        Route("/caretaker/{kind}", caretaker.command, methods=["POST"]),
        Route("/healthz", api.healthz),
        Route("/readyz", api.readyz),
        Route("/api/state", api.state),
        Route("/api/budget", api.budget),
        Route("/api/month", api.month),
        Route("/api/models", api.models),
        Route("/api/tweets", api.tweets),
        Route("/api/letters", visitors.letters),
        Route("/api/letters", visitors.post_letter, methods=["POST"]),
        Route("/api/votes", visitors.post_vote, methods=["POST"]),
        Route("/api/lives", api.lives),
        Route("/api/events", api.events),
        Route("/api/stream", api.stream),
        Route("/metrics", metrics.metrics),
        Route("/openapi.json", openapi.openapi),
        Route("/api/admin/{kind}", admin.command, methods=["POST"]),
        Route("/api/admin/tweets/{id:number}/{verdict}", admin.tweet, methods=["POST"]),
        Route("/api/admin/letters/{id:number}/{verdict}", admin.letter, methods=["POST"]),
        Route("/webhooks/kofi", kofi.webhook, methods=["POST"]),
        Route("/static/{path:path}", static),
    ]


def create_app(sources: ObserverSources, mounts: Sequence[Mounted] = ()) -> Starlette:
    """Return the app that shows `sources`, and beside it what `mounts` holds.

    It opens its readers at start and closes them at the end.
    """
    view = View(sources)

    @contextlib.asynccontextmanager
    async def living(_app: Starlette) -> AsyncIterator[None]:
        await view.start()
        yield
        await view.close()

    app = Starlette(
        routes=routes(),
        middleware=[
            Middleware(FrontDoor, view.hosts, OnceAMinute(sources.clock.monotonic)),
            Middleware(Mounts, mounts),
            Middleware(InTurn, view.turns, view.probes, view.gate),
            Middleware(Doorkeeper, view.gate),
            Middleware(Bodies),
        ],
        exception_handlers={
            HTTPException: _refused,
            TimeoutError: _unreadable,
            sqlite3.Error: _unreadable,
            LedgerError: _unreadable,
        },
        lifespan=living,
    )
    app.router.redirect_slashes = False  # it would lead to whatever host was named
    app.state.view = view
    return app


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - Starlette's signature is wider than what it hands in
    if error.status_code == 404 and (own := request.url.path.rstrip("/")) in PAGES and request.method == "GET":  # noqa: PLR2004
        return RedirectResponse(own, 308)
    if pages.wants_page(request):
        return await pages.problem_page(request, error.status_code, str(error.detail))
    return problem(error.status_code, str(error.detail), error.headers)


async def _unreadable(_request: Request, error: Exception) -> Response:
    text = str(error).splitlines()[0] if str(error) else "reading took too long"
    return problem(503, text, {"retry-after": "5"})
