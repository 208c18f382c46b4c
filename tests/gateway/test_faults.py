"""Whatever a provider or a client does: nothing beyond the cap is billed, and what is billed is what is booked."""

from __future__ import annotations

import asyncio
import itertools
import json
import socket
import threading
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest

from ai.gateway.serving import GatewayServer
from ai.ledger.money import nanos
from ai.listening import listen
from tests.gateway.conftest import Open, serving
from tests.world import openrouter_faults as faults
from tests.world.openrouter import FakeOpenRouter
from tests.world.openrouter_books import model_entry
from tests.world.waiting import WAIT_SECONDS, until
from tests.world.wire import Request

HELLO = [{"role": "user", "content": "Say hello"}]
BODIES = {
    "/v1/chat/completions": {"model": "acme/small-1", "messages": HELLO, "max_tokens": 60},
    "/v1/responses": {"model": "acme/small-1", "input": "Say hello", "max_output_tokens": 60},
    "/v1/messages": {"model": "acme/small-1", "messages": HELLO, "max_tokens": 60},
    "/v1/completions": {"model": "acme/small-1", "prompt": "Say hello", "max_tokens": 60},
}
ENDS = {"/v1/chat/completions": b"[DONE]", "/v1/responses": b"response.completed", "/v1/messages": b"message_stop",
        "/v1/completions": b"[DONE]"}  # fmt: skip
FAULTS = {
    "500 after it billed": (faults.status(500, billed=True), 500),
    "502": (faults.status(502), 502),
    "429": (faults.status(429, retry_after="7"), 429),
    "400": (faults.status(400), 400),
    "200 with an error": (faults.error_200(503), 503),
    "200 with an error that was billed": (faults.error_200(503, billed=True), 503),
    "cut before": (faults.cut(), 502),
    "cut before, billed": (faults.cut(billed=True), 502),
    "html": (faults.html(), 502),
    "a sign-in page": (faults.portal(), 511),
    "nobody behind its delivery network": (faults.in_front(521), 521),
}


class SlowAnswer:
    """Keeps a provider from answering, from when its next call has `begun` until it may go on."""

    def __init__(self, provider: FakeOpenRouter) -> None:
        self.begun, self._go, self._loop = asyncio.Event(), threading.Event(), asyncio.get_running_loop()
        provider.watch = self._watch

    def _watch(self, _request: Request) -> None:
        self._loop.call_soon_threadsafe(self.begun.set)
        assert self._go.wait(WAIT_SECONDS)

    def go_on(self) -> None:
        """Let it answer this call, and others at once."""
        self._go.set()


def asked(secret: str, body: bytes) -> bytes:
    """A call as its bytes, for who wants no client's own reading of the answer."""
    lines = ("POST /v1/chat/completions HTTP/1.1", "Host: x", f"Authorization: Bearer {secret}",
             "Content-Type: application/json", f"Content-Length: {len(body)}", "", "")  # fmt: skip
    return "\r\n".join(lines).encode() + body


async def agree(gateway: Open) -> None:
    """Books and provider agree to the nano-dollar once nothing is unknown."""
    await gateway.settled()
    statement = await gateway.books.statement()
    if statement.unknown == 0:
        assert statement.cost == gateway.provider.billed_nanos
        assert statement.held == 0
    else:  # nobody can ask about a call without an id: what it may have cost stays held
        assert statement.cost <= gateway.provider.billed_nanos <= statement.cost + statement.held


