"""Other apps on the Observer's address: each answers the paths that are its own, by rules of its own."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from starlette.types import ASGIApp, Receive, Scope, Send


@dataclass(frozen=True, slots=True)
class Mounted:
    """An app that answers every path for which `covers` is true; it gets the path whole.

    The Host check, the security headers and the time a client may be silent hold for it too. The limits of the
    page's bodies, the turns that visitors take and the count of wrong tokens do not: it has bearers and bodies of
    its own.
    """

    covers: Callable[[str], bool]
    app: ASGIApp


class Mounts:
    """Hands a request to the first mounted app that covers its path, else to the page."""

    def __init__(self, app: ASGIApp, mounted: Sequence[Mounted]) -> None:
        self._app = app
        self._mounted = tuple(mounted)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request (ASGI)."""
        if scope["type"] == "http":
            for mounted in self._mounted:
                if mounted.covers(scope["path"]):
                    await _kept(mounted.app, scope, receive, send)
                    return
        await self._app(scope, receive, send)


async def _kept(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer without the connection being taken for one that may make room for others."""
    connection = scope.get("state", {}).get("connection")
    if connection is not None:
        connection.kept = True
    try:
        await app(scope, receive, send)
    finally:
        if connection is not None:
            connection.kept = False
