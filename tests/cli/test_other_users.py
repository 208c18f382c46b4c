"""Whoever looks into another user's mind is told whose it is, and as whom to run the command."""

from pathlib import Path

import pytest

from ai.cli.door import explain
from ai.clock import VirtualClock
from ai.ledger.errors import StoreUnavailable
from ai.mind.database import open_mind
from ai.operations.backup import make_backup
from ai.operations.doctor import examine
from ai.operations.lock import DaemonLock
from ai.settings import Settings
from tests.credit_tracker.conftest import NOON
from tests.world.other_users import closed_file_of_another, closed_folder_of_another

WHOSE = "belongs to root, and this is "
AS_WHOM = "run this as root (sudo -u root …), or chown it to this user"


def test_a_backup_names_the_owner_of_a_folder_that_is_closed_to_this_user(tmp_path: Path) -> None:
    with closed_folder_of_another() as folder:
        with pytest.raises(PermissionError) as refused:
            make_backup(tmp_path / "b.tar.gz", Settings(data_dir=folder), VirtualClock(NOON))
        said = explain(refused.value)
    assert f"{folder} {WHOSE}" in said
    assert said.endswith(AS_WHOM)


def test_a_command_that_would_write_there_names_the_owner_too() -> None:
    with closed_folder_of_another() as folder:
        with pytest.raises(PermissionError) as refused, DaemonLock(folder):
            pass
        assert explain(refused.value).endswith(AS_WHOM)


@pytest.mark.parametrize("read_only", [True, False])
def test_a_database_names_its_owner(*, read_only: bool) -> None:
    with closed_file_of_another() as file, pytest.raises(StoreUnavailable) as refused:
        open_mind(file, read_only=read_only)
    assert f"cannot be used: {file} {WHOSE}" in str(refused.value)
    assert AS_WHOM in str(refused.value)


async def test_the_doctor_names_the_owner_of_the_data_folder(tmp_path: Path) -> None:
    with closed_folder_of_another() as folder:
        settings = Settings(data_dir=folder, local_model="off")
        checks = {check.name: check async for check in examine(settings, VirtualClock(NOON), tmp_path)}
    assert checks["data folder"].ok is False
    assert checks["data folder"].advice.startswith(f"{folder} {WHOSE}")
