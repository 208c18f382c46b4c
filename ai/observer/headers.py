"""What stands before every route: whose name is answered, the security headers, and no error without them."""

import json
import logging
from collections.abc import Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ai.observer.hosts import Hosts, host_name
from ai.observer.once_a_minute import OnceAMinute

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; "
    "script-src 'self'; "
    "style-src 'self'; "
    "img-src 'self'; "
    "font-src 'self'; "
    "connect-src 'self'; "
    "form-action 'self'; "
    "manifest-src 'self'; "
    "base-uri 'none'; "
    "frame-ancestors 'none'"
)
SECURITY_HEADERS = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=()",
}

_log = logging.getLogger("observer")


class FrontDoor:
    """Refuses foreign Host names, believes trusted proxies, and puts the security headers on every answer.

    A fault of ours is one line of the log, and 500 with those headers: a stranger who finds one gets no more.
    """

    def __init__(self, app: ASGIApp, hosts: Hosts, told: OnceAMinute) -> None:
        self._app = app
        self._hosts = hosts
        self._told = told

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request (ASGI)."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def send_guarded(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                MutableHeaders(scope=message).update(SECURITY_HEADERS)
            await send(message)

        name = host_name(Headers(scope=scope).get("host", ""))
        if not self._hosts.answers_to(name):
            text = f"Host {name[:100]!r} is not this server; name it in ALLOWED_HOSTS, or use http://localhost"
            await refuse(send_guarded, 421, text)
            return
        try:
            await self._app(self._hosts.seen_from(scope), receive, send_guarded)
        except ClientDisconnect:
            return  # it left in the middle of its own body; there is nobody to answer
        except Exception as error:  # noqa: BLE001 - whatever a stranger's request breaks ends here
            if self._told.now("fault"):
                _log.error("a request could not be answered", exc_info=error)
            if not started:
                await refuse(send_guarded, 500, "that broke something here; the log has a line about it")


async def refuse(send: Send, status: int, text: str, headers: Mapping[str, str] | None = None) -> None:
    """Send `{"error": text}` as a whole answer."""
    body = json.dumps({"error": text}, ensure_ascii=False).encode("utf-8", "replace")
    given = {"content-type": "application/json", "content-length": str(len(body)), "cache-control": "no-store"}
    pairs = [
        (name.encode(), value.encode("latin-1", "replace")) for name, value in (given | dict(headers or {})).items()
    ]
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    await send({"type": "http.response.body", "body": body})
