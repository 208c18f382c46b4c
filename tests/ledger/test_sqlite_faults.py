"""What the ledger does when the disk fails it: each fault is said by name, and nothing acknowledged is lost."""

import asyncio
import shutil
import sqlite3
import subprocess
import sys
from contextlib import suppress
from functools import partial

import pytest

from ai.ledger import Leg, audit, open_ledger
from ai.ledger.errors import CorruptStore, NewerSchema, StoreUnavailable
from tests.ledger.conftest import begin as begin_with
from tests.world.small_disk import fill, set_writable

begin = partial(begin_with, granted=10**9)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "credits" / "ledger.db"
    ledger = opened(path)
    ledger.transact_now(begin)
    ledger.close()
    return path


def opened(path, **options):
    return open_ledger(f"sqlite:///{path}", lambda: 1, **options)


def spend_until_it_fails(ledger, most=5000):
    """Hold and capture until the store refuses; return how many were acknowledged, and the error."""
    for number in range(most):
        try:
            ledger.transact_now(lambda tx, n=number: tx.hold(f"call-{n}", [Leg("month", "spent", 5)], memo="m" * 500))
        except StoreUnavailable as error:
            return number, error
    raise AssertionError("the fault did not come")


def holds_of(ledger):
    return ledger.read_now(lambda tx: tx.execute("SELECT count(*) FROM transfers WHERE kind = 'hold'")[0][0])


FULL_DISK = """
import resource, signal, sys
from ai.ledger import audit, open_ledger
from tests.ledger.test_sqlite_faults import opened, spend_until_it_fails, holds_of
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
ledger = opened(sys.argv[1])
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
done, error = spend_until_it_fails(ledger)
assert "ledger.db cannot be used" in str(error), error
assert error.transient
assert error.outcome_unknown, "the same id again tells whether it was done"
try:
    ledger.transact_now(lambda tx: tx.transfer("more", debit="treasury", credit="month", amount=1, memo="m" * 9000))
except Exception as again:
    assert type(again) is type(error), again
assert holds_of(ledger) == done, "reading goes on"
resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
ledger.transact_now(lambda tx: tx.transfer("after", debit="month", credit="spent", amount=1))
assert holds_of(ledger) == done
assert ledger.read_now(audit).ok
ledger.close()
print(done)
"""


def test_a_file_that_may_not_grow_is_named_and_the_ledger_goes_on_when_it_may(path):
    """The limit on a file's size stands in for the full disk where no file system of an own may be made."""
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(path)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    ledger = opened(path)
    assert holds_of(ledger) == int(done.stdout)
    assert ledger.read_now(audit).ok
    ledger.close()


def test_a_full_disk_is_named_and_the_ledger_goes_on_when_there_is_room(small_disk):
    ledger = opened(small_disk / "ledger.db")
    ledger.transact_now(begin)
    ballast = fill(small_disk, but=512 * 1024)
    done, error = spend_until_it_fails(ledger)
    assert "the disk is full; free some space" in str(error)
    assert error.outcome_unknown  # the same id again tells whether it was done
    assert holds_of(ledger) == done
    ballast.unlink()
    ledger.transact_now(lambda tx: tx.hold(f"call-{done}", [Leg("month", "spent", 5)], memo="m" * 500))
    assert holds_of(ledger) == done + 1
    assert ledger.read_now(audit).ok
    ledger.close()


def test_what_failed_is_not_acknowledged_where_the_work_thinks_nothing_of_it(path):
    """A caller that catches all would believe that it has paid."""
    ledger = opened(path)

    def careless(tx):
        pages = tx.execute("PRAGMA page_count")[0][0]
        tx.execute(f"PRAGMA max_page_count = {pages}")
        with suppress(StoreUnavailable):
            for number in range(200):
                tx.transfer(f"t-{number}", debit="month", credit="spent", amount=1, memo="m" * 100)
        return "paid"

    with pytest.raises(StoreUnavailable, match="the disk is full"):
        ledger.transact_now(careless)
    ledger.close()
    again = opened(path)
    assert again.read_now(lambda tx: tx.account("spent")).credits_posted == 0
    again.close()


