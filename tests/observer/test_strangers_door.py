"""The Observer's door: who guesses is counted, who has the token is let in, and under which names it answers."""

import asyncio
import re
from typing import Any

import httpx2
import pytest
from starlette.types import Receive, Scope, Send

from ai.observer import Mounted, ObserverServer
from tests.observer.conftest import TOKEN, Serve, Served
from tests.observer.test_observer_api import kofi
from tests.world.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

WRONG = {"authorization": "Bearer not the token at all"}
ADDRESSES = ("/api/budget", "/api/month", "/api/state", "/api/events", "/metrics", "/", "/money", "/now", "/nowhere")


@pytest.mark.parametrize("path", ADDRESSES)
async def test_a_guess_counts_wherever_it_is_presented(serve: Serve, path: str) -> None:
    served = await serve(PUBLIC_BUDGET="off")
    codes = [(await served.client.get(path, headers=WRONG)).status_code for _ in range(12)]
    assert codes == [401] * 10 + [429] * 2
    assert (await served.client.post("/api/admin/pause", headers=WRONG)).status_code == 429


async def test_the_right_token_is_never_locked_out_by_wrong_ones(serve: Serve) -> None:
    served = await serve(KOFI_VERIFICATION_TOKEN="kofi token")
    for _ in range(15):
        await served.client.get("/api/state", headers=WRONG)
        await served.client.post("/caretaker/sign-in", data={"token": "no"})
        await served.client.post("/webhooks/kofi", data=kofi(verification_token="no"))
    codes = [(await served.client.post("/api/admin/pause", headers=served.admin())).status_code for _ in range(30)]
    assert codes == [202] * 30
    deliveries = [kofi(verification_token="kofi token", kofi_transaction_id=f"t-{n}") for n in range(30)]
    answers = [(await served.client.post("/webhooks/kofi", data=form)).status_code for form in deliveries]
    assert answers == [200] * 30
    assert (await served.client.post("/caretaker/sign-in", data={"token": TOKEN})).status_code == 303


async def test_wrong_tokens_of_one_purpose_lock_no_other(serve: Serve) -> None:
    served = await serve(KOFI_VERIFICATION_TOKEN="kofi token")
    codes = [(await served.client.post("/webhooks/kofi", data=kofi())).status_code for _ in range(11)]
    assert codes == [401] * 10 + [429]
    assert (await served.client.post("/caretaker/sign-in", data={"token": "no"})).status_code == 403
    assert (await served.client.get("/api/state", headers=WRONG)).status_code == 401


@pytest.mark.parametrize("scheme", ["Basic dTpw", "Digest x", "Bearer"])
async def test_what_is_no_guess_is_none(served: Served, scheme: str) -> None:
    codes = {(await served.client.get("/api/state", headers={"authorization": scheme})).status_code for _ in range(12)}
    assert codes <= {200, 401, 429} if scheme == "Bearer" else codes == {200}


# --- behind a proxy --------------------------------------------------------------------------------------


def through(address: str, **headers: str) -> dict[str, str]:
    return {"x-forwarded-for": address, "host": "genesis.example", "x-forwarded-proto": "https", **headers}


BEHIND = {"PUBLIC_URL": "https://genesis.example", "TRUSTED_PROXIES": "127.0.0.0/8 10.0.0.0/8"}


async def test_guesses_of_one_visitor_behind_a_proxy_lock_no_other(serve: Serve) -> None:
    served = await serve(**BEHIND)
    codes = [
        (await served.client.get("/api/state", headers=through("192.0.2.1") | WRONG)).status_code for _ in range(11)
    ]
    assert codes[-1] == 429
    assert (await served.client.get("/api/state", headers=through("192.0.2.2") | WRONG)).status_code == 401


async def test_a_forged_hop_does_not_make_a_new_visitor(serve: Serve) -> None:
    served = await serve(**BEHIND)
    forged = [through(f"198.51.100.{n}, 192.0.2.1, 10.0.0.7") | WRONG for n in range(11)]
    assert [(await served.client.get("/", headers=one)).status_code for one in forged] == [401] * 10 + [429]


async def test_nobody_is_believed_who_is_not_named(served: Served) -> None:
    forged = [{"x-forwarded-for": f"198.51.100.{n}"} | WRONG for n in range(11)]
    assert [(await served.client.get("/", headers=one)).status_code for one in forged] == [401] * 10 + [429]


