"""After a crash at any step, the next start ends with one post, and the purse and X agree."""

import asyncio
import subprocess
import sys
import threading

import pytest

from ai.ledger.errors import StoreUnavailable
from ai.ledger.money import nanos
from ai.social import Outbox, PostState
from ai.social.network import Answer, Result
from ai.social.networks.x import X
from ai.social.networks.x_client import XClient
from tests.social.conftest import House
from tests.world import x as world
from tests.world.x import POST_NANOS, READ_NANOS

TEXT = "Am I still the one who wrote this?"


class Crash(BaseException):
    """The process ends here: nothing after it runs."""


class CrashingPurse:
    """A purse whose n-th step is the last thing this process does: before it, or right after it."""

    def __init__(self, tracker, step: str, *, after: bool) -> None:
        self._tracker = tracker
        self._step = step
        self._after = after

    def __getattr__(self, name: str):
        method = getattr(self._tracker, name)
        if name != self._step:
            return method

        async def crashing(*args, **kwargs):
            if self._after:
                await method(*args, **kwargs)
            raise Crash

        return crashing


async def crash_at(house: House, step: str, *, after: bool) -> None:
    settings = house.settings()
    purse = CrashingPurse(await house.tracker(), step, after=after)
    outbox = Outbox(house.mind, purse, house.journal, house.clock, settings, [X(settings, house.clock, house.client())])
    await outbox.queue(TEXT, source="birth", life=1)
    with pytest.raises(Crash):
        await outbox.deliver_due()


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", ["hold", "sent", "settle"])
async def test_a_crash_at_any_step_ends_with_one_post(house: House, step: str, *, after: bool) -> None:
    await crash_at(house, step, after=after)
    outbox = await house.outbox()
    await outbox.deliver_due()
    house.clock.advance(121)
    await outbox.deliver_due()
    assert [post.state for post in outbox.posts()] == [PostState.POSTED]
    assert house.x.texts == [TEXT]
    assert (await house.spent(), await house.held()) == (house.x.charged_nanos, 0)


class CrashingX(XClient):
    """A client whose process ends right before, or right after, the request."""

    published = False

    def post(self, text: str) -> Answer:
        if self.published:
            super().post(text)
        raise Crash


@pytest.mark.parametrize("published", [False, True])
async def test_a_crash_while_sending_asks_before_it_sends_again(house: House, *, published: bool) -> None:
    client = CrashingX(world.KEYS, house.x.base_url, house.clock, read_seconds=0.3)
    client.published = published
    outbox = await house.outbox(x=client)
    post = await outbox.queue(TEXT, source="birth", life=1)
    with pytest.raises(Crash):
        await outbox.deliver_due()
    assert house.again(outbox, post).state is PostState.SENDING
    outbox = await house.outbox()
    await outbox.deliver_due()
    assert house.again(outbox, post).state is PostState.UNKNOWN
    post = await house.later(outbox, post, 121)
    assert post.state is PostState.POSTED
    assert house.x.texts == [TEXT]
    assert (await house.spent(), await house.held()) == (house.x.charged_nanos, 0)


async def test_a_crash_while_reading_the_timeline_is_charged_in_full(house: House) -> None:
    house.x.then(world.cut(published=True))
    outbox = await house.outbox()
    post = await house.say(outbox, TEXT)
    purse = CrashingPurse(await house.tracker(), "sent", after=True)
    crashing = Outbox(
        house.mind,
        purse,
        house.journal,
        house.clock,
        house.settings(),
        [X(house.settings(), house.clock, house.client())],
    )
    house.clock.advance(121)
    with pytest.raises(Crash):
        await crashing.deliver_due()
    outbox = await house.outbox()
    await outbox.deliver_due()
    assert house.again(outbox, post).state is PostState.POSTED
    assert await house.held() == 0
    assert await house.spent() == POST_NANOS + 5 * nanos("0.005") + READ_NANOS
    assert await house.spent() >= house.x.charged_nanos


