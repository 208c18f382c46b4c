"""A file system of a few megabytes that can be filled up; made by whoever may mount, in a namespace of its own else."""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

SMALL_BYTES = 4 * 1024 * 1024
SECONDS = 300  # for a test that runs in a process of its own
# Ways to become somebody who may mount: root of a user namespace, or root where sudo asks for no password.
AS_ROOT = (("unshare", "--user", "--map-root-user", "--mount"), ("sudo", "-n", "-E", "unshare", "--mount"))


def _done(command: Sequence[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False, timeout=60).returncode == 0
    except OSError:
        return False


def _mount(folder: Path) -> list[str]:
    return ["mount", "-t", "tmpfs", "-o", f"size={SMALL_BYTES}", "tmpfs", str(folder)]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path | None]:
    """Yield a folder on a small file system; None where this process may not mount: see `run_where_mounting_is`."""
    folder = tmp_path / "small"
    folder.mkdir()
    if not _done(_mount(folder)):
        yield None
        return
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path, *, but: int = 0) -> Path:
    """Fill the file system up but for so many bytes; return the file that is to be deleted for room."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while file.write(b"x" * 4096):
                pass
        except OSError:
            file.truncate(max(0, file.tell() - but))
    return ballast


def set_writable(folder: Path, *, writable: bool) -> None:
    """Let the file system be written, or only be read."""
    mode = "rw" if writable else "ro"
    subprocess.run(["mount", "-o", f"remount,bind,{mode}", str(folder)], check=True)  # bind: root of a namespace may


def run_where_mounting_is(item: pytest.Function) -> None:
    """Run a test of `small_disk` once more, in a process that may mount; skip it where there is no such way."""
    folder = item.funcargs["tmp_path"]
    way = next((way for way in AS_ROOT if _done([*way, *_mount(folder / "small")])), None)
    if way is None:
        pytest.skip("no small file system can be mounted: neither as root nor by sudo nor in a user namespace")
    ran = subprocess.run(
        [
            *(*way, "env", f"PYTHONPATH={os.environ.get('PYTHONPATH', '')}", sys.executable, "-m", "pytest", "-q"),
            *("-n", "0", "-p", "no:cacheprovider", f"--basetemp={folder / 'again'}", item.nodeid),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
        cwd=item.config.rootpath,
    )
    assert ran.returncode == 0, ran.stdout[-10_000:]
