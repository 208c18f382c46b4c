"""Backup while writers run, and restore: whole, checked, never over something unasked, never paid too early."""

import io
import json
import sqlite3
import tarfile
import threading

import pytest

from ai.clock import VirtualClock
from ai.credit_tracker import CreditTracker, Expense, ProviderClock, Usage, open_credit_ledger
from ai.credit_tracker.reconciliation import Reconciler
from ai.ledger.audit import audit
from ai.mind.database import open_mind
from ai.mind.journal import Journal
from ai.operations.backup import MANIFEST, BackupProblem, make_backup, purse_path, read_manifest
from ai.operations.lock import DaemonLock
from ai.operations.restore import restore_backup
from ai.settings import Settings
from tests.credit_tracker.conftest import NOON

USD = 1_000_000_000
NOT_EMPTY = (
    r"^the PostgreSQL purse has [0-9]+ transfers already; restore into an empty database, and name it in DATABASE_URL$"
)


class Home:
    """A data folder with a purse, a mind and a life in it."""

    def __init__(self, folder, url=None):
        folder.mkdir(exist_ok=True)
        self.clock = VirtualClock(NOON)
        self.settings = Settings(data_dir=folder, openrouter_api_key="sk-or-test", database_url=url)
        self.folder = folder

    def ledger(self):
        return open_credit_ledger(self.settings.purse_url, self.clock)

    def tracker(self, ledger):
        return CreditTracker(
            ledger,
            self.settings,
            self.clock,
            mind_name="genesis",
            provider_clock=ProviderClock(self.clock, required=False),
        )

    async def live(self, cost=USD):
        """Have one life, one event and one call in it."""
        ledger = self.ledger()
        tracker = self.tracker(ledger)
        await tracker.open()
        await tracker.hold(Expense("call-1", "lab/model", "thought", cost, 1, 1))
        await tracker.settle("call-1", cost, Usage(1, 1))
        await tracker.hold(Expense("call-2", "lab/model", "thought", 5, 1, 2))
        ledger.close()
        mind = open_mind(self.folder / "mind.db")
        Journal(mind, self.clock).append("alert", problem="remember me")
        mind.close()
        (self.folder / "lives").mkdir(exist_ok=True)
        (self.folder / "lives" / "0001.json").write_text('{"name": "Ada"}')
        return self

    async def balance(self):
        ledger = self.ledger()
        try:
            assert ledger.read_now(audit).ok
            return await self.tracker(ledger).balance()
        finally:
            ledger.close()

    def events(self):
        mind = open_mind(self.folder / "mind.db", read_only=True)
        try:
            return [event.data["problem"] for event in Journal(mind, self.clock).after(0)]
        finally:
            mind.close()

    def backup(self, path):
        return make_backup(path, self.settings, self.clock)

    def restore(self, path, *, force=False):
        with DaemonLock(self.folder):
            return restore_backup(path, self.settings, self.clock, force=force)


@pytest.fixture
async def home(tmp_path):
    return await Home(tmp_path / "home").live()


async def test_everything_comes_back_in_an_empty_folder(home, tmp_path):
    archive = tmp_path / "genesis.tar.gz"
    manifest = home.backup(archive)
    assert set(manifest.files) == {"credits/ledger.db", "mind.db", "lives/0001.json"}
    assert archive.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.glob(".genesis-backup-*")) == []
    other = Home(tmp_path / "other")
    restored = other.restore(archive)
    assert restored.kept == ()
    balance = await other.balance()
    assert (balance.spent, balance.held) == (USD, 5)
    assert other.events() == ["remember me"]
    assert (other.folder / "lives" / "0001.json").read_text() == '{"name": "Ada"}'


