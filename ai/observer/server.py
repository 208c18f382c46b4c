"""The Observer's server inside the daemon's own loop; it ends cleanly with readers connected."""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Iterator, Sequence
from functools import partial
from ipaddress import ip_address

import uvicorn

from ai.connection import Patience, ended
from ai.listening import PortUnusable, listen
from ai.observer.accepting import accept
from ai.observer.app import create_app
from ai.observer.connection import Connection, NoiseFilter
from ai.observer.mounts import Mounted
from ai.observer.once_a_minute import OnceAMinute
from ai.observer.places import CONNECTIONS, LEAST, SPARE_FILES, Places, raise_file_limit
from ai.observer.sources import ObserverSources

BACKLOG = 4096  # who does not fit in it asks again only after a second; a thousand may come back at once
SEND_BYTES = 128 * 1024  # the system keeps for a reader; left alone it keeps megabytes for each that does not read
KEEP_ALIVE_SECONDS = 5
DRAIN_SECONDS = 3  # for answers under way at a stop; the daemon has 10 s for everything
START_SECONDS = 10.0
HEADERS_BYTES = 32_768  # a request's line and headers at most

USUAL_PATIENCE = Patience()


class _Server(uvicorn.Server):
    """uvicorn without its hands on the process's signals (they are the daemon's), and with a door of ours."""

    def __init__(
        self,
        config: uvicorn.Config,
        listener: socket.socket,
        places: Places,
        patience: Patience,
        told: OnceAMinute,
    ) -> None:
        super().__init__(config)
        self.up = asyncio.Event()
        self._listener = listener
        self._places = places
        self._patience = patience
        self._told = told
        self._accepting: asyncio.Task[None] | None = None

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        connection = partial(
            Connection,
            self.config,
            self.server_state,
            self.lifespan.state,
            places=self._places,
            patience=self._patience,
        )
        self._accepting = asyncio.create_task(
            accept(self._listener, connection, self._places, self._told), name="observer-door"
        )
        self.up.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self._accepting is not None:
            self._accepting.cancel()
            await asyncio.gather(self._accepting, return_exceptions=True)
        self._listener.close()
        await super().shutdown(sockets)


class ObserverServer:
    """Serves `sources`, and beside it `mounts`, on OBSERVER_HOST:OBSERVER_PORT from `start()` until `stop()`."""

    def __init__(
        self,
        sources: ObserverSources,
        mounts: Sequence[Mounted] = (),
        *,
        connections: int = CONNECTIONS,
        patience: Patience = USUAL_PATIENCE,
    ) -> None:
        self._sources = sources
        self._app = create_app(sources, mounts)
        self._connections = connections
        self._patience = patience
        self._server: _Server | None = None
        self._noise: NoiseFilter | None = None
        self._task: asyncio.Task[None] | None = None
        self.url = ""

    async def start(self) -> None:
        """Listen; `url` is where a browser on this machine finds it. Raises PortUnusable with one line for people."""
        settings = self._sources.settings
        listener = listen(settings.observer_host, settings.observer_port, backlog=BACKLOG, send_bytes=SEND_BYTES)
        config = uvicorn.Config(
            self._app,
            http="h11",
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=DRAIN_SECONDS,
            h11_max_incomplete_event_size=HEADERS_BYTES,
        )
        places = Places(max(LEAST, min(self._connections, raise_file_limit() - SPARE_FILES)))
        told = OnceAMinute(asyncio.get_running_loop().time)
        self._noise = NoiseFilter(told)
        logging.getLogger("uvicorn.error").addFilter(self._noise)
        self._app.state.view.places = places
        self._server = _Server(config, listener, places, self._patience, told)
        host, port = listener.getsockname()[:2]
        if ip_address(host).is_unspecified:  # listened on everywhere, opened in a browser nowhere
            host = "127.0.0.1"
        self.url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        self._task = asyncio.create_task(self._server.serve([]), name="observer-server")
        up = asyncio.create_task(self._server.up.wait())
        await asyncio.wait({up, self._task}, timeout=START_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        up.cancel()
        if not self._server.up.is_set():
            listener.close()
            await self.stop()
            raise PortUnusable(f"the Observer did not come up at {self.url}; see the log above")

    def readers(self) -> int:
        """Return how many browsers follow the page live."""
        return int(self._app.state.view.tail.readers)

    async def stop(self) -> None:
        """End the streams, let answers under way finish (DRAIN_SECONDS), and close."""
        if self._server is None or self._task is None:
            return
        self._app.state.view.tail.end_streams()
        self._server.should_exit = True
        await asyncio.gather(self._task, return_exceptions=True)
        await ended(self._server.server_state.tasks)
        if self._noise is not None:
            logging.getLogger("uvicorn.error").removeFilter(self._noise)
