"""Servers that mean harm, or a network that stands between: no memory, no thread and no post is lost to them."""

from __future__ import annotations

import asyncio
import io
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from ai.ledger.ledger import READERS
from ai.mind.logs import configure
from ai.social import Post
from ai.social.network import Answer, Result
from ai.social.networks.web import Web
from ai.social.networks.x_client import MAX_BODY_BYTES
from tests.social.conftest import Rooms
from tests.world.waiting import WAIT_SECONDS
from tests.world.wire import Cut, Request, Wire, WireServer

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n"
NO_THREAD = 1 << 47  # bytes of a thread's stack: no machine has them, so no thread starts
UNDER_WAY_BYTES = 20_000_000  # that lie in buffers on the way when somebody stops to read


class Server:
    """Answers every request with `head`, then with `piece` until whoever asked goes."""

    def __init__(self, head: bytes, piece: bytes = b"", wait: float = 0.0) -> None:
        self.head, self.piece, self.wait = head, piece, wait
        self.sent = self.asked = 0

    async def handle(self, _: Request, wire: Wire) -> None:
        self.asked += 1
        await wire.raw(self.head)
        while self.piece:
            await wire.raw(self.piece)
            self.sent += len(self.piece)
            await asyncio.sleep(self.wait)
        raise Cut


@contextmanager
def served(server: Server) -> Iterator[str]:
    running = WireServer(server.handle).start()
    try:
        yield f"127.0.0.1:{running.port}"
    finally:
        running.stop()


def posted(rooms: Rooms, kind: str, url: str) -> Answer:
    if kind == "x":
        return rooms.client(url).post("hello")
    answer = Web("the webhook", "POST_WEBHOOK_URL", rooms.clock, read_seconds=0.3).ask("POST", url, content=b"{}")
    assert isinstance(answer, Answer)
    return answer


both = pytest.mark.parametrize("kind", ["x", "web"])


@both
def test_an_answer_without_end_is_given_up_and_not_kept(rooms: Rooms, kind: str) -> None:
    """Of X it was read to its end, into memory, by a thread that nothing ended."""
    server = Server(OK, b" " * 65_536)
    with served(server) as at:
        assert posted(rooms, kind, f"http://{at}").result is Result.UNKNOWN
    assert server.sent < MAX_BODY_BYTES + UNDER_WAY_BYTES


@both
@pytest.mark.parametrize("head", [OK, b"HTTP/1.1 200 OK\r\nX-Slow: "], ids=["body", "head"])
def test_a_server_that_drips_bytes_keeps_no_thread(
    rooms: Rooms, kind: str, head: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each byte prolonged the wait for the next: the thread waited for as long as the server liked."""
    monkeypatch.setattr("ai.social.networks.road.Road.__init__.__defaults__", (0.5,))
    with served(Server(head, b"a", 0.05)) as at:
        assert posted(rooms, kind, f"http://{at}").result is Result.UNKNOWN


@both
@pytest.mark.parametrize(("said", "told"), [(b"no TLS", "speaks no TLS"), (b"", "did not answer in time")])
def test_where_tls_is_not_spoken_nothing_was_sent(
    rooms: Rooms, kind: str, said: bytes, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Told as unknown, its money was held and X asked, for money, about a post that had never left."""
    monkeypatch.setattr("ai.social.networks.web.CONNECT_SECONDS", 0.5)
    monkeypatch.setattr("ai.social.networks.x_client.CONNECT_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer_one() -> None:
            connected, _ = listener.accept()
            with connected, suppress(OSError):
                connected.sendall(said)
                while connected.recv(4096):
                    pass

        threading.Thread(target=answer_one, daemon=True).start()
        answer = posted(rooms, kind, f"https://127.0.0.1:{listener.getsockname()[1]}")
    assert (answer.result, told in answer.detail) == (Result.NOT_SENT, True), answer


@pytest.mark.parametrize("level", ["DEBUG", "INFO", "ERROR"])
def test_a_head_that_breaks_off_writes_no_traceback(rooms: Rooms, level: str) -> None:
    """At LOG_LEVEL=DEBUG it did: the log lowered what the client of X had raised."""
    log = io.StringIO()
    configure("emoji", level, (), stream=log)
    with served(Server(b"HTTP/1.1 200 OK\r\nContent-Ty")) as at:
        assert posted(rooms, "x", f"http://{at}").result is Result.UNKNOWN
    assert "URLLIB3" not in log.getvalue()


async def test_a_post_that_no_thread_could_send_never_left(rooms: Rooms) -> None:
    """It stood as sending, its money held and its outcome unknown, and every chore of that minute failed with it."""
    outbox = await rooms.outbox()
    queued = await outbox.queue("hello", source="action", life=1)
    assert isinstance(queued, Post)
    all_there = threading.Barrier(READERS)  # the purse's own threads are wanted too, and start when they are needed
    await asyncio.gather(*(rooms.ledger.read(lambda _: all_there.wait(WAIT_SECONDS)) for _ in range(READERS)))
    before = threading.stack_size(NO_THREAD)
    try:
        await outbox.deliver_due()
    finally:
        threading.stack_size(before)
    delivery = outbox.table(1)[0]["deliveries"][0]
    assert (delivery["state"], rooms.x.requests) == ("queued", [])
    assert "can start no thread" in delivery["problem"]
    assert await rooms.held() == 0


@both
def test_a_name_found_too_late_sends_nothing(rooms: Rooms, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The post left after it was told as unknown; it may have been tried again by then, and published twice."""
    monkeypatch.setattr("ai.social.networks.road.Road.__init__.__defaults__", (0.1,))
    asked = socket.getaddrinfo

    def late(*args: Any, **options: Any) -> Any:
        for thread in threading.enumerate():
            if isinstance(thread, threading.Timer):
                thread.join()
        return asked(*args, **options)

    server = Server(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    with served(server) as at:
        monkeypatch.setattr(socket, "getaddrinfo", late)
        assert posted(rooms, kind, f"http://{at}").result in {Result.NOT_SENT, Result.UNKNOWN}
    assert server.asked == 0
