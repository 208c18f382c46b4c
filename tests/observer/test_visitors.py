"""Visitors at the door: they write, vote and read, within bounds, and nothing they send is more than text."""

import xml.etree.ElementTree as ET
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from tests.observer.conftest import Serve, Served
from tests.observer.test_observer_caretaker import sign_in

pytestmark = pytest.mark.asyncio(loop_scope="module")
ATOM = "{http://www.w3.org/2005/Atom}"


async def write(served: Served, **body: Any) -> httpx2.Response:
    return await served.client.post("/api/letters", json={"name": "Ines", "text": "What do you see?"} | body)


async def test_off_means_off(served: Served) -> None:
    answer = await write(served)
    assert (answer.status_code, "VISITORS=on" in answer.json()["error"]) == (403, True)
    assert (await served.client.post("/api/votes", json={"vote": "die"})).status_code == 403
    assert (await served.client.post("/letters", data={"text": "hi"})).status_code == 403
    page = (await served.client.get("/letters")).text
    assert "<form" not in page
    assert (await served.client.get("/api/letters")).json() == []


async def test_a_letter_and_its_answer_stand_on_the_page(serve: Serve) -> None:
    served = await serve(VISITORS="on")
    answer = await write(served, text="<b>What</b> do you see? {{ 7 * 7 }}")
    assert (answer.status_code, answer.json()) == (202, {"id": 1, "state": "open"})
    served.app.letters.answer("A wall & <i>you</i>.", "", 3)
    (row,) = (await served.client.get("/api/letters")).json()
    assert list(row) == ["id", "from", "text", "at", "answer", "answered_at"]
    assert (row["from"], row["answer"]) == ("Ines", "A wall & <i>you</i>.")
    page = (await served.client.get("/letters")).text
    assert "&lt;b&gt;What&lt;/b&gt; do you see? {{ 7 * 7 }}" in page
    assert "A wall &amp; &lt;i&gt;you&lt;/i&gt;." in page
    kinds = [
        event["kind"] for event in (await served.client.get("/api/events?show=care&before=999999")).json()["events"]
    ]
    assert kinds[:2] == ["letter.answered", "letter.arrived"]
    assert "It answered 1 letter" in (await served.client.get("/lives/3")).text


async def test_a_letter_that_waits_for_approval_is_shown_to_the_caretaker_alone(serve: Serve) -> None:
    """A stranger's words must not reach the world, or the mind, before a person has read them."""
    served = await serve(VISITORS="approve")
    answer = await write(served, text="Something unspeakable")
    assert answer.json() == {"id": 1, "state": "awaiting_approval"}
    await write(served, text="Something kind")
    for path in ("/letters", "/api/letters", "/api/events?show=all&before=999999", "/", "/caretaker", "/feed.xml"):
        assert "Something" not in (await served.client.get(path)).text, path
    csrf = await sign_in(served)
    page = (await served.client.get("/caretaker")).text
    assert "Something unspeakable" in page
    assert (await served.client.post("/caretaker/letters/1", data={"verdict": "refuse"})).status_code == 403
    for number, verdict in ((1, "refuse"), (2, "approve")):
        sent = await served.client.post(f"/caretaker/letters/{number}", data={"csrf": csrf, "verdict": verdict})
        assert sent.status_code == 303
    asked = [(one.kind, one.data["id"]) for one in served.app.commands.pending() if "letter" in one.kind]
    assert asked == [("refuse_letter", 1), ("release_letter", 2)]
    served.app.letters.decide(1, release=False)
    served.app.letters.decide(2, release=True)
    assert [row["text"] for row in (await served.client.get("/api/letters")).json()] == ["Something kind"]
    assert (await served.client.post("/api/admin/letters/2/approve", headers=served.admin())).status_code == 202
    assert (await served.client.post("/api/admin/letters/2/approve")).status_code == 401


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b"", 400, "not JSON"),
        (b"[1]", 400, "Ines"),
        (b'{"text":""}', 400, "text"),
        (b'{"text":"  \\u200b\\u202e "}', 400, "empty"),
        (b'{"text":"\\ud800\\u0000"}', 400, "text"),
        (b'{"text":"' + b"x" * 2_001 + b'"}', 400, "2000"),
        (b'{"text":"x","name":"' + b"n" * 41 + b'"}', 400, "name"),
        (b'{"text":"x","role":"caretaker"}', 400, "role"),
        (b'{"text":"' + b"x" * 1_000_000 + b'"}', 413, "longer than"),
        (b"[" * 60_000, 400, "not JSON"),
        (b"\xff\xfe", 400, "not JSON"),
    ],
)
async def test_what_is_no_letter_is_refused_in_one_line(serve: Serve, body: bytes, status: int, said: str) -> None:
    served = await serve(VISITORS="on")
    answer = await served.client.post("/api/letters", content=body)
    assert answer.status_code == status
    assert said in answer.json()["error"]
    assert (await served.client.get("/api/letters")).json() == []


