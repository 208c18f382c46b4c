"""Reconciliation: what the provider says against what the books say, and whose doing a difference is."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from ai.credit_tracker import CallState, NotAffordable, Usage
from ai.credit_tracker.months import note_restore
from ai.credit_tracker.reconciliation import (
    Doubts,
    Reconciler,
    latest_reconciliation,
    likely_cause,
    reconciliation_json,
)
from tests.credit_tracker.conftest import BOTH_STORES

USD = 1_000_000_000


@dataclass(frozen=True)
class Known:
    """What the provider knows of one call."""

    cost_nanos: int
    usage: Usage | None = None


@dataclass
class Provider:
    """The provider's side: its own sum for the key, and what it knows of single calls."""

    usage_monthly: int | None = 0
    generations: dict[str, Known] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    async def month(self):
        return self.usage_monthly

    async def generation(self, generation_id):
        self.asked.append(generation_id)
        return self.generations.get(generation_id)


@pytest.fixture
async def desk(purse):
    tracker = await purse.tracker()
    provider = Provider()
    reconciler = Reconciler(
        purse.ledger, tracker, purse.clock, ask_month=provider.month, ask_generation=provider.generation
    )
    return tracker, provider, reconciler


async def call(purse, tracker, end="settle", cost=USD // 10, **fields):
    expense = purse.expense(2 * cost, **fields)
    await tracker.hold(expense)
    await tracker.sent(expense.id, f"gen-{expense.id}")
    if end == "settle":
        await tracker.settle(expense.id, cost)
    elif end == "unknown":
        await tracker.leave_unknown(expense.id, "cut")
    else:
        await getattr(tracker, end)(expense.id)
    return expense.id


async def test_in_step(purse, desk):
    tracker, provider, reconciler = desk
    await call(purse, tracker)
    await call(purse, tracker, subject="x/post", purpose="post")
    provider.usage_monthly = USD // 10
    found = await reconciler.reconcile()
    assert (found.drift, found.others, found.warn, found.cause) == (0, 0, False, "in step with the provider")
    assert purse.ledger.read_now(lambda tx: latest_reconciliation(tx, found.period)) == found


@BOTH_STORES
async def test_unknowns_and_estimates_are_settled_by_their_generation_id(purse, desk):
    tracker, provider, reconciler = desk
    unknown = await call(purse, tracker, "unknown")
    overdue = await call(purse, tracker, "unknown", cost=USD // 100)
    purse.clock.advance(86_400)
    await tracker.capture_overdue()
    fresh = await call(purse, tracker, "unknown", cost=USD // 100)
    provider.generations = {f"gen-{name}": Known(5, Usage(3, 4)) for name in (unknown, overdue, fresh)}
    provider.usage_monthly = 15
    found = await reconciler.reconcile()
    assert (found.settled, found.drift, found.warn) == (3, 0, False)
    for name in (unknown, overdue, fresh):
        record = await tracker.call(name)
        assert (record.state, record.cost, record.estimated) == (CallState.CAPTURED, 5, False)
    provider.asked.clear()
    await reconciler.reconcile()
    assert provider.asked == []


@BOTH_STORES
async def test_others_on_the_same_key_are_told_apart_from_lost_calls(purse, desk):
    tracker, provider, reconciler = desk
    provider.usage_monthly = USD
    found = await reconciler.reconcile()
    assert (found.others, found.warn) == (USD, True)
    assert found.cause == "$1.000000000 was spent with this key by others, or before this purse began"
    lost = await call(purse, tracker, "refuse", cost=USD // 10)
    purse.clock.advance(3600)
    provider.usage_monthly = USD + USD // 5
    found = await reconciler.reconcile()
    assert (found.others, found.drift) == (USD, USD + USD // 5)
    assert found.cause.endswith("; up to $0.200000000 may be calls of ours that were lost")
    provider.generations[f"gen-{lost}"] = Known(USD // 10)
    purse.clock.advance(3600)
    provider.usage_monthly += 1_000_000_000
    found = await reconciler.reconcile()
    assert found.lost == (lost,)
    assert found.others == 2 * USD
    assert (await tracker.balance()).spent == 0


async def test_a_lagging_figure_is_nobody_elses_doing(purse, desk):
    tracker, provider, reconciler = desk
    await call(purse, tracker, cost=USD // 5)
    found = await reconciler.reconcile()
    assert (found.drift, found.others, found.warn) == (-USD // 5, 0, True)
    assert "lags behind" in found.cause
    purse.clock.advance(3600)
    provider.usage_monthly = USD // 5
    found = await reconciler.reconcile()
    assert (found.drift, found.others, found.warn) == (0, 0, False)


async def test_a_drift_within_our_own_doubts_is_not_warned_of(purse, desk):
    tracker, provider, reconciler = desk
    await call(purse, tracker, "unknown")
    provider.usage_monthly = USD // 10
    found = await reconciler.reconcile()
    assert (found.drift, found.pending, found.others, found.warn) == (USD // 10, USD // 5, 0, False)
    assert found.cause == "calls of unknown, refused or estimated outcome may have cost this"


async def test_a_provider_without_a_figure_is_said_so(purse, desk):
    _, provider, reconciler = desk
    provider.usage_monthly = None
    document = reconciliation_json(await reconciler.reconcile())
    assert document["drift"] is None
    assert document["provider"] is None
    assert document["cause"] == "the provider does not say what this key spent"


def test_booked_in_full_and_billed_less():
    assert likely_cause(-50_000_000, 0, Doubts(0, 0, 60_000_000)).startswith("calls were booked in full")


@BOTH_STORES
async def test_after_a_restore_nothing_is_paid_until_the_gap_is_booked(purse, desk):
    tracker, provider, reconciler = desk
    await call(purse, tracker, cost=USD)
    purse.ledger.transact_now(lambda tx: note_restore(tx, "restore-1", datetime(2026, 11, 9, tzinfo=UTC)))
    assert await tracker.may_pay() == (
        "the purse is a backup of 2026-11-09 00:00 UTC, and what was spent since is not booked yet; "
        "run `python -m ai reconcile`"
    )
    with pytest.raises(NotAffordable, match=r"^restore: "):
        await tracker.hold(purse.expense(1))
    await tracker.hold(purse.expense(0, free_requests=1))
    provider.usage_monthly = None
    assert (await reconciler.reconcile()).gap_booked is None
    assert await tracker.may_pay() is not None
    provider.usage_monthly = 3 * USD
    found = await reconciler.reconcile()
    assert (found.gap_booked, found.drift) == (2 * USD, 0)
    balance = await tracker.balance()
    assert (balance.spent, balance.available) == (3 * USD, 2 * USD)
    assert await tracker.may_pay() is None
    report = await tracker.budget_report()
    assert {"model": "unaccounted", "calls": 1, "prompt_tokens": 0, "completion_tokens": 0, "cost": "2.000000000"} in (
        report["by_model"]
    )
    await tracker.settle("gap/restore-1", USD)
    assert (await tracker.balance()).spent == 2 * USD


async def test_a_person_can_say_the_gap_where_the_provider_cannot(purse, desk):
    tracker, provider, reconciler = desk
    provider.usage_monthly = None
    purse.ledger.transact_now(lambda tx: note_restore(tx, "restore-1", datetime(2026, 11, 9, tzinfo=UTC)))
    assert (await reconciler.reconcile(gap_nanos=6 * USD)).gap_booked == 6 * USD
    balance = await tracker.balance()
    assert (balance.available, balance.overrun) == (0, -USD)


async def test_a_gap_has_its_row_like_any_call(purse, desk):
    tracker, provider, reconciler = desk
    await call(purse, tracker, cost=USD)
    purse.ledger.transact_now(lambda tx: note_restore(tx, "r", datetime(2026, 11, 9, 8, 30, tzinfo=UTC)))
    with pytest.raises(
        ValueError, match=r"^a gap of -1 nano-dollars is negative; say what was spent since the backup, 0 "
    ):
        provider.usage_monthly = None
        await reconciler.reconcile(gap_nanos=-1)
    provider.usage_monthly = USD + 7
    assert (await reconciler.reconcile()).gap_booked == 7
    gap = await tracker.call("gap/r")
    assert (gap.mind, gap.client, gap.subject, gap.purpose) == ("", "restore", "unaccounted", "reconciliation")
    assert (gap.held, gap.cost, gap.estimated) == (0, 7, True)
    assert gap.problem == "spent since the backup of 2026-11-09 08:30 UTC"
    holds = purse.ledger.read_now(lambda tx: tx.execute("SELECT * FROM transfers WHERE id = 'gap/r/0'"))
    assert [(row["pending"], row["posted"], row["memo"]) for row in holds] == [(0, 0, "unaccounted")]


async def test_nothing_spent_since_the_backup_is_a_gap_of_nothing(purse, desk):
    tracker, provider, reconciler = desk
    await call(purse, tracker, cost=USD)
    for name in ("first", "second"):
        purse.ledger.transact_now(lambda tx, name=name: note_restore(tx, name, datetime(2026, 11, 9, tzinfo=UTC)))
        assert await tracker.may_pay() is not None
        provider.usage_monthly = USD // 2
        assert (await reconciler.reconcile()).gap_booked == 0
        assert await tracker.may_pay() is None
