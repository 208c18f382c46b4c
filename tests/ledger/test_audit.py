"""The audit finds what only somebody with the schema's own tools could have done, and names it."""

import sqlite3

import psycopg
import pytest

from ai.ledger import AuditReport, Leg, audit, open_ledger

UNGUARDED = (
    ("transfers", "transfers_are_lawful"),
    ("transfers", "transfers_are_counted"),
    ("transfers", "transfers_never_change"),
    ("transfers", "transfers_are_never_deleted"),
    ("accounts", "accounts_follow_their_transfers"),
    ("accounts", "accounts_are_never_deleted"),
)
FORGED = "INSERT INTO transfers (seq, id, kind, debit, credit, pending, posted, hold, memo, at) VALUES "

TAMPERED = {
    "UPDATE accounts SET credits_posted = credits_posted + 1 WHERE id = 'month'": [
        "account month: credits_posted is 101 and its transfers say 100"
    ],
    "UPDATE accounts SET debits_posted = 11, debits_pending = 51 WHERE id = 'month'": [
        "account month: debits_pending is 51 and its transfers say 50",
        "account month: debits_posted is 11 and its transfers say 10",
    ],
    "UPDATE accounts SET credits_pending = 49 WHERE id = 'spent'": [
        "account spent: credits_pending is 49 and its transfers say 50"
    ],
    "DELETE FROM transfers WHERE id = 'grant'": [
        "1 transfers are missing of 4",
        "account month: credits_posted is 100 and its transfers say 0",
        "account month: overdrawn by 60",
        "account treasury: debits_posted is 100 and its transfers say 0",
    ],
    "DELETE FROM accounts WHERE id = 'spent'": ["account spent: has transfers and does not exist"],
    "DELETE FROM transfers WHERE id = 'done/0'": [
        "1 transfers are missing of 4",
        "account month: debits_pending is 50 and its transfers say 30",
        "account spent: credits_pending is 50 and its transfers say 30",
        "transfer done/0/ended: does not match the hold that it ends",
    ],
    "UPDATE transfers SET credit = 'treasury' WHERE id = 'done/0/ended'": [
        "account spent: credits_pending is 50 and its transfers say 70",
        "account spent: credits_posted is 10 and its transfers say 0",
        "account treasury: credits_pending is 0 and its transfers say -20",
        "account treasury: credits_posted is 0 and its transfers say 10",
        "transfer done/0/ended: does not match the hold that it ends",
    ],
    "UPDATE transfers SET pending = 51 WHERE id = 'held/0'": [
        "account month: debits_pending is 50 and its transfers say 51",
        "account spent: credits_pending is 50 and its transfers say 51",
    ],
    FORGED + "(5, 'forged', 'post', 'month', 'spent', 0, 45, NULL, '', 0)": [
        "account month: debits_posted is 10 and its transfers say 55",
        "account month: overdrawn by 5",
        "account spent: credits_posted is 10 and its transfers say 55",
    ],
    FORGED + "(5, 'grant/ended', 'void', 'treasury', 'month', 0, 0, 'grant', '', 0)": [
        "transfer grant/ended: does not match the hold that it ends"
    ],
}


def begin(tx):
    tx.open_account("treasury", "usd", may_go_negative=True)
    tx.open_account("month", "usd")
    tx.open_account("spent", "usd")
    tx.transfer("grant", debit="treasury", credit="month", amount=100)
    tx.hold("done", [Leg("month", "spent", 20)])
    tx.capture("done", [10])
    tx.hold("held", [Leg("month", "spent", 50)])


def tamper(url, statement):
    if url.startswith("sqlite"):
        raw = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
        for _, trigger in UNGUARDED:
            raw.execute(f"DROP TRIGGER {trigger}")
    else:
        raw = psycopg.connect(url, autocommit=True)
        for table, trigger in UNGUARDED:
            raw.execute(f"DROP TRIGGER {trigger} ON {table}".encode())
    raw.execute(statement)
    raw.close()


@pytest.mark.parametrize("statement", TAMPERED)
def test_what_was_tampered_with_is_named(store_url, statement):
    ledger = open_ledger(store_url, lambda: 1)
    ledger.transact_now(begin)
    assert ledger.read_now(audit) == AuditReport(accounts=3, transfers=4, holds_open=1, mismatches=())
    tamper(store_url, statement)
    report = ledger.read_now(audit)
    ledger.close()
    assert not report.ok
    assert list(report.mismatches) == TAMPERED[statement]


def test_an_empty_ledger_is_in_order(store_url):
    ledger = open_ledger(store_url, lambda: 1)
    assert ledger.read_now(audit) == AuditReport(accounts=0, transfers=0, holds_open=0, mismatches=())
    ledger.close()


def test_a_report_names_a_hundred_and_no_more(tmp_path):
    url = f"sqlite:///{tmp_path}/ledger.db"
    ledger = open_ledger(url, lambda: 1)
    ledger.transact_now(lambda tx: [tx.open_account(f"a{n:03d}", "usd") for n in range(120)])
    tamper(url, "UPDATE accounts SET credits_posted = 1")
    assert len(ledger.read_now(audit).mismatches) == 100
    ledger.close()


def test_damage_that_still_reads_is_named_first(tmp_path):
    """An index that says otherwise than its table: SQLite reads it, and only its own check finds it."""
    url = f"sqlite:///{tmp_path}/ledger.db"
    ledger = open_ledger(url, lambda: 1)
    ledger.transact_now(begin)
    ledger.close()
    raw = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)
    raw.execute("CREATE INDEX memos ON transfers (memo)")
    raw.execute("PRAGMA writable_schema = ON")
    raw.execute("UPDATE sqlite_master SET sql = 'CREATE INDEX memos ON transfers (at)' WHERE name = 'memos'")
    raw.close()
    ledger = open_ledger(url, lambda: 1)
    report = ledger.read_now(audit)
    ledger.close()
    assert report.mismatches[0].startswith("the database is damaged: row ")
