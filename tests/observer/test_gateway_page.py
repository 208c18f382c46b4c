"""The gateway's page: who calls, what it cost, what was refused, and the caretaker's hold on keys."""

import re

import pytest
from playwright.async_api import Browser

from ai.credit_tracker import KeyTerms
from ai.ledger.money import nanos
from tests.observer.browsing import DESKTOP, PHONE, tab
from tests.observer.conftest import Serve, Served
from tests.observer.demo_callers import programs
from tests.observer.test_observer_caretaker import sign_in
from tests.observer.test_observer_page import browser

__all__ = ["browser"]

pytestmark = pytest.mark.asyncio(loop_scope="module")


def row_of(page: str, name: str) -> str:
    """One row of a table as text."""
    found = re.search(rf"<bdi>{re.escape(name)}</bdi>.*?</tr>", page, re.DOTALL)
    assert found is not None, name
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", found[0]))


async def test_it_shows_keys_and_runs_with_what_each_spent_and_why_calls_were_refused(served: Served) -> None:
    async with programs(served.app):
        await sign_in(served)
        page = (await served.client.get("/gateway")).text
        assert '<a href="/gateway" aria-current="page">Gateway</a>' in page
        alice, run = row_of(page, "alice"), row_of(page, "smallville")
        assert "live" in alice
        assert "of $5.00" in alice
        assert "only openai/*; $0.050000000 a call" in alice
        assert "$0.0889 48 3 ($0.0126 held)" in alice, "41 and 7 calls are its own, three are under way"
        assert "$0.0013 of $0.10" in run
        assert "$0.0861 41 3" in run
        assert "1.6 s" in row_of(page, "crawler")
        assert "was revoked on" in row_of(page, "old-laptop")
        assert "this call may cost $0.002100000" in page
        assert "gk-" not in page


async def test_it_says_how_many_there_are_where_it_shows_some(served: Served) -> None:
    """Of seventy good keys it said "60 keys good", as if there were no other."""
    async with programs(served.app) as books:
        for n in range(70):
            await books.create_key(f"key-{n:02d}", KeyTerms(budget=nanos("1")))
            await books.set_run_budget(f"run-{n:02d}", None)
        await sign_in(served)
        page = (await served.client.get("/gateway")).text
        keys, now = await books.keys(), served.app.clock.now()
        assert f"{sum(key.ended(now) is None for key in keys)} keys good, 2 runs live." in page
        assert f"60 of {len(keys)} are shown: those under way, the newest and the dearest." in page
        assert "<code>genesis statement --run NAME</code> tells of any." in page
        assert "live" in row_of(page, "alice"), "it is busy, though none is older"


async def test_who_calls_is_shown_to_nobody_but_the_caretaker(served: Served) -> None:
    named = ("alice", "smallville", "nightly-evals", "evals-2026-11-21", "crawler", "old-laptop")
    async with programs(served.app):
        csrf = await sign_in(served)
        done = await served.client.post("/caretaker/keys/alice/revoke", data={"csrf": csrf, "confirm": "alice"})
        assert done.status_code == 303
        seqs = [event.seq for event in served.app.journal.before(None, 8)]
        pages = ("/gateway", "/metrics", "/?show=house", "/?show=all", *(f"/events/{seq}" for seq in seqs))
        paths = (*pages, "/api/events?before=999999&limit=50", "/api/budget", "/api/state")
        streams = [f"{path}&after={seqs[-1] - 1}" for path in ("/live?view=all", "/api/stream?show=all")]
        seen = {path: (await served.client.get(path)).text for path in paths}
        assert "alice" in seen["/gateway"], "the caretaker sees them"
        assert "alice" in seen["/api/events?before=999999&limit=50"]
        served.client.cookies.clear()
        seen = {path: (await served.client.get(path)).text for path in paths}
        for path in streams:
            async with served.client.stream("GET", path) as stream:
                text = ""
                async for chunk in stream.aiter_text():
                    text += chunk
                    if f"id: {seqs[0]}\n" in text:
                        break
            seen[path] = text
        assert [(path, name) for path, text in seen.items() for name in named if name in text] == []
        assert "spent $0.1207 on 186 calls" in seen["/gateway"]


async def test_behind_tls_it_names_the_address_that_programs_reach(serve: Serve) -> None:
    served = await serve(PUBLIC_URL="https://genesis.example", TRUSTED_PROXIES="127.0.0.1")
    asked = {"host": "genesis.example", "x-forwarded-proto": "https", "x-forwarded-for": "192.0.2.7"}
    page = (await served.client.get("/gateway", headers=asked)).text
    assert "<b>https://genesis.example/v1</b>" in page