async def test_a_household_of_ipv6_is_one_visitor(serve: Serve) -> None:
    served = await serve(**BEHIND)
    many = [through(f"2001:db8:1:2::{n}") | WRONG for n in range(1, 12)]
    assert [(await served.client.get("/", headers=one)).status_code for one in many] == [401] * 10 + [429]


async def test_the_right_token_signs_in_behind_the_documented_proxy(serve: Serve) -> None:
    served = await serve(**BEHIND)
    for headers in (
        through("192.0.2.1", origin="https://genesis.example"),
        {"origin": "https://genesis.example", "sec-fetch-site": "same-origin"},  # a proxy that names 127.0.0.1 as host
    ):
        answer = await served.client.post("/caretaker/sign-in", data={"token": TOKEN}, headers=headers)
        assert answer.status_code == 303, answer.text
        assert "; secure" in answer.headers["set-cookie"].lower()
    answer = await served.client.post("/caretaker/sign-in", data={"token": TOKEN})
    assert "; secure" not in answer.headers["set-cookie"].lower(), "on loopback there is no TLS to keep it for"


# --- names -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["evil.example", "rebound.evil.example:8085", "10.0.0.5", "genesis.example", ""])
async def test_only_loopbacks_names_are_answered_in_the_container_too(serve: Serve, host: str) -> None:
    served = await serve(OBSERVER_HOST="0.0.0.0")  # noqa: S104 - as in the container
    for path in ("/api/state", "/money/", "/healthz", "/static/page.css", "/caretaker/sign-in"):
        answer = await served.client.get(path, headers={"host": host})
        assert answer.status_code == 421
        assert "content-security-policy" in answer.headers


async def test_named_hosts_are_answered(serve: Serve) -> None:
    served = await serve(ALLOWED_HOSTS="mind-a 10.0.0.5", PUBLIC_URL="https://genesis.example:8443")
    for host in ("mind-a:8085", "10.0.0.5", "genesis.example", "GENESIS.example:8443", "localhost"):
        assert (await served.client.get("/api/state", headers={"host": host})).status_code == 200


