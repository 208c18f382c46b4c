"""Kill writers with `kill -9` at random points under load, and count what was acknowledged and is not there.

    python -m benchmarks.crash --kills 1000 [--seed N] [--postgres | --url URL] [--json]

Exits 1 where an acknowledged step is missing or differs, or the audit finds a mismatch.
"""

import argparse
import contextlib
import json
import random
import secrets
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from ai.ledger import Transaction, audit, open_ledger
from benchmarks.purse_writer import CALLERS, Victim, fund, now_us, victim
from tests.world.postgres import running_server

MOST_STEPS = 60  # acknowledged steps before a kill at most, so that short and long lives are killed
AUDIT_EVERY = 50  # kills; an audit reads all transfers, and every step is looked up after each kill anyway
SILENCE_SECONDS = 60.0  # a writer that acknowledges nothing for so long has failed by itself


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was found over all kills."""

    seed: int
    kills: int
    acknowledged: int
    lost: int
    unacknowledged: int
    audit_failures: int
    transfers: int
    seconds: float

    @property
    def ok(self) -> bool:
        """Return whether every promise was kept."""
        return self.lost == 0 and self.audit_failures == 0


def crash(url: str, kills: int, seed: int) -> Outcome:
    """Kill `kills` writers on the purse at `url`, which must be new; look after each what it left."""
    began = time.perf_counter()
    chance = random.Random(seed)  # noqa: S311 - a replayable order of kills, not a secret
    fund(url, 10**17)
    ledger = open_ledger(url, now_us)
    acknowledged = lost = unacknowledged = audit_failures = 0
    for number in range(kills):
        writer = victim(url, f"w{number}", chance.randrange(2**32))
        said = _let_live_and_kill(writer, chance)
        acknowledged += len(said)
        missing, unsaid = ledger.read_now(partial(_compare, name=f"w{number}", said=said))
        lost += missing
        if unsaid > CALLERS:
            raise RuntimeError(f"{unsaid} steps were done that nobody was told of; {CALLERS} can be under way")
        unacknowledged += unsaid
        if number % AUDIT_EVERY == AUDIT_EVERY - 1 or number == kills - 1:
            audit_failures += not ledger.read_now(audit).ok
    transfers = ledger.read_now(audit).transfers
    ledger.close()
    seconds = time.perf_counter() - began
    return Outcome(seed, kills, acknowledged, lost, unacknowledged, audit_failures, transfers, seconds)


def _let_live_and_kill(writer: Victim, chance: random.Random) -> list[str]:
    """Return what the writer said before and until its death."""
    said: list[str] = []
    for _ in range(chance.randrange(MOST_STEPS)):
        if not writer.said.poll(SILENCE_SECONDS):
            raise RuntimeError("a writer acknowledged nothing; its error is above")
        said.append(writer.said.recv_bytes().decode())
    until = time.perf_counter() + chance.random() * 0.003
    while time.perf_counter() < until:  # somewhere within the next commits
        pass
    writer.process.kill()
    with contextlib.suppress(EOFError):
        while writer.said.poll(SILENCE_SECONDS):
            said.append(writer.said.recv_bytes().decode())
    writer.process.join()
    writer.said.close()
    return said


def _compare(tx: Transaction, name: str, said: list[str]) -> tuple[int, int]:
    """Return how many rows of acknowledged steps are missing, and how many steps nobody was told of."""
    stored = {
        row["id"]: (row["kind"], row["pending"], row["posted"])
        for row in tx.execute(
            "SELECT id, kind, pending, posted FROM transfers WHERE id >= ? AND id < ?", (f"{name}-", f"{name}.")
        )
    }
    expected: dict[str, tuple[str, int, int]] = {}
    for line in said:
        kind, call, text = line.split()
        for leg in (0, 1):
            if kind == "hold":
                expected[f"{call}/{leg}"] = ("hold", int(text), 0)
            else:
                held = expected[f"{call}/{leg}"][1]
                expected[f"{call}/{leg}/ended"] = (kind, -held, int(text))
    missing = sum(stored.get(key) != value for key, value in expected.items())
    return missing, (len(stored) - len(expected) + missing) // 2  # two legs a step


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description="Kill writers with kill -9 and look what they left.")
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=None)
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--url", default=None, help="an empty purse; without it a new SQLite file")
    where.add_argument("--postgres", action="store_true", help="a PostgreSQL server of its own")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    seed = secrets.randbelow(2**32) if given.seed is None else given.seed
    sys.stderr.write(f"seed {seed}\n")
    with ExitStack() as stack:
        url = given.url
        if given.postgres:
            url = stack.enter_context(running_server()).purse("crash")
        elif url is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="genesis-crash-")))
            url = f"sqlite:///{folder}/ledger.db"
        outcome = crash(url, given.kills, seed)
    if given.json:
        print(json.dumps({**asdict(outcome), "ok": outcome.ok}))
    else:
        print(
            f"{outcome.kills:,} kills, {outcome.acknowledged:,} steps acknowledged, {outcome.lost} lost; "
            f"{outcome.unacknowledged:,} done and not said (at most {CALLERS} a kill can be); "
            f"{outcome.transfers:,} transfers, {outcome.audit_failures} audit failures; {outcome.seconds:.0f} s"
        )
    sys.exit(0 if outcome.ok else 1)


if __name__ == "__main__":
    main()
