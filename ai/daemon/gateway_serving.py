"""`genesis gateway`: the door alone until a signal comes, by one process or by several that share one socket."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys

from ai.clock import Clock
from ai.daemon.gateway_alone import open_alone
from ai.gateway.serving import GatewayServer, listen
from ai.mind.logs import log_event
from ai.settings import Settings

SIGNALS = (signal.SIGTERM, signal.SIGINT)
RESTART_SECONDS = 1.0  # before a worker that died is started again: one that cannot start must not spin
STOP_SECONDS = 10.0  # for workers to end; then they are killed, and what they had under way is asked for later


async def serve(settings: Settings, clock: Clock, listener: socket.socket | None = None) -> None:
    """Answer until SIGTERM or SIGINT, on `listener` where a parent opened it. Raises OSError, LedgerError."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in SIGNALS:
        loop.add_signal_handler(number, stop.set)
    own = listener is None
    listener = listener or listen(settings.observer_host, settings.observer_port)
    async with open_alone(settings, clock, listen=log_event) as alone:
        server = GatewayServer(alone.gateway, listener)
        await server.start()
        alone.slot.publish(server.url)
        if own:
            alone.gateway.rooms.telling.serving(server.url)
        await stop.wait()
        await server.stop()


async def serve_with_workers(settings: Settings, workers: int) -> None:
    """Answer with so many processes on one socket until SIGTERM or SIGINT; one that dies is started again."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in SIGNALS:
        loop.add_signal_handler(number, stop.set)
    listener = listen(settings.observer_host, settings.observer_port)
    os.set_inheritable(listener.fileno(), True)
    tending = [asyncio.create_task(_tend(listener.fileno(), stop)) for _ in range(workers)]
    await stop.wait()
    await asyncio.gather(*tending)
    listener.close()


async def _tend(handle: int, stop: asyncio.Event) -> None:
    """Keep one worker running until `stop`, then end it."""
    while not stop.is_set():
        worker = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "ai", "gateway", "--socket", str(handle)),
            pass_fds=(handle,),
            start_new_session=True,
        )
        died, stopped = asyncio.ensure_future(worker.wait()), asyncio.ensure_future(stop.wait())
        await asyncio.wait({died, stopped}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if not died.done():
            worker.terminate()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(died), STOP_SECONDS)
            if not died.done():
                worker.kill()
                await died
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), RESTART_SECONDS)


def adopted(handle: int) -> socket.socket:
    """Return the listening socket that a parent handed on."""
    listener = socket.socket(fileno=handle)
    listener.setblocking(False)
    return listener
