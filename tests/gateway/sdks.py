"""Real clients, each in an environment of its own: made with pip at the first use, kept in `.cache/sdks`.

By hand, or for `make sdks`: python -m tests.gateway.sdks
"""

from __future__ import annotations

import fcntl
import subprocess
import sys
import venv
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / ".cache" / "sdks"
SDKS = {
    "anthropic": ("anthropic==2.14.0",),
    "openai-0.27": ("openai==0.27.10",),
    "langchain": ("langchain-openai==1.7.4",),
    "litellm": ("litellm==1.110.2",),
}
INSTALL_SECONDS = 600


def python_of(name: str) -> Path:
    """Return the Python of this client's environment, made where it is not there yet."""
    folder = FOLDER / name
    ready = folder / "ready"
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not ready.exists():
            venv.create(folder, with_pip=True, clear=True)
            pip = (folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
            subprocess.run([*map(str, pip), *SDKS[name]], check=True, timeout=INSTALL_SECONDS)
            ready.write_text(" ".join(SDKS[name]) + "\n")
    return folder / "bin" / "python"


if __name__ == "__main__":
    for wanted in sys.argv[1:] or SDKS:
        sys.stdout.write(f"{python_of(wanted)}\n")
