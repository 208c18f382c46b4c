"""Nothing was sent: what keeps a request from leaving costs nothing, and is told by the name of what is wrong."""

from importlib.util import find_spec

import httpx2
import pytest

from ai.credit_tracker import CallState
from ai.llm import Limits, NoAnswer, OpenAIEndpoint
from ai.llm.providers import as_header, configured_endpoint
from ai.operations.provider_check import examine_provider
from ai.settings import Settings
from ai.settings.sources import SettingsError
from tests.world.openrouter_faults import status
from tests.world.proxy import FakeProxy

MODEL = "acme/small-1"


def _behind(rooms, proxy, base_url="https://openrouter.example/api/v1"):
    http = httpx2.AsyncClient(proxy=proxy.base_url, timeout=None)
    rooms.client.endpoints["openrouter"] = OpenAIEndpoint(
        "openrouter", base_url, rooms.provider.key, headers={}, clock=rooms.clock, http_client=http
    )


@pytest.mark.parametrize("status", [407, 502, 503, 200])
async def test_a_proxy_that_shows_nobody_through_costs_nothing(build, status):
    """200 opens the way, and TLS breaks behind it."""
    rooms = await build(limits=Limits(max_attempts=3))
    with FakeProxy(status) as proxy:
        _behind(rooms, proxy)
        for _ in range(3):
            with pytest.raises(NoAnswer, match="could not connect"):
                await rooms.ask(MODEL, "acme/small-2")
            rooms.clock.advance(600)
        assert proxy.asked
    assert {call.state for call in rooms.calls()} == {CallState.VOIDED}
    assert await rooms.available() == 5_000_000_000
    await rooms.client.endpoints["openrouter"].close()


async def test_a_proxy_that_says_nothing_is_nobody_and_each_model_does_not_wait_for_it_anew(build, monkeypatch):
    """It was waited for as long as for an answer, by one model after the other, and told as a slow model."""
    monkeypatch.setattr("ai.llm.wire.CONNECT_TIMEOUT_SECONDS", 0.3)
    rooms = await build(limits=Limits(max_attempts=3))
    with FakeProxy(status=0) as proxy:
        _behind(rooms, proxy)
        with pytest.raises(NoAnswer, match="could not connect: it did not answer in time"):
            await rooms.ask(MODEL, "acme/small-2")
        assert len({request.path for request in proxy.asked}) == 1
    assert {call.state for call in rooms.calls()} == {CallState.VOIDED}
    assert {call.subject for call in rooms.calls()} == {MODEL}
    await rooms.client.endpoints["openrouter"].close()


@pytest.mark.parametrize(
    ("key", "told"),
    [("sk-or-v1-…abc", "U+2026"), ("sk-or\u200b-v1", "U+200B"), ("Mädchen", "U+00E4")],
)
async def test_a_key_that_no_header_takes_is_named_by_its_setting(build, key, told):
    rooms = await build()
    endpoint = OpenAIEndpoint("openrouter", rooms.provider.base_url, key, headers={}, clock=rooms.clock)
    rooms.client.endpoints["openrouter"] = endpoint
    for _ in range(3):
        with pytest.raises(NoAnswer):
            await rooms.ask(MODEL, "acme/small-2")
    assert rooms.provider.requests == []
    assert {call.state for call in rooms.calls()} == {CallState.VOIDED}
    (alert,) = rooms.events("alert")
    assert "OPENROUTER_API_KEY cannot be sent: its character" in alert["problem"]
    assert told in alert["problem"]
    assert key not in str([event.data for event in rooms.journal.after(0, 100)])
    assert "OPENROUTER_API_KEY" in endpoint.problem
    assert await endpoint.get_json("/key", {}, 5) == (None, None)
    await endpoint.close()


@pytest.mark.parametrize(
    ("title", "sent"),
    [
        ("Mädchen", "Madchen"),
        ("A… B\u200b", "A... B"),
        ("心", "?"),
        ("Plain", "Plain"),
    ],
)
async def test_a_title_is_sent_in_a_form_that_headers_take(build, title, sent):
    rooms = await build()
    settings = Settings(
        openrouter_api_key=rooms.provider.key, openrouter_base_url=rooms.provider.base_url,
        openrouter_title=title, openrouter_referer="https://mädchen.example/ü",
    )  # fmt: skip
    endpoint = rooms.client.endpoints["openrouter"] = configured_endpoint(settings, rooms.clock)
    await rooms.ask(MODEL)
    assert rooms.provider.calls[0].headers["x-openrouter-title"] == sent == as_header(title)
    assert rooms.provider.calls[0].headers["http-referer"] == "https://m%C3%A4dchen.example/%C3%BC"
    await endpoint.close()


def _refused(monkeypatch, proxy):
    monkeypatch.setenv("ALL_PROXY", proxy)
    with pytest.raises(SettingsError) as refused:
        configured_endpoint(Settings(openrouter_api_key="sk-or-v1-test"), None)
    return str(refused.value)


@pytest.mark.parametrize("proxy", ["ftp://user:secret@127.0.0.1:1", "http://user:secret@[::1"])
def test_a_proxy_that_cannot_be_used_is_one_line_without_its_password(monkeypatch, proxy):
    told = _refused(monkeypatch, proxy)
    assert "ALL_PROXY" in told
    assert "secret" not in told
    assert "\n" not in told


@pytest.mark.skipif(find_spec("socksio") is not None, reason="SOCKS proxies can be used here")
def test_a_socks_proxy_says_what_it_needs(monkeypatch):
    assert "socksio" in _refused(monkeypatch, "socks5://user:secret@127.0.0.1:1")


async def test_the_doctor_names_an_unusable_proxy_by_its_setting(monkeypatch, rooms):
    monkeypatch.setenv("ALL_PROXY", "ftp://user:secret@127.0.0.1:1")
    settings = Settings(openrouter_api_key=rooms.provider.key, openrouter_base_url=rooms.provider.base_url)
    (check,) = [check async for check in examine_provider(settings, rooms.clock)]
    assert (check.ok, "ALL_PROXY" in check.found, "secret" in check.found) == (False, True, False)


async def test_a_date_in_a_zone_that_there_is_not_loses_no_answer(build, provider):
    rooms = await build()
    provider.date = lambda: "Fri, 31 Dec 9999 23:59:59 -2359"
    assert (await rooms.ask(MODEL)).cost_nanos == provider.billed_nanos > 0
    provider.then(status(429, headers={"Retry-After": "Fri, 31 Dec 9999 23:59:59 -2359"}))
    assert (await rooms.ask(MODEL, "acme/small-2")).model.id == "acme/small-2"
