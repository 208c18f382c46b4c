"""The schema alone refuses what must not be: every illegal write by raw SQL, in every dialect's softening."""

import itertools
import sqlite3
from contextlib import suppress

import psycopg
import pytest

from ai.ledger import Leg, audit, open_ledger

REFUSED = (sqlite3.DatabaseError, psycopg.Error)


def insert(verb="INSERT", **changes):
    values = {"id": "x", "kind": "post", "debit": "month", "credit": "spent", "pending": 0, "posted": 1}
    values |= {"hold": None, "memo": "", "at": 0} | changes
    literals = ("NULL" if value is None else f"'{value}'" for value in values.values())
    return f"{verb} INTO transfers ({', '.join(values)}) VALUES ({', '.join(literals)})"


ILLEGAL = {
    "overdraft by a post": insert(posted=41),
    "overdraft by a hold": insert(kind="hold", pending=41, posted=0),
    "overdraft by one of two rows": insert(posted=30) + ", ('y', 'post', 'month', 'spent', 0, 30, NULL, '', 0)",
    "a negative post": insert(posted=-1),
    "a negative hold": insert(kind="hold", pending=-1, posted=0),
    "a post that is pending": insert(pending=1),
    "a hold that is posted": insert(kind="hold", pending=1, posted=1),
    "an unknown kind": insert(kind="gift"),
    "no kind": insert(kind=None),
    "no amount": insert(posted=None),
    "a huge amount": insert(debit="treasury", posted=10**18 + 1),
    "an unknown debit": insert(debit="nobody"),
    "an unknown credit": insert(credit="nobody"),
    "one account twice": insert(debit="month", credit="month"),
    "another unit": insert(debit="treasury", credit="posts"),
    "no id": insert(id=""),
    "an id again": insert(id="grant"),
    "a hold's id again": insert(id="held/0"),
    "ending without a hold": insert(kind="void", posted=0),
    "ending a hold that is none": insert(id="grant/ended", kind="void", hold="grant", posted=0),
    "ending a hold that does not exist": insert(id="no/0/ended", kind="void", hold="no/0", posted=0),
    "ending a hold a second time": insert(id="done/0/ended", kind="capture", hold="done/0", pending=-20, posted=5),
    "ending a hold under another id": insert(id="mine", kind="void", hold="done/0", pending=-20, posted=0),
    "capturing more than held": insert(id="held/0/ended", kind="capture", hold="held/0", pending=-50, posted=51),
    "taking back more than held": insert(id="held/0/ended", kind="void", hold="held/0", pending=-51, posted=0),
    "taking back less than held": insert(id="held/0/ended", kind="void", hold="held/0", pending=-49, posted=0),
    "a void that posts": insert(id="held/0/ended", kind="void", hold="held/0", pending=-50, posted=1),
    "capturing into another account": insert(
        id="held/0/ended", kind="capture", hold="held/0", pending=-50, posted=1, credit="day"
    ),
    "capturing from another account": insert(
        id="held/0/ended", kind="capture", hold="held/0", pending=-50, posted=1, debit="day"
    ),
    "a post with a hold": insert(hold="held/0"),
    "changing an amount": "UPDATE transfers SET posted = 1 WHERE id = 'grant'",
    "changing a memo": "UPDATE transfers SET memo = 'x' WHERE id = 'grant'",
    "deleting a transfer": "DELETE FROM transfers WHERE id = 'grant'",
    "deleting all transfers": "DELETE FROM transfers",
    "raising a counter": "UPDATE accounts SET credits_posted = credits_posted + 1 WHERE id = 'month'",
    "lowering a counter": "UPDATE accounts SET debits_pending = 0 WHERE id = 'month'",
    "counting a transfer again": (
        "UPDATE accounts SET credits_posted = credits_posted + 100, last_transfer = 1 WHERE id = 'month'"
    ),
    "counting ahead": "UPDATE accounts SET last_transfer = last_transfer + 1 WHERE id = 'month'",
    "letting an account go negative": "UPDATE accounts SET may_go_negative = 1 WHERE id = 'month'",
    "renaming an account": "UPDATE accounts SET id = 'mine' WHERE id = 'month'",
    "changing a unit": "UPDATE accounts SET unit = 'posts' WHERE id = 'month'",
    "deleting an account": "DELETE FROM accounts WHERE id = 'month'",
    "an account with money": (
        "INSERT INTO accounts (id, unit, may_go_negative, credits_posted) VALUES ('rich', 'usd', 0, 5)"
    ),
    "an account that counted already": (
        "INSERT INTO accounts (id, unit, may_go_negative, last_transfer) VALUES ('rich', 'usd', 0, 99)"
    ),
    "an account again": "INSERT INTO accounts (id, unit, may_go_negative) VALUES ('month', 'usd', 1)",
    "an account of no unit": "INSERT INTO accounts (id, unit, may_go_negative) VALUES ('x', '', 0)",
    "an account half negative": "INSERT INTO accounts (id, unit, may_go_negative) VALUES ('x', 'usd', 2)",
    "a transfer numbered by hand": insert(seq=99) + " RETURNING seq",
    "a transfer under another's number": insert(seq=1),
    "a transfer before the first": insert(seq=0),
    "a transfer numbered like one that was not": insert(seq=-1),
}
# PostgreSQL numbers transfers itself, whatever is given; the rest of the law is the same there.
SQLITE_ONLY = {name for name, statement in ILLEGAL.items() if "(seq" in statement or ", seq)" in statement}

