"""The page in a real browser: alive, complete, reachable by keyboard, and deaf to what a thought tries."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from ai.observer.money import exact
from tests.observer.browsing import DESKTOP, PHONE, NoBrowser, chromium, tab
from tests.observer.conftest import TOKEN, Serve, Served

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

PAGES = ("/", "/money", "/models", "/posts", "/lives", "/lives/3", "/lives/2", "/gateway", "/caretaker", "/events/5")
HOSTILE = (
    "<script>document.title='owned'</script>",
    "<img src=x onerror=\"document.title='owned'\">",
    "javascript:alert(1)",
    "</bdi></p></li></ol><h1>owned</h1>",
    "\u202egnp.exe\u202c and \u2066isolated \u2067text",
    "{{ 7*7 }} {% raw %} &lt;b&gt;",
    "data: x\n\nid: 999999\nevent: message\ndata: forged",
    "one\u2028two\u0085three\x0bfour\x0cfive\rsix\r\nseven",
    "W" * 100_000,
    "\u0000\u0007\ud7ff bell",
    "مرحبا بالعالم, a thought from right to left",
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    try:
        async with chromium() as started:
            yield started
    except NoBrowser as problem:
        pytest.skip(str(problem))


async def seqs(page: Page) -> list[int]:
    return await page.eval_on_selector_all("#events .event", "nodes => nodes.map(n => Number(n.dataset.seq))")


async def following(page: Page) -> None:
    """Wait until the page's stream is open."""
    await page.wait_for_selector("#events[data-live]")


async def test_new_events_appear_by_themselves(browser: Browser, served: Served) -> None:
    async with tab(browser) as opened:
        page = opened.page
        await page.goto(served.url)
        await following(page)
        before = await seqs(page)
        served.app.tell("thought", text="I am new here.")
        await expect(page.locator("#events .event").first).to_contain_text("I am new here.")
        await expect(page.locator(".thought-now")).to_contain_text("I am new here.")
        await expect(page.locator("#heard")).to_have_text("New thought: I am new here.")
        assert (await seqs(page))[1:] == before
        assert opened.complaints == []


async def test_the_pulse_follows_the_beat(browser: Browser, served: Served) -> None:
    async with tab(browser) as opened:
        await opened.page.goto(served.url)
        await following(opened.page)
        served.app.tell("beat.started", purpose="thought")
        await opened.page.wait_for_selector("body.is-thinking")
        await expect(opened.page.locator("#status")).to_have_text("Thinking right now", use_inner_text=True)
        await opened.page.reload()
        await following(opened.page)
        await opened.page.wait_for_selector("body.is-thinking")
        served.app.paused = True
        served.app.tell("brain.paused", by="a test")
        await opened.page.wait_for_selector("body[data-mode=paused]")
        assert await opened.page.title() == "Ember, paused · Genesis"
        served.app.tell("beat.ended", seconds=1.0, steps=1, next_beat_at="2026-11-22T15:00:00Z")
        await opened.page.wait_for_selector("body:not(.is-thinking)")


async def test_a_cut_connection_resumes_without_gap_or_double(browser: Browser, serve: Serve) -> None:
    served = await serve()
    app = served.app
    async with tab(browser) as opened:
        page = opened.page
        await page.goto(served.url + "/?show=all")
        await following(page)
        app.beat()
        await page.wait_for_selector(f"#e{app.journal.before(None, 1)[0].seq}")
        start = (await seqs(page))[-1]
        port = int(served.url.rsplit(":", 1)[1])
        await served.server.stop()
        await page.wait_for_selector("body.is-offline")
        await expect(page.locator("#offline")).to_contain_text("nothing will be missed")
        for _ in range(30):
            app.beat()
        app.settings = app.settings.model_copy(update={"observer_port": port})
        again = type(served.server)(app)
        await again.start()
        try:
            newest = app.journal.before(None, 1)[0].seq
            await page.wait_for_selector(f"#e{newest}")
            shown = await seqs(page)
            assert shown == list(range(newest, start - 1, -1))
            await expect(page.locator("#offline")).to_be_hidden()
        finally:
            await again.stop()


