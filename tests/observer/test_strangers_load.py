"""Strangers who take too much, too slowly or nothing at all cost neither thoughts nor memory nor other visitors."""

import asyncio
import itertools
import json
import logging
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import psutil
import pytest

from ai.connection import Patience
from ai.mind.journal import Event
from ai.observer import ObserverServer, pages
from ai.observer.places import Places
from ai.observer.tail import BATCH_BYTES, LIVE
from ai.observer.turns import WAITING_OF_ONE, Asking, Takings, Turns
from ai.observer.words import told
from tests.observer.conftest import Served
from tests.world.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

LONG = "🌒" * 2_800  # the longest thought, in signs of four bytes
ROOT = Path(__file__).parents[2]


def think(served: Served, count: int) -> None:
    with served.app.mind.transaction():
        for number in range(count):
            served.app.tell("thought", text=f"{number} {LONG}", model="a/model")


async def raw(url: str, request: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, port = url.removeprefix("http://").split(":")
    narrow = socket.socket()
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # so that nothing waits unread on this side
    narrow.setblocking(False)
    await asyncio.get_running_loop().sock_connect(narrow, (host, int(port)))
    reader, writer = await asyncio.open_connection(sock=narrow, limit=2**12)
    writer.write(request.replace("\n", "\r\n").encode())
    return reader, writer


# --- what is asked ---------------------------------------------------------------------------------------


async def test_an_answer_is_bounded_by_bytes_and_the_rest_is_paged(served: Served) -> None:
    think(served, 120)
    seen: list[int] = []
    after, more = 0, True
    while more:
        answer = await served.client.get(
            f"/api/events?after={after}&limit=1000", headers={"accept-encoding": "identity"}
        )
        assert len(answer.content) < 400_000
        document = answer.json()
        seen += [event["seq"] for event in document["events"]]
        after, more = seen[-1], document["more"]
    assert seen == list(range(1, document["newest"] + 1))
    back = (await served.client.get(f"/api/events?before={after}&limit=1000&show=thoughts")).json()
    assert back["more"] is True
    assert all(event["seq"] < after for event in back["events"])


async def test_an_event_larger_than_any_answer_is_still_told(served: Served) -> None:
    seq = served.app.tell("thought", text="x" * 600_000).seq
    answer = (await served.client.get(f"/api/events?after={seq - 1}")).json()
    assert [event["seq"] for event in answer["events"]] == [seq]


async def test_the_caretaker_and_the_probe_wait_for_no_stranger(served: Served) -> None:
    served.server._app.state.view.turns.charge(Asking("127.0.0.1"), 3600, 3600)
    stranger = asyncio.create_task(served.client.get("/api/state"))
    async with asyncio.timeout(5):
        assert (await served.client.get("/healthz")).status_code == 200
        assert (await served.client.get("/readyz")).status_code == 200
        assert (await served.client.post("/api/admin/pause", headers=served.admin())).status_code == 202
        assert (await served.client.get("/api/events", headers=served.admin())).status_code == 200
    assert not stranger.done()
    stranger.cancel()


async def test_who_took_least_has_the_next_turn() -> None:
    turns, granted = Turns(500, 1, Takings()), []

    async def ask(who: str) -> None:
        assert await turns.take(Asking(who))
        granted.append(who)

    for who, seconds in (("greedy", 9.0), ("modest", 2.0), ("other", 1.0)):
        turns.charge(Asking(who), seconds, 0.02)
    greedy = [asyncio.create_task(ask("greedy")) for _ in range(30)]
    await asyncio.sleep(0)
    await asyncio.gather(ask("modest"), ask("other"))
    assert granted[:2] == ["other", "modest"]
    await asyncio.gather(*greedy)


async def test_who_asks_little_does_not_wait_while_turns_are_spent_for_an_hour() -> None:
    turns = Turns(1, 1, Takings())
    turns.charge(Asking("greedy"), 1.0, 0.0)
    turns.charge(Asking("greedy"), 0.0, 3600)
    heavy = asyncio.create_task(turns.take(Asking("greedy")))
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        assert await turns.take(Asking("modest"))
    assert not heavy.done()
    heavy.cancel()


async def test_a_long_answer_waits_for_short_ones_of_whoever_took_more() -> None:
    turns, granted = Turns(500, 1, Takings()), []

    async def ask(asking: Asking) -> None:
        assert await turns.take(asking)
        granted.append(asking.what)

    turns.charge(Asking("busy"), 9.0, 0.02)
    await asyncio.gather(ask(Asking("modest", "long", taken=0.1)), ask(Asking("busy", "short")))
    assert granted == ["short", "long"]


async def test_whoever_took_little_finds_room_where_the_greedy_hold_all_of_it() -> None:
    turns = Turns(1, 1, Takings(), waiting=40)
    for who in ("first", "second"):
        turns.charge(Asking(who), 1.0, 0.0)
    turns.charge(Asking("first"), 1.0, 3600)
    waiting = [asyncio.create_task(turns.take(Asking(who))) for who in ("first", "second") for _ in range(20)]
    await asyncio.sleep(0)
    turns.charge(Asking("modest"), 0.5, 0.0)
    modest = asyncio.create_task(turns.take(Asking("modest")))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not modest.done(), "it waits and is not refused"
    assert [task.result() for task in waiting if task.done()] == [False], "one of the greediest gave its place"
    async with asyncio.timeout(5):
        assert await turns.take(Asking("first")) is False
    for task in (*waiting, modest):
        task.cancel()


async def test_a_visitor_reads_while_thirty_two_others_ask_for_all_they_may(served: Served) -> None:
    think(served, 300)
    answers = [0]
    thoughts = "/api/events?limit=1000&show=thoughts&after={}"
    asked = ("/api/events?limit=1000&after={}", thoughts, "/api/state?{}", "/?{}")

    async def greedy(number: int) -> None:
        async with httpx2.AsyncClient(
            base_url=served.url, timeout=60, transport=httpx2.AsyncHTTPTransport(local_address=f"127.1.0.{number}")
        ) as client:
            for count in itertools.count():
                (await client.get(asked[(count + number) % 4].format(count))).raise_for_status()
                answers[0] += 1

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(greedy(number)) for number in range(1, 33)]
        await until(lambda: answers[0] >= 64)
        before = answers[0]
        for path in ("/", "/api/state", "/money", "/lives", "/api/events?before=99&limit=20") * 2:
            (await served.client.get(path)).raise_for_status()
        between = answers[0] - before
        for task in tasks:
            task.cancel()
    assert between <= 100, "no page waited for a round of all of them"


