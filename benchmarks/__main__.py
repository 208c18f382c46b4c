"""All measurements in turn, small enough for a few minutes: `python -m benchmarks [--full]`; `--full` as documented.

Each is a process of its own, so that none warms another's caches. Exits 1 where one of them did.
"""

import argparse
import subprocess
import sys
import time
from dataclasses import dataclass

from rich.console import Console

SECONDS_AT_MOST = 12 * 3600.0  # of one measurement; a day of the embedded model takes hours on a busy machine


@dataclass(frozen=True, slots=True)
class Measurement:
    """One `python -m benchmarks.NAME`: what it says, its options for a short look, and for the documented figures.

    `small` is None where there is no short look.
    """

    name: str
    says: str
    small: tuple[str, ...] | None
    full: tuple[str, ...] = ()


ALL = (
    Measurement(
        "ledger",
        "a hold and its capture against two bare commits; many callers; racing for a cap",
        ("--sizes", "1000,100000", "--attempts", "5000"),
    ),
    Measurement("startup", "what each command costs before it does anything", ("--runs", "3")),
    Measurement("budget", "every question about money on large books", ("--transfers", "200000")),
    Measurement(
        "gateway_cap",
        "four gateways on one PostgreSQL raced against one key's cap",
        ("--attempts", "2000"),
        ("--attempts", "100000", "--cap", "0.50"),
    ),
    Measurement(
        "daemon",
        "a beat beside the model's time; start to healthy; idle; memory",
        ("--beats", "60", "--idle-seconds", "10"),
    ),
    Measurement("observer", "the page with much to show and many watching", ("--events", "50000", "--streams", "50")),
    Measurement("pacing", "the rotator against a bound that knows the month", ("--seeds", "1", "--budgets", "1,5")),
    Measurement("retrieval", "finding what is wanted among memories", ("--memories", "1000", "--questions", "200")),
    Measurement(
        "readers", "hostile texts of doubling sizes for whoever reads words from outside", ("--up-to", "262144")
    ),
    Measurement("week", "a week with a window and without: what is new, what comes of it", ("--days", "1")),
    Measurement(
        "local_day", "a day on the embedded model, with its memory and loop guards and without", None, ("--compare",)
    ),
)


def main() -> None:
    """Run each, one after the other, on this process's own streams."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="with the documented sizes; hours")
    options = parser.parse_args()
    told, failed = Console(stderr=True), []
    chosen = [(one, one.full if options.full else one.small) for one in ALL]
    wanted = [(one, words) for one, words in chosen if words is not None]
    for number, (one, words) in enumerate(wanted, start=1):
        told.print(f"\n[bold]{number} of {len(wanted)}: {one.name}[/], {one.says}", soft_wrap=True)
        begun = time.perf_counter()
        command = [sys.executable, "-m", f"benchmarks.{one.name}", *words]
        if subprocess.run(command, check=False, timeout=SECONDS_AT_MOST).returncode != 0:
            failed.append(one.name)
        told.print(
            f"({time.perf_counter() - begun:.0f} s: python -m benchmarks.{one.name} {' '.join(words)})", soft_wrap=True
        )
    if failed:
        told.print(f"failed: {', '.join(failed)}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