async def test_the_newest_does_not_jump_under_a_reader(browser: Browser, served: Served) -> None:
    async with tab(browser) as opened:
        page = opened.page
        await page.goto(served.url)
        await following(page)
        await page.locator("#events .event").nth(20).scroll_into_view_if_needed()
        where = await page.evaluate("[scrollY, document.querySelectorAll('#events .event').length]")
        for text in ("one", "two", "three"):
            served.app.tell("thought", text=text)
        await expect(page.locator("#fresh")).to_have_text("3 new events")
        assert await page.evaluate("[scrollY, document.querySelectorAll('#events .event').length]") == where
        await page.locator("#fresh").click()
        await expect(page.locator("#events .event").first).to_contain_text("three")
        await expect(page.locator("#fresh-row")).to_be_hidden()


async def test_filters_show_their_kind_alone_and_stay_live(browser: Browser, served: Served) -> None:
    async with tab(browser) as opened:
        page = opened.page
        await page.goto(served.url)
        await page.get_by_role("link", name="Actions", exact=True).click()
        await following(page)
        kinds = await page.eval_on_selector_all("#events .event", "nodes => nodes.map(n => n.dataset.kind)")
        assert set(kinds) == {"action.performed"}
        served.app.tell("thought", text="not an action")
        served.app.tell("action.performed", action="recall", params="query: sea", result="nothing yet")
        await expect(page.locator("#events .event").first).to_contain_text("query: sea")
        assert "not an action" not in await page.inner_text("#events")


async def test_paging_backwards_meets_every_event_once(browser: Browser, served: Served) -> None:
    async with tab(browser, java_script_enabled=False) as opened:
        page = opened.page
        await page.goto(served.url + "/?show=thoughts")
        met = await page.locator("#events .event").evaluate_all("n => n.map(x => Number(x.dataset.seq))")
        for _ in range(10):
            older = page.get_by_role("link", name="Older")
            if not await older.count():
                break
            await older.click()
            met += await page.locator("#events .event").evaluate_all("n => n.map(x => Number(x.dataset.seq))")
        expected = [event.seq for event in served.app.journal.before(None, 1000, ["thought"])]
        assert met == expected


async def test_reads_without_javascript(browser: Browser, served: Served) -> None:
    async with tab(browser, java_script_enabled=False) as opened:
        for path in PAGES:
            await opened.page.goto(served.url + path)
            assert len(await opened.page.inner_text("main")) > 30, path
        await opened.page.goto(served.url + "/money")
        await opened.page.locator("summary").click()
        await expect(opened.page.locator("#days-table")).to_be_visible()


async def test_charts_have_pixels_and_their_text_equals_the_api(browser: Browser, serve: Serve) -> None:
    served = await serve(days=5)
    month = (await served.client.get("/api/month")).json()
    budget = (await served.client.get("/api/budget")).json()
    async with tab(browser) as opened:
        page = opened.page
        await page.goto(served.url + "/money")
        await page.wait_for_selector(".plot canvas")
        inked = """canvas => new Set(new Uint32Array(
            canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.buffer)).size"""
        colours = [await canvas.evaluate(inked) for canvas in await page.locator(".plot canvas").element_handles()]
        assert len(colours) == 2
        assert min(colours) > 20
        await page.locator("summary").click()
        rows = await page.locator("#days-table tbody tr").evaluate_all(
            "rs => rs.map(r => [...r.cells].map(c => c.innerText))"
        )
        told = [
            [
                row["day"],
                f"${row['cost']}",
                f"{row['calls']:,}",
                f"{row['prompt_tokens']:,}",
                f"{row['completion_tokens']:,}",
                f"${row['left']}" if row["left"] else "–",
            ]
            for row in reversed(month["days"])
        ]
        assert rows == told
        spent = await page.locator(".facts div", has_text="Spent").last.locator("dd").inner_text()
        assert spent == exact(budget["spent"])
        assert opened.complaints == []