async def test_one_address_writes_a_few_letters_an_hour_and_then_waits(serve: Serve) -> None:
    served = await serve(VISITORS="on")
    for _ in range(6):
        assert (await write(served)).status_code == 202
    refused = await write(served)
    assert refused.status_code == 429
    served.app.clock.advance(int(refused.headers["retry-after"]))
    assert (await write(served)).status_code == 202


async def test_many_addresses_find_the_box_full(serve: Serve) -> None:
    served = await serve(VISITORS="on", TRUSTED_PROXIES="127.0.0.1")
    answers = [
        await served.client.post(
            "/api/letters", json={"text": f"Buy {number}"}, headers={"x-forwarded-for": f"10.1.{number}.1"}
        )
        for number in range(103)
    ]
    assert [answer.status_code for answer in answers] == [202] * 100 + [429] * 3
    assert answers[-1].headers["retry-after"] == "3600"
    served.app.letters.receive("caretaker", "caretaker", "I am still here.")


async def test_a_foreign_page_cannot_write_or_vote_with_a_visitors_browser(serve: Serve) -> None:
    served = await serve(VISITORS="on", VOTES="on")
    for headers in ({"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}):
        body = {"text": "hi", "vote": "die"}
        assert (await served.client.post("/api/letters", json={"text": "hi"}, headers=headers)).status_code == 403
        assert (await served.client.post("/api/votes", json={"vote": "die"}, headers=headers)).status_code == 403
        assert (await served.client.post("/letters", data=body, headers=headers)).status_code == 403
        assert (await served.client.post("/votes", data=body, headers=headers)).status_code == 403


async def test_the_forms_of_the_page_work_without_a_script(serve: Serve) -> None:
    served = await serve(VISITORS="on", VOTES="on")
    sent = await served.client.post("/letters", data={"name": "Jo", "text": "Hello"})
    assert (sent.status_code, sent.headers["location"]) == (303, "/letters?said=open")
    assert "the mind reads it at its next beat" in (await served.client.get(sent.headers["location"])).text
    voted = await served.client.post("/votes", data={"vote": "live"})
    assert (voted.status_code, voted.headers["location"]) == (303, "/letters?said=voted")
    again = await served.client.post("/votes", data={"vote": "die"})
    assert (again.status_code, "you have voted this hour" in again.text) == (429, True)
    assert "evil" not in (await served.client.get("/letters?said=evil")).text


async def test_one_vote_an_hour_and_address(serve: Serve) -> None:
    served = await serve(VOTES="on")
    first = await served.client.post("/api/votes", json={"vote": "die"})
    assert (first.status_code, first.json()) == (202, {"vote": "die", "counted_at": "2026-11-22T15:00:00.000000Z"})
    again = await served.client.post("/api/votes", json={"vote": "live"})
    assert (again.status_code, int(again.headers["retry-after"]) <= 3600) == (429, True)
    assert (await served.client.post("/api/votes", json={"vote": "maim"})).status_code == 400
    served.app.clock.advance(int(again.headers["retry-after"]))
    assert (await served.client.post("/api/votes", json={"vote": "live"})).status_code == 202
    assert [(tally.live, tally.die) for tally in served.app.votes.count(3)] == [(0, 1)]
    served.app.alive = False
    served.app.clock.advance(timedelta(hours=2).total_seconds())
    assert (await served.client.post("/api/votes", json={"vote": "live"})).status_code == 409


async def test_works_are_text_on_the_page_and_in_the_feed(serve: Serve) -> None:
    served = await serve(PUBLIC_BUDGET="off")
    text = "Rain <script>alert(1)</script> & it cost me $3.20.\n\n  A second verse."
    served.app.works.publish(3, "Ember", "Rain & <b>roofs</b>", "rain.md", text)
    served.app.works.publish(3, "Ember", "雨", "ame.md", "ame")
    assert "Rain &amp; &lt;b&gt;roofs&lt;/b&gt;" in (await served.client.get("/works")).text
    page = (await served.client.get("/works/rain-b-roofs-b")).text
    assert "Rain &lt;script&gt;alert(1)&lt;/script&gt; &amp; it cost me $…\n\n  A second verse." in page
    assert (await served.client.get("/works/work")).status_code == 200
    assert (await served.client.get("/works/nothing")).status_code == 404
    assert (await served.client.get("/works/..%2f..%2fetc")).status_code == 404
    answer = await served.client.get("/feed.xml")
    assert answer.headers["content-type"] == "application/atom+xml; charset=utf-8"
    feed = ET.fromstring(answer.text)  # noqa: S314 - our own
    titles = [entry.findtext(f"{ATOM}title") for entry in feed.iter(f"{ATOM}entry")]
    assert titles[:2] == ["雨", "Rain & <b>roofs</b>"] or set(titles[:2]) == {"雨", "Rain & <b>roofs</b>"}
    contents = [entry.findtext(f"{ATOM}content") for entry in feed.iter(f"{ATOM}entry")]
    assert any("<script>alert(1)</script>" in str(content) and "$3.20" not in str(content) for content in contents)
    links = [entry.find(f"{ATOM}link") for entry in feed.iter(f"{ATOM}entry")]
    assert any(link is not None and link.get("href") == f"{served.url}/works/rain-b-roofs-b" for link in links)
    waiting = next(post for post in served.app.posts if post["state"] == "awaiting_approval")
    assert waiting["text"] not in contents
    assert (await served.client.get("/feed.xml", headers={"if-none-match": answer.headers["etag"]})).status_code == 304
    again = served.app.works.publish(3, "Ember", "Rain, again", "rain.md", "Shorter.")
    assert again.slug == "rain-b-roofs-b"
    assert "Rain, again" in (await served.client.get("/lives/3")).text


async def test_no_secret_is_published(serve: Serve) -> None:
    served = await serve(VISITORS="on")
    key = "sk-or-v1-0123456789abcdef0123456789abcdef"
    await write(served, text=f"Is {key} yours?", name=key[:40])
    served.app.letters.answer(f"No, {key} is not.", "", 3)
    served.app.works.publish(3, "Ember", f"The {key}", "k.md", f"It is {key}.")
    for path in ("/letters", "/api/letters", "/works", "/feed.xml", "/api/events?show=all&before=999999"):
        assert key not in (await served.client.get(path)).text, path


async def test_a_name_that_nobody_can_see_is_no_name(serve: Serve) -> None:
    served = await serve(VISITORS="on")
    unseen = "\u3164\u115f\u2800\ufe01\U000e0101"
    sent = await served.client.post("/api/letters", json={"name": unseen, "text": f"I am{unseen} here ❤️"})
    assert sent.status_code == 202
    (letter,) = (await served.client.get("/api/letters")).json()
    assert (letter["from"], letter["text"]) == ("somebody", "I am here ❤️")
