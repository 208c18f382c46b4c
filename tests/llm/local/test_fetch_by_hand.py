"""`python -m ai.llm.local fetch`, as a person types it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.cli.commands import ROOT, read_until

# A resolver cannot be made to hang for one process without being root: this is loaded by Python itself, before ours.
SILENT = """
import socket, sys, threading
def getaddrinfo(*asked, **more):
    print("a name is asked for", file=sys.stderr, flush=True)
    threading.Event().wait()
socket.getaddrinfo = getaddrinfo
"""


def test_ctrl_c_ends_a_fetch_whose_name_server_never_answers(tmp_path: Path) -> None:
    """The lookup's thread was waited for: only -9 ended it."""
    (tmp_path / "sitecustomize.py").write_text(SILENT)
    variables = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    process = subprocess.Popen(
        [sys.executable, "-m", "ai.llm.local", "fetch", "135m", "--to", str(tmp_path / "models")],
        env={**variables, "PYTHONPATH": f"{tmp_path}:{ROOT}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        read_until(process, "a name is asked for")
        process.send_signal(signal.SIGINT)
        assert process.wait(30) != 0
    finally:
        process.kill()
        process.communicate()
