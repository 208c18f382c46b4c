"""A purse copied from store to store is the same purse: what a copy loses, a move to another database loses."""

from datetime import UTC, datetime

import pytest

from ai.credit_tracker import Caller, CallerBooks, KeyTerms, NamedRequest, Usage, open_credit_ledger
from ai.credit_tracker.months import note_restore
from ai.credit_tracker.reconciliation import compare
from ai.ledger.audit import audit
from ai.ledger.errors import LedgerError
from ai.operations import purse_copy as copying
from ai.operations.purse_copy import TABLES, copy_purse, transfers_in
from ai.settings import Settings

USD = 1_000_000_000


def contents(ledger):
    """Return every row of every table in it, by table."""

    def read(tx):
        tables = [
            row["name"]
            for row in tx.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'")
        ]
        return {name: sorted(map(repr, map(tuple, tx.execute(f"SELECT * FROM {name}")))) for name in tables}

    return ledger.read_now(read)


async def lived_in(purse):
    """Have something in every table: calls of each fate, months, minds, gifts, caps, a reserve, a drift, a restore."""
    ada, bob = await purse.tracker(mind="ada", daily_budget_usd="2"), await purse.tracker(mind="bob")
    await ada.topup(USD, "Ada", "gift")
    for tracker in (ada, bob):
        await purse.spend(tracker, USD // 10, usage=Usage(10, 4, 3, 2), free_requests=1)
        for end in (tracker.refuse, tracker.void):
            expense = purse.expense(7, free_requests=1, posts=1)
            await tracker.hold(expense)
            await end(expense.id)
    unknown = purse.expense(9, client="embedder")
    await ada.hold(unknown)
    await ada.sent(unknown.id, "gen-1")
    await ada.leave_unknown(unknown.id, "cut")
    purse.clock.set(datetime(2026, 12, 1, tzinfo=UTC))
    ada = await purse.tracker(mind="ada", daily_budget_usd="2")
    await purse.spend(ada, USD // 7)
    eve = await purse.tracker(mind="eve", on_bankruptcy="die", openrouter_api_key="key")
    eve.set_last_words(1, 2)
    await eve.may_pay()
    await by_a_caller(purse, ada)
    purse.ledger.transact_now(lambda tx: compare(tx, purse.clock.now(), USD, mind="ada"))
    purse.ledger.transact_now(lambda tx: note_restore(tx, "r", datetime(2026, 11, 9, tzinfo=UTC)))
    return ada


async def by_a_caller(purse, tracker):
    """Have a key with a gift, a run with a budget, and calls of both, one of them with an answer that is kept."""
    books = CallerBooks(purse.ledger, Settings(), purse.clock)
    await books.create_key("bob", KeyTerms(budget=USD, models=("lab/*",)))
    await books.topup_key("bob", USD, "gift")
    await books.set_run_budget("town", USD)
    request = NamedRequest("mine", "body", "try")
    for caller in (Caller("bob", "town", request=request), Caller("bob")):
        await purse.spend(tracker, 5, caller=caller)
    await books.keep_answer("bob", request, b"\x00answer")


@pytest.mark.parametrize("page", [1, 2, 5_000])
async def test_a_copy_has_every_row_in_pages_of_any_size(purse, tmp_path, monkeypatch, page):
    await lived_in(purse)
    monkeypatch.setattr(copying, "PAGE", page)
    target = open_credit_ledger(f"sqlite:///{tmp_path}/copy.db", purse.clock)
    copy_purse(purse.ledger, target, target_is_postgres=False)
    assert all(contents(purse.ledger)[table] for table in TABLES)
    assert contents(target) == contents(purse.ledger)
    assert target.read_now(audit).ok
    assert target.read_now(transfers_in) == purse.ledger.read_now(transfers_in) > 0
    target.close()


async def test_a_copy_into_a_purse_that_has_something_is_refused_and_changes_nothing(purse, tmp_path):
    await lived_in(purse)
    target = open_credit_ledger(f"sqlite:///{tmp_path}/copy.db", purse.clock)
    assert target.read_now(transfers_in) == 0
    target.transact_now(lambda tx: tx.open_account("treasury", "usd", may_go_negative=True))
    before = contents(target)
    with pytest.raises(LedgerError):
        copy_purse(purse.ledger, target, target_is_postgres=False)
    assert contents(target) == before
    target.close()