@pytest.mark.parametrize("path", BODIES)
async def test_every_dialect_is_answered_and_booked_whole_and_streamed(gateway: Open, path: str) -> None:
    secret = await gateway.key()
    whole = await gateway.post(path, secret, BODIES[path])
    assert whole.status_code == 200, whole.text
    assert nanos(whole.headers["x-genesis-cost"]) == gateway.provider.billed_nanos > 0
    streamed = await gateway.post(path, secret, {**BODIES[path], "stream": True})
    assert ENDS[path] in streamed.content
    await agree(gateway)
    assert await gateway.spent() == gateway.provider.billed_nanos


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize("name", FAULTS)
async def test_a_failure_before_the_first_byte_has_its_status(gateway: Open, path: str, name: str) -> None:
    fault, status = FAULTS[name]
    secret = await gateway.key(budget=nanos("1"))
    for stream in (False, True):
        gateway.provider.then(fault)
        failed = await gateway.post(path, secret, {**BODIES[path], "stream": stream})
        assert failed.status_code == status, failed.text
        assert failed.json()["error"]["message"]
        assert gateway.provider.key not in failed.text
    assert len(gateway.provider.calls) == 2  # a named model has one attempt
    await agree(gateway)


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize("fault", [
    faults.stream_error(502), faults.stream_error(502, billed=True), faults.cut(where="mid_stream", billed=True),
    faults.cut(where="mid_stream"),
])  # fmt: skip
async def test_a_stream_that_breaks_ends_with_an_error_of_its_dialect(gateway: Open, path: str, fault: Any) -> None:
    secret = await gateway.key()
    gateway.provider.reply = "word " * 40
    gateway.provider.then(fault)
    answer = await gateway.post(path, secret, {**BODIES[path], "stream": True})

    if answer.status_code == 200:
        assert ENDS[path] not in answer.content
        last = answer.content.strip().split(b"\n\n")[-1].splitlines()[-1]
        assert "error" in json.loads(last.removeprefix(b"data: ")).get("type", "error")
        assert b"error" in last
    else:  # it broke before its first word
        assert answer.status_code == 502
    await agree(gateway)


@pytest.mark.parametrize("hang", [faults.hang(billed=True), faults.hang(after_headers=True, billed=True)])
async def test_a_provider_that_hangs_is_a_time_out(tmp_path: Any, provider: FakeOpenRouter, hang: Any) -> None:
    async with serving(tmp_path, provider, llm_timeout_seconds=1) as gateway:
        gateway.alone.gateway.limits = type(gateway.alone.gateway.limits)(1.0, 1.0, 1.0)
        secret = await gateway.key()
        provider.then(hang)
        answer = await gateway.post("/v1/chat/completions", secret, {**BODIES["/v1/chat/completions"], "stream": True})
        assert answer.status_code == 504
        await agree(gateway)


