"""The gateway's server: listens, answers, and ends with what is under way booked or asked for."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from functools import partial
from typing import TYPE_CHECKING

import uvicorn

from ai import listening
from ai.connection import Patience, PatientConnection, ended
from ai.gateway.app import create_app

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from ai.clock import Clock
    from ai.gateway.gateway import Gateway

BACKLOG = 1024
CONNECTIONS = 2048  # open at once; above it a client is told 503 and to come again
KEEP_ALIVE_SECONDS = 75  # agents think between two calls; a new connection each time costs them more
PATIENCE = Patience(head=30.0, body=60.0, unread=60.0, unwanted=10.0)  # programs of our own people, on slow lines too
DRAIN_SECONDS = 5  # for answers under way at a stop
HEADERS_BYTES = 65_536
START_SECONDS = 10.0
CHORE_SECONDS = 1.0  # between two looks for unknown outcomes, which are asked for at once and then ever more rarely
REFRESH_TURNS = 60


class _Server(uvicorn.Server):
    """uvicorn without its hands on the process's signals, telling when it is up."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()


class GatewayServer:
    """Serves one gateway on a listening socket from `start()` until `stop()`."""

    def __init__(self, gateway: Gateway, listener: socket.socket, *, patience: Patience = PATIENCE) -> None:
        self._listener = listener
        self._server = _Server(
            uvicorn.Config(
                create_app(gateway),
                http=partial(PatientConnection, patience=patience),  # type: ignore[arg-type]
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                limit_concurrency=CONNECTIONS,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=DRAIN_SECONDS,
                h11_max_incomplete_event_size=HEADERS_BYTES,
            )
        )
        self._task: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """Where it answers, without `/v1`."""
        return url_of(self._listener)

    async def start(self) -> None:
        """Answer from now on. Raises OSError where it does not come up."""
        self._task = asyncio.create_task(self._server.serve([self._listener]), name="gateway-server")
        up = asyncio.create_task(self._server.up.wait())
        await asyncio.wait({up, self._task}, timeout=START_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        up.cancel()
        if not self._server.up.is_set():
            raise OSError(f"the gateway did not come up at {self.url}")

    async def stop(self) -> None:
        """Let answers under way finish (DRAIN_SECONDS), and close."""
        if self._task is not None:
            self._server.should_exit = True
            await asyncio.gather(self._task, return_exceptions=True)
            await ended(self._server.server_state.tasks)


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens. Raises PortUnusable with one line for people."""
    return listening.listen(host, port, backlog=BACKLOG)


def url_of(listener: socket.socket) -> str:
    """Return where a client on this machine finds a listening socket."""
    host, port = listener.getsockname()[:2]
    if host in ("0.0.0.0", "::"):  # noqa: S104 - compared with, not bound to
        host = "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def do_chores(gateway: Gateway, settle: Callable[[], Awaitable[None]], clock: Clock) -> None:
    """Until cancelled: ask for unknown outcomes, keep the catalogue fresh, tell what happened.

    `settle` asks for those whose time has come. What fails comes round again.
    """
    rooms, turn = gateway.rooms, 0
    while True:
        await clock.sleep(CHORE_SECONDS)
        turn += 1
        with contextlib.suppress(Exception):  # a purse that is away is told by every call already
            rooms.telling.tell_if_due()
            if await rooms.tracker.unknowns() or turn % REFRESH_TURNS == 0:
                await settle()
            if turn % REFRESH_TURNS == 0:
                await rooms.catalogue.refresh_if_due()