async def test_private_money_hides_the_page_from_visitors_but_not_from_the_caretaker(serve: Serve) -> None:
    served = await serve(PUBLIC_BUDGET="off")
    async with programs(served.app):
        stranger = (await served.client.get("/gateway")).text
        for word in ("alice", "smallville", "crawler", 'href="/gateway"'):
            assert word not in stranger
        assert "keeps the amounts private" in stranger
        await sign_in(served)
        assert "smallville" in (await served.client.get("/gateway")).text


async def test_a_purse_that_is_away_is_said_and_the_page_stands(served: Served) -> None:
    served.app.away = True
    answer = await served.client.get("/gateway")
    assert answer.status_code == 200
    assert "purse cannot be reached" in answer.text


async def test_the_caretaker_tops_up_once_and_revokes_at_once(served: Served) -> None:
    async with programs(served.app) as books:
        csrf = await sign_in(served)
        form = {"csrf": csrf, "amount": "1.25", "id": "0123456789abcdef-1"}
        for _ in range(2):  # a form sent twice, by a double click or the back button, is one gift
            answer = await served.client.post("/caretaker/keys/alice/topup", data=form)
            assert (answer.status_code, answer.headers["location"][:16]) == (303, "/gateway?notice=")
        cap = next(cap for cap in await books.caps("alice") if cap.name == "key alice")
        assert cap.available + cap.held + cap.spent == nanos("6.25")
        _, secret = await books.create_key("thief", KeyTerms())
        refused = await served.client.post("/caretaker/keys/thief/revoke", data={"csrf": csrf, "confirm": "theif"})
        assert refused.status_code == 400
        assert await books.key_of(secret) is not None
        done = await served.client.post("/caretaker/keys/thief/revoke", data={"csrf": csrf, "confirm": "thief"})
        assert done.status_code == 303
        assert await books.key_of(secret) is None
        told = [event.data["command"] for event in served.app.journal.before(None, 20, ["caretaker.command"])]
        assert told == ["revoke_key", "topup_key", "topup_key"]


@pytest.mark.parametrize(
    ("path", "form", "said"),
    [
        ("alice/topup", {"amount": "0"}, "above 0"),
        ("alice/topup", {"amount": "1e9"}, "above 0 and up to"),
        ("alice/topup", {"amount": "a lot"}, "a lot"),
        ("alice/topup", {"amount": "0.0000000001"}, "9 decimal places"),
        ("exec-crawler/topup", {"amount": "1"}, "no budget"),
        ("old-laptop/topup", {"amount": "1"}, "was revoked"),
        ("nobody/revoke", {"confirm": "nobody"}, "unknown"),
        ("alice/rename", {}, "one of revoke, topup"),
    ],
)
async def test_a_wrong_form_is_told_and_changes_nothing(
    served: Served, path: str, form: dict[str, str], said: str
) -> None:
    async with programs(served.app) as books:
        before = await books.keys(), await books.caps("alice")
        csrf = await sign_in(served)
        answer = await served.client.post(f"/caretaker/keys/{path}", data={"csrf": csrf, "id": "x", **form})
        assert answer.status_code == 400
        assert said in answer.text
        assert (await books.keys(), await books.caps("alice")) == before


async def test_nobody_else_touches_a_key(served: Served) -> None:
    async with programs(served.app) as books:
        for form in ({}, {"csrf": "guess", "confirm": "alice"}):
            assert (await served.client.post("/caretaker/keys/alice/revoke", data=form)).status_code == 403
        csrf = await sign_in(served)
        foreign = {"origin": "https://evil.example"}
        form = {"csrf": csrf, "confirm": "alice"}
        answer = await served.client.post("/caretaker/keys/alice/revoke", data=form, headers=foreign)
        assert answer.status_code == 403
        assert next(key for key in await books.keys() if key.name == "alice").revoked_at is None


@pytest.mark.parametrize(("scheme", "size"), [("light", PHONE), ("dark", DESKTOP)], ids=["phone", "desktop"])
async def test_a_browser_shows_it_readably(browser: Browser, served: Served, scheme: str, size: dict[str, int]) -> None:
    async with programs(served.app), tab(browser, color_scheme=scheme, viewport=size) as opened:
        await opened.page.set_extra_http_headers(served.admin())
        await opened.page.goto(served.url + "/gateway")
        assert await opened.violations() == []
        assert await opened.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        assert opened.complaints == []
