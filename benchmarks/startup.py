"""What a command costs before it does anything: the processor time of its whole process, least and median of some runs.

python -m benchmarks.startup [--runs 5]

Processor time, not the clock's: a machine that does other work at the same time changes it little.
"""

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table

from tests.brain.lived import environment
from tests.world.openrouter import FakeOpenRouter

ROOT = Path(__file__).resolve().parent.parent
COMMANDS = (  # each with the most seconds that it should take
    (("--help",), 0.5),
    (("run", "1"), None),
    (("status", "--json"), 0.5),
    (("keys", "list", "--json"), 0.5),
    (("gateway", "--help"), 1.0),
    (("exec", "--budget", "1", "--", "true"), 1.0),
)


def seconds_of(words: tuple[str, ...], variables: dict[str, str], folder: Path) -> float:
    """Return the processor time of one command, its children's included. Raises CalledProcessError where it failed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, "-m", "ai", *words], env=variables, cwd=folder, check=True, timeout=120,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Measure each command in a folder where a beat was lived, on a stand-in for the provider."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5, help="of each command")
    runs = parser.parse_args().runs
    table = Table("command", "least, s", "median, s", "should be at most")
    with tempfile.TemporaryDirectory() as name, FakeOpenRouter() as provider:
        folder = Path(name)
        variables = {**environment(provider, folder), "PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
        seconds_of(("run", "1"), variables, folder)
        for words, most in track(COMMANDS, console=Console(stderr=True)):
            took = [seconds_of(words, variables, folder) for _ in range(runs)]
            table.add_row(
                " ".join(words),
                f"{min(took):.2f}",
                f"{statistics.median(took):.2f}",
                "–" if most is None else f"{most}",
            )
    Console().print(table)


if __name__ == "__main__":
    main()
