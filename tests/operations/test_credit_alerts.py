"""Alerts are told once each, across restarts, in log and journal; the webhook carries them signed, within its tries."""

import json

import pytest

from ai.credit_tracker import Usage
from ai.credit_tracker.reconciliation import Reconciler
from ai.mind.database import open_mind
from ai.mind.journal import Journal
from ai.operations.alerts import Alerts
from ai.operations.webhook import OLDEST, WAITS, Webhook, sign
from tests.credit_tracker.conftest import BOTH_STORES
from tests.world.webhook import WebhookServer

USD = 1_000_000_000
SECRET = "s3cret"


class Rooms:
    """The rooms that alerts touch; `restart` opens them anew."""

    def __init__(self, purse, tracker, path):
        self.purse, self.tracker, self.path = purse, tracker, path
        self.restart()

    def restart(self):
        self.mind = open_mind(self.path)
        self.journal = Journal(self.mind, self.purse.clock)
        self.alerts = Alerts(self.tracker, self.mind, self.journal, self.purse.clock)

    def told(self):
        return [event.data["about"] for event in self.journal.after(0, 100, kinds=("alert",))]

    def webhook(self, url, *, signed=True):
        secret = SECRET if signed else None
        return Webhook(url, secret, mind=self.mind, journal=self.journal, clock=self.purse.clock, mind_name="genesis")


@pytest.fixture
async def rooms(purse, tmp_path):
    made = Rooms(purse, await purse.tracker(daily_budget_usd="4"), tmp_path / "mind.db")
    yield made
    made.mind.close()


async def spend(rooms, cost):
    expense = rooms.purse.expense(cost)
    await rooms.tracker.hold(expense)
    await rooms.tracker.settle(expense.id, cost, Usage(1, 1))


async def test_each_threshold_is_told_once_also_after_a_restart(rooms):
    assert await rooms.alerts.look() == []
    await spend(rooms, 5 * USD // 2)
    lines = await rooms.alerts.look()
    assert rooms.told() == ["month_50", "day_50"]
    assert lines[0] == (
        "50 % of the budget of 2026-11 is spent: $2.500000000 of $5.000000000, $2.500000000 left; "
        "it resets 2026-12-01 00:00 UTC"
    )
    rooms.mind.close()
    rooms.restart()
    assert await rooms.alerts.look() == []
    await spend(rooms, 3 * USD // 2)
    await rooms.alerts.look()
    assert rooms.told() == ["month_50", "day_50", "month_80", "day_80", "day_100"]
    rooms.purse.clock.advance(86_400)
    await spend(rooms, USD)
    await rooms.alerts.look()
    assert rooms.told()[5:] == ["month_100"]
    await rooms.tracker.topup(5 * USD, "Ada", "gift")
    assert await rooms.alerts.look() == []
    await spend(rooms, USD // 2)
    assert await rooms.alerts.look() == []
    rooms.purse.clock.advance(86_400)
    await spend(rooms, 2 * USD)
    await rooms.alerts.look()
    assert rooms.told()[6:] == ["day_50"]


async def test_an_overrun_is_told_each_time_it_comes(rooms):
    for n in (1, 2):
        expense = rooms.purse.expense(1)
        await rooms.tracker.hold(expense)
        await rooms.tracker.settle(expense.id, 6 * USD)
        await rooms.alerts.look()
        await rooms.alerts.look()
        assert rooms.told().count("overrun") == n
        rooms.purse.clock.advance(86_400)
        assert (await rooms.tracker.topup(6 * USD, "Ada", f"gift-{n}")).overrun == 0
        await rooms.alerts.look()


@BOTH_STORES
async def test_an_unknown_outcome_is_told_after_an_hour(rooms):
    expense = rooms.purse.expense(USD // 10)
    await rooms.tracker.hold(expense)
    await rooms.tracker.leave_unknown(expense.id, "time-out")
    rooms.purse.clock.advance(3599)
    assert await rooms.alerts.look() == []
    rooms.purse.clock.advance(1)
    (line,) = await rooms.alerts.look()
    assert line == (
        f"the outcome of call {expense.id} to lab/model is unknown for 1 h (time-out); $0.100000000 stay held, "
        "and are booked in full after a day"
    )
    assert await rooms.alerts.look() == []
    await rooms.tracker.settle(expense.id, 0)
    assert rooms.mind.recall("alerts") == [] or await rooms.alerts.look() == []


async def test_a_drift_is_told_once_a_month(rooms):
    async def figure():
        return 3 * USD

    async def nothing(_):
        return None

    reconciler = Reconciler(
        rooms.purse.ledger, rooms.tracker, rooms.purse.clock, ask_month=figure, ask_generation=nothing
    )
    for _ in range(2):
        assert (await reconciler.reconcile()).warn
        await rooms.alerts.look()
    assert rooms.told() == ["drift"]


async def test_the_webhook_carries_every_alert_signed_and_in_order(rooms):
    with WebhookServer() as server:
        webhook = rooms.webhook(server.url)
        await spend(rooms, 4 * USD)
        await rooms.alerts.look()
        rooms.journal.append("alert", about="x", problem="posting is off: suspended")
        assert await webhook.deliver() == 6
        assert await webhook.deliver() == 0
        bodies = [json.loads(delivery.body) for delivery in server.received]
        assert [body["about"] for body in bodies] == rooms.told()
        assert bodies[0]["data"] == {"percent": 50, "spent": "4.000000000", "given": "5.000000000"}
        assert (bodies[-1]["problem"], bodies[-1]["mind"]) == ("posting is off: suspended", "genesis")
        for delivery in server.received:
            assert delivery.headers["x-genesis-signature"] == sign(SECRET, delivery.body)
            assert delivery.headers["content-type"] == "application/json"
        await webhook.close()


async def test_the_webhook_tries_again_with_growing_waits_and_gives_up(rooms, caplog):
    with WebhookServer(statuses=[500, 302] + [503] * 4) as server:
        webhook = rooms.webhook(server.url, signed=False)
        rooms.journal.append("alert", about="x", problem="first")
        rooms.journal.append("alert", about="x", problem="second")
        assert await webhook.deliver() == 0
        assert await webhook.deliver() == 0
        assert len(server.received) == 1
        for wait in WAITS:
            rooms.purse.clock.advance(wait.total_seconds())
            await webhook.close()
            webhook = rooms.webhook(server.url, signed=False)
            await webhook.deliver()
        problems = [json.loads(delivery.body)["problem"] for delivery in server.received]
        assert problems == ["first"] * 6 + ["second"]
        assert "not delivered in 6 tries: answered 503" in caplog.text
        assert server.url not in caplog.text
        assert "x-genesis-signature" not in server.received[0].headers
        await webhook.close()


async def test_an_address_nobody_listens_at_costs_nothing_but_tries(rooms):
    with WebhookServer() as server:
        url = server.url
    webhook = rooms.webhook(url)
    rooms.journal.append("alert", about="x", problem="lost")
    assert await webhook.deliver() == 0
    rooms.purse.clock.advance(OLDEST.total_seconds() + 1)
    assert await webhook.deliver() == 0
    assert rooms.mind.recall("webhook")["seq"] == 1
    await webhook.close()


async def test_a_new_address_does_not_hear_of_what_was_before(rooms):
    rooms.journal.append("alert", about="x", problem="old")
    with WebhookServer() as server:
        webhook = rooms.webhook(server.url)
        assert await webhook.deliver() == 0
        assert server.received == []
        await webhook.close()
