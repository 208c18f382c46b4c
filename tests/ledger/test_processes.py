"""Several processes on one purse: a cap that holds to the nano-dollar, and `kill -9` that loses nothing."""

from ai.ledger import audit, open_ledger
from benchmarks.crash import crash
from benchmarks.purse_writer import fund, race

CAP = 500
AMOUNT = 3  # does not divide the cap: one too little is left over, and nobody gets it


def test_processes_at_one_cap_get_exactly_what_fits(store_url):
    fund(store_url, CAP)
    counted = race(store_url, writers=3, attempts=100, amount=AMOUNT)
    assert sum(one.admitted for one in counted) == CAP // AMOUNT
    assert sum(one.refused for one in counted) == 3 * 100 - CAP // AMOUNT
    ledger = open_ledger(store_url, lambda: 0, read_only=True)
    month, spent = ledger.read_now(lambda tx: (tx.account("month"), tx.account("spent")))
    report = ledger.read_now(audit)
    ledger.close()
    assert (month.available, spent.credits_posted) == (CAP % AMOUNT, CAP - CAP % AMOUNT)
    assert report.ok, report.mismatches


def test_kill_minus_nine_loses_nothing_that_was_acknowledged(store_url):
    outcome = crash(store_url, kills=8, seed=20261122)
    assert outcome.acknowledged > 0
    assert (outcome.lost, outcome.audit_failures) == (0, 0)