def test_a_read_only_disk_is_named_and_the_ledger_goes_on_when_it_is_not(small_disk):
    ledger = opened(small_disk / "ledger.db")
    ledger.transact_now(begin)
    ledger.close()
    set_writable(small_disk, writable=False)
    ledger = opened(small_disk / "ledger.db")
    with pytest.raises(StoreUnavailable, match=r"ledger\.db cannot be used: .*writable"):
        ledger.transact_now(lambda tx: tx.transfer("t", debit="month", credit="spent", amount=1))
    set_writable(small_disk, writable=True)
    ledger.transact_now(lambda tx: tx.transfer("t", debit="month", credit="spent", amount=1))
    assert ledger.read_now(audit).ok
    ledger.close()


def test_a_database_without_write_permission_is_named(path):
    """Even where root may write everything, SQLite's own read-only answer is turned into ours."""
    ledger = opened(path)
    ledger._store._connection.execute("PRAGMA query_only = ON")
    with pytest.raises(StoreUnavailable, match="it is read-only; make the file and its folder writable"):
        ledger.transact_now(lambda tx: tx.transfer("t", debit="month", credit="spent", amount=1))
    ledger.close()


def test_a_folder_that_cannot_be_made_is_named_at_each_call(tmp_path):
    (tmp_path / "file").write_text("in the way")
    ledger = opened(tmp_path / "file" / "ledger.db")
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match=r"file cannot be made: File exists") as caught:
            ledger.transact_now(begin)
        assert caught.value.transient is False  # no later try helps, a person must
        with pytest.raises(StoreUnavailable, match="cannot be opened"):
            ledger.read_now(audit)
    ledger.close()
    assert (tmp_path / "file").read_text() == "in the way"


async def test_a_store_that_fails_is_every_callers_answer(tmp_path):
    """Who was answered as if it were done would call a provider without a hold."""
    (tmp_path / "file").write_text("in the way")
    ledger = opened(tmp_path / "file" / "ledger.db")
    answers = await asyncio.gather(*[ledger.transact(begin) for _ in range(3)], return_exceptions=True)
    assert [type(answer) for answer in answers] == [StoreUnavailable] * 3
    assert len({id(answer) for answer in answers}) == 3
    ledger.close()


def test_a_purse_that_comes_later_is_used_then(tmp_path):
    (tmp_path / "away").write_text("a volume that is not mounted yet")
    ledger = opened(tmp_path / "away" / "ledger.db")
    (tmp_path / "away").unlink()
    ledger.transact_now(begin)
    assert ledger.read_now(audit).ok
    ledger.close()


def test_a_file_that_is_no_database_is_refused_and_kept(path):
    path.write_bytes(b"garbage " * 512)
    with pytest.raises(CorruptStore, match=r"ledger\.db is damaged.*left as it is"):
        opened(path)
    assert path.read_bytes() == b"garbage " * 512


def test_a_torn_copy_is_refused_and_kept(path, tmp_path):
    torn = tmp_path / "torn.db"
    torn.write_bytes(path.read_bytes()[:10_000])
    with pytest.raises(CorruptStore, match=r"torn\.db is damaged"):
        opened(torn)
    assert torn.stat().st_size == 10_000


def test_damage_inside_is_found_by_the_audit(path):
    ledger = opened(path)
    for number in range(300):
        ledger.transact_now(lambda tx, n=number: tx.hold(f"call-{n}", [Leg("month", "spent", 5)], memo="m" * 99))
    ledger.close()
    pages = bytearray(path.read_bytes())
    middle = len(pages) // 2 // 4096 * 4096
    pages[middle : middle + 4096] = b"\xff" * 4096
    path.write_bytes(pages)
    ledger = opened(path)
    with pytest.raises(CorruptStore, match="is damaged"):
        ledger.read_now(audit)
    ledger.close()