async def test_a_cancelled_delivery_is_taken_up_like_a_crash(house: House) -> None:
    house.x.then(world.hang(published=True))
    outbox = await house.outbox()
    post = await outbox.queue(TEXT, source="birth", life=1)
    asked, loop = asyncio.Event(), asyncio.get_running_loop()
    house.x.watch = lambda _request: loop.call_soon_threadsafe(asked.set)
    task = asyncio.create_task(outbox.deliver_due())
    await asked.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await outbox.deliver_due()
    post = await house.later(outbox, post, 121)
    assert post.state is PostState.POSTED
    assert house.x.texts == [TEXT]
    assert (await house.spent(), await house.held()) == (house.x.charged_nanos, 0)


class PurseAway:
    """A purse that is out of reach from one step on, until it is `back`."""

    def __init__(self, tracker, step: str) -> None:
        self._tracker = tracker
        self._step = step
        self.back = False

    def __getattr__(self, name: str):
        method = getattr(self._tracker, name)

        async def away(*args, **kwargs):
            if self.back or name != self._step:
                return await method(*args, **kwargs)
            raise StoreUnavailable("the purse is away")

        return away


@pytest.mark.parametrize("step", ["hold", "sent", "settle"])
async def test_a_purse_that_goes_away_sends_nothing_uncovered_and_is_told_later(house: House, step: str) -> None:
    purse = PurseAway(await house.tracker(), step)
    outbox = Outbox(
        house.mind,
        purse,
        house.journal,
        house.clock,
        house.settings(),
        [X(house.settings(), house.clock, house.client())],
    )
    post = await house.say(outbox, TEXT, source="birth")
    assert house.x.texts == ([TEXT] if step == "settle" else [])
    purse.back = True
    post = await house.later(outbox, post, 3601)
    assert post.state is PostState.POSTED
    assert house.x.texts == [TEXT]
    assert (await house.spent(), await house.held()) == (POST_NANOS, 0)


async def test_a_lost_outbox_gives_back_what_was_never_sent_and_waits_for_what_was(house: House) -> None:
    await crash_at(house, "sent", after=False)
    house.mind.connection.executescript("DELETE FROM network_requests; DELETE FROM deliveries; DELETE FROM posts;")
    outbox = await house.outbox()
    await outbox.deliver_due()
    assert await house.held() == 0
    await crash_at(house, "sent", after=True)
    house.mind.connection.executescript("DELETE FROM network_requests; DELETE FROM deliveries; DELETE FROM posts;")
    outbox = await house.outbox()
    await outbox.deliver_due()
    assert (await (await house.tracker()).balance()).held_unknown == POST_NANOS


async def test_two_deliveries_at_once_send_once(house: House) -> None:
    outbox = await house.outbox()
    await outbox.queue(TEXT, source="birth", life=1)
    await asyncio.gather(*(outbox.deliver_due() for _ in range(8)))
    assert house.x.texts == [TEXT]
    assert len(house.x.requests) == 1


def test_no_connection_is_told_from_a_broken_one(house: House) -> None:
    assert house.client("http://127.0.0.1:1").post("x").result is Result.NOT_SENT
    assert house.client("http://no-such-host.invalid").post("x").result is Result.NOT_SENT


def test_a_process_may_end_while_x_hangs(house: House) -> None:
    """SIGTERM must end the daemon within ten seconds; asyncio's own threads would be waited for."""
    house.x.then(world.hang(published=True))
    script = (
        "import asyncio, sys\n"
        "from ai.clock import SystemClock\n"
        "from ai.social.reaching import reach\n"
        "from ai.social.networks.x_client import XClient\n"
        "from tests.world.x import KEYS\n"
        "async def main():\n"
        "    client = XClient(KEYS, sys.argv[1], SystemClock(), read_seconds=60)\n"
        "    task = asyncio.create_task(reach(lambda: client.post('x'), 'X'))\n"
        "    await asyncio.to_thread(sys.stdin.readline)\n"
        "    task.cancel()\n"
        "asyncio.run(main())\n"
    )
    asked = threading.Event()
    house.x.watch = lambda _request: asked.set()
    child = subprocess.Popen([sys.executable, "-c", script, house.x.base_url], stdin=subprocess.PIPE)
    try:
        assert child.stdin is not None
        assert asked.wait(timeout=20)
        child.stdin.close()
        assert child.wait(timeout=20) == 0
    finally:
        child.kill()
