"""`genesis gateway`: the door alone until a signal comes."""

from __future__ import annotations

import asyncio
import signal
import socket

from ai.clock import Clock
from ai.daemon.gateway_alone import open_alone
from ai.gateway.serving import GatewayServer
from ai.mind.logs import log_event
from ai.settings import Settings

SIGNALS = (signal.SIGTERM, signal.SIGINT)


async def serve(settings: Settings, clock: Clock, listener: socket.socket, *, alone: bool) -> None:
    """Answer on `listener` until SIGTERM or SIGINT, `alone` or as one of several. Raises OSError, LedgerError."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in SIGNALS:
        loop.add_signal_handler(number, stop.set)
    async with open_alone(settings, clock, listen=log_event) as opened:
        server = GatewayServer(opened.gateway, listener)
        await server.start()
        opened.slot.publish(server.url)
        if alone or opened.slot.number == 0:  # one of several tells it for all
            opened.gateway.rooms.telling.serving(server.url)
        await stop.wait()
        await server.stop()