def test_a_lost_write_ahead_log_loses_only_what_it_held_and_stays_whole(path, tmp_path):
    ledger = opened(path)
    ledger.transact_now(lambda tx: tx.transfer("t", debit="month", credit="spent", amount=1))
    copy = tmp_path / "copy.db"
    shutil.copy(path, copy)  # a copy of the file alone, the mistake that docs/operations.md warns of
    ledger.close()
    copied = opened(copy)
    assert copied.read_now(audit).ok
    copied.close()


def test_a_torn_write_ahead_log_is_cut_at_the_last_whole_commit(path, tmp_path):
    ledger = opened(path)
    for number in range(20):
        ledger.transact_now(lambda tx, n=number: tx.hold(f"call-{n}", [Leg("month", "spent", 5)]))
    copy, log = tmp_path / "copy.db", path.with_name("ledger.db-wal")
    shutil.copy(path, copy)
    copy.with_name("copy.db-wal").write_bytes(log.read_bytes()[: log.stat().st_size // 2 + 77])
    ledger.close()
    copied = opened(copy)
    assert 0 < holds_of(copied) < 20
    assert copied.read_now(audit).ok
    copied.close()


def test_a_newer_database_is_refused_and_kept(path):
    raw = sqlite3.connect(path)
    raw.execute("INSERT INTO schema_versions VALUES ('ledger', 99)")
    raw.commit()
    raw.close()
    for read_only in (False, True):
        with pytest.raises(NewerSchema, match="version 99 of its 'ledger' tables and this program knows"):
            opened(path, read_only=read_only)


def test_a_file_removed_under_way_is_missed_and_not_begun_anew(path):
    ledger = opened(path)
    ledger.transact_now(lambda tx: tx.transfer("t", debit="month", credit="spent", amount=1))
    kept = path.with_name("kept.db")
    path.rename(kept)
    with pytest.raises(StoreUnavailable, match=r"ledger\.db was removed or replaced while it was in use"):
        ledger.transact_now(lambda tx: tx.transfer("u", debit="month", credit="spent", amount=1))
    with pytest.raises(StoreUnavailable, match="cannot be opened"):
        ledger.transact_now(lambda tx: tx.transfer("u", debit="month", credit="spent", amount=1))
    assert not path.exists()
    kept.rename(path)
    ledger.transact_now(lambda tx: tx.transfer("u", debit="month", credit="spent", amount=1))
    assert ledger.read_now(lambda tx: tx.account("month")).available == 10**9 - 2
    assert ledger.read_now(audit).ok
    ledger.close()


def test_a_clock_that_jumps_changes_no_balance(tmp_path):
    month = 31 * 86_400 * 10**6
    times = iter([0, 5 * month, 5 * month, 4 * month, 4 * month, 6 * month] * 10)
    ledger = open_ledger(f"sqlite:///{tmp_path}/ledger.db", times.__next__)
    ledger.transact_now(begin)
    for number in range(6):
        ledger.transact_now(lambda tx, n=number: tx.hold(f"call-{n}", [Leg("month", "spent", 5)]))
        ledger.transact_now(lambda tx, n=number: tx.capture(f"call-{n}", [4]))
    rows = ledger.read_now(lambda tx: [row[0] for row in tx.execute("SELECT at FROM transfers ORDER BY seq")])
    assert rows != sorted(rows)  # the wall clock went back, and the order is that of the numbers
    assert ledger.read_now(lambda tx: tx.account("month")).available == 10**9 - 24
    assert ledger.read_now(audit).ok
    ledger.close()


def test_a_lock_that_another_process_keeps_is_named(path):
    ledger = opened(path)
    raw = sqlite3.connect(path, isolation_level=None)
    raw.execute("BEGIN IMMEDIATE")
    ledger._store._connection.execute("PRAGMA busy_timeout = 20")  # milliseconds, in place of ten seconds
    with pytest.raises(StoreUnavailable, match=r"ledger\.db cannot be used: another process keeps it locked") as caught:
        ledger.transact_now(begin)
    assert (caught.value.transient, caught.value.outcome_unknown) == (True, False)
    assert ledger.read_now(audit).ok  # a writer elsewhere stops no reader
    raw.execute("ROLLBACK")
    ledger.transact_now(lambda tx: tx.transfer("t", debit="month", credit="spent", amount=1))
    ledger.close()
