"""Make the virtual environment: `python3 .ci/environment.py .venv`; with pip also where Debian left it out of Python.

Debian's `python3` alone has neither pip nor ensurepip. Then pip's own wheel is fetched from the package index that pip
would ask, and run only where its SHA-256 is the one that requirements-build.txt pins.
"""

import configparser
import hashlib
import importlib.util
import os
import re
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request
import venv
from pathlib import Path

LEAST = (3, 11)
PINS = Path(__file__).parent.parent / "requirements-build.txt"
CONFIGS = ("/etc/pip.conf", "~/.pip/pip.conf", "~/.config/pip/pip.conf")
TIMEOUT_SECONDS = 60


def main(folder: Path) -> None:
    """Make `folder` a virtual environment that has pip."""
    if sys.version_info < LEAST:
        sys.exit(f"Genesis needs Python 3.11 or newer; this is {sys.version.split()[0]}. Try: make PYTHON=python3.12")
    if (folder / "bin/pip").exists():
        return
    venv.EnvBuilder(symlinks=True, with_pip=importlib.util.find_spec("ensurepip") is not None).create(folder)
    if not (folder / "bin/pip").exists():
        try:
            _add_pip(folder)
        except (OSError, ValueError) as problem:
            sys.exit(
                f"this Python has no ensurepip, and pip could not be fetched ({problem}): apt install python3-venv"
            )


def _add_pip(folder: Path) -> None:
    """Install pip's pinned wheel by running it out of itself. Raises OSError, ValueError."""
    pin = re.search(r"^pip==(\S+).*\n((?:    --hash=sha256:\w+.*\n)+)", PINS.read_text(), re.MULTILINE)
    if pin is None:
        raise ValueError("requirements-build.txt pins no pip")
    name = f"pip-{pin[1]}-py3-none-any.whl"
    data = _fetch(name)
    if hashlib.sha256(data).hexdigest() not in pin[2]:
        raise ValueError(f"{name} has another SHA-256 than the pinned one")
    with tempfile.TemporaryDirectory() as there:
        wheel = Path(there) / name
        wheel.write_bytes(data)
        command = [folder / "bin/python", wheel / "pip", "install", "--quiet", "--no-index", wheel]
        subprocess.run(command, check=True, env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"})


def _fetch(name: str) -> bytes:
    """Return the file of that name from the index's page of pip."""
    page = f"{_index().rstrip('/')}/pip/"
    with urllib.request.urlopen(page, timeout=TIMEOUT_SECONDS) as answer:
        base, text = answer.url, answer.read().decode()
    link = re.search(rf'href="([^"]*{re.escape(name)}[^"]*)"', text)
    if link is None:
        raise ValueError(f"{page} lists no {name}")
    with urllib.request.urlopen(urllib.parse.urljoin(base, link[1]), timeout=TIMEOUT_SECONDS) as answer:
        return bytes(answer.read())


def _index() -> str:
    """Return the index that pip would ask: its environment's, its configuration's, or the public one."""
    config = configparser.ConfigParser(interpolation=None)
    config.read([Path(path).expanduser() for path in CONFIGS])
    return os.environ.get("PIP_INDEX_URL") or config.get("global", "index-url", fallback="https://pypi.org/simple")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
