"""A backup and a restore at their edges: what is kept, what is left out, and what is said where it cannot be."""

import shutil

import pytest

from ai.credit_tracker.backup import BackupProblem, purse_path
from ai.ledger.errors import CorruptStore
from ai.settings import Settings
from tests.credit_tracker.test_backup import Home, home  # noqa: F401 - a fixture, which pytest finds here


async def test_an_archive_says_whose_it_is_and_when_it_was_made(home, tmp_path):  # noqa: F811 - the fixture
    home.settings = home.settings.model_copy(update={"mind": "ada"})
    made = home.backup(tmp_path / "b.tar.gz")
    assert (made.mind, made.created_at) == ("ada", home.clock.now())
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
