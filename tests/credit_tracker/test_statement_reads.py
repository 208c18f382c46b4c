"""How SQLite reads a statement: by its indexes, however many calls there were."""

import pytest

from ai.credit_tracker import KeyTerms
from ai.credit_tracker.statement import read_statement
from tests.credit_tracker.conftest import Overheard, spend
from tests.credit_tracker.test_callers import call


@pytest.mark.parametrize("chosen", [{"key": "bob"}, {"run": "town"}, {"key": "bob", "period": "2026-11"}])
async def test_a_statement_reads_no_more_for_all_the_calls_there_were(tracker, books, purse, chosen):
    for key, run in (("bob", "town"), ("bob", ""), ("", "town")):
        for _ in range(3):
            if key and not await books.keys():
                await books.create_key(key, KeyTerms())
            await spend(tracker, call(1, key=key, run=run))
    seen = []

    def query(tx):
        def explain(sql, params):
            seen.extend(row["detail"] for row in tx.execute(f"EXPLAIN QUERY PLAN {sql}", params))

        return read_statement(Overheard(tx, explain), **{"run": None, "key": None, "period": None} | chosen)

    assert purse.ledger.read_now(query).calls > 0
    assert any("calls_of_callers_open" in detail for detail in seen), seen
    assert not any("calls_of_key" in detail or "calls_of_run" in detail for detail in seen), seen
    assert not any(detail == "SCAN calls" for detail in seen), seen
