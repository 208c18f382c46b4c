"""The Observer's routes over real HTTP, against a real mind.db."""

import asyncio
import json
from contextlib import AsyncExitStack
from typing import Any

import httpx2
import pytest

from ai.credit_tracker.statement import OTHERS
from ai.ledger.money import NANOS_PER_USD
from ai.observer import ObserverServer
from ai.observer.server import PortUnusable
from tests.observer.conftest import Serve, Served

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def events_of(lines: Any, count: int) -> list[tuple[int, dict[str, Any]]]:
    """Read `count` journal events from an open stream's lines."""
    found: list[tuple[int, dict[str, Any]]] = []
    seq = 0
    async for line in lines:
        if line.startswith("id: "):
            seq = int(line[4:])
        if line.startswith("data: {"):
            found.append((seq, json.loads(line[6:])))
        if len(found) == count:
            break
    return found


async def test_health_and_readiness(served: Served) -> None:
    assert (await served.client.get("/healthz")).text == "ok\n"
    assert (await served.client.get("/readyz")).json() == {"ready": True, "problems": []}
    served.app.problems.append("the last beat is overdue by 3 minutes")
    answer = await served.client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["problems"] == ["the last beat is overdue by 3 minutes"]


async def test_state_budget_and_the_rest_are_the_apps_words(served: Served) -> None:
    app, client = served.app, served.client
    assert (await client.get("/api/state")).json() == await app.state()
    assert (await client.get("/api/budget")).json() == await app.budget()
    assert (await client.get("/api/models")).json() == await app.models()
    assert (await client.get("/api/tweets")).json() == await app.tweets(100)
    assert (await client.get("/api/lives")).json() == app.chronicle_rows()


async def test_a_read_is_asked_anew_after_an_event(served: Served) -> None:
    assert (await served.client.get("/api/state")).json()["paused"] is False
    served.app.paused = True
    served.app.clock.advance(3)
    assert (await served.client.get("/api/state")).json()["paused"] is True


async def test_the_months_parts_equal_the_budget_to_the_nano_dollar(served: Served) -> None:
    month = (await served.client.get("/api/month")).json()
    budget = (await served.client.get("/api/budget")).json()

    def total(rows: list[dict[str, str]]) -> int:
        return sum(int(row["cost"].replace(".", "")) for row in rows)

    spent = int(budget["spent"].replace(".", ""))
    assert spent > 0
    assert total(month["days"]) == total(month["by_tier"]) == spent
    assert month["balance"][-1]["left"] == budget["available"]
    assert [row["day"] for row in month["days"]][-1] == "2026-11-22"


async def test_events_page_both_ways_and_filter(served: Served) -> None:
    client = served.client
    everything = (await client.get("/api/events", params={"after": 0, "limit": 1000})).json()
    assert [row["seq"] for row in everything["events"]] == list(range(1, everything["newest"] + 1))
    backwards = (await client.get("/api/events", params={"before": 50, "limit": 10})).json()["events"]
    assert [row["seq"] for row in backwards] == list(range(49, 39, -1))
    thoughts = (await client.get("/api/events", params={"show": "thoughts", "before": 200, "limit": 5})).json()
    expected = [row for row in everything["events"] if row["kind"] == "thought" and row["seq"] < 200][-5:]
    assert thoughts["events"] == expected[::-1]
    call = next(row for row in everything["events"] if row["kind"] == "call.completed")
    assert call["line"].startswith("Response: ")
    assert "Tokens: " in call["line"]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("after=-1", "after='-1' is no whole number"),
        ("after=1e3", "after='1e3'"),
        ("limit=1001", "from 0 to 1000"),
        ("before=99999999999999999999", "before="),
        ("show=nonsense", "is one of story, all, thoughts"),
        ("after=1&before=2", "exclude each other"),
        ("after=٣", "no whole number"),
    ],
)
async def test_a_bad_question_gets_one_line(served: Served, query: str, said: str) -> None:
    answer = await served.client.get(f"/api/events?{query}")
    assert answer.status_code == 400
    assert said in answer.json()["error"]
    assert "\n" not in answer.json()["error"]


