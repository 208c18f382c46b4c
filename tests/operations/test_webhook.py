"""What the webhook carries and when: a person's own program parses it, and an alert that is late is an alert lost."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest

from ai.clock import VirtualClock, rfc3339
from ai.mind.database import open_mind
from ai.mind.journal import Journal
from ai.operations.webhook import MAX_AT_ONCE, OLDEST, TIMEOUT_SECONDS, WAITS, Webhook
from ai.signing import sign
from tests.world.webhook import WebhookServer
from tests.world.wire import WireServer

AT = datetime(2026, 11, 10, 12, 0, 0, 250_000, tzinfo=UTC)


class Desk:
    """A mind with a journal, and a webhook that can be opened anew as after a restart."""

    def __init__(self, path):
        self.clock = VirtualClock(AT)
        self.mind = open_mind(path)
        self.journal = Journal(self.mind, self.clock)

    def webhook(self, url, secret=None):
        return Webhook(url, secret, mind=self.mind, journal=self.journal, clock=self.clock, mind_name="ada")

    def alert(self, problem, **data):
        self.journal.append("alert", about="x", problem=problem, **data)


@pytest.fixture
def desk(tmp_path):
    made = Desk(tmp_path / "mind.db")
    yield made
    made.mind.close()


def problems(server):
    return [json.loads(delivery.body)["problem"] for delivery in server.received]


def test_a_signature_is_what_every_language_computes():
    assert sign("key", b"The quick brown fox jumps over the lazy dog") == (
        "sha256=f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8"
    )


async def test_an_alert_is_sent_whole_with_money_in_dollars_and_letters_as_they_are(desk):
    with WebhookServer() as server:
        webhook = desk.webhook(server.url, "secret")
        desk.alert("zu teuer: Müller", held_nanos=1_500_000_000, odd_nanos="7", count=3, call_id="c")
        assert await webhook.deliver() == 1
        await webhook.close()
    (delivery,) = server.received
    (alert,) = desk.journal.after(0, kinds=["alert"])
    assert json.loads(delivery.body) == {
        "id": "ada-1",
        "at": rfc3339(alert.at),
        "mind": "ada",
        "about": "x",
        "problem": "zu teuer: Müller",
        "data": {"held": "1.500000000", "odd_nanos": "7", "count": 3, "call_id": "c"},
    }
    assert "Müller".encode() in delivery.body
    assert delivery.headers["content-type"] == "application/json"
    assert delivery.headers["user-agent"] == "genesis"
    assert delivery.headers["x-genesis-signature"] == sign("secret", delivery.body)


async def test_many_alerts_go_in_their_order_a_bounded_number_at_once(desk):
    with WebhookServer() as server:
        webhook = desk.webhook(server.url)
        told = [f"alert {n}" for n in range(MAX_AT_ONCE + 1)]
        for problem in told:
            desk.alert(problem)
        assert await webhook.deliver() == MAX_AT_ONCE
        assert await webhook.deliver() == 1
        assert problems(server) == told
        await webhook.close()


async def test_each_alert_has_all_its_tries_and_waits_no_less_than_they_say(desk, caplog):
    with WebhookServer(statuses=[500] * 7) as server:
        webhook = desk.webhook(server.url)
        desk.alert("first")
        desk.alert("second")
        assert await webhook.deliver() == 0
        for number, wait in enumerate(WAITS, start=1):
            desk.clock.advance(wait.total_seconds() - 0.001)
            assert await webhook.deliver() == 0
            assert len(server.received) == number
            desk.clock.advance(0.001)
            assert await webhook.deliver() == 0
        assert problems(server) == ["first"] * 6 + ["second"]
        assert caplog.messages == ["alert 1 was not delivered in 6 tries: answered 500"]
        desk.clock.advance(WAITS[0].total_seconds())
        assert await webhook.deliver() == 1
        assert desk.mind.recall("webhook") == {"seq": 2, "tries": 0, "next_at": None}
        await webhook.close()


async def test_a_clock_that_was_set_back_silences_nobody(desk):
    with WebhookServer(statuses=[500]) as server:
        webhook = desk.webhook(server.url)
        desk.alert("first")
        await webhook.deliver()
        kept = desk.mind.recall("webhook")
        assert (kept["seq"], kept["tries"], kept["next_at"][:23]) == (0, 1, "2026-11-10T12:00:30.250")
        desk.clock.set(AT + WAITS[0] - WAITS[-1] + timedelta(milliseconds=1))
        assert await webhook.deliver() == 0
        desk.clock.set(AT + WAITS[0] - WAITS[-1] - timedelta(milliseconds=1))
        assert await webhook.deliver() == 1
        await webhook.close()


async def test_an_alert_of_a_day_ago_is_still_told_and_an_older_one_is_passed_over(desk):
    with WebhookServer() as server:
        webhook = desk.webhook(server.url)
        for problem in ("old", "of a day ago"):
            desk.alert(problem)
            desk.clock.advance(0.001)
        desk.clock.set(AT + OLDEST + timedelta(milliseconds=1))
        assert await webhook.deliver() == 1
        assert problems(server) == ["of a day ago"]
        await webhook.close()


async def test_a_restart_goes_on_behind_what_was_there_and_only_with_alerts(desk):
    desk.alert("before the address")
    with WebhookServer() as server:
        await desk.webhook(server.url).close()
        desk.journal.append("daemon.stopped")
        desk.alert("after it")
        webhook = desk.webhook(server.url)
        assert await webhook.deliver() == 1
        assert problems(server) == ["after it"]
        await webhook.close()


async def test_who_does_not_listen_is_named_by_what_went_wrong(desk, caplog):
    with WebhookServer() as server:
        url = server.url
    webhook = desk.webhook(url)
    desk.alert("lost")
    assert await webhook.deliver() == 0
    for wait in WAITS:
        desk.clock.advance(wait.total_seconds())
        assert await webhook.deliver() == 0
    assert "alert 1 was not delivered in 6 tries: nobody listens there" in caplog.text
    assert url not in caplog.text
    await webhook.close()


async def test_an_address_that_moved_is_not_followed(desk):
    """Where it leads, nobody has said that alerts may go."""
    with WebhookServer(statuses=[307]) as server:
        webhook = desk.webhook(server.url)
        desk.alert("first")
        assert await webhook.deliver() == 0
        assert problems(server) == ["first"]
        await webhook.close()


async def _endless(_request, wire):
    await wire.raw(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        await wire.raw(b" " * 65_536)


async def _drips(_request, wire):
    await wire.raw(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while True:
        await wire.raw(b"a")
        await asyncio.sleep(0.05)


@pytest.mark.parametrize(("handle", "arrived"), [(_endless, 1), (_drips, 0)], ids=["endless", "drips"])
async def test_an_answer_without_end_neither_fills_the_memory_nor_stops_the_alerts(desk, handle, arrived, monkeypatch):
    """It was read to its end: gigabytes of it, and no further alert was told."""
    monkeypatch.setattr("ai.operations.webhook.TIMEOUT_SECONDS", 0.5)
    server = WireServer(handle).start()
    webhook = desk.webhook(f"http://127.0.0.1:{server.port}/")
    desk.alert("first")
    assert await webhook.deliver() == arrived
    await webhook.close()
    server.stop()


async def test_who_never_answers_is_waited_for_ten_seconds(desk):
    webhook = desk.webhook("http://127.0.0.1:9/")
    assert set(webhook._client.timeout.as_dict().values()) == {TIMEOUT_SECONDS} == {10.0}
    await webhook.close()


@pytest.mark.parametrize("kept", ["odd", {}, {"seq": 0}])
async def test_a_state_that_nobody_can_read_loses_no_alert(desk, kept):
    desk.mind.remember("webhook", kept)
    with WebhookServer(statuses=[500]) as server:
        webhook = desk.webhook(server.url)
        desk.alert("first")
        assert await webhook.deliver() == 0
        assert desk.mind.recall("webhook")["tries"] == 1
        desk.clock.advance(WAITS[0].total_seconds())
        assert await webhook.deliver() == 1
        await webhook.close()
