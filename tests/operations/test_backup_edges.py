"""A backup and a restore at their edges: what is kept, what is left out, and what is said where it cannot be."""

import fcntl
import os
import shutil
import tarfile
from datetime import timedelta
from pathlib import Path

import pytest

from ai.ledger.errors import CorruptStore, StoreUnavailable
from ai.operations.backup import MANIFEST, BackupProblem, copy_sqlite, purse_path
from ai.settings import Settings
from tests.cli.commands import Person
from tests.operations.test_backup import Home, home  # noqa: F401 - a fixture, which pytest finds here
from tests.world.small_disk import fill, set_writable


async def test_an_archive_says_whose_it_is_and_when_it_was_made(home, tmp_path):  # noqa: F811 - the fixture
    home.settings = home.settings.model_copy(update={"mind": "ada"})
    made = home.backup(tmp_path / "b.tar.gz")
    assert made.mind == "ada"
    assert (
        timedelta(0) < home.clock.now() - made.created_at < timedelta(seconds=1)
    )  # each look moves the clock a little
    restored = Home(tmp_path / "other").restore(tmp_path / "b.tar.gz")
    assert restored.manifest == made


async def test_files_deep_in_a_folder_come_back_and_links_stay_out(home, tmp_path):  # noqa: F811 - the fixture
    (tmp_path / "secret").write_text("not of this mind")
    workspace = home.folder / "workspace"
    for name in ("b/c/d.txt", "b/c/e.txt", "f.txt"):
        (workspace / name).parent.mkdir(parents=True, exist_ok=True)
        (workspace / name).write_text(name)
    (workspace / "a").symlink_to(tmp_path / "secret")
    (workspace / "b" / "a").symlink_to(tmp_path / "nowhere")
    kept = {f"workspace/{name}" for name in ("b/c/d.txt", "b/c/e.txt", "f.txt")}
    assert {name for name in home.backup(tmp_path / "b.tar.gz").files if name.startswith("workspace")} == kept
    other = Home(tmp_path / "other")
    other.restore(tmp_path / "b.tar.gz")
    for name in kept:
        assert (other.folder / name).read_text() == name.removeprefix("workspace/")


async def test_a_life_that_is_renamed_while_it_is_copied_takes_no_other_with_it(home, tmp_path, monkeypatch):  # noqa: F811
    for name in ("0000.json", "0002.json"):
        (home.folder / "lives" / name).write_text("{}")

    def renamed_just_before(source, target, copy=shutil.copyfile):
        if source.name == "0001.json":
            source.rename(home.folder / "elsewhere.json")
        return copy(source, target)

    monkeypatch.setattr(shutil, "copyfile", renamed_just_before)
    manifest = home.backup(tmp_path / "b.tar.gz")
    assert {name for name in manifest.files if name.startswith("lives/")} == {"lives/0000.json", "lives/0002.json"}


async def test_a_backup_needs_no_room_in_the_systems_temporary_folder(home, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "full"))
    home.backup(tmp_path / "b.tar.gz")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.tar.gz", "home"]
    Home(tmp_path / "other").restore(tmp_path / "b.tar.gz")


async def test_a_store_that_is_neither_of_both_is_no_postgresql(home, tmp_path):  # noqa: F811 - the fixture
    """Whatever was no SQLite was read and written as a PostgreSQL."""
    archive = tmp_path / "b.tar.gz"
    home.backup(archive)
    home.settings = home.settings.model_copy(update={"database_url": "tigerbeetle://purse"})
    for work in (lambda: home.backup(tmp_path / "c.tar.gz"), lambda: home.restore(archive, force=True)):
        with pytest.raises(BackupProblem, match="on SQLite and PostgreSQL alone; see DATABASE_URL"):
            work()
    assert (home.folder / "mind.db").exists()


async def test_a_purse_that_is_missing_or_a_mind_that_is_damaged_is_named(home, tmp_path):  # noqa: F811 - the fixture
    path = purse_path(home.settings)
    path.rename(tmp_path / "moved")
    with pytest.raises(BackupProblem, match=f"^the purse {path} does not exist; set DATABASE_URL or DATA_DIR$"):
        home.backup(tmp_path / "b.tar.gz")
    (home.folder / "mind.db").write_bytes(b"no database" * 1000)
    with pytest.raises(CorruptStore, match=r"mind\.db"):
        home.backup(tmp_path / "b.tar.gz")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "moved"]


def test_a_purse_on_a_server_has_no_file():
    assert purse_path(Settings(database_url="postgresql://genesis@127.0.0.1/purse")) is None


