"""An endless loop of calls under `genesis exec --budget 0.02`, beside a provider that fails in each way that it can.

    python -m benchmarks.gateway_runaway [--faults hangs,empty] [--threads 1,64] [--json]

Every second call fails. One line for each fault and number of threads: what the provider billed, what the books and the
summary say, what is unknown. Exits 1 where more was billed than the cap, or where summary, books and bills differ.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from ai.clock import SystemClock
from ai.credit_tracker import open_credit_ledger
from ai.credit_tracker.caller_books import CallerBooks
from ai.ledger.money import nanos
from ai.settings import Settings
from tests.world.gateway_bills import differences
from tests.world.openrouter import FakeOpenRouter
from tests.world.openrouter_faults import EVERY_FAULT

CAP = "0.02"
WORDS = "word " * 400  # an answer costs a twelfth of the cap
PATIENCE_SECONDS = 600.0  # only a bound: on a machine with much other work a loop of 64 takes minutes
LOOP = """
import json, os, sys, threading, time, urllib.error, urllib.request
url = os.environ["OPENAI_BASE_URL"] + "/chat/completions"
headers = {"Authorization": "Bearer " + os.environ["OPENAI_API_KEY"], "Content-Type": "application/json"}
body = {"model": "acme/small-1", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 400}
def loop(number):
    waits = 0
    for attempt in range(200):
        try:
            data = json.dumps({**body, "stream": (number + attempt) % 3 == 0}).encode()
            urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=60).read()
        except urllib.error.HTTPError as error:
            waits += error.code == 429
            if error.code == 402 or waits > 3:  # what is unknown stays held: it may not fit for long
                return
            time.sleep(0.05)
        except OSError:
            pass
threads = [threading.Thread(target=loop, args=(n,)) for n in range(int(sys.argv[1]))]
[t.start() for t in threads]
[t.join() for t in threads]
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One loop's end; amounts in nano-dollars."""

    fault: str
    threads: int
    billed: int
    booked: int
    held: int
    unknown: int
    seconds: float
    problems: list[str]


def run_away(folder: Path, fault: str, threads: int) -> Outcome:
    """Run the loop under `exec` to its end, and hold what it says against the provider's record."""
    began = time.perf_counter()
    with FakeOpenRouter(reply=WORDS) as provider:
        provider.fault_for = lambda _request: EVERY_FAULT[fault] if len(provider.calls) % 2 == 0 else None
        env = {
            "PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path), "HOME": str(folder),
            "DATA_DIR": str(folder), "LOCAL_MODEL": "off", "LLM_TIMEOUT_SECONDS": "1",
            "OPENROUTER_API_KEY": provider.key, "OPENROUTER_BASE_URL": provider.base_url,
        }  # fmt: skip
        command = (sys.executable, "-m", "ai", "exec", "--budget", CAP, "--run", "loop", "--")
        program = (sys.executable, "-c", LOOP, str(threads))
        done = subprocess.run(
            [*command, *program], env=env, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
        )
        settings = Settings(openrouter_api_key=provider.key, data_dir=folder)
        return asyncio.run(_held_against(settings, provider, done, (fault, threads, began)))


async def _held_against(
    settings: Settings, provider: FakeOpenRouter, done: subprocess.CompletedProcess[str], of: tuple[str, int, float]
) -> Outcome:
    ledger = open_credit_ledger(settings.purse_url, SystemClock())
    books = CallerBooks(ledger, settings, SystemClock())
    statement, calls = await books.statement(run="loop"), await books.statement_calls(run="loop")
    ledger.close()
    problems = differences(statement, calls, provider.bills, nanos(CAP))
    if done.returncode != 0 or f"Est. cost:     ${statement.cost / 10**9:.4f}\n" not in done.stderr:
        problems.append(f"exec ended with {done.returncode} and said {done.stderr[-400:]!r}")
    fault, threads, began = of
    return Outcome(
        fault, threads, provider.billed_nanos, statement.cost, statement.held, statement.unknown,
        round(time.perf_counter() - began, 1), problems,
    )  # fmt: skip


def main() -> None:
    """Parse the command line, run away, tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faults", default=",".join(EVERY_FAULT))
    parser.add_argument("--threads", default="1,64")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    failed = False
    for fault in given.faults.split(","):
        for threads in map(int, given.threads.split(",")):
            with tempfile.TemporaryDirectory() as folder:
                found = run_away(Path(folder), fault, threads)
            failed |= bool(found.problems)
            line = f"{fault}, {threads}: billed {found.billed / 10**9:.9f}, booked {found.booked / 10**9:.9f}, "
            line += f"held {found.held / 10**9:.9f} for {found.unknown} unknown, {found.seconds} s"
            print(json.dumps(asdict(found)) if given.json else "; ".join([line, *found.problems]), flush=True)
    raise SystemExit(1 if failed else 0)


if __name__ == "__main__":
    main()
