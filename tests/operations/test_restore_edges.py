"""What a restore refuses, word by word, and where it puts what was there: a person reads it in the worst hour."""

import hashlib
import io
import json
import sqlite3
import tarfile

import pytest

from ai.durable import CUT_SHORT
from ai.operations.backup import MANIFEST, BackupProblem
from ai.operations.lock import DaemonLock
from ai.operations.purse_copy import transfers_in
from ai.operations.restore import MAX_MANIFEST_BYTES, restore_backup
from tests.cli.commands import Person
from tests.operations.test_backup import Home, home  # noqa: F401 - a fixture, which pytest finds here
from tests.world.small_disk import fill

ASIDE = "before-restore-20261110T120000Z"


def members(archive):
    """Return what is in an archive, in its order."""
    with tarfile.open(archive) as source:
        return {member.name: source.extractfile(member).read() for member in source}


def packed(target, contents, *, kind=tarfile.REGTYPE, odd=()):
    """Write an archive of these members; the `odd` ones are of another kind."""
    with tarfile.open(target, "w:gz") as made:
        for name, body in contents.items():
            info = tarfile.TarInfo(name)
            info.size = len(body)
            if name in odd:
                info.type, info.size, info.linkname = kind, 0, "mind.db"
            made.addfile(info, io.BytesIO(body))
    return target


def listing(contents, **changes):
    """Return the members with a manifest that fits them."""
    manifest = json.loads(contents[MANIFEST]) | changes
    manifest["files"] = {name: hashlib.sha256(body).hexdigest() for name, body in contents.items() if name != MANIFEST}
    return {MANIFEST: json.dumps(manifest).encode()} | {n: b for n, b in contents.items() if n != MANIFEST}


@pytest.fixture
def archive(home, tmp_path):  # noqa: F811 - the fixture
    """Return a good archive of a home."""
    home.backup(tmp_path / "b.tar.gz")
    return tmp_path / "b.tar.gz"


@pytest.fixture
def other(tmp_path):
    """Return a folder in which nothing has lived."""
    return Home(tmp_path / "other")


def refused(other, archive):
    """Return the one line that stands against a restore, which then has left nothing."""
    with pytest.raises(BackupProblem) as found:
        other.restore(archive)
    assert [path.name for path in other.folder.iterdir()] in ([], ["daemon.lock"])
    return str(found.value)


def test_a_restore_says_what_it_restored(home, archive, other):  # noqa: F811 - the fixture
    ledger = home.ledger()
    booked = ledger.read_now(transfers_in)
    ledger.close()
    restored = other.restore(archive)
    assert (restored.transfers, restored.kept) == (booked, ())
    left = sorted(str(path.relative_to(other.folder)) for path in other.folder.rglob("*") if path.is_file())
    assert left == ["credits/ledger.db", "daemon.lock", "lives/0001.json", "mind.db"]
    ledger = other.ledger()
    (note,) = ledger.read_now(lambda tx: tx.execute("SELECT * FROM restores"))
    assert note["id"].startswith("20261110T120000")
    noon = 1_794_312_000_000_000
    for when in ("backup_at", "restored_at"):
        assert noon <= note[when] < noon + 1_000_000  # each look moves the clock a little
    ledger.close()


def test_what_was_there_is_kept_beside_it_with_all_that_belongs_to_it(home, archive):  # noqa: F811 - the fixture
    (home.folder / "workspace").mkdir()
    for name in ("credits/ledger.db-wal", "mind.db-shm", "workspace/note.txt"):
        (home.folder / name).write_bytes(b"")
    restored = home.restore(archive, force=True)
    assert restored.kept == tuple(
        home.folder / name
        for name in (
            f"credits/{ASIDE}/ledger.db", f"credits/{ASIDE}/ledger.db-wal", f"{ASIDE}/mind.db", f"{ASIDE}/mind.db-shm",
            f"{ASIDE}/lives", f"{ASIDE}/workspace",
        )
    )  # fmt: skip
    assert all(path.exists() for path in restored.kept)
    assert not (home.folder / "workspace").exists()


@pytest.mark.parametrize(
    ("name", "counts"),
    [("credits/ledger.db", True), ("mind.db", True), ("lives/0001.json", True), ("workspace/a/b.txt", True),
     ("lives/", False), ("workspace/", False), ("else/file.txt", False)],
)  # fmt: skip
def test_anything_of_a_mind_that_is_there_is_not_replaced_unasked(archive, other, name, counts):
    path = other.folder / name
    (path if name.endswith("/") else path.parent).mkdir(parents=True, exist_ok=True)
    if not name.endswith("/"):
        path.write_text("mine")
    if not counts:
        other.restore(archive)
        return
    with pytest.raises(BackupProblem) as found:
        other.restore(archive)
    named = other.folder / (name if name.endswith("db") else name.split("/", maxsplit=1)[0])
    assert str(found.value) == (
        f"{named} exists and would be replaced; add --force, and what is there is kept beside it"
    )
    assert path.read_text() == "mine"


