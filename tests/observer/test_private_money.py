"""PUBLIC_BUDGET=off: what we say of money is hidden on every address, and amounts in anybody's words as well."""

import re

import pytest

from ai.mind.events import EVENTS
from ai.observer.app import routes
from ai.observer.veil import HIDDEN, veiled
from tests.observer.conftest import Serve, Served

pytestmark = pytest.mark.asyncio(loop_scope="module")

WAYS = (
    "$3.33", "$ 3.33", "3.33 $", "3.33$", "US$3.33", "USD 3.33", "3.33 USD", "3.33USD", "usd3.33", "3,33 €", "€3.33",
    "3.33 dollars", "3.33 US dollars", "333 cents", "3.33 EUR", "£3.33", "3.33 bucks", "-$3.33", "$.33", "$3,333.33",
    "＄3.33", "$3.33e-5", "3330000000 nanos", "3.33 nano-dollars", "**3.33** USD", "$**3.33**", "$3.33 million",
    "three dollars", "thirty-three cents", "a hundred and three dollars", "half a dollar", "3.33\u00a0USD",
    "0.00333 usd",
    "¥333", "333 ¢", "3.33 credits", "3 dollars and 33 cents", "٣.٣٣ USD",
)  # fmt: skip
KEPT = (
    "I have 2 notebooks",
    "3.33 km",
    "chapter 3.33",
    "5 USDA reports",
    "one thought",
    "12:30",
    "v3.33",
    "in 2026",
    "cents",
)


@pytest.mark.parametrize("way", WAYS)
async def test_an_amount_is_hidden_however_it_is_written(way: str) -> None:
    for text in (f"Bob gave {way} today.", way, f"({way})", f"only {way}, no more"):
        told = veiled(text)
        assert HIDDEN in told
        assert not re.search(r"[\d٣]|three|thirty|hundred|half", told), told


@pytest.mark.parametrize("text", KEPT)
async def test_other_words_are_kept(text: str) -> None:
    assert veiled(text) == text


async def test_no_text_makes_the_veil_slow() -> None:
    for text in (
        "9" * 200_000,
        "$" * 200_000,
        "one " * 60_000,
        "1," * 100_000,
        "$ " * 100_000,
        " " * 200_000,
        "1e" * 100_000,
    ):
        veiled(text)


AMOUNT = "7.654321"


async def private(serve: Serve) -> Served:
    """An app whose every text tells an amount, as people and the mind may write it."""
    served = await serve(PUBLIC_BUDGET="off")
    app = served.app
    app.problems.append(f"the purse has ${AMOUNT} left")
    for text in (f"Bob gave {AMOUNT} USD", f"I have {AMOUNT} dollars", f"€{AMOUNT}"):
        app.tell("thought", text=text, model="a/model")
        app.tell("caretaker.message", by="donor Bob", text=text)
        app.tell("caretaker.command", command="topup", by="Ann", result=f"${AMOUNT} of Ann added")
        app.tell("action.performed", action="check_budget", params=text, result=text)
        app.tell("alert", problem=text)
    app.tell("call.completed", model="a/model", tier="cheap", purpose="thought", chars=1, prompt_tokens=1,
               completion_tokens=1, cost_nanos=7_654_321_000, balance_nanos=7_654_321_000, health="OK",
               latency_ms=1)  # fmt: skip
    for post in app.posts:
        post |= {"text": f"it cost me {AMOUNT} USD", "price": f"{AMOUNT}000"}
    app.also = {
        "state": {"held_unknown": f"{AMOUNT}000", "mood": f"rich by {AMOUNT} USD"},
        "models": {"price_prompt": AMOUNT, "cooldown_reason": f"${AMOUNT} short"},
        "lives": {
            "cost": f"{AMOUNT}000", "last_words": f"{AMOUNT} dollars", "cause": f"${AMOUNT}",
            "self_page": f"I own {AMOUNT} EUR", "first_thought": f"{AMOUNT} bucks",
        },
    }  # fmt: skip
    app.clock.advance(10)
    return served


async def test_no_address_tells_an_amount_to_a_visitor(serve: Serve) -> None:
    served = await private(serve)
    newest = served.app.journal.before(None, 1)[0].seq
    paths = {
        route.path.replace("{seq:number}", str(seq)).replace("{number:number}", number)
        for route in routes()
        for seq in range(newest - 17, newest + 1)
        for number in ("1", "3")
        if "GET" in (route.methods or ()) and "{path" not in route.path
    } - {"/api/stream", "/live"}
    assert len(paths) > 25
    for path in sorted(paths | {"/?show=all", "/api/events?limit=1000", "/api/events?before=9999&limit=50"}):
        for accept in ("text/html", "application/json"):
            text = (await served.client.get(path, headers={"accept": accept})).text
            text = re.sub(r"<head>.*?</head>", "", text, flags=re.DOTALL)
            for told in (AMOUNT, "7,654", "7.65", "7654321", "_nanos", "_usd"):
                assert told not in text, (path, told)
            assert not re.search(r"[$€]\s?\d|\d\s?(USD|dollars)", text), path


@pytest.mark.parametrize("path", ["/api/stream?show=all&after=0", "/live?show=all&after=0"])
async def test_no_stream_tells_an_amount_to_a_visitor(serve: Serve, path: str) -> None:
    served = await private(serve)
    newest, seen = served.app.journal.before(None, 1)[0].seq, ""
    async with served.client.stream("GET", path) as stream:
        async for line in stream.aiter_lines():
            seen += line + "\n"
            if line.startswith("id: ") and int(line[4:]) == newest:
                break
    assert AMOUNT not in seen
    assert "_nanos" not in seen
    assert not re.search(r"[$€]\s?\d|\d\s?(USD|dollars)", seen)


async def test_the_caretaker_sees_all_of_it(serve: Serve) -> None:
    served = await private(serve)
    for path in ("/api/state", "/api/lives", "/api/tweets", "/api/models", "/api/events?before=9999"):
        assert AMOUNT in (await served.client.get(path, headers=served.admin())).text, path


async def test_every_figure_of_an_event_has_a_name_that_is_hidden() -> None:
    """Whoever adds a kind of event with an amount in it names the field `…_nanos`, or visitors would see it."""
    for kind, line in EVENTS.items():
        for field, spec in re.findall(r"\{(\w+):?(\w*)\}", line.template):
            if spec.startswith("usd"):
                assert field.endswith("_nanos"), (kind, field)