@pytest.mark.parametrize("fault", [faults.portal(), faults.in_front(521)], ids=["sign in", "nobody behind"])
async def test_what_never_reached_the_provider_holds_nothing(gateway: Open, fault: Any) -> None:
    """It had no id that could be asked about: the cap's whole hold stayed for a day, and was booked then."""
    gateway.provider.then(fault)
    failed = await gateway.post("/v1/chat/completions", await gateway.key(), BODIES["/v1/chat/completions"])
    statement = await gateway.books.statement()
    assert (statement.unknown, statement.held, statement.cost) == (0, 0, 0)
    if failed.status_code == 511:
        assert "sign in, or use another network" in failed.json()["error"]["message"]


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
async def test_a_call_under_way_at_a_stop_is_told_so_in_its_dialect(
    gateway: Open, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    """Whoever called got a plain 500, and the log a traceback."""
    gateway.provider.then(faults.hang(billed=True))
    gateway.server._server.config.timeout_graceful_shutdown = 0
    asking = asyncio.ensure_future(gateway.post(path, await gateway.key(), BODIES[path]))
    await until(lambda: len(gateway.provider.calls) == 1)
    await gateway.server.stop()
    answer = await asking
    assert (answer.status_code, answer.headers["x-should-retry"]) == (503, "false")  # it may have been billed
    assert "retry-after" not in answer.headers
    assert answer.json()["error"]["message"].startswith("the gateway was stopped")
    assert answer.json().get("type") == ("error" if path == "/v1/messages" else None)
    assert not [record for record in caplog.records if record.exc_info]


async def test_what_was_stopped_before_it_was_sent_may_be_asked_again(gateway: Open) -> None:
    secret = await gateway.key(budget=nanos("0.0013"))
    path = "/v1/chat/completions"
    gateway.provider.then(faults.hang(billed=True))
    gateway.server._server.config.timeout_graceful_shutdown = 0
    first = asyncio.ensure_future(gateway.post(path, secret, BODIES[path]))
    await until(lambda: len(gateway.provider.calls) == 1)
    waiting = asyncio.ensure_future(gateway.post(path, secret, BODIES[path], **{"X-Genesis-Wait": "60"}))
    await until(lambda: gateway.alone.gateway.rooms.under_way.calls == 2)
    await gateway.server.stop()
    answer = await waiting
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert "x-should-retry" not in answer.headers
    assert (await first).headers["x-should-retry"] == "false"


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
async def test_a_stream_amid_its_words_at_a_stop_ends_as_one_that_broke(
    gateway: Open, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    """It was half a stream, with a traceback in the log."""
    go_on, pieces = threading.Event(), itertools.count()
    gateway.provider.stage = lambda name: name == "piece" and next(pieces) > 5 and go_on.wait(60)
    gateway.provider.reply = "word " * 40
    gateway.server._server.config.timeout_graceful_shutdown = 0
    bearer = {"Authorization": f"Bearer {await gateway.key()}"}
    body = {**BODIES[path], "stream": True}
    async with gateway.http.stream("POST", f"{gateway.url}{path}", headers=bearer, json=body) as answer:
        stopping = asyncio.ensure_future(gateway.server.stop())
        said = (await answer.aread()).decode()
        await stopping
    go_on.set()
    assert answer.status_code == 200
    assert "word" in said
    assert ENDS[path].decode() not in said
    assert "the gateway was stopped" in said.strip().split("\n\n")[-1]
    assert not [record for record in caplog.records if record.exc_info]


async def test_a_stream_that_nobody_reads_at_a_stop_leaves_no_call_open(
    tmp_path: Path, provider: FakeOpenRouter
) -> None:
    """Its last word waited for a reader: the purse was closed under a call that was still being paid for."""
    go_on, amid, pieces = threading.Event(), threading.Event(), itertools.count()

    def hold(name: str) -> None:
        if name == "piece" and next(pieces) == 1_200:
            amid.set()
            assert go_on.wait(WAIT_SECONDS)

    provider.stage, provider.reply = hold, "word " * 8_000
    async with serving(tmp_path, provider) as gateway:
        listener = listen("127.0.0.1", 0, backlog=8, send_bytes=4096)
        gateway.server = GatewayServer(gateway.alone.gateway, listener)
        gateway.server._server.config.timeout_graceful_shutdown = 0
        await gateway.server.start()
        state = gateway.server._server.server_state

        def stalled() -> bool:
            return any(one.flow is not None and one.flow.write_paused for one in tuple(state.connections))

        body = json.dumps({**BODIES["/v1/chat/completions"], "max_tokens": 8_000, "stream": True}).encode()
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect(listener.getsockname())
            client.sendall(asked(await gateway.key(), body))
            await until(lambda: amid.is_set() and stalled())
            await gateway.server.stop()
            assert not state.tasks
            await gateway.alone.client.close()
            statement = await gateway.books.statement()
        go_on.set()
    assert (statement.unknown, statement.calls) == (1, 0)
    assert gateway.alone.gateway.rooms.under_way.calls == 0


async def test_no_call_outlives_the_purse_that_pays_for_it(gateway: Open) -> None:
    """Whoever was told that the gateway closes was let go; who was not went on over a closed ledger."""
    gateway.provider.then(faults.hang(billed=True))
    path = "/v1/chat/completions"
    asking = asyncio.ensure_future(gateway.post(path, await gateway.key(), BODIES[path]))
    await until(lambda: len(gateway.provider.calls) == 1)
    await gateway.alone.client.close()
    statement = await gateway.books.statement()
    assert (statement.unknown, statement.calls) == (1, 0)
    assert (await asking).status_code == 503


async def test_an_answer_about_a_priced_image_is_not_booked_by_its_tokens(tmp_path: Any) -> None:
    models = {"data": [model_entry("acme/seeing", "0.000001", "0.000002", pricing={"image": "0.004"})]}
    picture = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
    with FakeOpenRouter(models=models) as provider:
        async with serving(tmp_path / "data", provider) as gateway:
            for content, unknown in ((HELLO[0]["content"], 0), ([picture], 1)):
                provider.then(faults.null_cost())
                body = {"model": "acme/seeing", "max_tokens": 40, "messages": [{"role": "user", "content": content}]}
                answer = await gateway.post("/v1/chat/completions", await gateway.key(f"k{unknown}"), body)
                assert answer.status_code == 200
                assert (await gateway.books.statement()).unknown == unknown


async def test_an_answer_without_a_cost_is_booked_by_its_tokens(gateway: Open) -> None:
    secret = await gateway.key()
    gateway.provider.then(faults.null_cost(), faults.no_usage())
    for _ in range(2):
        await gateway.post("/v1/chat/completions", secret, BODIES["/v1/chat/completions"])
    await agree(gateway)


async def test_a_client_that_leaves_makes_no_call_free(gateway: Open) -> None:
    secret = await gateway.key()
    gateway.provider.reply = "word " * 200
    body = {**BODIES["/v1/chat/completions"], "max_tokens": 500, "stream": True}
    async with (
        httpx2.AsyncClient() as http,
        http.stream(
            "POST", f"{gateway.url}/v1/chat/completions", json=body, headers={"Authorization": f"Bearer {secret}"}
        ) as answer,
    ):
        async for _ in answer.aiter_raw():
            break
    await agree(gateway)
    assert gateway.alone.gateway.rooms.under_way.calls == 0
    assert await gateway.spent() == gateway.provider.billed_nanos > 0


async def test_several_answers_are_held_for_and_paid_for(gateway: Open) -> None:
    secret = await gateway.key(budget=nanos("0.01"))
    answer = await gateway.sdk(secret).chat.completions.create(model="acme/small-1", messages=HELLO, max_tokens=50, n=3)
    assert len(answer.choices) == 3
    with pytest.raises(openai.APIStatusError) as refused:
        await gateway.sdk(secret).chat.completions.create(model="acme/small-1", messages=HELLO, max_tokens=50, n=100)
    assert refused.value.status_code == 402
    await agree(gateway)


async def test_sixty_four_callers_cannot_spend_more_than_the_cap(gateway: Open) -> None:
    cap = nanos("0.02")
    secret = await gateway.key(budget=cap)
    kinds = [
        None,
        faults.status(500, billed=True),
        faults.cut(billed=True),
        faults.stream_error(502, billed=True),
        faults.null_cost(),
    ]
    for number in range(150):
        gateway.provider.then(kinds[number % len(kinds)])
    sdk = gateway.sdk(secret, timeout=30)
    refused = 0

    async def loop(number: int) -> None:
        nonlocal refused
        for _ in range(5):
            try:
                stream = await sdk.chat.completions.create(
                    model="acme/small-1", messages=HELLO, max_tokens=40, stream=number % 2 == 0
                )
                if number % 2 == 0:
                    async for _ in stream:
                        pass
            except openai.APIStatusError as error:
                refused += error.status_code in (402, 429)
                if error.status_code == 402:
                    return
            except openai.APIError:
                pass

    await asyncio.gather(*(loop(number) for number in range(64)))
    assert refused
    assert gateway.provider.billed_nanos <= cap
    await agree(gateway)


async def test_the_same_request_again_is_not_paid_again(gateway: Open) -> None:
    secret = await gateway.key()
    path = "/v1/chat/completions"
    for stream in (False, True):
        body, named = {**BODIES[path], "stream": stream}, {"Idempotency-Key": f"one-{stream}"}
        first = await gateway.post(path, secret, body, **named)
        again = await gateway.post(path, secret, body, **named)
        assert again.headers["x-genesis-replayed"] == "true"
        assert (again.status_code, again.content) == (200, first.content)
        assert again.headers["content-type"] == first.headers["content-type"]
        other = await gateway.post(path, secret, {**body, "max_tokens": 7}, **named)
        assert (other.status_code, other.json()["error"]["code"]) == (422, "idempotency_key_reused")
    assert len(gateway.provider.bills) == 2
    another = await gateway.key("another")
    assert (await gateway.post(path, another, BODIES[path], **{"Idempotency-Key": "one-False"})).status_code == 200
    assert len(gateway.provider.bills) == 3  # the name is each key's own


async def test_the_same_request_meanwhile_is_told_to_wait(gateway: Open) -> None:
    secret = await gateway.key()
    path, named = "/v1/chat/completions", {"Idempotency-Key": "slow"}
    slow = SlowAnswer(gateway.provider)
    first = asyncio.ensure_future(gateway.post(path, secret, BODIES[path], **named))
    await slow.begun.wait()
    meanwhile = await gateway.post(path, secret, BODIES[path], **named)
    slow.go_on()
    assert (meanwhile.status_code, meanwhile.headers["retry-after"]) == (409, "1")
    assert (await first).status_code == 200
    assert len(gateway.provider.bills) == 1


async def test_a_failure_is_not_kept(gateway: Open) -> None:
    secret = await gateway.key()
    gateway.provider.then(faults.status(400), faults.status(429))
    path, named = "/v1/chat/completions", {"Idempotency-Key": "again"}
    statuses = [(await gateway.post(path, secret, BODIES[path], **named)).status_code for _ in range(3)]
    assert statuses == [400, 429, 200]


async def test_a_callers_own_mistake_cools_no_model_down(gateway: Open) -> None:
    secret = await gateway.key()
    gateway.provider.then(faults.status(400), faults.status(404), faults.status(413))
    for _ in range(3):
        await gateway.post("/v1/chat/completions", secret, BODIES["/v1/chat/completions"])
    health = gateway.alone.gateway.rooms.health
    assert health.snapshot().get("acme/small-1") is None
    gateway.provider.then(faults.status(502))
    await gateway.post("/v1/chat/completions", secret, BODIES["/v1/chat/completions"])
    assert health.snapshot()["acme/small-1"].failures == 1


async def test_waiting_for_others_to_end_is_an_option(gateway: Open) -> None:
    secret = await gateway.key(budget=nanos("0.0013"))
    path = "/v1/chat/completions"
    slow = SlowAnswer(gateway.provider)
    first = asyncio.ensure_future(gateway.post(path, secret, BODIES[path]))
    await slow.begun.wait()
    refused = await gateway.post(path, secret, BODIES[path])
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "budget_in_flight")
    assert refused.headers["retry-after"] == "1"
    waiting = asyncio.ensure_future(gateway.post(path, secret, BODIES[path], **{"X-Genesis-Wait": "20"}))
    await asyncio.sleep(0)
    slow.go_on()
    assert (await waiting).status_code == 200
    assert (await first).status_code == 200


async def test_what_is_unknown_is_asked_for_at_once_and_given_back(gateway: Open) -> None:
    secret = await gateway.key(budget=nanos("0.0013"))
    gateway.provider.then(faults.no_usage())
    path = "/v1/chat/completions"
    assert (await gateway.post(path, secret, BODIES[path])).status_code == 200
    assert (await gateway.post(path, secret, BODIES[path])).json()["error"]["code"] == "budget_in_flight"
    await gateway.alone.client.settle_unknowns()
    assert (await gateway.post(path, secret, BODIES[path])).status_code == 200
    assert await gateway.spent() == gateway.provider.billed_nanos


async def test_a_client_that_leaves_before_the_first_byte_is_booked_and_counted_out(gateway: Open) -> None:
    secret = await gateway.key()
    path = "/v1/chat/completions"
    for stream in (True, False):
        slow = SlowAnswer(gateway.provider)
        asking = asyncio.ensure_future(gateway.post(path, secret, {**BODIES[path], "stream": stream}))
        await slow.begun.wait()
        asking.cancel()
        await asyncio.wait({asking})
        slow.go_on()
        await gateway.settled()
    assert len(gateway.provider.bills) == 2
    assert await gateway.spent() == gateway.provider.billed_nanos
    await until(lambda: not gateway.alone.gateway.rooms.under_way.calls)
