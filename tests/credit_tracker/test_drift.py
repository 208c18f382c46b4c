"""Where a difference to the provider's figure is warned of, whose it is said to be, and to which nano-dollar."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from ai.clock import microseconds
from ai.credit_tracker import CallState, Usage
from ai.credit_tracker.reconciliation import (
    IN_STEP_NANOS,
    MAX_ASKED,
    WARN_LEAST_NANOS,
    Doubts,
    Reconciler,
    Reconciliation,
    compare,
    doubtful_calls,
    doubts_of,
    latest_reconciliation,
    likely_cause,
    model_spending,
)
from tests.credit_tracker.test_reconciliation import Known, call, desk  # noqa: F401 - a fixture, which pytest finds here

USD = 1_000_000_000
STEP = IN_STEP_NANOS
BEFORE, LOST = "or before this purse began", "up to $0.001000001 may be calls of ours that were lost"


@pytest.mark.parametrize(
    ("drift", "others", "below", "cause"),
    [
        (None, 0, 0, "the provider does not say what this key spent"),
        (0, 0, 0, "in step with the provider"),
        (STEP, 0, 0, "in step with the provider"),
        (-STEP, 0, 0, "in step with the provider"),
        (-STEP - 1, 0, 1, "calls were booked in full or on an estimate, and the provider billed less"),
        (-STEP - 1, 0, 0, "the provider's figure lags behind, or another key or provider served this month too"),
        (STEP + 1, STEP, 0, "calls of unknown, refused or estimated outcome may have cost this"),
        (STEP + 1, STEP + 1, 0, f"$0.001000001 was spent with this key by others, {BEFORE}"),
        (2 * STEP + 1, STEP + 1, 0, f"$0.001000001 was spent with this key by others, {BEFORE}"),
        (2 * STEP + 2, STEP + 1, 0, f"$0.001000001 was spent with this key by others, {BEFORE}; {LOST}"),
    ],
)  # fmt: skip
def test_the_likely_cause_of_each_drift(drift, others, below, cause):
    assert likely_cause(drift, others, Doubts(pending=0, doubtful=0, below=below)) == cause


@pytest.mark.parametrize(
    ("budget", "drift", "warn"),
    [
        ("0.4", WARN_LEAST_NANOS, False),
        ("0.4", WARN_LEAST_NANOS + 1, True),
        ("0.4", -WARN_LEAST_NANOS, False),
        ("0.4", -WARN_LEAST_NANOS - 1, True),
        ("50", USD, False),
        ("50", USD + 1, True),
        ("50", -USD, False),
        ("50", -USD - 1, True),
        ("50", None, False),
    ],
)
async def test_a_warning_needs_a_cent_and_two_per_cent_of_the_month(purse, budget, drift, warn):
    tracker = await purse.tracker(monthly_budget_usd=budget)
    await purse.spend(tracker, USD // 10 if budget == "0.4" else 2 * USD)
    booked = purse.ledger.read_now(lambda tx: model_spending(tx, "2026-11"))
    provider = None if drift is None else booked + drift
    found = purse.ledger.transact_now(lambda tx: compare(tx, purse.clock.now(), provider, mind="genesis"))
    assert (found.booked, found.drift, found.warn) == (booked, drift, warn)


async def test_a_month_that_was_not_opened_warns_from_a_cent_on(purse):
    await purse.tracker(dated=False)
    for drift, warn in ((WARN_LEAST_NANOS, False), (WARN_LEAST_NANOS + 1, True)):
        found = purse.ledger.transact_now(lambda tx, drift=drift: compare(tx, purse.clock.now(), drift, mind="genesis"))
        assert found.warn is warn


async def test_our_own_doubts_are_no_reason_to_warn_to_the_nano_dollar(purse):
    tracker = await purse.tracker()
    for end in ("unknown", "refuse", "void"):
        await call(purse, tracker, end, cost=USD // 10)
    held = purse.expense(USD // 10)
    await tracker.hold(held)
    estimated = await call(purse, tracker, "unknown", cost=USD // 10)
    await tracker.settle(estimated, USD // 10, estimated=True)
    doubts = purse.ledger.read_now(lambda tx: doubts_of(tx, "2026-11"))
    assert doubts == Doubts(pending=3 * USD // 10, doubtful=5 * USD // 10, below=USD // 10)
    assert doubts.above == 8 * USD // 10
    for drift, warn in ((8 * USD // 10, False), (8 * USD // 10 + 1, True), (-USD // 10, False), (-USD // 10 - 1, True)):
        figure = USD // 10 + drift
        found = purse.ledger.transact_now(lambda tx, figure=figure: compare(tx, purse.clock.now(), figure, mind="ada"))
        assert (found.drift, found.warn) == (drift, warn)
        assert (found.pending, found.doubtful) == (doubts.pending, doubts.doubtful)


async def test_posts_and_the_embedded_model_are_nobodys_doubt(purse):
    tracker = await purse.tracker()
    for subject in ("x/post", "local/model"):
        await call(purse, tracker, "unknown", cost=1000, subject=subject)
        await call(purse, tracker, "refuse", cost=1000, subject=subject)
        await call(purse, tracker, cost=1000, subject=subject)
    assert purse.ledger.read_now(lambda tx: doubts_of(tx, "2026-11")) == Doubts(0, 0, 0)
    assert purse.ledger.read_now(lambda tx: model_spending(tx, "2026-11")) == 0
    refused = await call(purse, tracker, "refuse")
    assert purse.ledger.read_now(lambda tx: doubts_of(tx, "2026-12")) == Doubts(0, 0, 0)
    now = microseconds((await tracker.call(refused)).settled_at)
    assert purse.ledger.read_now(lambda tx: doubts_of(tx, "2026-11", since=now)).doubtful == USD // 5
    assert purse.ledger.read_now(lambda tx: doubts_of(tx, "2026-11", since=now + 1)).doubtful == 0


async def test_calls_are_asked_about_that_can_be_and_a_bounded_number(purse):
    tracker = await purse.tracker()
    old = await call(purse, tracker, "unknown", cost=5)
    await call(purse, tracker, "refuse")
    purse.clock.set(datetime(2026, 12, 1, tzinfo=UTC))
    tracker = await purse.tracker()
    await call(purse, tracker)
    await call(purse, tracker, "refuse", subject="x/post")
    silent = purse.expense(5)
    await tracker.hold(silent)
    await tracker.refuse(silent.id)
    refused, voided = await call(purse, tracker, "refuse"), await call(purse, tracker, "void")
    estimated = await call(purse, tracker, "unknown")
    await tracker.settle(estimated, 1, estimated=True)
    for limit in (4, 2):
        found = purse.ledger.read_now(lambda tx, limit=limit: doubtful_calls(tx, "2026-12", limit))
        assert [asked.id for asked in found] == [old, refused, voided, estimated][-limit:]


async def test_a_comparison_is_kept_as_it_was_found(purse):
    tracker = await purse.tracker(mind="ada")
    await call(purse, tracker, cost=USD)
    await call(purse, tracker, "unknown", cost=USD // 10)
    await call(purse, tracker, "refuse", cost=USD // 100)
    for provider in (None, 4 * USD):
        found = purse.ledger.transact_now(
            lambda tx, provider=provider: compare(tx, purse.clock.now(), provider, mind="ada")
        )
        assert purse.ledger.read_now(lambda tx: latest_reconciliation(tx, "2026-11")) == found
    others = 4 * USD - USD - USD // 5 - USD // 50
    assert found == Reconciliation(
        at=found.at, period="2026-11", provider=4 * USD, booked=USD, drift=3 * USD, pending=USD // 5,
        doubtful=USD // 50, others=others, warn=True, cause=found.cause,
    )  # fmt: skip
    assert found.cause == (
        f"$2.780000000 was spent with this key by others, {BEFORE}; "
        "up to $0.220000000 may be calls of ours that were lost"
    )
    (row,) = purse.ledger.read_now(lambda tx: tx.execute("SELECT * FROM reconciliations WHERE provider IS NOT NULL"))
    assert (row["mind"], row["highest"], row["warn"]) == ("ada", 3 * USD, 1)
    assert purse.ledger.read_now(lambda tx: latest_reconciliation(tx, "2026-12")) is None


async def test_what_others_spent_never_shrinks_by_silence_and_grows_by_the_highest_figure(purse):
    await purse.tracker()

    def look(provider):
        purse.clock.advance(60)
        found = purse.ledger.transact_now(lambda tx: compare(tx, purse.clock.now(), provider, mind="genesis"))
        return found.others

    assert [look(figure) for figure in (None, 5, None, 3, 5, 9, None, 0, 9)] == [0, 5, 5, 3, 5, 9, 9, 0, 9]


async def test_calls_that_ended_in_doubt_since_the_last_look_may_be_what_it_grew_by(purse):
    tracker = await purse.tracker()

    def look(provider):
        purse.clock.advance(60)
        return purse.ledger.transact_now(lambda tx: compare(tx, purse.clock.now(), provider, mind="genesis")).others

    assert look(USD) == USD
    purse.clock.advance(60)
    await call(purse, tracker, "refuse", cost=USD // 10)
    assert look(USD + USD // 5) == USD
    assert look(USD + USD // 5 + 7) == USD + 7
    await call(purse, tracker, "refuse", cost=USD // 10)
    assert look(USD + 3 * USD // 5) == USD + 7 + (USD // 5 - 7)


async def test_a_doubt_of_before_the_last_look_excuses_nothing_that_came_after_it(purse):
    tracker = await purse.tracker()
    await call(purse, tracker, "refuse", cost=USD // 10)

    def look(provider):
        purse.clock.advance(60)
        return purse.ledger.transact_now(lambda tx: compare(tx, purse.clock.now(), provider, mind="genesis")).others

    assert [look(figure) for figure in (0, USD // 10, 3 * USD // 20, 3 * USD // 20, 3 * USD // 20 + 1)] == [
        0, USD // 10, 3 * USD // 20, 3 * USD // 20, 3 * USD // 20 + 1,
    ]  # fmt: skip
    rows = purse.ledger.read_now(lambda tx: tx.execute("SELECT highest FROM reconciliations ORDER BY seq"))
    assert [row["highest"] for row in rows][:2] == [0, USD // 10]


async def test_a_lost_call_of_a_nano_dollar_is_named(purse, desk):  # noqa: F811 - the fixture
    tracker, provider, reconciler = desk
    lost = await call(purse, tracker, "refuse")
    provider.generations[f"gen-{lost}"] = Known(1)
    assert (await reconciler.reconcile()).lost == (lost,)


async def test_a_look_asks_about_what_is_in_doubt_and_books_what_is_known(purse, desk):  # noqa: F811 - the fixture
    tracker, provider, reconciler = desk
    lost, free = await call(purse, tracker, "refuse"), await call(purse, tracker, "void")
    settled = [await call(purse, tracker, "unknown", cost=USD // 100) for _ in range(2)]
    unheard = await call(purse, tracker, "unknown", cost=USD // 100)
    provider.generations = {f"gen-{name}": Known(2, Usage(7, 8)) for name in (lost, *settled)}
    provider.generations[f"gen-{free}"] = Known(0)
    provider.usage_monthly = 6
    found = await reconciler.reconcile()
    assert (found.settled, found.lost, found.booked, found.provider) == (2, (lost,), 4, 6)
    assert provider.asked == [f"gen-{name}" for name in (lost, free, *settled, unheard)]
    record = await tracker.call(settled[0])
    assert (record.state, record.cost, record.prompt_tokens) == (CallState.CAPTURED, 2, 7)
    assert (await tracker.call(unheard)).state is CallState.UNKNOWN
    kept = purse.ledger.read_now(lambda tx: latest_reconciliation(tx, found.period))
    assert kept == replace(found, settled=0, lost=())


async def test_a_call_that_was_settled_meanwhile_is_no_reason_to_stop(purse):
    tracker = await purse.tracker()
    first, second = [await call(purse, tracker, "unknown", cost=USD // 100) for _ in range(2)]

    async def generation(generation_id):
        if generation_id == f"gen-{first}":
            await tracker.void(first)
        return Known(5)

    async def month():
        return 5

    reconciler = Reconciler(purse.ledger, tracker, purse.clock, ask_month=month, ask_generation=generation)
    found = await reconciler.reconcile()
    assert (found.settled, found.booked) == (1, 5)
    assert (await tracker.call(second)).cost == 5


async def test_a_look_asks_about_fifty_calls_and_no_more(purse, desk):  # noqa: F811 - the fixture
    tracker, provider, reconciler = desk
    for _ in range(MAX_ASKED + 1):
        await call(purse, tracker, "refuse", cost=1)
    await reconciler.reconcile()
    assert len(provider.asked) == MAX_ASKED
