"""A name server that never answers: the mind goes on, and a stop is a stop."""

import signal
from pathlib import Path

from tests.cli.commands import ROOT, Person, read_until

# A resolver cannot be made to hang for one process without being root: this is loaded by Python itself, before ours.
SILENT = """
import socket, threading
asked = socket.getaddrinfo
def getaddrinfo(host, *rest, **more):
    if ".example" in str(host):
        threading.Event().wait()
    return asked(host, *rest, **more)
socket.getaddrinfo = getaddrinfo
"""


def test_sigterm_ends_a_daemon_whose_name_server_never_answers(tmp_path: Path) -> None:
    """Whoever stops it (Docker after ten seconds with -9) would lose what a clean stop keeps."""
    (tmp_path / "early").mkdir()
    (tmp_path / "early" / "sitecustomize.py").write_text(SILENT)
    person = Person(
        tmp_path, OPENROUTER_API_KEY="sk-or-v1-test", OPENROUTER_BASE_URL="https://nobody.example/api/v1",
        FEEDS="https://feed.example/a",
    )  # fmt: skip
    with person.wakes(PYTHONPATH=f"{tmp_path / 'early'}:{ROOT}") as daemon:
        read_until(daemon, "birth")
        daemon.send_signal(signal.SIGTERM)
        log = read_until(daemon, "Stopped; everything is kept")
        assert daemon.wait(30) == 0  # before, it never ended
    assert "Traceback" not in "".join(log)