async def test_nothing_is_paid_after_a_restore_until_the_gap_is_booked(home, tmp_path):
    home.backup(tmp_path / "b.tar.gz")
    home.clock.advance(3600)
    home.restore(tmp_path / "b.tar.gz", force=True)
    ledger = home.ledger()
    tracker = home.tracker(ledger)
    await tracker.open()
    assert "backup of 2026-11-10 12:00 UTC" in await tracker.may_pay()

    async def figure():
        return 2 * USD

    async def nothing(_):
        return None

    found = await Reconciler(ledger, tracker, home.clock, ask_month=figure, ask_generation=nothing).reconcile()
    assert found.gap_booked == USD
    assert await tracker.may_pay() is None
    ledger.close()


async def test_a_restore_overwrites_nothing_unless_forced_and_then_keeps_it(home, tmp_path):
    home.backup(tmp_path / "b.tar.gz")
    (home.folder / "lives" / "0001.json").write_text('{"name": "Bob"}')
    with pytest.raises(BackupProblem, match="exists and would be replaced; add --force"):
        home.restore(tmp_path / "b.tar.gz")
    assert (home.folder / "lives" / "0001.json").read_text() == '{"name": "Bob"}'
    kept = home.restore(tmp_path / "b.tar.gz", force=True).kept
    assert (home.folder / "lives" / "0001.json").read_text() == '{"name": "Ada"}'
    (lives,) = [path for path in kept if path.name == "lives"]
    assert (lives / "0001.json").read_text() == '{"name": "Bob"}'
    assert {path.name for path in kept} >= {"ledger.db", "mind.db", "lives"}
    assert (await home.balance()).spent == USD


async def test_a_restore_needs_the_daemons_lock(home, tmp_path):
    home.backup(tmp_path / "b.tar.gz")
    with pytest.raises(BackupProblem, match="needs the daemon's lock"):
        restore_backup(tmp_path / "b.tar.gz", home.settings, home.clock, force=True)


async def test_a_backup_overwrites_nothing_and_needs_something_to_keep(home, tmp_path):
    (tmp_path / "b.tar.gz").write_text("mine")
    with pytest.raises(BackupProblem, match="exists; choose another name"):
        home.backup(tmp_path / "b.tar.gz")
    with pytest.raises(BackupProblem, match="does not exist; make it"):
        home.backup(tmp_path / "no" / "b.tar.gz")
    with pytest.raises(BackupProblem, match="nothing has lived there"):
        Home(tmp_path / "void").backup(tmp_path / "c.tar.gz")


async def test_a_backup_beside_writers_is_whole(home, tmp_path):
    """Writers go on while the copy is made; what is copied is one moment of the books."""
    stop = threading.Event()

    def write():
        ledger = home.ledger()
        ledger.transact_now(lambda tx: tx.open_account("a", "usd", may_go_negative=True))
        ledger.transact_now(lambda tx: tx.open_account("b", "usd"))
        n = 0
        while not stop.is_set():
            n += 1
            name = f"t{n}"
            ledger.transact_now(lambda tx, name=name: tx.transfer(name, debit="a", credit="b", amount=1))
        ledger.close()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for n in range(3):
            home.backup(tmp_path / f"{n}.tar.gz")
    finally:
        stop.set()
        writer.join()
    other = Home(tmp_path / "other")
    assert other.restore(tmp_path / "2.tar.gz").transfers > 0
    assert (await other.balance()).spent == USD