async def test_who_asks_for_one_thing_again_and_again_still_sees_the_others() -> None:
    turns, granted = Turns(500, 1, Takings()), []

    async def ask(what: str) -> None:
        assert await turns.take(Asking("one", what))
        granted.append(what)

    turns.charge(Asking("one"), 1.0, 0.05)
    greedy = [asyncio.create_task(ask("/api/events")) for _ in range(30)]
    await asyncio.sleep(0)
    await ask("/")
    assert len(granted) <= 3
    await asyncio.gather(*greedy)


async def test_who_asks_too_much_at_once_is_refused_and_others_are_not() -> None:
    turns = Turns(1, 1, Takings())
    turns.charge(Asking("greedy"), 1.0, 3600)
    turns.charge(Asking("other"), 0.5, 0.0)
    waiting = [asyncio.create_task(turns.take(Asking("greedy"))) for _ in range(WAITING_OF_ONE)]
    await asyncio.sleep(0)
    assert await turns.take(Asking("greedy")) is False
    other = asyncio.create_task(turns.take(Asking("other")))
    await asyncio.sleep(0)
    assert not other.done(), "it waits and is not refused"
    for task in (*waiting, other):
        task.cancel()


# --- what is not read ------------------------------------------------------------------------------------


async def test_a_stream_that_nobody_reads_holds_a_batch_and_no_more(served: Served) -> None:
    think(served, 200)
    async with AsyncExitStack() as stack, asyncio.timeout(30):
        for _ in range(20):
            _, writer = await raw(served.url, "GET /live?show=all&after=0 HTTP/1.1\nHost: localhost\n\n")
            stack.callback(writer.close)
        view = served.server._app.state.view
        assert served.server._server is not None
        seats: Any = served.server._server.server_state.connections
        await until(lambda: sum(seat.flow.write_paused for seat in seats if seat.flow) == 20)
        held = [seat.transport.get_write_buffer_size() for seat in seats]
        assert max(held) <= 64 * 1024 + 3 * BATCH_BYTES
        assert view.tail.readers == 20


