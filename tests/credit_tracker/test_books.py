"""What the books say at the edges: the last nano-dollar, a day and a month not begun yet, a purse that is away."""

import asyncio
from datetime import UTC, datetime

import pytest

from ai.clock import VirtualClock
from ai.credit_tracker import Balance, Band, CreditTracker, ProviderClock, open_credit_ledger
from ai.credit_tracker.books import SharedLook
from ai.ledger.audit import audit
from ai.ledger.errors import LedgerError, StoreUnavailable
from ai.settings import Settings
from tests.credit_tracker.conftest import NOON, Purse

USD = 1_000_000_000


async def test_the_last_nano_dollar_is_no_bankruptcy_and_nothing_is(purse):
    tracker = await purse.tracker()
    await purse.spend(tracker, 5 * USD // 2)
    expense = purse.expense(5 * USD // 2 - 1)
    await tracker.hold(expense)
    await tracker.settle(expense.id, expense.amount_nanos)
    for smallest in (None, 0, 1):
        if smallest is not None:
            tracker.set_smallest_hold(smallest)
        balance = await tracker.balance()
        assert (balance.available, balance.band) == (1, Band.CRITICAL)
    await purse.spend(tracker, 0)
    last = purse.expense(1)
    await tracker.hold(last)
    await tracker.settle(last.id, 1)
    assert (await tracker.balance()).band is Band.BANKRUPT


async def test_who_pays_nobody_is_never_bankrupt(purse):
    tracker = await purse.tracker(openrouter_api_key=None, monthly_budget_usd="0")
    assert (await tracker.balance()).band is Band.CRITICAL


async def test_room_and_wishes_of_a_day_and_a_month_not_begun_are_whole(purse):
    tracker = await purse.tracker(daily_budget_usd="1")
    await purse.spend(tracker, USD // 4, wish=True)
    assert await tracker.wishes_left() == USD // 4
    purse.clock.advance(86_400)
    assert await tracker.room("thought") == USD
    purse.clock.set(datetime(2026, 12, 1, tzinfo=UTC))
    assert await tracker.room("thought") == USD
    assert await tracker.wishes_left() == USD // 2


def away_in(tmp_path):
    """Return a purse whose folder is not there yet, and a tracker on it."""
    (tmp_path / "volume").write_text("not mounted yet")
    clock = VirtualClock(NOON)
    url = f"sqlite:///{tmp_path}/volume/ledger.db"
    purse = Purse(url, clock, open_credit_ledger(url, clock))
    tracker = CreditTracker(
        purse.ledger,
        Settings(openrouter_api_key="sk-or-test"),
        clock,
        mind_name="genesis",
        provider_clock=ProviderClock(clock, required=False),
    )
    return purse, tracker


async def test_a_purse_never_seen_has_its_grant_to_come_and_nothing_to_spend(tmp_path):
    purse, tracker = away_in(tmp_path)
    balance = await tracker.balance()
    assert "volume" in (balance.away or "")
    assert balance == Balance(
        period="2026-11",
        granted=5 * USD,
        donated=0,
        spent=0,
        held=0,
        held_unknown=0,
        available=0,
        band=Band.CRITICAL,
        resets_at=datetime(2026, 12, 1, tzinfo=UTC),
        runway_days=None,
        free_left=0,
        free_quota=0,
        posts_left=0,
        overrun=0,
        away=balance.away,
    )
    purse.ledger.close()


async def test_a_purse_that_went_away_is_shown_as_it_was_last_seen(tmp_path):
    purse, tracker = away_in(tmp_path)
    (tmp_path / "volume").unlink()
    await tracker.open()
    await purse.spend(tracker, USD)
    seen = await tracker.balance()
    assert (seen.away, seen.spent) == (None, USD)
    (tmp_path / "volume").rename(tmp_path / "unplugged")
    gone = await tracker.balance()
    assert "ledger.db was removed or replaced" in (gone.away or "")
    assert (gone.period, gone.spent, gone.available, gone.band) == ("2026-11", USD, 4 * USD, Band.COMFORTABLE)
    purse.ledger.close()


async def test_a_purse_opened_for_reading_makes_nothing_and_writes_nothing(tmp_path):
    clock = VirtualClock(NOON)
    url = f"sqlite:///{tmp_path}/ledger.db"
    absent = open_credit_ledger(url, clock, read_only=True)
    with pytest.raises(StoreUnavailable):
        absent.read_now(audit)
    absent.close()
    assert list(tmp_path.iterdir()) == []
    open_credit_ledger(url, clock).close()
    reading = open_credit_ledger(url, clock, read_only=True)
    with pytest.raises(LedgerError, match=r"^this ledger was opened for reading$"):
        reading.transact_now(lambda tx: tx.open_account("a", "usd"))
    reading.close()


async def test_a_look_begins_only_when_the_one_before_has_ended():
    """However many ask at once, one reader is busy at a time; and nobody is told what was seen before it asked."""
    looks = []

    async def look(wanted):
        seen = asyncio.get_running_loop().create_future()
        looks.append((wanted, seen))
        return await seen

    shared = SharedLook(look)
    first = asyncio.ensure_future(shared.ask("a"))
    await settled()
    later = [asyncio.ensure_future(shared.ask(name)) for name in ("b", "c")]
    await settled()
    assert [wanted for wanted, _ in looks] == [{"a"}]
    looks[0][1].set_result({"a": 1})
    assert await first == {"a": 1}
    await settled()
    assert [wanted for wanted, _ in looks] == [{"a"}, {"b", "c"}]
    looks[1][1].set_result({"b": 2, "c": 3})
    assert await asyncio.gather(*later) == [{"b": 2, "c": 3}] * 2


async def settled():
    """Let everything run that can."""
    for _ in range(10):
        await asyncio.sleep(0)
