"""The caretaker's forms over HTTP: who may send them, and what a foreign page cannot do."""

import json
import re
from datetime import UTC, datetime

import httpx2
import pytest

from ai.credit_tracker.reconciliation import Reconciliation, reconciliation_json
from ai.observer.money import usd
from tests.observer.conftest import TOKEN, Serve, Served

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def sign_in(served: Served) -> str:
    """Sign in with the client at hand; return the CSRF token of its forms."""
    answer = await served.client.post("/caretaker/sign-in", data={"token": TOKEN})
    assert answer.status_code == 303
    page = (await served.client.get("/caretaker")).text
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found is not None
    return found[1]


async def test_a_session_cookie_alone_is_not_enough(served: Served) -> None:
    csrf = await sign_in(served)
    for form in ({}, {"csrf": "guess"}, {"csrf": csrf[:-1]}, {"csrf": "ü"}):
        assert (await served.client.post("/caretaker/pause", data=form)).status_code == 403
    assert (await served.client.post("/caretaker/pause", data={"csrf": csrf})).status_code == 303
    assert [c.kind for c in served.app.commands.pending()] == ["sign_in", "pause"]


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1.evil.example"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
async def test_a_form_of_another_page_is_refused(served: Served, headers: dict[str, str]) -> None:
    csrf = await sign_in(served)
    answer = await served.client.post("/caretaker/pause", data={"csrf": csrf}, headers=headers)
    assert answer.status_code == 403
    stranger = httpx2.AsyncClient(base_url=served.url)
    async with stranger:
        answer = await stranger.post("/caretaker/sign-in", data={"token": TOKEN}, headers=headers)
    assert answer.status_code == 403
    assert [c.kind for c in served.app.commands.pending()] == ["sign_in"]


async def test_without_a_session_nothing_is_done(served: Served) -> None:
    for path in ("pause", "kill", "topup", "say", "posts/3", "sign-out"):
        answer = await served.client.post(f"/caretaker/{path}", data={"csrf": "x", "confirm": "Ember", "cause": "x"})
        assert answer.status_code == 403
    assert served.app.commands.pending() == []


async def test_a_session_ends_by_time_and_by_signing_out(served: Served) -> None:
    csrf = await sign_in(served)
    served.app.clock.advance(12 * 3600 + 1)
    assert (await served.client.post("/caretaker/pause", data={"csrf": csrf})).status_code == 403
    csrf = await sign_in(served)
    assert (await served.client.post("/caretaker/sign-out", data={"csrf": csrf})).status_code == 303
    assert (await served.client.post("/caretaker/pause", data={"csrf": csrf})).status_code == 403


async def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(served: Served) -> None:
    answer = await served.client.post("/caretaker/sign-in", data={"token": TOKEN})
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert TOKEN not in cookie


async def test_signing_in_is_limited(served: Served) -> None:
    codes = [(await served.client.post("/caretaker/sign-in", data={"token": "no"})).status_code for _ in range(11)]
    assert codes == [403] * 10 + [429]
    assert (await served.client.post("/caretaker/sign-in", data={"token": TOKEN})).status_code == 303


async def test_without_a_token_set_nobody_signs_in(serve: Serve) -> None:
    served = await serve(token=None)
    assert "is not set" in (await served.client.get("/caretaker")).text
    for token in ("", "x"):
        assert (await served.client.post("/caretaker/sign-in", data={"token": token})).status_code == 403


@pytest.mark.parametrize(
    ("path", "form", "said"),
    [
        ("topup", {"amount": "-1", "from": "A"}, "amount"),
        ("topup", {"amount": "1"}, "from"),
        ("say", {"text": "  "}, "text"),
        ("kill", {"cause": "x", "confirm": "ember"}, "nothing was done"),
        ("kill", {"confirm": "Ember"}, "cause"),
        ("posts/3", {"verdict": "eat"}, "verdict"),
    ],
)
async def test_a_wrong_form_is_told_and_changes_nothing(
    served: Served, path: str, form: dict[str, str], said: str
) -> None:
    csrf = await sign_in(served)
    answer = await served.client.post(f"/caretaker/{path}", data={"csrf": csrf, **form})
    assert answer.status_code == 400
    assert said in answer.text
    assert [c.kind for c in served.app.commands.pending()] == ["sign_in"]


async def test_a_notice_in_an_address_is_shown_to_nobody_else(served: Served) -> None:
    strange = "/caretaker?notice=Call+this+number"
    assert "Call this number" not in (await served.client.get(strange)).text


async def test_a_caretaker_sees_private_money_and_nobody_keeps_the_page(serve: Serve) -> None:
    served = await serve(PUBLIC_BUDGET="off")
    hidden = await served.client.get("/")
    assert "$" not in re.sub(r"(?s)<head>.*</head>", "", hidden.text).replace("$…", "")
    await sign_in(served)
    shown = await served.client.get("/")
    assert "left of $5.00" in shown.text
    assert shown.headers["cache-control"] == "private, no-store"


async def test_a_missing_page_is_a_page_for_people_and_json_for_programs(served: Served) -> None:
    answer = await served.client.get("/nowhere", headers={"accept": "text/html"})
    assert answer.status_code == 404
    assert "Not here" in answer.text
    assert (await served.client.get("/nowhere")).json()["error"]
    for path in ("/events/999999", "/lives/99", f"/events/{2**70}", "/?show=nonsense", "/?before=x"):
        answer = await served.client.get(path, headers={"accept": "text/html"})
        assert answer.status_code == 404
        assert "</html>" in answer.text


async def test_what_was_asked_is_answered_in_words(served: Served) -> None:
    """`genesis reconcile` answers programs: its JSON filled the page of a person."""
    at = datetime(2026, 11, 27, tzinfo=UTC)
    found = Reconciliation(
        at, "2026-11", provider=1_105_722_500, booked=105_722_500, drift=10**9, pending=0, doubtful=20_000_000,
        others=9 * 10**8, cause="others", warn=True, settled=2, lost=("call-9",),
    )  # fmt: skip
    row = served.app.commands.put("reconcile")
    assert served.app.commands.begin(row)
    served.app.commands.finish(row, ok=True, result=json.dumps(reconciliation_json(found)))
    await sign_in(served)
    page = (await served.client.get("/caretaker")).text
    for line in (
        "2026-11: $0.105722500 are booked for models, the provider says $1.105722500: others",
        "drift: $1.00 (the provider&#39;s figure less the books&#39;)",
        "doubtful: $0.0200 at most, what calls booked at nothing or by estimate may have cost beyond it",
        "others: $0.9000 spent with this key by others",
        "settled: 2 calls, whose true cost was learnt just now",
        "lost: call-9 were billed although booked at nothing",
        "this is more than should pass unseen: look at the key&#39;s activity page, and for other users of it",
    ):
        assert line in page
    assert "pending" not in page
    assert "{" not in page.split("What was asked", 1)[1].split("</table>", 1)[0]
    assert "sign in" in page


async def test_whole_cents_are_shown_as_cents_beside_small_amounts() -> None:
    """A key had "$5.0000 of $5.00" left."""
    assert [usd(amount, 4) for amount in ("5.000000000", "0.50", "4.0495", "0.000001")] == [
        "$5.00", "$0.50", "$4.0495", "$0.000001",
    ]  # fmt: skip