async def test_what_streams_missed_is_not_told_on_the_loop_that_thinks(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    think(served, 300)
    on_the_loop: list[int] = []

    def told_somewhere(event: Event, **how: Any) -> Any:
        if threading.current_thread() is threading.main_thread():
            on_the_loop.append(event.seq)
        return told(event, **how)

    newest = served.app.journal.before(None, 1)[0].seq
    view = served.server._app.state.view
    await until(lambda: view.tail.newest == newest)
    monkeypatch.setattr(pages, "told", told_somewhere)
    async with served.client.stream("GET", f"/live?view=thoughts&after={newest - 290}") as stream:
        ids = [int(line[4:]) async for line in first_lines(stream, newest) if line.startswith("id: ")]
    assert ids == list(range(newest - 289, newest + 1))
    assert len(on_the_loop) <= LIVE


async def first_lines(stream: httpx2.Response, last: int) -> AsyncIterator[str]:
    async for line in stream.aiter_lines():
        yield line
        if line == f"id: {last}":
            return


@asynccontextmanager
async def serving(served: Served, **options: Any) -> AsyncIterator[ObserverServer]:
    server = ObserverServer(served.app, **options)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


async def test_who_does_not_read_is_let_go_and_resumes_without_a_gap(served: Served) -> None:
    think(served, 200)
    async with serving(served, patience=Patience(unread=0.2)) as server:
        reader, writer = await raw(server.url, "GET /api/stream?after=0 HTTP/1.1\nHost: localhost\n\n")
        view = server._app.state.view
        await until(lambda: view.tail.readers == 1)
        await until(lambda: view.tail.readers == 0)
        writer.close()
        del reader
        async with (
            httpx2.AsyncClient(base_url=server.url, timeout=30) as client,
            client.stream("GET", "/api/stream?after=0") as stream,
        ):
            ids = []
            async for line in stream.aiter_lines():
                if line.startswith("id: "):
                    ids.append(int(line[4:]))
                if len(ids) == 200:
                    break
        assert ids == list(range(1, 201))


@pytest.mark.parametrize(
    "said",
    ["", "GET / HTTP/1.1\n", "GET / HTTP/1.1\nHost: localhost\nX-Slow: y",
     "POST /webhooks/kofi HTTP/1.1\nHost: localhost\nContent-Length: 100\n\nhalf"],
)  # fmt: skip
async def test_who_says_nothing_more_is_let_go(served: Served, said: str) -> None:
    async with serving(served, patience=Patience(head=0.2, body=0.2)) as server, asyncio.timeout(20):
        reader, writer = await raw(server.url, said)
        assert len(await reader.read()) < 2_000
        writer.close()


async def test_a_head_that_trickles_in_does_not_keep_its_place(served: Served) -> None:
    async with serving(served, patience=Patience(head=0.3)) as server, asyncio.timeout(20):
        reader, writer = await raw(server.url, "GET / HTTP/1.1\nHost: localhost\n")
        ended = asyncio.create_task(reader.read())
        while not (await asyncio.wait({ended}, timeout=0.02))[0]:
            writer.write(b"x-y: z\r\n")
        with suppress(ConnectionResetError):  # what still trickled in was not read
            assert await ended == b""
        writer.close()


# --- places ----------------------------------------------------------------------------------------------


async def test_silent_sockets_make_room_for_the_probe_the_caretaker_and_visitors(served: Served) -> None:
    async with serving(served, connections=40) as server, AsyncExitStack() as stack:
        for _ in range(120):
            _, writer = await raw(server.url, "")
            stack.callback(writer.close)
        async with httpx2.AsyncClient(base_url=server.url, timeout=10) as client:
            assert (await client.get("/healthz")).status_code == 200
            assert (await client.post("/api/admin/pause", headers=served.admin())).status_code == 202
            assert (await client.get("/")).status_code == 200
        assert server._app.state.view.places.taken <= 40


@dataclass(eq=False)
class Seated:
    """A connection as Places knows it."""

    peer: str
    since: float = 0.0
    visitor: str = ""
    idle: bool = True
    kept: bool = False
    streaming: bool = False
    stalled: bool = False
    gone: bool = False

    def let_go(self) -> None:
        self.gone = True


def seat(places: Places, *seated: Seated) -> tuple[Seated, ...]:
    for one in seated:
        places.add(one)
    return seated


async def test_the_crowd_makes_room_before_the_single_visitor() -> None:
    places = Places(4)
    crowd = seat(places, *(Seated("crowd", since) for since in (3.0, 1.0, 2.0)))
    (single,) = seat(places, Seated("single", 0.5))
    assert places.room_for("new")
    assert ([one.gone for one in crowd], single.gone) == ([False, True, False], False)


async def test_streams_are_shared_fairly_and_non_readers_go_first() -> None:
    places = Places(100)
    many = seat(places, *(Seated("p", n, "greedy", idle=False, streaming=True) for n in range(5)))
    (asleep,) = seat(places, Seated("q", 9.0, "asleep", idle=False, streaming=True, stalled=True))
    assert places.room_for_stream("new", 6)
    assert (asleep.gone, any(one.gone for one in many)) == (True, False)
    seat(places, Seated("r", 1.0, "new", idle=False, streaming=True))
    assert places.room_for_stream("another", 6)
    assert [one.gone for one in many] == [True, False, False, False, False]
    seat(places, Seated("s", 1.0, "another", idle=False, streaming=True))
    assert not places.room_for_stream("greedy", 6), "who has the most gets no more"


async def test_a_call_that_somebody_pays_for_makes_room_for_nobody() -> None:
    places = Places(40)
    seat(places, *(Seated("p", n, idle=False, kept=True) for n in range(40)))
    assert not places.room_for("q")


# --- noise and files -------------------------------------------------------------------------------------


async def test_what_is_no_request_is_answered_and_not_logged_each_time(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        for noise in (
            "nonsense\n\n",
            "GET /\x00 HTTP/1.1\n\n",
            "GET / HTTP/1.1\nHost: a\nHost: b\n\n",
            "\x16\x03\x01\n\n",
        ) * 10:
            reader, writer = await raw(served.url, noise)
            said = await reader.read()
            assert said.startswith(b"HTTP/1.1 400 ")
            assert b"content-security-policy" in said
            writer.close()
        for _ in range(10):
            await served.client.get("/", headers={"connection": "upgrade", "upgrade": "websocket"})
    assert len(caplog.records) <= 3


async def test_more_sockets_than_files_cost_no_thought_no_core_and_no_log(tmp_path: Path) -> None:
    files = 320
    served = (sys.executable, "-m", "benchmarks.observer_strangers", "--serve", str(tmp_path))
    mind = subprocess.Popen(  # noqa: ASYNC220 - there is nothing to do meanwhile
        ["bash", "-c", f'ulimit -n {files}; exec "$@"', "mind", *served],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
    )  # fmt: skip
    assert mind.stdin is not None
    assert mind.stdout is not None
    try:
        port = json.loads(mind.stdout.readline())["port"]

        def told() -> Any:
            mind.stdin.write("\n")
            mind.stdin.flush()
            return json.loads(mind.stdout.readline())

        await _crowd(port, files + 100, psutil.Process(mind.pid), lambda: told()["beats"])
        assert told()["log"] <= 2_000
    finally:
        mind.kill()
        mind.communicate()


async def _crowd(port: int, sockets: int, process: psutil.Process, beats: Callable[[], int]) -> None:
    async with AsyncExitStack() as stack:
        for _ in range(sockets):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            stack.callback(writer.close)
        for _ in range(3):
            reader, writer = await raw(
                f"http://127.0.0.1:{port}", "GET /healthz HTTP/1.1\nHost: localhost\nConnection: close\n\n"
            )
            async with asyncio.timeout(20):
                assert b" 200 " in await reader.read()
            writer.close()
        before, lived = process.cpu_times(), beats()
        await until(lambda: beats() >= lived + 3)  # it thinks on: two seconds, of which it computes a tenth
        after = process.cpu_times()
        assert after.user + after.system - before.user - before.system < 1.2, "no core is kept busy with accepting"
