"""What a visitor may send: a body of bounded size, within bounded time."""

import asyncio

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ai.observer.headers import refuse

BODY_BYTES = 64 * 1024  # the longest message of the caretaker is 4,000 characters
BODY_SECONDS = 15.0  # for the whole of it; a form or a webhook takes a blink
CLOSE = {"connection": "close"}  # the rest of such a body is not read


class Bodies:
    """Refuses bodies above BODY_BYTES (413) and those that are not whole after BODY_SECONDS (408)."""

    def __init__(self, app: ASGIApp, seconds: float = BODY_SECONDS) -> None:
        self._app = app
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request (ASGI)."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        told = Headers(scope=scope).get("content-length", "0")
        if len(told) > len(str(BODY_BYTES)) or (told.isdigit() and int(told) > BODY_BYTES):
            await refuse(send, 413, f"the body is longer than {BODY_BYTES:,} bytes", CLOSE)
            return
        size, whole, until = 0, False, asyncio.get_running_loop().time() + self._seconds

        async def receive_bounded() -> Message:
            nonlocal size, whole
            if whole:
                return await receive()
            try:
                async with asyncio.timeout_at(until):
                    message = await receive()
            except TimeoutError:
                raise HTTPException(408, f"the body was not whole after {self._seconds:.0f} s", CLOSE) from None
            size += len(message.get("body", b""))
            whole = not message.get("more_body", False)
            if size > BODY_BYTES:
                raise HTTPException(413, f"the body is longer than {BODY_BYTES:,} bytes", CLOSE)
            return message

        await self._app(scope, receive_bounded, send)