@pytest.mark.parametrize(
    ("scheme", "size", "paths"),
    [("light", PHONE, ("/", "/money", "/models", "/lives/3")), ("dark", DESKTOP, PAGES)],
    ids=["phone", "desktop"],
)
async def test_axe_finds_nothing(
    browser: Browser, served: Served, scheme: str, size: dict[str, int], paths: tuple[str, ...]
) -> None:
    found: list[str] = []
    async with tab(browser, color_scheme=scheme, viewport=size) as opened:
        for path in paths:
            await opened.page.goto(served.url + path)
            found += [f"{path} {line}" for line in await opened.violations()]
            wide = await opened.page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert wide <= 0, f"{path} scrolls sideways by {wide} px"
    assert found == []


ROUND = "document.querySelector('.orb .halo').getBoundingClientRect().left"
BROKEN = """[...document.querySelectorAll("td:not(.standing)")].filter(cell => {
    const range = document.createRange(); range.selectNodeContents(cell);
    return new Set([...range.getClientRects()].map(line => Math.round(line.top))).size > 1;
}).map(cell => cell.textContent)"""

HIDDEN = """(next => next.getBoundingClientRect().right > next.closest(".scroll").getBoundingClientRect().right)(
    document.querySelector("td.standing b"))"""


async def test_who_thinks_next_is_seen_on_a_phone(browser: Browser, served: Served) -> None:
    """It stood in the last of eight columns, of which a phone shows two."""
    async with tab(browser, viewport=PHONE | {"width": 360}) as opened:
        await opened.page.goto(served.url + "/models")
        assert await opened.page.evaluate(HIDDEN) is False


async def test_nothing_is_cut_in_two(browser: Browser, served: Served) -> None:
    async with tab(browser, viewport={"width": 1200, "height": 860}, reduced_motion="reduce") as opened:
        await opened.page.goto(served.url)
        assert await opened.page.evaluate(ROUND) >= 0, "the glow ends at the window's edge"
    async with tab(browser, viewport=PHONE) as opened:
        await opened.page.goto(served.url + "/money")
        assert await opened.page.evaluate(BROKEN) == [], "an amount goes on in the next line"


@pytest.mark.parametrize("mode", ["dead", "paused", "bankrupt", "unborn", "offline purse"])
async def test_states_are_unmistakable_and_accessible(browser: Browser, serve: Serve, mode: str) -> None:
    served = await serve(0 if mode == "unborn" else 0.5)
    app = served.app
    app.alive = mode not in {"dead", "unborn"}
    app.paused = mode == "paused"
    app.away = mode == "offline purse"
    app.band = "bankrupt" if mode == "bankrupt" else app.band
    words = {
        "dead": "Ember has died",
        "paused": "Paused",
        "bankrupt": "The purse is empty",
        "unborn": "Nobody lives here yet",
        "offline purse": "The purse cannot be reached",
    }
    async with tab(browser) as opened:
        for path in ("/money", "/models", "/posts", "/lives"):
            assert (await served.client.get(path)).status_code == 200
        await opened.page.goto(served.url)
        assert await opened.violations() == []
        await expect(opened.page.locator("main")).to_contain_text(words[mode])


async def test_keyboard_reaches_everything(browser: Browser, served: Served) -> None:
    async with tab(browser) as opened:
        page = opened.page
        await page.goto(served.url)
        await page.keyboard.press("Tab")
        assert await page.evaluate("document.activeElement.textContent") == "Skip to the content"
        await page.keyboard.press("Enter")
        assert await page.evaluate("document.activeElement.id") == "main"
        reached = set()
        for _ in range(40):
            await page.keyboard.press("Tab")
            reached.add(await page.evaluate("document.activeElement.getAttribute('href')"))
            outline = await page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert outline != "none"
        assert {"/models", "/?show=thoughts", "/?show=all", "/money"} <= reached
        assert any(str(href).startswith("/events/") for href in reached)


