"""The purse goes away and comes back: no spending meanwhile, nothing lost, nothing doubled."""

import asyncio
import socket
from contextlib import contextmanager
from pathlib import Path

import pytest

from ai.clock import VirtualClock
from ai.credit_tracker import Band, CallState, CreditTracker, ProviderClock, Usage, open_credit_ledger
from ai.credit_tracker.tracker import MAX_OWED
from ai.ledger.audit import audit
from ai.ledger.circuit_breaker import QUIET_SECONDS
from ai.ledger.errors import StoreUnavailable
from ai.settings import Settings
from tests.credit_tracker.conftest import NOON, Purse
from tests.world.postgres import running_server

USD = 1_000_000_000


@pytest.mark.postgres
async def test_what_ends_while_the_purse_is_away_is_booked_when_it_is_back():
    with running_server() as server:
        clock = VirtualClock(NOON)
        url = server.database("purse")
        purse = Purse(url, clock, open_credit_ledger(url, clock))
        tracker = await purse.tracker()
        answered, refused, lost = (purse.expense(USD // 100) for _ in range(3))
        for expense in (answered, refused, lost):
            await tracker.hold(expense)
        server.stop(at_once=True)

        await tracker.sent(answered.id, "gen-1")
        settlement = await tracker.settle(answered.id, 7, Usage(10, 5))
        await tracker.refuse(refused.id)
        await tracker.leave_unknown(lost.id, "cut")
        assert settlement.balance.away is not None
        assert "purse is away" in await tracker.may_pay()
        with pytest.raises(StoreUnavailable):
            await tracker.hold(purse.expense(1))
        newcomer = newcomer_to(purse)
        assert (await newcomer.balance()).band is Band.CRITICAL

        server.start()
        balance = await tracker.balance()
        assert (balance.away, balance.spent, balance.held) == (None, 7, USD // 100)
        call = await tracker.call(answered.id)
        assert (call.state, call.remote_id, call.cost) == (CallState.CAPTURED, "gen-1", 7)
        assert [call.id for call in await tracker.unknowns()] == [lost.id]
        assert await tracker.may_pay() is None
        assert purse.ledger.read_now(audit).ok
        purse.ledger.close()


def newcomer_to(purse):
    """Return a tracker that never saw the purse."""
    return CreditTracker(
        purse.ledger,
        Settings(openrouter_api_key="sk-or-test"),
        purse.clock,
        mind_name="genesis",
        provider_clock=ProviderClock(purse.clock, required=False),
    )


async def test_a_hold_whose_caller_is_cancelled_is_given_back(purse):
    tracker = await purse.tracker()
    expense = purse.expense(USD)
    waiting = asyncio.ensure_future(tracker.hold(expense))
    await asyncio.sleep(0)  # it waits at the ledger's door now
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert waiting.cancelled()
    assert (await tracker.balance()).held == 0
    call = await tracker.call(expense.id)
    assert call is None or call.state is CallState.VOIDED


def test_a_silent_server_is_asked_again_by_the_purses_own_clock():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.setblocking(False)

        def asked():
            calls = 0
            while True:
                try:
                    silent.accept()[0].close()
                except BlockingIOError:
                    return calls
                calls += 1

        clock = VirtualClock(NOON)
        ledger = open_credit_ledger(f"postgresql://genesis@127.0.0.1:{silent.getsockname()[1]}/purse", clock)
        seen = []
        for seconds in (0, QUIET_SECONDS):
            clock.advance(seconds)
            for _ in range(3):
                with pytest.raises(StoreUnavailable, match="connection timeout expired"):
                    ledger.read_now(lambda _: None)
            seen.append(asked())
        ledger.close()
    assert seen == [1, 1]


@contextmanager
def unplugged(purse):
    """Take the file of a purse away for a while."""
    path = Path(purse.url.removeprefix("sqlite:///"))
    elsewhere = path.with_name("unplugged.db")
    path.rename(elsewhere)
    try:
        yield
    finally:
        elsewhere.rename(path)


async def held(purse, tracker, count):
    """Hold for so many calls and return their expenses."""
    calls = [purse.expense(USD // 100) for _ in range(count)]
    for expense in calls:
        await tracker.hold(expense)
    return calls


async def test_what_ended_meanwhile_is_answered_at_once_and_booked_later(purse):
    tracker = await purse.tracker()
    seen = (await tracker.balance()).available
    answered, refused, unsent, lost = await held(purse, tracker, 4)
    with unplugged(purse):
        await tracker.sent(answered.id, "gen-1")
        settlement = await tracker.settle(answered.id, 7, Usage(10, 5))
        await tracker.refuse(refused.id)
        await tracker.void(unsent.id)
        await tracker.leave_unknown(lost.id, "cut")
        assert (settlement.cost, settlement.overrun) == (7, False)
        assert "the purse is away; the cost is booked when it is back" in (settlement.balance.away or "")
        assert settlement.balance.available == seen, "as it was last seen"
        shown = await tracker.balance()
        assert "ledger.db cannot be used" in (shown.away or "")
    balance = await tracker.balance()
    assert (balance.away, balance.spent, balance.held_unknown) == (None, 7, USD // 100)
    states = [(await tracker.call(expense.id)).state for expense in (answered, refused, unsent, lost)]
    assert states == [CallState.CAPTURED, CallState.REFUSED, CallState.VOIDED, CallState.UNKNOWN]


async def test_many_who_ask_when_the_purse_is_back_lose_no_booking(purse):
    """Each of them finds the same bookings still owed; one that another made meanwhile is not crossed off twice."""
    tracker = await purse.tracker()
    calls = await held(purse, tracker, 6)
    with unplugged(purse):
        for expense in calls:
            await tracker.settle(expense.id, 7)
    await asyncio.gather(*(tracker.balance() for _ in range(5)))
    assert [(await tracker.call(expense.id)).cost for expense in calls] == [7] * 6


async def test_an_end_that_no_longer_fits_is_told_once_by_its_call_and_stops_no_other(purse, caplog):
    tracker = await purse.tracker()
    calls = await held(purse, tracker, 4)
    with unplugged(purse):
        for expense in calls:
            await tracker.settle(expense.id, 7)
        await tracker.refuse(calls[0].id)
        await tracker.void(calls[1].id)
        await tracker.settle(calls[2].id, 8)
    for _ in range(2):
        assert (await tracker.balance()).spent == 4 * 7
    told = [record.getMessage() for record in caplog.records if "purse was away" in record.getMessage()]
    expected = (f"hold {calls[0].id} has ended", f"hold {calls[1].id} has ended", f"{calls[2].id} exists with cost 7")
    assert len(told) == len(expected)
    for message, expense, why in zip(told, calls, expected, strict=False):
        assert message.startswith(f"call {expense.id} was settled otherwise")
        assert why in message


async def test_a_thousand_ends_are_kept_and_the_next_is_said_at_once(purse):
    """What cannot be kept must not look as if it had been: the caller hears that the purse is away."""
    tracker = await purse.tracker()
    expense = purse.expense(USD)
    await tracker.hold(expense)
    with unplugged(purse):
        for number in range(MAX_OWED):
            await tracker.sent(expense.id, f"gen-{number}")
        with pytest.raises(StoreUnavailable):
            await tracker.settle(expense.id, 7)
    await tracker.settle(expense.id, 7)
    assert (await tracker.call(expense.id)).remote_id == f"gen-{MAX_OWED - 1}"
