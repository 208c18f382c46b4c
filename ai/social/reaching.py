"""One blocking request to a network beside the loop, which neither the loop nor the end of the process waits for."""

import asyncio
from collections.abc import Callable

from ai.loop import NoThread, beside
from ai.social.network import Answer, Network, Result

CALL_SECONDS = 60.0  # a request in all, beyond the client's own time-outs: a server that drips bytes ends here


async def reach(request: Callable[[], Answer], title: str) -> Answer:
    """Return what `request` answers, UNKNOWN where it takes longer than CALL_SECONDS; never raises for the machine."""
    try:
        return await asyncio.wait_for(beside(request), CALL_SECONDS)
    except NoThread:
        return Answer(Result.NOT_SENT, detail=f"{title} was not asked: this machine can start no thread now")
    except TimeoutError:
        return Answer(Result.UNKNOWN, detail=f"{title} did not finish its answer within {CALL_SECONDS:.0f} seconds")


async def reach_for_rules(network: Network) -> None:
    """Let a network ask for its own rules, beside the loop."""

    def ask() -> Answer:
        network.learn()
        return Answer(Result.DONE)

    await reach(ask, network.title)