async def test_stream_resumes_without_gap_or_double(served: Served) -> None:
    app, client = served.app, served.client
    before = app.journal.before(None, 1)[0].seq
    async with client.stream("GET", "/api/stream") as stream:
        lines = stream.aiter_lines()
        await anext(lines)
        app.beat()
        first = await events_of(lines, 3)
    for _ in range(115):
        app.beat()
    newest = app.journal.before(None, 1)[0].seq
    async with client.stream("GET", "/api/stream", headers={"last-event-id": str(first[-1][0])}) as stream:
        rest = await events_of(stream.aiter_lines(), newest - first[-1][0])
    assert [seq for seq, _ in first + rest] == list(range(before + 1, newest + 1))
    assert [event["seq"] for _, event in rest] == [seq for seq, _ in rest]


async def test_a_stream_carries_any_text_whole(served: Served) -> None:
    start = served.app.journal.before(None, 1)[0].seq
    texts = ["a\u2028b\u2029c\x85d\x0be\x0cf", "a\nb\r\nc\rd", "data: x\n\nid: 7\n\n", "", "\x00\ufeff"]
    for text in texts:
        served.app.tell("thought", text=text)
    async with served.client.stream("GET", f"/api/stream?after={start}") as stream:
        body = b""
        async for chunk in stream.aiter_bytes():
            body += chunk
            if body.count(b"\nid: ") + body.startswith(b"id: ") >= len(texts) and body.endswith(b"\n\n"):
                break
    frames = [frame for frame in body.decode().split("\n\n") if frame.startswith("id: ")]
    assert [json.loads(frame.split("\ndata: ", 1)[1])["data"]["text"] for frame in frames] == texts
    assert [int(frame.split("\n", 1)[0][4:]) for frame in frames] == list(range(start + 1, start + 1 + len(texts)))


async def test_stream_filters_and_still_moves_the_resume_point(served: Served) -> None:
    app = served.app
    start = app.journal.before(None, 1)[0].seq
    for _ in range(3):
        app.beat()
    async with served.client.stream("GET", f"/api/stream?show=thoughts&after={start}") as stream:
        found = await events_of(stream.aiter_lines(), 3)
    assert {event["kind"] for _, event in found} == {"thought"}


async def test_a_bad_resume_point_is_refused(served: Served) -> None:
    answer = await served.client.get("/api/stream", headers={"last-event-id": "abc"})
    assert answer.status_code == 400
    assert "Last-Event-ID 'abc'" in answer.json()["error"]


async def test_server_ends_with_streams_connected(serve: Serve) -> None:
    served = await serve()
    async with AsyncExitStack() as stack:
        streams = [await stack.enter_async_context(served.client.stream("GET", "/api/stream")) for _ in range(20)]
        async with asyncio.timeout(3):
            await served.server.stop()
        ends = [[line async for line in stream.aiter_lines()] for stream in streams]
    assert len(ends) == 20


async def test_many_streams_get_the_same_events(served: Served) -> None:
    start = served.app.journal.before(None, 1)[0].seq

    async def follow() -> list[int]:
        async with served.client.stream("GET", f"/api/stream?after={start}") as stream:
            return [seq for seq, _ in await events_of(stream.aiter_lines(), 12)]

    followers = [asyncio.create_task(follow()) for _ in range(40)]
    for _ in range(4):
        served.app.beat()
        await asyncio.sleep(0)
    assert {tuple(seqs) for seqs in await asyncio.gather(*followers)} == {tuple(range(start + 1, start + 13))}