@pytest.mark.parametrize("url", ["sqlite:////a://b/purse.db", "sqlite:////a:/b/purse.db"])
def test_a_purse_may_lie_in_a_folder_of_any_name(url):
    assert purse_path(Settings(database_url=url)) == Path("/a:/b/purse.db")


async def test_who_opens_an_archive_by_hand_finds_each_file_on_a_line_of_its_own(home, tmp_path):  # noqa: F811
    home.backup(tmp_path / "b.tar.gz")
    with tarfile.open(tmp_path / "b.tar.gz") as archive:
        told = archive.extractfile(MANIFEST).read().decode().splitlines()
    assert [line.split('"')[1] for line in told if ".json" in line or ".db" in line] == [
        "credits/ledger.db", "lives/0001.json", "mind.db",
    ]  # fmt: skip


def test_a_database_that_is_gone_is_missed_and_never_backed_up_as_an_empty_one(tmp_path):
    with pytest.raises(StoreUnavailable, match=r"gone\.db cannot be used: it cannot be opened"):
        copy_sqlite(tmp_path / "gone.db", tmp_path / "copy.db")
    assert not (tmp_path / "gone.db").exists()


async def test_a_purse_on_a_volume_of_its_own_comes_back_where_nothing_was_made_yet(home, tmp_path):  # noqa: F811
    home.backup(tmp_path / "b.tar.gz")
    volume = tmp_path / "volume" / "genesis" / "purse" / "ledger.db"
    other = Home(tmp_path / "other", f"sqlite:///{volume}")
    other.restore(tmp_path / "b.tar.gz")
    assert volume.exists()
    assert (await other.balance()).spent == (await home.balance()).spent


def test_a_disk_that_is_full_is_the_one_that_is_named(home, small_disk):  # noqa: F811 - the fixtures
    """Who reads that the disk of `mind.db` is full deletes from the disk that has room."""
    fill(small_disk, but=64 * 1024)
    with pytest.raises(StoreUnavailable, match="the disk is full; free some space") as found:
        home.backup(small_disk / "b.tar.gz")
    assert str(found.value).startswith(f"the database {small_disk}/")
    (home.folder / "workspace").mkdir()
    (home.folder / "workspace" / "long.txt").write_bytes(b"x" * 128 * 1024)
    with pytest.raises(OSError, match="No space left") as told:
        home.backup(small_disk / "b.tar.gz")
    assert str(told.value.filename).startswith(f"{small_disk}/")
    assert [path.name for path in small_disk.iterdir()] == ["ballast"]


def test_a_backup_killed_amid_leaves_nothing_that_the_next_does_not_clear_away(home, tmp_path):  # noqa: F811
    """Each night's left its copies of everything in a hidden folder until the disk was full."""
    (home.folder / "workspace").mkdir()
    for number in range(500):
        (home.folder / "workspace" / f"{number}.txt").write_bytes(os.urandom(2000))
    target = tmp_path / "backups"
    (target / ".backup-photos").mkdir(parents=True)
    (target / ".backup-photos" / "summer.jpg").write_text("nobody else's to clear away")
    person = Person(tmp_path, DATA_DIR=str(home.folder))
    with person.starts("backup", str(target / "one.tar.gz")) as killed:
        while killed.poll() is None and not any(path.suffix == ".txt" for path in target.rglob("*")):
            pass
        killed.kill()
    assert [path.name for path in target.iterdir() if not path.name.startswith(".genesis-backup-")] == [
        ".backup-photos"
    ]
    under_way = target / ".genesis-backup-under-way"
    under_way.mkdir()
    (under_way / "mind.db").write_text("somebody else's, not done yet")
    handle = os.open(under_way, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    home.backup(target / "two.tar.gz")
    os.close(handle)
    assert {path.name for path in target.iterdir()} == {".backup-photos", "two.tar.gz", ".genesis-backup-under-way"}
    home.backup(target / "mind.db")
    assert {path.name for path in target.iterdir()} == {".backup-photos", "two.tar.gz", "mind.db"}
    assert (target / ".backup-photos" / "summer.jpg").exists()
    Home(tmp_path / "other").restore(target / "mind.db")


def test_a_folder_that_cannot_be_written_is_named_with_one_that_can(home, small_disk):  # noqa: F811
    set_writable(small_disk, writable=False)
    with pytest.raises(BackupProblem) as found:
        home.backup(small_disk / "b.tar.gz")
    assert f"folder {small_disk} cannot be written" in str(found.value)
    better = Path(str(found.value).split()[-1])
    assert better.is_absolute()
    home.backup(better)
    Home(home.folder.parent / "other").restore(better)