SOFTENED = [
    statement.replace(verb, f"{verb} OR {softening}", 1)
    for statement in ILLEGAL.values()
    for verb in ("INSERT", "UPDATE")
    if statement.startswith(verb)
    for softening in ("REPLACE", "IGNORE", "FAIL", "ROLLBACK", "ABORT")
] + [
    insert(id="grant") + " ON CONFLICT (id) DO UPDATE SET posted = 5",
    (
        "INSERT INTO accounts (id, unit, may_go_negative) VALUES ('month', 'usd', 0) "
        "ON CONFLICT (id) DO UPDATE SET credits_posted = 500"
    ),
    "REPLACE INTO accounts (id, unit, may_go_negative) VALUES ('month', 'usd', 1)",
    insert(seq=9223372036854775807),
]


def begin(tx):
    tx.open_account("treasury", "usd", may_go_negative=True)
    for account in ("month", "day", "spent"):
        tx.open_account(account, "usd")
    tx.open_account("posts", "posts")
    tx.transfer("grant", debit="treasury", credit="month", amount=100)
    tx.transfer("grant-day", debit="treasury", credit="day", amount=100)
    tx.hold("done", [Leg("month", "spent", 20)])
    tx.capture("done", [10])
    tx.hold("held", [Leg("month", "spent", 50)])


def state(tx):
    return [
        [tuple(row) for row in tx.execute(f"SELECT * FROM {table} ORDER BY id")] for table in ("accounts", "transfers")
    ]


@pytest.fixture
def purse(store_url):
    ledger = open_ledger(store_url, lambda: 1)
    ledger.transact_now(begin)
    yield ledger, store_url
    ledger.close()


def connect(url):
    if url.startswith("sqlite"):
        return sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
    return psycopg.connect(url, autocommit=True)


def test_every_illegal_statement_is_refused_and_changes_nothing(purse):
    ledger, url = purse
    before = ledger.read_now(state)
    raw = connect(url)
    for name, statement in ILLEGAL.items():
        if name in SQLITE_ONLY and not url.startswith("sqlite"):
            continue
        with pytest.raises(REFUSED):
            raw.execute(statement)
            pytest.fail(f"{name} was let through: {statement}")
        assert ledger.read_now(state) == before, name
    raw.close()
    assert ledger.read_now(audit).ok


def test_nothing_softens_the_law_on_sqlite(tmp_path):
    url = f"sqlite:///{tmp_path}/ledger.db"
    ledger = open_ledger(url, lambda: 1)
    ledger.transact_now(begin)
    before = ledger.read_now(state)
    raw = connect(url)
    for foreign_keys, statement in itertools.product(("ON", "OFF"), SOFTENED):
        raw.execute(f"PRAGMA foreign_keys = {foreign_keys}")
        with suppress(sqlite3.DatabaseError):  # refused aloud; OR IGNORE may refuse in silence
            raw.execute(statement).fetchall()
        assert ledger.read_now(state) == before, statement
    raw.close()
    assert ledger.read_now(audit).ok
    ledger.close()


@pytest.mark.postgres
def test_nothing_softens_the_law_on_postgresql(postgres_server):
    url = postgres_server.purse("softened")
    ledger = open_ledger(url, lambda: 1)
    ledger.transact_now(begin)
    before = ledger.read_now(state)
    raw = connect(url)
    for statement in (
        "TRUNCATE transfers",
        "TRUNCATE accounts CASCADE",
        insert(id="grant") + " ON CONFLICT (id) DO UPDATE SET posted = 5",
        insert(id="grant") + " ON CONFLICT (id) DO NOTHING",
        (
            "INSERT INTO accounts (id, unit, may_go_negative) VALUES ('month', 'usd', 0) "
            "ON CONFLICT (id) DO UPDATE SET credits_posted = 500"
        ),
        (
            "MERGE INTO accounts USING transfers ON accounts.id = transfers.debit "
            "WHEN MATCHED THEN UPDATE SET credits_posted = 500"
        ),
    ):
        with suppress(psycopg.Error):
            raw.execute(statement.encode())
        assert ledger.read_now(state) == before, statement
    raw.close()
    ledger.close()


def test_counters_that_would_not_fit_are_refused(purse):
    ledger, url = purse
    raw = connect(url)
    verbs = ("INSERT", "INSERT OR FAIL", "INSERT OR IGNORE") if url.startswith("sqlite") else ("INSERT",)
    statements = [
        insert(verb, id=f"{verb}{n}", debit="treasury", credit="day", posted=10**18)
        for verb in verbs
        for n in range(12)
    ]
    taken = 0
    for statement in statements:
        with suppress(*REFUSED):
            raw.execute(statement)
            taken += 1
    raw.close()
    assert taken < 12
    assert ledger.read_now(audit).ok


def test_transfers_by_raw_sql_count_like_all_others(purse):
    ledger, url = purse
    raw = connect(url)
    raw.execute(insert(id="held/0/ended", kind="capture", hold="held/0", pending=-50, posted=30))
    raw.execute(insert(id="by hand", posted=7))
    raw.close()
    report = ledger.read_now(audit)
    assert (report.ok, report.holds_open) == (True, 0)
    assert ledger.read_now(lambda tx: tx.account("month")).available == 100 - 10 - 30 - 7
