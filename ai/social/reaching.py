"""One blocking request to a network beside the loop, which neither the loop nor the end of the process waits for."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress

from ai.social.network import Answer, Network, Result

CALL_SECONDS = 60.0  # a request in all, beyond the client's own time-outs: a server that drips bytes ends here


async def reach(request: Callable[[], Answer], title: str) -> Answer:
    """Return what `request` answers, or UNKNOWN where it takes longer than CALL_SECONDS.

    The thread is a daemon, not one of asyncio's pool: those are waited for when a process ends, and SIGTERM must end
    this one within ten seconds even while a network hangs.
    """
    loop = asyncio.get_running_loop()
    answered: asyncio.Future[Answer] = loop.create_future()

    def settle(answer: Answer | None, error: BaseException | None) -> None:
        if answered.done():
            return  # nobody waits any more
        if error is not None:
            answered.set_exception(error)
        elif answer is not None:
            answered.set_result(answer)

    def work() -> None:
        answer, error = None, None
        try:
            answer = request()
        except BaseException as raised:  # noqa: BLE001 - handed to the one who waits
            error = raised
        with suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(settle, answer, error)

    threading.Thread(target=work, name="network", daemon=True).start()
    try:
        return await asyncio.wait_for(answered, CALL_SECONDS)
    except TimeoutError:
        return Answer(Result.UNKNOWN, detail=f"{title} did not finish its answer within {CALL_SECONDS:.0f} seconds")


async def reach_for_rules(network: Network) -> None:
    """Let a network ask for its own rules, beside the loop."""

    def ask() -> Answer:
        network.learn()
        return Answer(Result.DONE)

    await reach(ask, network.title)
