"""Whatever the program writes is readable by its user alone, in a folder that others may look into as well."""

import os
import stat
import subprocess
from pathlib import Path

import pytest

from ai.operations.modes import tighten
from tests.cli.commands import ROOT, Person


def open_to_others(folder: Path) -> list[str]:
    return sorted(
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if not path.is_symlink() and path.is_file() and stat.S_IMODE(path.stat().st_mode) & 0o077
    )


@pytest.fixture
def usual_umask():
    before = os.umask(0o022)
    yield
    os.umask(before)


def test_databases_lives_and_backups_are_private_in_an_open_folder(tmp_path: Path, usual_umask: None) -> None:
    person = Person(tmp_path)
    data = Path(person.variables["DATA_DIR"])
    data.mkdir(parents=True, exist_ok=True)
    data.chmod(0o755)
    assert person.types("topup", "1.00", "--from", "Ann").status == 0
    assert person.types("backup", str(tmp_path / "kept.tar.gz")).status == 0
    assert (data / "mind.db").exists()
    assert open_to_others(tmp_path) == []


def test_files_of_an_older_installation_are_closed(tmp_path: Path) -> None:
    for name in ("mind.db", "mind.db-wal", "credits/ledger.db", "lives/0001.json"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("x")
        path.chmod(0o644)
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "weights.gguf").write_text("x")
    tighten(tmp_path)
    assert open_to_others(tmp_path) == ["models/weights.gguf"]
    assert not stat.S_IMODE((tmp_path / "lives").stat().st_mode) & 0o077


def test_init_makes_a_token_and_keeps_every_env_file_out_of_git(tmp_path: Path, usual_umask: None) -> None:
    person = Person(tmp_path, LOCAL_MODEL="off")
    person.types("init", typing="\n3.00\n\n")
    first = dict(line.split("=", 1) for line in (tmp_path / ".env").read_text().splitlines() if "=" in line)
    assert len(first["ADMIN_TOKEN"].strip("'")) >= 32
    person.types("init", "--force", typing="\n4.00\n\n")
    again = (tmp_path / ".env").read_text()
    assert first["ADMIN_TOKEN"] in again, "the present one is kept"
    person.types("init", "--force", typing="\n4.00\nnone\n")
    assert "ADMIN_TOKEN" not in (tmp_path / ".env").read_text()
    assert "shorter than 16" in person.types("init", "--force", typing="\n4.00\n1234\n").err
    written = [path.name for path in tmp_path.glob(".env*")]
    assert sorted(written) == [".env", ".env.before"]
    assert open_to_others(tmp_path) == []
    ignored = subprocess.run(["git", "check-ignore", *written], cwd=ROOT, capture_output=True, text=True, check=False)
    assert sorted(ignored.stdout.split()) == sorted(written)
    example = subprocess.run(["git", "check-ignore", "-q", ".env.example"], cwd=ROOT, check=False)
    assert example.returncode == 1


def test_what_a_person_types_reaches_no_terminal_raw(tmp_path: Path) -> None:
    person = Person(tmp_path, LOCAL_MODEL="off")
    ran = person.types("kill", "--cause", "\x1b]0;owned\x07\x1b[31mred")
    assert "\x1b" not in ran.out + ran.err
    said = person.types("say", "hello \x1b[2J there")
    assert "\x1b" not in said.out + said.err
    told = person.types("logs")
    assert "\x1b" not in told.out