async def test_metrics_tell_what_each_key_and_run_spent_to_the_caretaker_and_visitors_the_sum(served: Served) -> None:
    served.app.also["callers"] = [
        {"key": "alice", "run": "smallville", "calls": 3, "cost": "0.012000000"},
        {"key": "bob", "run": "", "calls": 2, "cost": "0.001000000"},
        {"key": OTHERS, "run": OTHERS, "calls": 4, "cost": "0.002000000"},
    ]
    text = (await served.client.get("/metrics")).text
    assert "genesis_gateway_calls_month_total 9.0" in text
    assert "genesis_gateway_spent_usd 0.015" in text
    assert not {"alice", "smallville", "bob"} & set(text.replace('"', " ").split())
    text = (await served.client.get("/metrics", headers=served.admin())).text
    assert 'genesis_gateway_calls_month_total{key="alice",run="smallville"} 3.0' in text
    assert 'genesis_gateway_spent_usd{key="alice",run="smallville"} 0.012' in text
    assert 'genesis_gateway_spent_usd{key="(others)",run="(others)"} 0.002' in text
    # what they called falls as one of them comes among the dearest: no counter, or `rate` takes it for a new start
    assert 'genesis_gateway_calls_month_total{key="(others)"' not in text
    assert "# TYPE genesis_gateway_others_calls_month gauge\ngenesis_gateway_others_calls_month 4.0" in text


async def test_metrics(served: Served) -> None:
    text = (await served.client.get("/metrics")).text
    budget = await served.app.budget()
    assert "genesis_alive 1.0" in text
    assert f"genesis_available_usd {float(budget['available'])}" in text
    assert 'genesis_band{band="comfortable"} 1.0' in text
    assert f"genesis_journal_events_total {float(served.app.journal.before(None, 1)[0].seq)}" in text


async def test_security_headers_stand_on_every_answer(served: Served) -> None:
    for path in ("/healthz", "/api/state", "/nowhere", "/api/events?limit=x"):
        headers = (await served.client.get(path)).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8085", "127.0.0.1.evil.example", "", "[::2]:80"])
async def test_a_foreign_host_name_is_refused_on_loopback(served: Served, host: str) -> None:
    answer = await served.client.get("/api/state", headers={"host": host})
    assert answer.status_code == 421


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8085", "127.0.0.1:1", "[::1]:8085"])
async def test_loopback_names_are_served(served: Served, host: str) -> None:
    assert (await served.client.get("/api/state", headers={"host": host})).status_code == 200


