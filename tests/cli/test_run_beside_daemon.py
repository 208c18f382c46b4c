"""`run N` beside a daemon: the daemon lives all N beats, one straight after the other, and goes on afterwards."""

import os
import signal
import subprocess
import sys
from pathlib import Path

BEATS = 3
PATIENCE_SECONDS = 120


def test_a_running_daemon_lives_every_beat_asked_for(tmp_path: Path) -> None:
    environ = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ} | {
        "DATA_DIR": str(tmp_path / "data"),
        "LOCAL_MODEL": "off",
        "EMBEDDINGS": "off",
        "OBSERVER_PORT": "0",
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    daemon = subprocess.Popen(
        [sys.executable, "-m", "ai", "up"], cwd=tmp_path, env=environ, stdout=subprocess.PIPE, text=True
    )
    try:
        assert daemon.stdout is not None
        assert any(" lived in " in line for line in daemon.stdout)
        asked = subprocess.run(
            [sys.executable, "-m", "ai", "run", str(BEATS)],
            cwd=tmp_path,
            env=environ,
            timeout=PATIENCE_SECONDS,
            capture_output=True,
            text=True,
            check=False,
        )
        assert asked.returncode == 1, "nobody can think here, which a script is to learn by the daemon too"
        assert "nobody could think; " in asked.stderr
        assert "LLM Usage Summary" in asked.stdout
        daemon.send_signal(signal.SIGTERM)
        rest, _ = daemon.communicate(timeout=PATIENCE_SECONDS)
        assert rest.count(" lived in ") == BEATS
        assert "skipped" not in rest
        assert daemon.returncode == 0
    finally:
        daemon.kill()
        daemon.wait()