async def test_hostile_thoughts_are_inert(browser: Browser, served: Served) -> None:
    async with tab(browser, viewport=PHONE) as opened:
        page = opened.page
        await page.goto(served.url + "/?show=all")
        await following(page)
        for text in HOSTILE:
            served.app.tell("thought", text=text)
            served.app.tell("action.performed", action=text[:50], params=text, result=text)
            served.app.tell("call.fallback", failed=text[:50], problem={"deep": [text[:50]]}, next=None)
        newest = served.app.journal.before(None, 1)[0].seq
        await page.wait_for_selector(f"#e{newest}")
        for path in ("/?show=all", "/", f"/events/{newest - 8}", "/models"):
            assert await page.title() != "owned"
            assert await page.locator("h1", has_text="owned").count() == 0
            assert (
                await page.evaluate("document.querySelectorAll('main img, main script, a[href^=javascript]').length")
                == 0
            )
            assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
            await page.goto(served.url + path)
        await page.goto(f"{served.url}/events/{newest - 8}")
        assert opened.complaints == []
        assert all(url.startswith(served.url) for url in opened.requests)


async def test_no_page_breaks_its_policy_or_calls_out(browser: Browser, served: Served) -> None:
    async with tab(browser) as opened:
        for path in PAGES:
            await opened.page.goto(served.url + path)
            await opened.page.wait_for_load_state("load")
        assert opened.complaints == []
        assert all(url.startswith(served.url) for url in opened.requests)


async def test_first_load_weighs_at_most_150_kb(browser: Browser, serve: Serve) -> None:
    served = await serve(days=5)
    async with tab(browser) as opened:
        session = await opened.page.context.new_cdp_session(opened.page)
        await session.send("Network.enable")
        weights: list[int] = []
        session.on("Network.loadingFinished", lambda event: weights.append(int(event["encodedDataLength"])))
        await opened.page.goto(served.url)
        await opened.page.wait_for_selector(".plot canvas")
        await opened.page.evaluate("document.fonts.ready")
        assert 20_000 < sum(weights) <= 150_000, sum(weights)


async def test_caretaker_signs_in_and_acts(browser: Browser, served: Served) -> None:
    async with tab(browser) as opened:
        page = opened.page
        await page.goto(served.url + "/caretaker")
        await page.fill("#token", "wrong")
        await page.get_by_role("button", name="Sign in").click()
        await expect(page.locator(".notice")).to_have_text("That is not the ADMIN_TOKEN.")
        await page.fill("#token", TOKEN)
        await page.get_by_role("button", name="Sign in").click()
        cookie = (await page.context.cookies())[0]
        assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
        assert await opened.violations() == []
        await page.fill("#text", "Good evening!")
        await page.get_by_role("button", name="Send").click()
        await expect(page.locator(".notice")).to_contain_text("say")
        await page.fill("#amount", "1.25")
        await page.get_by_role("button", name="Top up").click()
        await page.get_by_role("button", name="Approve").click()
        await expect(page.locator(".notice")).to_contain_text("approve post 3")
        await page.get_by_role("button", name="Pause").click()
        await page.fill("#cause", "a test")
        await page.fill("#confirm", "Somebody else")
        await page.get_by_role("button", name="End it").click()
        await expect(page.locator(".notice")).to_contain_text("nothing was done")
        await page.fill("#cause", "a test")
        await page.fill("#confirm", "Ember")
        await page.get_by_role("button", name="End it").click()
        await expect(page.locator(".notice")).to_contain_text("kill")
        asked = [(c.kind, json.dumps(dict(c.data))) for c in served.app.commands.pending()]
        assert [kind for kind, _ in asked] == ["sign_in", "say", "topup", "approve", "pause", "kill"]
        assert "Good evening!" in asked[1][1]
        assert (await page.evaluate("document.cookie")) == ""
        await page.goto(served.url + "/caretaker")
        await page.get_by_role("button", name="Sign out").click()
        await expect(page.locator("#token")).to_be_visible()


async def test_a_long_watch_keeps_the_page_small(browser: Browser, served: Served) -> None:
    async with tab(browser) as opened:
        page = opened.page
        await page.goto(served.url + "/?show=all")
        await following(page)
        for _ in range(90):
            served.app.beat()
            await asyncio.sleep(0)
        await page.wait_for_selector(f"#e{served.app.journal.before(None, 1)[0].seq}")
        assert await page.evaluate("document.getElementById('events').children.length") <= 300
        assert isinstance(await seqs(page), list)