def test_a_purse_without_room_for_its_backup_is_the_purse_that_was_there(home, archive, small_disk):  # noqa: F811
    """It was moved aside first: the next start began a purse of nothing, and granted the month anew."""
    moved = Home(home.folder.parent / "moved", f"sqlite:///{small_disk}/ledger.db")
    moved.restore(archive)
    before = {path: path.read_bytes() for path in small_disk.iterdir()}
    ballast = fill(small_disk, but=8192)
    with pytest.raises(OSError, match="No space left") as told:
        moved.restore(archive, force=True)
    assert str(told.value.filename).startswith(f"{small_disk}/")
    ballast.unlink()
    assert {path: path.read_bytes() for path in small_disk.iterdir()} == before
    assert not list(moved.folder.glob("*before-restore*"))
    assert not (moved.folder / CUT_SHORT).exists()


def test_a_half_of_a_backup_is_lived_in_and_paid_from_by_nobody(home, tmp_path):  # noqa: F811 - the fixture
    """A new life began beside the old purse, or a new purse, with the month granted anew, where none was left."""
    (home.folder / "workspace").mkdir()
    (home.folder / "workspace" / "note.txt").write_text("kept")
    home.backup(tmp_path / "b.tar.gz")
    broken = tmp_path / "broken"
    (broken / "data").mkdir(parents=True)
    (broken / "data" / "workspace").write_text("a file where a folder is needed")
    person = Person(broken)
    assert person.types("restore", str(tmp_path / "b.tar.gz")).status == 1
    for words in (
        ("up",), ("run", "1"), ("topup", "1", "--from", "Ada"), ("say", "hello"), ("gateway",), ("keys", "list"),
        ("exec", "--budget", "1", "--", "true"), ("backup", "half.tar.gz"), ("status",), ("budget",), ("audit",),
        ("tweets",), ("logs",), ("lives",), ("letters",), ("memory", "log"),
    ):  # fmt: skip
        told = person.types(*words)
        assert (told.status, told.out) == (1, ""), words
        assert "was cut short" in told.err, words
        assert "`genesis restore FILE --force`" in told.err
        assert len(told.err.splitlines()) == 1
    doctor = person.types("doctor")
    assert doctor.status == 1
    assert "was cut short" in " ".join(doctor.out.split())
    (broken / "data" / "workspace").unlink()
    assert person.types("restore", str(tmp_path / "b.tar.gz"), "--force").status == 0
    assert (broken / "data" / "workspace" / "note.txt").read_text() == "kept"
    assert person.types("audit").status == 0
    assert person.types("say", "hello").status == 0


def test_what_a_killed_restore_unpacked_is_cleared_away_by_the_next(archive, other):
    left = other.folder / ".restore-killed"
    left.mkdir()
    (left / "mind.db").write_text("large")
    other.restore(archive)
    assert not left.exists()


def test_a_restore_that_was_cut_once_can_be_done_again(archive, other):
    (other.folder / "lives").mkdir()
    (other.folder / "credits").mkdir()
    (other.folder / "credits" / "ledger.db.part").write_text("half of one")
    other.restore(archive)
    assert sorted(path.name for path in (other.folder / "credits").iterdir()) == ["ledger.db"]


def test_each_thing_that_is_wrong_with_an_archive_is_named(archive, other, tmp_path):
    contents = members(archive)
    broken = tmp_path / "broken.tar.gz"
    assert refused(other, tmp_path / "absent") == (
        f"{tmp_path}/absent does not exist; name a file that `genesis backup` wrote"
    )
    first = f"{broken} is no backup of Genesis: it does not begin with manifest.json"
    assert refused(other, packed(broken, {})) == first
    assert refused(other, packed(broken, {"mind.db": b"x"} | contents)) == first
    huge = contents | {MANIFEST: b" " * (MAX_MANIFEST_BYTES + 1)}
    assert refused(other, packed(broken, huge)) == first
    largest = contents | {MANIFEST: contents[MANIFEST].ljust(MAX_MANIFEST_BYTES)}
    Home(tmp_path / "large").restore(packed(tmp_path / "largest.tar.gz", largest))
    assert refused(other, packed(broken, contents | {"more": b"x"})) == (
        f"{broken} has 'more' in it, which its manifest does not list"
    )
    for kind in (tarfile.SYMTYPE, tarfile.DIRTYPE, tarfile.LNKTYPE):
        linked = packed(broken, contents, kind=kind, odd=("lives/0001.json",))
        assert refused(other, linked) == f"{broken} has 'lives/0001.json' in it, which its manifest does not list"
    for name in ("else/0001.json", "daemon.lock", "lives/../mind.db", "credits/other.db"):
        assert refused(other, packed(broken, listing(contents | {name: b"x"}))) == (
            f"{broken} has {name!r} in it, which its manifest does not list"
        )
    without = {name: body for name, body in contents.items() if name != "lives/0001.json"}
    assert refused(other, packed(broken, without)) == (
        f"{broken} is damaged: lives/0001.json is not what was backed up"
    )
    broken.write_bytes(b"no archive")
    assert refused(other, broken) == f"{broken} is damaged or no backup: not a gzip file"
    assert refused(other, packed(broken, contents | {MANIFEST: b"\xff"})).startswith(
        f"{broken} is damaged or no backup"
    )