def rewritten(archive, target, change):
    """Copy an archive with `change(name, bytes) -> bytes | None` applied to every member."""
    with tarfile.open(archive) as source, tarfile.open(target, "w:gz") as made:
        for member in source:
            body = change(member.name, source.extractfile(member).read())
            if body is not None:
                info = tarfile.TarInfo(member.name)
                info.size = len(body)
                made.addfile(info, io.BytesIO(body))
    return target


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda name, body: body + b" " if name == "lives/0001.json" else body, "is not what was backed up"),
        (lambda name, body: None if name == "mind.db" else body, "mind.db is not what was backed up"),
        (lambda name, body: None if name == MANIFEST else body, "does not begin with manifest.json"),
        (lambda name, body: b"[]" if name == MANIFEST else body, "is no backup of Genesis"),
        (
            lambda name, body: json.dumps({**json.loads(body), "format": 99}).encode() if name == MANIFEST else body,
            "has format 99",
        ),
    ],
)
async def test_a_damaged_backup_is_refused_and_nothing_is_touched(home, tmp_path, change, problem):
    home.backup(tmp_path / "b.tar.gz")
    broken = rewritten(tmp_path / "b.tar.gz", tmp_path / "broken.tar.gz", change)
    with pytest.raises(BackupProblem, match=problem):
        home.restore(broken, force=True)
    assert (await home.balance()).spent == USD
    assert sorted(path.name for path in home.folder.iterdir() if path.name.startswith((".", "before"))) == []


async def test_what_is_no_backup_is_refused(home, tmp_path):
    (tmp_path / "text").write_text("hello")
    home.backup(tmp_path / "b.tar.gz")
    (tmp_path / "torn").write_bytes((tmp_path / "b.tar.gz").read_bytes()[:2000])
    for name, problem in (("text", "damaged or no backup"), ("torn", "damaged"), ("absent", "does not exist")):
        with pytest.raises(BackupProblem, match=problem):
            home.restore(tmp_path / name, force=True)


async def test_a_path_out_of_the_folder_is_refused(home, tmp_path):
    home.backup(tmp_path / "b.tar.gz")
    with tarfile.open(tmp_path / "b.tar.gz") as source:
        manifest = json.loads(source.extractfile(MANIFEST).read())
    manifest["files"]["lives/../../evil"] = "0"
    with tarfile.open(tmp_path / "evil.tar.gz", "w:gz") as made:
        for name, body in ((MANIFEST, json.dumps(manifest).encode()), ("lives/../../evil", b"x")):
            info = tarfile.TarInfo(name)
            info.size = len(body)
            made.addfile(info, io.BytesIO(body))
    with pytest.raises(BackupProblem, match="does not list"):
        home.restore(tmp_path / "evil.tar.gz", force=True)


async def test_books_that_do_not_add_up_are_refused(home, tmp_path):
    path = purse_path(home.settings)
    with sqlite3.connect(path) as raw:
        raw.execute("DROP TRIGGER accounts_follow_their_transfers")
        raw.execute("UPDATE accounts SET credits_posted = credits_posted + 1 WHERE id = 'treasury'")
    home.backup(tmp_path / "b.tar.gz")
    with pytest.raises(BackupProblem, match="do not add up: account treasury"):
        home.restore(tmp_path / "b.tar.gz", force=True)


def test_a_manifest_is_read_or_refused():
    with pytest.raises(BackupProblem):
        read_manifest("{}")


@pytest.mark.postgres
async def test_a_shared_purse_moves_from_postgres_to_a_file_and_back(postgres_server, tmp_path):
    first = await Home(tmp_path / "first", postgres_server.database("first_purse")).live()
    first.backup(tmp_path / "b.tar.gz")
    with pytest.raises(BackupProblem, match=NOT_EMPTY):
        first.restore(tmp_path / "b.tar.gz", force=True)
    for other in (Home(tmp_path / "file"), Home(tmp_path / "second", postgres_server.database("second_purse"))):
        other.restore(tmp_path / "b.tar.gz")
        balance = await other.balance()
        assert (balance.spent, balance.held) == (USD, 5)
        ledger = other.ledger()
        tracker = other.tracker(ledger)
        await tracker.open()
        await tracker.hold(Expense("call-3", "lab/free", "thought", 0, 1, 3))
        assert [call["id"] for call in await tracker.calls(2)] == ["call-3", "call-2"]
        assert await tracker.budget_report() == await budget_of(first)
        ledger.close()


async def budget_of(home):
    ledger = home.ledger()
    try:
        return await home.tracker(ledger).budget_report()
    finally:
        ledger.close()