async def test_a_slash_too_many_leads_nowhere_else(served: Served) -> None:
    answer = await served.client.get("/money/", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (308, "/money")
    for path in ("//evil.example/", "/%2fevil.example/", "/healthz/", "/api/state/"):
        answer = await served.client.get(served.url + path, follow_redirects=False)
        assert answer.status_code == 404
        assert "location" not in answer.headers


# --- what breaks a careless reader -----------------------------------------------------------------------

LONG = "9" * 4400
STRANGE = (
    *(f"/{name}/{LONG}" for name in ("lives", "events", "nowhere", "static")),
    f"/?before={LONG}", f"/api/events?after={LONG}", f"/api/events?limit={LONG}", f"/api/stream?after={LONG}",
    "/lives/-1", "/lives/٣", "/events/1e3", "/%00", "/static/%00", "/%ff%fe", "/api/events?show=%ff", "/?show=%00",
)  # fmt: skip


@pytest.mark.parametrize("path", STRANGE)
@pytest.mark.parametrize("accept", ["text/html", "application/json"])
async def test_no_address_is_a_fault_of_ours(served: Served, path: str, accept: str) -> None:
    answer = await served.client.get(path, headers={"accept": accept})
    assert 400 <= answer.status_code < 500
    assert "content-security-policy" in answer.headers


@pytest.mark.parametrize(
    "origin", ["http://[", "http://[::1", "http://a:b", "http://a:99999", "//", "\x80", "x" * 9000]
)
@pytest.mark.parametrize("path", ["/caretaker/sign-in", "/caretaker/pause", "/caretaker/sign-out"])
async def test_a_broken_origin_is_refused(served: Served, origin: str, path: str) -> None:
    await served.client.post("/caretaker/sign-in", data={"token": TOKEN})
    csrf = re.search(r'name="csrf" value="([^"]+)"', (await served.client.get("/caretaker")).text)
    assert csrf is not None
    headers = [(b"origin", origin.encode("latin-1"))]
    answer = await served.client.post(path, data={"token": TOKEN, "csrf": csrf[1]}, headers=headers)
    assert answer.status_code == 403
    assert "content-security-policy" in answer.headers


@pytest.mark.parametrize(
    "name", ["last-event-id", "if-none-match", "cookie", "accept-encoding", "host", "authorization"]
)
async def test_no_header_is_a_fault_of_ours(served: Served, name: str) -> None:
    for value in (LONG, "\x80\xff", "=;=;", '"', "[", "Bearer \xff"):
        answer = await served.client.get("/api/stream" if name == "last-event-id" else "/", headers=[
            (name.encode(), value.encode("latin-1"))
        ])  # fmt: skip
        assert answer.status_code < 500
        assert "content-security-policy" in answer.headers


async def test_a_fault_of_ours_is_500_with_the_headers_and_one_line_a_minute(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    served.app.state = None  # type: ignore[assignment, method-assign]
    served.app.clock.advance(10)
    served.app.tell("alert", problem="an app that broke")
    answers = [await served.client.get("/api/state") for _ in range(5)]
    assert {answer.status_code for answer in answers} <= {500, 200}
    assert all("content-security-policy" in answer.headers for answer in answers)
    assert len(caplog.records) <= 1


async def test_a_body_that_never_ends_is_let_go(served: Served) -> None:
    host, port = served.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"POST /webhooks/kofi HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n")
    writer.write(b"2000\r\n" + b"x" * 0x2000 + b"\r\n")
    for _ in range(9):
        writer.write(b"2000\r\n" + b"x" * 0x2000 + b"\r\n")
    said = await reader.read(4000)
    assert b"404" in said.split(b"\r\n", 1)[0] or b"413" in said.split(b"\r\n", 1)[0]
    writer.close()


# --- another app on the same address ---------------------------------------------------------------------


async def test_a_mounted_app_has_rules_of_its_own(served: Served) -> None:
    async def gateway(scope: Scope, receive: Receive, send: Send) -> None:
        size, more = 0, True
        while more:
            message: Any = await receive()
            size, more = size + len(message.get("body", b"")), message.get("more_body", False)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": f"{scope['path']} {size}".encode()})

    server = ObserverServer(served.app, [Mounted(lambda path: path.startswith("/v1/"), gateway)])
    await server.start()
    try:
        async with httpx2.AsyncClient(base_url=server.url, timeout=30) as client:
            key = {"authorization": "Bearer gk-not-the-admins"}
            for size in (3_000_000, *range(12)):
                answer = await client.post("/v1/chat/completions", content=b"x" * size, headers=key)
                assert answer.text == f"/v1/chat/completions {size}"
            assert "content-security-policy" in answer.headers
            assert (await client.get("/v1/models", headers={"host": "evil.example"})).status_code == 421
            assert (await client.get("/api/state", headers=WRONG)).status_code == 401, "its keys were no guesses here"
            assert (await client.post("/webhooks/kofi", content=b"x" * 70_000)).status_code == 413
    finally:
        await server.stop()


async def test_asking_for_the_head_of_a_stream_takes_no_place_of_a_reader(served: Served) -> None:
    async with asyncio.timeout(10):
        for path in ("/api/stream", "/live?view=all"):
            answer = await served.client.head(path)
            assert (answer.status_code, answer.headers["content-type"][:17]) == (200, "text/event-stream")
    assert served.server.readers() == 0


async def test_leaving_in_the_middle_of_a_letter_is_no_fault_of_ours(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    served = await serve(VISITORS="on")
    host, port = served.url.removeprefix("http://").split(":")
    places = served.server._app.state.view.places
    for _ in range(3):
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(
            b"POST /api/letters HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 50\r\n\r\n"
        )
        assert await reader.readline() == b"HTTP/1.1 100 Continue\r\n", "the route waits for the body"
        writer.write(b"half")
        writer.close()
        await writer.wait_closed()
    await until(lambda: not places.taken)
    assert (await served.client.get("/healthz")).status_code == 200
    assert not [record for record in caplog.records if "could not be answered" in record.message]


@pytest.mark.parametrize(
    ("accepted", "zipped"),
    [("gzip", True), ("br, gzip;q=0.5", True), ("x-gzip", True), ("gzip;q=0, identity", False), ("gzip; q=0.0", False),
     ("notgzip", False)],
)  # fmt: skip
async def test_who_refuses_gzip_is_sent_none(served: Served, accepted: str, zipped: bool) -> None:  # noqa: FBT001 - a row
    for path in ("/", "/static/page.css", "/api/events"):
        answer = await served.client.get(path, headers={"accept-encoding": accepted})
        assert (answer.headers.get("content-encoding") == "gzip") is zipped, path