def test_each_thing_that_is_wrong_with_its_contents_is_named(archive, other, tmp_path):
    contents = members(archive)
    broken = tmp_path / "broken.tar.gz"
    for needed in ("credits/ledger.db", "mind.db"):
        without = listing({name: body for name, body in contents.items() if name != needed})
        assert refused(other, packed(broken, without)) == f"this backup has no {needed} in it"
    assert refused(other, packed(broken, listing(contents | {"lives/0002.json": b"{"}))).startswith(
        "the life file 0002.json in this backup is damaged: Expecting property name"
    )
    for name in ("mind.db", "credits/ledger.db"):
        said = refused(other, packed(broken, listing(contents | {name: b"no database" * 99})))
        assert said.startswith("this backup cannot be used: ")
        assert name.rpartition("/")[2] in said


def changed(contents, name, sql, tmp_path):
    """Return a database of the archive after some raw SQL."""
    path = tmp_path / "changed.db"
    path.write_bytes(contents[name])
    connection = sqlite3.connect(path)
    for statement in sql:
        connection.execute(statement)
    connection.commit()
    connection.close()
    return listing(contents | {name: path.read_bytes()})


def test_books_and_records_that_do_not_add_up_are_refused(archive, other, tmp_path):
    contents, broken = members(archive), tmp_path / "broken.tar.gz"
    sql = ("UPDATE calls SET cost = cost + 1 WHERE id = 'call-1'",)
    assert refused(other, packed(broken, changed(contents, "credits/ledger.db", sql, tmp_path))) == (
        "the books in this backup do not add up: "
        "account spent:2026-11: has $1.000000000 and its calls cost $1.000000001"
    )


def test_a_mind_that_is_damaged_inside_is_refused(archive, other, tmp_path):
    contents, broken = members(archive), tmp_path / "broken.tar.gz"
    sql = (
        "CREATE TABLE damaged (id INTEGER PRIMARY KEY, word TEXT)",
        "INSERT INTO damaged VALUES (1, NULL)",
        "PRAGMA writable_schema = ON",
        "UPDATE sqlite_master SET sql = replace(sql, 'TEXT', 'TEXT NOT NULL') WHERE name = 'damaged'",
    )
    assert refused(other, packed(broken, changed(contents, "mind.db", sql, tmp_path))) == (
        "mind.db in this backup is damaged: NULL value in damaged.word"
    )


def test_a_restore_beside_a_daemon_is_refused_in_one_line(home, archive):  # noqa: F811 - the fixture
    with pytest.raises(BackupProblem, match=r"^a restore needs the daemon's lock; stop the daemon first$"):
        restore_backup(archive, home.settings, home.clock)


def test_nothing_is_replaced_where_nobody_said_force(home, archive):  # noqa: F811 - the fixture
    with DaemonLock(home.folder), pytest.raises(BackupProblem, match="exists and would be replaced; add --force"):
        restore_backup(archive, home.settings, home.clock)


def test_no_file_of_an_archive_may_run_or_be_written_by_others(archive, other, tmp_path):
    contents = members(archive)
    with tarfile.open(tmp_path / "open.tar.gz", "w:gz") as made:
        for name, body in contents.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(body), 0o6777
            made.addfile(info, io.BytesIO(body))
    other.restore(tmp_path / "open.tar.gz")
    for name in ("lives/0001.json", "mind.db"):
        assert (other.folder / name).stat().st_mode & 0o6022 == 0


def test_a_manifest_that_is_no_file_is_no_manifest(archive, other, tmp_path):
    odd = packed(tmp_path / "odd.tar.gz", members(archive), kind=tarfile.DIRTYPE, odd=(MANIFEST,))
    assert refused(other, odd).startswith("this is no backup of Genesis: its manifest.json cannot be read")


@pytest.mark.postgres
def test_a_mind_beside_a_shared_purse_is_kept_as_well(archive, postgres_server, tmp_path):
    shared = Home(tmp_path / "shared", postgres_server.database("shared_purse"))
    (shared.folder / "mind.db").write_text("another mind")
    kept = shared.restore(archive, force=True).kept
    assert kept == (shared.folder / ASIDE / "mind.db",)
    assert kept[0].read_text() == "another mind"