async def test_etag_and_gzip(served: Served) -> None:
    first = await served.client.get("/api/budget")
    assert first.headers["content-encoding"] == "gzip"
    again = await served.client.get("/api/budget", headers={"if-none-match": first.headers["etag"]})
    assert again.status_code == 304
    assert again.content == b""
    plain = await served.client.get("/api/budget", headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.json() == first.json()


async def test_private_money_shows_no_amount_to_a_visitor(serve: Serve) -> None:
    served = await serve(PUBLIC_BUDGET="off")
    served.app.tell("alert", problem="only $0.42 are left")
    assert (await served.client.get("/api/budget")).status_code == 403
    assert (await served.client.get("/api/month")).status_code == 403
    state = (await served.client.get("/api/state")).json()
    assert state["budget"] == {"available": None, "granted": None, "band": "comfortable"}
    rows = (await served.client.get("/api/events?limit=1000")).text
    assert "_nanos" not in rows
    assert "0.42" not in rows
    assert "_usd" not in (await served.client.get("/metrics")).text
    assert (await served.client.get("/api/budget", headers=served.admin())).status_code == 200
    assert "genesis_spent_usd" in (await served.client.get("/metrics", headers=served.admin())).text


async def test_a_taken_port_is_one_line(served: Served) -> None:
    port = int(served.url.rsplit(":", 1)[1])
    app = served.app
    app.settings = app.settings.model_copy(update={"observer_port": port})
    with pytest.raises(PortUnusable, match=f"OBSERVER_PORT={port} .* set another one"):
        await ObserverServer(app).start()


async def test_the_told_address_opens_in_a_browser_though_all_addresses_are_listened_on(serve: Serve) -> None:
    served = await serve(OBSERVER_HOST="0.0.0.0")  # noqa: S104 - as in the container
    assert served.url.startswith("http://127.0.0.1:")
    assert (await served.client.get("/healthz")).status_code == 200


async def test_unreadable_database_is_503_with_one_line(served: Served) -> None:
    served.app.mind.close()
    for path in served.app.mind_path.parent.glob("mind.db*"):
        path.unlink()
    served.app.mind_path.write_bytes(b"this is no database" * 100)
    answer = await served.client.get("/api/events")
    assert answer.status_code == 503
    assert "\n" not in answer.json()["error"]


async def test_admin_without_a_token_set_is_forbidden(serve: Serve) -> None:
    served = await serve(token=None)
    answer = await served.client.post("/api/admin/pause", headers={"authorization": "Bearer x"})
    assert answer.status_code == 403
    assert "ADMIN_TOKEN is not set" in answer.json()["error"]


async def test_admin_orders_become_commands(served: Served) -> None:
    for kind, body, data in (
        ("pause", None, {}),
        ("resume", {}, {}),
        ("kill", {"cause": " old age "}, {"cause": "old age"}),
        ("topup", {"amount": "1.50", "from": "Ann"}, {"amount": "1.50", "from": "Ann"}),
        ("topup", {"amount": 2, "from": "Bo", "id": "x-1"}, {"amount": "2", "from": "Bo", "id": "x-1"}),
        ("say", {"text": "Hello"}, {"text": "Hello"}),
    ):
        answer = await served.client.post(f"/api/admin/{kind}", headers=served.admin(), json=body)
        assert answer.status_code == 202, answer.text
        last = served.app.commands.pending()[-1]
        assert (last.id, last.kind, dict(last.data)) == (answer.json()["command"], kind, data)
    answer = await served.client.post("/api/admin/tweets/3/approve", headers=served.admin())
    assert answer.status_code == 202
    assert dict(served.app.commands.pending()[-1].data) == {"id": 3}


@pytest.mark.parametrize(
    ("kind", "body", "said"),
    [
        ("kill", b"", "cause: Field required"),
        ("kill", b'{"cause":""}', "cause"),
        ("kill", b"[1]", "body"),
        ("topup", b'{"amount":"NaN","from":"A"}', "amount"),
        ("topup", b'{"amount":NaN,"from":"A"}', "not JSON"),
        ("topup", b'{"amount":"-1","from":"A"}', "amount"),
        ("topup", b'{"amount":"1e9","from":"A"}', "amount"),
        ("topup", b'{"amount":"1","from":"A","id":"a b"}', "id"),
        ("topup", b'{"amount":true,"from":"A"}', "amount"),
        ("pause", b'{"now":1}', "now"),
        ("say", b'{"text":"' + b"x" * 5000 + b'"}', "text"),
        ("say", b"\xff\xfe", "not JSON"),
        ("say", b"[" * 60000, "not JSON"),
    ],
)
async def test_a_bad_order_is_one_line_and_changes_nothing(served: Served, kind: str, body: bytes, said: str) -> None:
    answer = await served.client.post(f"/api/admin/{kind}", headers=served.admin(), content=body)
    assert answer.status_code == 400
    assert said in answer.json()["error"]
    assert "\n" not in answer.json()["error"]
    assert served.app.commands.pending() == []


async def test_too_large_a_body_is_refused(served: Served) -> None:
    answer = await served.client.post("/api/admin/say", headers=served.admin(), content=b"x" * 70_000)
    assert answer.status_code == 413


async def test_unknown_orders_and_posts(served: Served) -> None:
    for path in ("/api/admin/explode", "/api/admin/tweets/1/eat", f"/api/admin/tweets/{2**70}/approve"):
        assert (await served.client.post(path, headers=served.admin())).status_code == 404
    assert (await served.client.get("/api/admin/pause", headers=served.admin())).status_code == 405


async def test_wrong_tokens_are_limited_and_recover(served: Served) -> None:
    wrong = {"authorization": "Bearer wrong"}
    answers = [(await served.client.post("/api/admin/pause", headers=wrong)).status_code for _ in range(12)]
    assert answers == [401] * 10 + [429] * 2
    refused = await served.client.post("/api/admin/pause", headers=wrong)
    served.app.clock.advance(float(refused.headers["retry-after"]))
    assert (await served.client.post("/api/admin/pause", headers=wrong)).status_code == 401
    assert served.app.commands.pending() == []


async def test_admin_requests_are_limited(served: Served) -> None:
    async def pause() -> int:
        return (await served.client.post("/api/admin/pause", headers=served.admin())).status_code

    codes = [await pause() for _ in range(61)]
    assert codes == [202] * 60 + [429]


async def test_a_full_command_table_is_said(served: Served) -> None:
    for _ in range(100):
        served.app.commands.put("pause")
    answer = await served.client.post("/api/admin/pause", headers=served.admin())
    assert answer.status_code == 503
    assert "100 commands wait already" in answer.json()["error"]


def kofi(**changes: Any) -> dict[str, str]:
    data = {
        "verification_token": "shh",
        "message_id": "m-1",
        "timestamp": "2026-11-22T14:00:00Z",
        "type": "Donation",
        "is_public": True,
        "from_name": "Ann",
        "message": "Think well!",
        "amount": "3.00",
        "url": "https://ko-fi.com/",
        "email": "ann@example.com",
        "currency": "USD",
        "kofi_transaction_id": "00000000-1111-2222-3333-444444444444",
    } | changes
    return {"data": json.dumps(data)}


async def test_one_donation_however_often_it_is_delivered(serve: Serve) -> None:
    served = await serve(KOFI_VERIFICATION_TOKEN="shh")
    answers = await asyncio.gather(*(served.client.post("/webhooks/kofi", data=kofi()) for _ in range(100)))
    assert {answer.status_code for answer in answers} == {200}
    assert sum(answer.json()["new"] for answer in answers) == 1
    topup, say = served.app.commands.pending()
    assert topup.kind == "topup"
    assert dict(topup.data) == {
        "amount": "3.000000000",
        "from": "Ann",
        "id": "kofi/00000000-1111-2222-3333-444444444444",
        "by": "a donation",
    }
    assert "Think well!" in say.data["text"]
    assert "ann@example.com" not in str(say.data)


async def test_a_forged_amount_for_a_known_transaction_changes_nothing(serve: Serve) -> None:
    served = await serve(KOFI_VERIFICATION_TOKEN="shh")
    await served.client.post("/webhooks/kofi", data=kofi())
    answer = await served.client.post("/webhooks/kofi", data=kofi(amount="3000.00"))
    assert answer.json() == {"new": False, "refused": "the same transaction was told before with another amount"}
    assert [c.kind for c in served.app.commands.pending()] == ["topup", "say"]


@pytest.mark.parametrize(
    ("form", "status"),
    [
        (kofi(verification_token="wrong"), 401),
        (kofi(verification_token="schön"), 401),
        ({"data": "{"}, 400),
        ({"data": "[" * 15_000}, 400),
        ({"nothing": "1"}, 400),
    ],
)
async def test_what_is_not_a_donation_changes_nothing(serve: Serve, form: dict[str, str], status: int) -> None:
    served = await serve(KOFI_VERIFICATION_TOKEN="shh")
    answer = await served.client.post("/webhooks/kofi", data=form)
    assert answer.status_code == status
    assert "shh" not in answer.text
    assert served.app.commands.pending() == []
    assert served.app.mind.connection.execute("SELECT count(*) FROM donations").fetchone()[0] == 0


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"amount": "-3.00"}, "cannot be read"),
        ({"amount": "NaN"}, "cannot be read"),
        ({"amount": "3.001"}, "cannot be read"),
        ({"amount": "3,00"}, "cannot be read"),
        ({"amount": None}, "cannot be read"),
        ({"amount": "9" * 4000}, "cannot be read"),
        ({"amount": "0.00"}, "not between"),
        ({"amount": "1000000.00"}, "not between"),
        ({"kofi_transaction_id": "../x"}, "names no transaction"),
        ({"kofi_transaction_id": None}, "names no transaction"),
        ({"currency": None}, "not in US dollars"),
    ],
)
async def test_a_gift_that_cannot_be_booked_is_kept_for_a_person_once(
    serve: Serve, changes: dict[str, Any], told: str
) -> None:
    served = await serve(KOFI_VERIFICATION_TOKEN="shh")
    answers = [await served.client.post("/webhooks/kofi", data=kofi(**changes)) for _ in range(2)]
    assert [(answer.status_code, answer.json()["new"]) for answer in answers] == [(200, True), (200, False)]
    assert all(told in answer.json()["refused"] for answer in answers)
    assert served.app.commands.pending() == []
    assert served.app.mind.connection.execute("SELECT count(*) FROM donations").fetchone()[0] == 1


