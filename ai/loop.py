"""The event loop of every command, and blocking work beside it that neither it nor the end of the process waits for."""

import asyncio
import socket
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

T = TypeVar("T")
LOOKUPS_AT_ONCE = 32  # threads; a name server that never answers keeps each for a minute and more


class NoThread(OSError):
    """No thread could be started for blocking work, so none of it was begun."""


class Loop(asyncio.SelectorEventLoop):
    """asyncio's own, whose names are looked up in threads that end with the process.

    asyncio looks them up in its pool: a name server that is silent would fill it, with all else that works there, and
    be waited for at a stop, though SIGTERM is answered within ten seconds.
    """

    def __init__(self) -> None:
        super().__init__()
        self._lookups = asyncio.Semaphore(LOOKUPS_AT_ONCE)

    async def getaddrinfo(  # noqa: PLR0913 - asyncio's own signature
        self,
        host: Any,
        port: Any,
        *,
        family: int = 0,
        type: int = 0,  # noqa: A002
        proto: int = 0,
        flags: int = 0,
    ) -> list[Any]:
        """Look a name up as `socket.getaddrinfo` does. Raises OSError."""
        await self._lookups.acquire()
        return await beside(partial(socket.getaddrinfo, host, port, family, type, proto, flags), self._lookups.release)


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run `work` to its end on a loop of its own, as `asyncio.run` does."""
    with asyncio.Runner(loop_factory=Loop) as runner:
        return runner.run(work)


async def beside(work: Callable[[], T], over: Callable[[], None] = lambda: None) -> T:
    """Return what `work` returns, or raise what it raises, from a thread of its own, which ends with the process.

    Raises NoThread where none can be started. `over` is told when the thread has ended, also where nobody waits for
    it any more.
    """
    loop = asyncio.get_running_loop()
    answered: asyncio.Future[T] = loop.create_future()

    def settle(give: Callable[[Any], None], found: Any) -> None:
        over()
        if not answered.done():
            give(found)

    def run() -> None:
        give: Callable[[Any], None] = answered.set_result
        try:
            found: Any = work()
        except BaseException as raised:  # noqa: BLE001 - handed to the one who waits
            give, found = answered.set_exception, raised
        with suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(settle, give, found)

    try:
        threading.Thread(target=run, name="beside", daemon=True).start()
    except RuntimeError:
        over()
        raise NoThread("no thread for a name's lookup or a request can be started") from None
    return await answered
