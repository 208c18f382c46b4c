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
from tests.social.conftest import Rooms
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


async def crash_at(rooms: Rooms, step: str, *, after: bool) -> None:
    settings = rooms.settings()
    purse = CrashingPurse(await rooms.tracker(), step, after=after)
    outbox = Outbox(rooms.mind, purse, rooms.journal, rooms.clock, settings, [X(settings, rooms.clock, rooms.client())])
    await outbox.queue(TEXT, source="birth", life=1)
    with pytest.raises(Crash):
        await outbox.deliver_due()


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", ["hold", "sent", "settle"])
async def test_a_crash_at_any_step_ends_with_one_post(rooms: Rooms, step: str, *, after: bool) -> None:
    await crash_at(rooms, step, after=after)
    outbox = await rooms.outbox()
    await outbox.deliver_due()
    rooms.clock.advance(121)
    await outbox.deliver_due()
    assert [post.state for post in outbox.posts()] == [PostState.POSTED]
    assert rooms.x.texts == [TEXT]
    assert (await rooms.spent(), await rooms.held()) == (rooms.x.charged_nanos, 0)


class CrashingX(XClient):
    """A client whose process ends right before, or right after, the request."""

    published = False

    def post(self, text: str) -> Answer:
        if self.published:
            super().post(text)
        raise Crash


@pytest.mark.parametrize("published", [False, True])
async def test_a_crash_while_sending_asks_before_it_sends_again(rooms: Rooms, *, published: bool) -> None:
    client = CrashingX(world.KEYS, rooms.x.base_url, rooms.clock, read_seconds=0.3)
    client.published = published
    outbox = await rooms.outbox(x=client)
    post = await outbox.queue(TEXT, source="birth", life=1)
    with pytest.raises(Crash):
        await outbox.deliver_due()
    assert rooms.again(outbox, post).state is PostState.SENDING
    outbox = await rooms.outbox()
    await outbox.deliver_due()
    assert rooms.again(outbox, post).state is PostState.UNKNOWN
    post = await rooms.later(outbox, post, 121)
    assert post.state is PostState.POSTED
    assert rooms.x.texts == [TEXT]
    assert (await rooms.spent(), await rooms.held()) == (rooms.x.charged_nanos, 0)


async def test_a_crash_while_reading_the_timeline_is_charged_in_full(rooms: Rooms) -> None:
    rooms.x.then(world.cut(published=True))
    outbox = await rooms.outbox()
    post = await rooms.say(outbox, TEXT)
    purse = CrashingPurse(await rooms.tracker(), "sent", after=True)
    crashing = Outbox(
        rooms.mind,
        purse,
        rooms.journal,
        rooms.clock,
        rooms.settings(),
        [X(rooms.settings(), rooms.clock, rooms.client())],
    )
    rooms.clock.advance(121)
    with pytest.raises(Crash):
        await crashing.deliver_due()
    outbox = await rooms.outbox()
    await outbox.deliver_due()
    assert rooms.again(outbox, post).state is PostState.POSTED
    assert await rooms.held() == 0
    assert await rooms.spent() == POST_NANOS + 5 * nanos("0.005") + READ_NANOS
    assert await rooms.spent() >= rooms.x.charged_nanos


async def test_a_cancelled_delivery_is_taken_up_like_a_crash(rooms: Rooms) -> None:
    rooms.x.then(world.hang(published=True))
    outbox = await rooms.outbox()
    post = await outbox.queue(TEXT, source="birth", life=1)
    asked, loop = asyncio.Event(), asyncio.get_running_loop()
    rooms.x.watch = lambda _request: loop.call_soon_threadsafe(asked.set)
    task = asyncio.create_task(outbox.deliver_due())
    await asked.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await outbox.deliver_due()
    post = await rooms.later(outbox, post, 121)
    assert post.state is PostState.POSTED
    assert rooms.x.texts == [TEXT]
    assert (await rooms.spent(), await rooms.held()) == (rooms.x.charged_nanos, 0)


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
async def test_a_purse_that_goes_away_sends_nothing_uncovered_and_is_told_later(rooms: Rooms, step: str) -> None:
    purse = PurseAway(await rooms.tracker(), step)
    outbox = Outbox(
        rooms.mind,
        purse,
        rooms.journal,
        rooms.clock,
        rooms.settings(),
        [X(rooms.settings(), rooms.clock, rooms.client())],
    )
    post = await rooms.say(outbox, TEXT, source="birth")
    assert rooms.x.texts == ([TEXT] if step == "settle" else [])
    purse.back = True
    post = await rooms.later(outbox, post, 3601)
    assert post.state is PostState.POSTED
    assert rooms.x.texts == [TEXT]
    assert (await rooms.spent(), await rooms.held()) == (POST_NANOS, 0)


async def test_a_lost_outbox_gives_back_what_was_never_sent_and_waits_for_what_was(rooms: Rooms) -> None:
    await crash_at(rooms, "sent", after=False)
    rooms.mind.connection.executescript("DELETE FROM network_requests; DELETE FROM deliveries; DELETE FROM posts;")
    outbox = await rooms.outbox()
    await outbox.deliver_due()
    assert await rooms.held() == 0
    await crash_at(rooms, "sent", after=True)
    rooms.mind.connection.executescript("DELETE FROM network_requests; DELETE FROM deliveries; DELETE FROM posts;")
    outbox = await rooms.outbox()
    await outbox.deliver_due()
    assert (await (await rooms.tracker()).balance()).held_unknown == POST_NANOS


async def test_two_deliveries_at_once_send_once(rooms: Rooms) -> None:
    outbox = await rooms.outbox()
    await outbox.queue(TEXT, source="birth", life=1)
    await asyncio.gather(*(outbox.deliver_due() for _ in range(8)))
    assert rooms.x.texts == [TEXT]
    assert len(rooms.x.requests) == 1


def test_no_connection_is_told_from_a_broken_one(rooms: Rooms) -> None:
    assert rooms.client("http://127.0.0.1:1").post("x").result is Result.NOT_SENT
    assert rooms.client("http://no-such-host.invalid").post("x").result is Result.NOT_SENT


def test_a_process_may_end_while_x_hangs(rooms: Rooms) -> None:
    """SIGTERM must end the daemon within ten seconds; asyncio's own threads would be waited for."""
    rooms.x.then(world.hang(published=True))
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
    rooms.x.watch = lambda _request: asked.set()
    child = subprocess.Popen([sys.executable, "-c", script, rooms.x.base_url], stdin=subprocess.PIPE)
    try:
        assert child.stdin is not None
        assert asked.wait(timeout=20)
        child.stdin.close()
        assert child.wait(timeout=20) == 0
    finally:
        child.kill()