@pytest.mark.parametrize(
    ("changes", "donor"),
    [
        ({"message": "m" * 60_000}, "Ann"),
        ({"from_name": "n" * 5_000}, "n" * 99 + "…"),
        ({"is_public": None}, "someone"),
        ({"is_public": "yes"}, "someone"),
        ({"from_name": None, "message": None}, "someone"),
        ({"from_name": 7, "message": ["x"]}, "someone"),
        ({"message": "\ud83d"}, "Ann"),
        ({"amount": 3}, "Ann"),
        ({"amount": 3.0}, "Ann"),
    ],
)
async def test_odd_words_cost_nobody_a_gift(serve: Serve, changes: dict[str, Any], donor: str) -> None:
    served = await serve(KOFI_VERIFICATION_TOKEN="shh")
    answer = await served.client.post("/webhooks/kofi", data=kofi(**changes))
    assert answer.json() == {"new": True, "refused": None}, answer.text
    topup, say = served.app.commands.pending()
    assert (topup.data["amount"], topup.data["from"]) == ("3.000000000", donor)
    assert len(say.data["text"]) < 2_300


async def test_kofis_own_test_is_no_money(serve: Serve) -> None:
    served = await serve(KOFI_VERIFICATION_TOKEN="shh")
    sample = kofi(from_name="Jo Example", email="jo.example@example.com", message="Good luck with the integration!")
    answer = await served.client.post("/webhooks/kofi", data=sample)
    assert (answer.status_code, answer.json()["new"]) == (200, False)
    assert "no money" in answer.json()["refused"]
    assert served.app.commands.pending() == []


async def test_other_currencies_wait_in_a_list(serve: Serve) -> None:
    served = await serve(KOFI_VERIFICATION_TOKEN="shh")
    answer = await served.client.post("/webhooks/kofi", data=kofi(currency="EUR"))
    assert answer.json()["new"] is True
    assert "not in US dollars" in answer.json()["refused"]
    assert served.app.commands.pending() == []
    row = served.app.mind.connection.execute("SELECT amount_told, refused FROM donations").fetchone()
    assert row["amount_told"] == "3.00 EUR"


async def test_without_a_verification_token_there_is_no_webhook(served: Served) -> None:
    assert (await served.client.post("/webhooks/kofi", data=kofi())).status_code == 404


async def test_a_full_queue_makes_kofi_come_again(serve: Serve) -> None:
    served = await serve(KOFI_VERIFICATION_TOKEN="shh")
    for _ in range(99):
        served.app.commands.put("pause")
    assert (await served.client.post("/webhooks/kofi", data=kofi())).status_code == 503
    assert served.app.mind.connection.execute("SELECT count(*) FROM donations").fetchone()[0] == 0


async def test_the_month_turns(served: Served) -> None:
    app = served.app
    app.clock.advance(9 * 86400)
    app.granted = NANOS_PER_USD
    app.beat()
    newest = app.journal.before(None, 1)[0].seq
    async with served.client.stream("GET", f"/api/stream?after={newest - 1}") as stream:
        await events_of(stream.aiter_lines(), 1)
    month = (await served.client.get("/api/month")).json()
    assert month["period"] == "2026-12"
    assert len(month["days"]) == 1


async def test_httpx_client_sees_static_nothing(served: Served) -> None:
    answer = await served.client.get("/static/%2e%2e/app.py")
    assert answer.status_code == 404
    fonts = await served.client.get("/static/fonts/figtree-latin-wght-normal.woff2")
    assert fonts.headers["content-type"] == "font/woff2"
    assert isinstance(fonts, httpx2.Response)


async def test_a_dry_run_is_nowhere_said_to_be_posted(served: Served) -> None:
    (dry,) = [post for post in served.app.posts if post["state"] == "dry_run"]
    page = (await served.client.get("/posts")).text
    row = next(row for row in page.split("<li") if dry["text"][:20] in row)
    assert "dry run, not sent" in row
    assert "posted" not in row
    entry = next(one for one in (await served.client.get("/feed.xml")).text.split("<entry>") if dry["text"][:20] in one)
    assert "<title>Dry run, not sent: " in entry
